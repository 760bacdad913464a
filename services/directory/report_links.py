"""Tells an agency that its record lacks a link that another source knows: `person.link-missing`.

Only where the partnership has a basis for it, never whose word it is, and kept until the agency
answers. Of a restricted child there is nothing to tell: no link to it is ever found.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text

from bus import Publishable
from chassis.database import Session
from chassis.ids import new_id
from schemas.facts import EventAccepted, PersonLinkMissing, Sender
from services.directory.keep_findings import (
    Found,
    raise_findings,
    read_standing,
    withdraw_findings,
)
from services.directory.partnership import Partnership

_SOURCES = text("""
    select w.receipt, w.child_id, d.child_index, d.adults, r.sender, r.sender_kind
      from jsonb_to_recordset(cast(:rows as jsonb)) as w(receipt uuid, child_id uuid)
      join directory.derived d on d.receipt = w.receipt and d.child_id = w.child_id
      join directory.derived_link l on l.receipt = d.receipt and l.child_id = d.child_id
      join directory.relationship r on r.receipt = l.relationship and r.withdrawn_at is null""")

_UNSUPPORTED = text("""
    select m.finding
      from directory.derived_link l
      join directory.finding m on m.receipt = l.receipt and m.kind = :kind
                              and m.child_id = l.child_id and m.state = 'open'
     where l.relationship = :relationship and not exists (
           select 1 from directory.derived_link o
             join directory.relationship r on r.receipt = o.relationship
            where o.receipt = m.receipt and o.child_id = m.child_id and r.withdrawn_at is null)
     order by m.finding""")


async def report_links(
    session: Session, partnership: Partnership, told: Iterable[tuple[EventAccepted, UUID]]
) -> list[Publishable]:
    """Of derived children (event, child) that are told of: what the sender's record lacks."""
    if not partnership.settings.link_sharing:
        return []
    events = {(event.receipt, child): event for event, child in told}
    if not events:
        return []
    wanted = [{"receipt": str(receipt), "child_id": str(child)} for receipt, child in events]
    sources: dict[tuple[UUID, UUID], list[Any]] = {}
    for row in await session.execute(_SOURCES, {"rows": json.dumps(wanted)}):
        sources.setdefault((row.receipt, row.child_id), []).append(row)
    found: list[Found] = []
    for (receipt, child), links in sources.items():
        event = events[receipt, child]
        if not _may_tell(partnership, event.sender, links):
            continue
        fact = PersonLinkMissing(
            finding=new_id(),
            receipt=receipt,
            key=event.key,
            agency=event.sender.organisation,
            child_index=links[0].child_index,
            adults=tuple(links[0].adults),
            state="open",
            at=partnership.clock(),
        )
        found.append(Found(fact, child))
    return await raise_findings(session, partnership, found)


async def withdraw_missing_links(
    session: Session, partnership: Partnership, relationship: UUID
) -> list[Publishable]:
    """The assertion is taken back, and nothing else says so: the record lacks nothing."""
    values = {"relationship": relationship, "kind": PersonLinkMissing.fact_type}
    rows = await session.execute(_UNSUPPORTED, values)
    return await withdraw_findings(session, partnership, [row.finding for row in rows])


async def withdraw_missing_link(
    session: Session, partnership: Partnership, receipt: UUID, child: UUID
) -> list[Publishable]:
    """The sender had listed the child after all: its record lacks nothing."""
    mine = {
        one.finding
        for one in await read_standing(session, [child])
        if one.kind == PersonLinkMissing.fact_type and one.receipt == receipt
    }
    return await withdraw_findings(session, partnership, mine)


def _may_tell(partnership: Partnership, agency: Sender, links: Sequence[Any]) -> bool:
    """Whether a source may be used to tell this agency, which does not know of the link itself."""
    if any(link.sender == agency.organisation for link in links):
        return False
    sources = [source for link in links for source in (link.sender, link.sender_kind)]
    return partnership.may_share(sources, (agency.organisation, agency.kind))
