"""Tells an agency that its record lacks a link that another source knows: `person.link-missing`.

Only where the partnership has a basis for it, never whose word it is, and kept until the agency
answers. Of a restricted child there is nothing to tell: no link to it is ever found.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from prometheus_client import Counter
from sqlalchemy import text

from bus import Publishable
from chassis.database import Session
from chassis.ids import new_id
from schemas.facts import EventAccepted, EventApplied, PersonLinkMissing, Sender
from services.directory.partnership import Partnership
from services.directory.settings import DirectorySettings

ANSWER = "record.answered"
FINDING_UNKNOWN = "finding-unknown"

links_missing_total = Counter(
    "directory_links_missing_total", "Links missing from an agency's records", ["agency", "state"]
)

_SOURCES = text("""
    select w.receipt, w.child_id, d.child_index, d.adults, r.sender, r.sender_kind
      from jsonb_to_recordset(cast(:rows as jsonb)) as w(receipt uuid, child_id uuid)
      join directory.derived d on d.receipt = w.receipt and d.child_id = w.child_id
      join directory.derived_link l on l.receipt = d.receipt and l.child_id = d.child_id
      join directory.relationship r on r.receipt = l.relationship and r.withdrawn_at is null""")

_RAISE = text("""
    insert into directory.link_missing (finding, receipt, child_id, child_index, agency, adults,
        key, state, raised_at)
    select r.finding, r.receipt, r.child_id, r.child_index, r.agency, r.adults, r.key, 'open', :at
      from jsonb_to_recordset(cast(:rows as jsonb)) as r(finding uuid, receipt uuid, child_id uuid,
           child_index int, agency text, adults int[], key text)
        on conflict do nothing returning finding""")

_ANSWER = text("""
    update directory.link_missing set state = 'answered', answer = :answer, ended_at = :at
     where finding = :finding and agency = :agency and state = 'open'
    returning *""")

_WITHDRAW = text("""
    update directory.link_missing m set state = 'withdrawn', ended_at = :at
      from directory.derived_link l
     where l.relationship = :relationship and m.receipt = l.receipt and m.child_id = l.child_id
       and m.state = 'open' and not exists (
           select 1 from directory.derived_link o
             join directory.relationship r on r.receipt = o.relationship
            where o.receipt = m.receipt and o.child_id = m.child_id and r.withdrawn_at is null)
    returning m.*""")

_WITHDRAW_ONE = text("""
    update directory.link_missing set state = 'withdrawn', ended_at = :at
     where receipt = :receipt and child_id = :child and state = 'open'
    returning *""")

_COUNT = text("""
    select agency, count(*) filter (where state = 'open') as open,
           count(*) filter (where state = 'answered') as answered,
           count(*) filter (where state = 'withdrawn') as withdrawn,
           min(raised_at) filter (where state = 'open') as oldest_open
      from directory.link_missing group by agency order by agency""")


async def report_links(
    session: Session, partnership: Partnership, told: Iterable[tuple[EventAccepted, UUID]]
) -> list[Publishable]:
    """Of derived children (event, child) that are told of: what the sender's record lacks."""
    settings = partnership.settings
    if not settings.link_sharing:
        return []
    events = {(event.receipt, child): event for event, child in told}
    if not events:
        return []
    wanted = [{"receipt": str(receipt), "child_id": str(child)} for receipt, child in events]
    sources: dict[tuple[UUID, UUID], list[Any]] = {}
    for row in await session.execute(_SOURCES, {"rows": json.dumps(wanted)}):
        sources.setdefault((row.receipt, row.child_id), []).append(row)
    found: list[PersonLinkMissing] = []
    rows: list[dict[str, Any]] = []
    for (receipt, child), links in sources.items():
        event = events[receipt, child]
        if not _may_tell(settings, event.sender, links):
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
        found.append(fact)
        rows.append({**fact.model_dump(mode="json"), "child_id": str(child)})
    if not rows:
        return []
    kept = await session.execute(_RAISE, {"rows": json.dumps(rows), "at": partnership.clock()})
    fresh = {row.finding for row in kept}
    return _counted([fact for fact in found if fact.finding in fresh])


async def take_answer(
    session: Session, partnership: Partnership, event: EventAccepted
) -> list[Publishable]:
    """The agency whose record it is has answered; nobody else's answer counts."""
    rows = await session.execute(
        _ANSWER,
        {
            "finding": UUID(event.data["finding"]),
            "agency": event.sender.organisation,
            "answer": event.data["answer"],
            "at": partnership.clock(),
        },
    )
    ended = _counted([_fact(row) for row in rows])
    outcome = {} if ended else {"outcome": FINDING_UNKNOWN}
    applied = EventApplied(receipt=event.receipt, key=event.key, at=partnership.clock(), **outcome)
    return [*ended, applied]


async def withdraw_findings(
    session: Session, partnership: Partnership, relationship: UUID
) -> list[Publishable]:
    """The assertion is taken back, and nothing else says so: the record lacks nothing."""
    values = {"relationship": relationship, "at": partnership.clock()}
    return _counted([_fact(row) for row in await session.execute(_WITHDRAW, values)])


async def withdraw_finding(
    session: Session, partnership: Partnership, receipt: UUID, child: UUID
) -> list[Publishable]:
    """The sender had listed the child after all: its record lacks nothing."""
    values = {"receipt": receipt, "child": child, "at": partnership.clock()}
    return _counted([_fact(row) for row in await session.execute(_WITHDRAW_ONE, values)])


async def count_links(session: Session) -> Sequence[Any]:
    """Per agency: open, answered, withdrawn, and since when the oldest is open."""
    return (await session.execute(_COUNT)).all()


def _may_tell(settings: DirectorySettings, agency: Sender, links: Sequence[Any]) -> bool:
    """Whether a source may be used to tell this agency, which does not know of the link itself."""
    if any(link.sender == agency.organisation for link in links):
        return False
    receivers: set[str] = set()
    for link in links:
        for source in (link.sender, link.sender_kind):
            receivers |= settings.link_sharing.get(source, frozenset())
    return bool(receivers & {agency.organisation, agency.kind})


def _fact(row: Any) -> PersonLinkMissing:
    return PersonLinkMissing(
        finding=row.finding,
        receipt=row.receipt,
        key=row.key,
        agency=row.agency,
        child_index=row.child_index,
        adults=tuple(row.adults),
        state=row.state,
        at=row.ended_at or row.raised_at,
    )


def _counted(facts: list[PersonLinkMissing]) -> list[Publishable]:
    for fact in facts:
        links_missing_total.labels(fact.agency, fact.state).inc()
    return list(facts)
