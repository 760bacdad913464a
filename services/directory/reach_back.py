"""A link that is asserted after an incident reaches back to it: a person is asked about the child.

The child lived with, or belonged to, an adult of the incident, and nobody knew. Never told at once,
for the link may be newer than the incident; never of a restricted child; each child asked once.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text

from bus import Publishable
from chassis.database import Session
from chassis.telemetry import logger
from services.directory.add_linked import add_linked
from services.directory.ask import ask_people
from services.directory.find_linked import Linked, find_linked
from services.directory.judge_adults import adult_person
from services.directory.matching.keys import asked_keys
from services.directory.matching.pool import KEY_WORTH, MOST_BEHIND_A_KEY
from services.directory.partnership import Partnership
from services.directory.readdress import SETTLES, TRIED_AGAIN, happened_on
from services.directory.record_event import (
    Recorded,
    find_ended,
    lock_receipts,
    read_event,
    record_children,
)

log = logger("directory.reach_back")

ASSERTED_SINCE = "link-asserted-since"

MOST_INCIDENTS = 30
"""So many incidents that name somebody like the adult are looked at, the most alike first."""

_FORGET = text("delete from directory.incident_key where noted_at < :since")

_CLAIM = text("""
    with one as (
        select relationship from directory.link_noted where due_at <= :settled
         order by due_at, relationship limit 1 for update skip locked)
    update directory.link_noted n set due_at = :again from one
     where n.relationship = one.relationship
    returning n.relationship""")

_DONE = text("""
    delete from directory.link_noted where relationship = :relationship and due_at = :again""")

_LINK = text("""
    select r.receipt, r.from_date, a.given_name, a.family_name, a.date_of_birth, a.postcode
      from directory.relationship r
      join directory.adult a on a.id = r.adult
      join directory.child c on c.id = r.child and not c.restricted
     where r.receipt = :relationship and r.withdrawn_at is null""")

_NAMING = text("""
    with behind as materialized (
        select k.key, array(
               select receipt from directory.incident_key
                where key = k.key and noted_at >= :since
                order by receipt limit :behind + 1) as those
          from unnest(cast(:alike as bigint[])) as k(key))
    select d.receipt
      from behind b cross join lateral unnest(b.those) as d(receipt)
     where cardinality(b.those) <= :behind
     group by d.receipt
     order by sum(1.0 / cardinality(b.those) + cast(:worth as numeric)) desc, d.receipt
     limit :candidates""")

# Where a child stood once, nobody else ever stands: what was asked there keeps its meaning.
_TAKEN = text("""
    select w.receipt, greatest(
           (select max(d.child_index) from directory.derived d where d.receipt = w.receipt),
           (select max(r.child_index) from directory.resolution r where r.receipt = w.receipt)
           ) as last
      from unnest(cast(:receipts as uuid[])) w(receipt)""")

_DERIVED = text("""
    select d.receipt, d.child_id
      from unnest(cast(:receipts as uuid[])) w(receipt)
      join directory.derived d on d.receipt = w.receipt""")


class LateLink(NamedTuple):
    """An assertion, claimed until another may try."""

    relationship: UUID
    again: datetime


async def claim_link(session: Session, partnership: Partnership) -> LateLink | None:
    """The next link that may reach back; whoever fails with it leaves it for later."""
    now = partnership.clock()
    await session.execute(_FORGET, {"since": _since(partnership)})
    values = {"settled": now - SETTLES, "again": now + TRIED_AGAIN}
    claimed = (await session.execute(_CLAIM, values)).first()
    return None if claimed is None else LateLink(claimed.relationship, values["again"])


async def reach_back(
    session: Session, partnership: Partnership, link: LateLink
) -> list[Publishable]:
    """The questions about children whom this link adds to recent incidents that still stand."""
    row = await _read_link(session, link)
    receipts = await _find_incidents(session, partnership, row) if row is not None else []
    # In the order of everybody: whoever takes the assertion back holds the lock of its receipt.
    await lock_receipts(session, [*receipts, link.relationship])
    done = await session.execute(_DONE, link._asdict())
    row = await _read_link(session, link)
    if row is None or not done.rowcount or not receipts:
        return []
    ended = await find_ended(session, receipts)
    recorded = {}
    for receipt in receipts:
        one = await read_event(session, receipt)
        if one is not None and receipt not in ended and _was_so(row, one):
            recorded[receipt] = one
    return await _ask(session, partnership, link.relationship, recorded)


async def _read_link(session: Session, link: LateLink) -> Any | None:
    """The assertion while it stands, about a child of whom links may be made."""
    return (await session.execute(_LINK, {"relationship": link.relationship})).first()


async def _find_incidents(session: Session, partnership: Partnership, row: Any) -> list[UUID]:
    adult = adult_person(row.given_name, row.family_name, row.date_of_birth, row.postcode)
    rows = await session.execute(
        _NAMING,
        {
            "alike": sorted(asked_keys(adult)),
            "since": _since(partnership),
            "behind": MOST_BEHIND_A_KEY,
            "worth": KEY_WORTH,
            "candidates": MOST_INCIDENTS,
        },
    )
    return [row.receipt for row in rows]


async def _ask(
    session: Session,
    partnership: Partnership,
    relationship: UUID,
    recorded: Mapping[UUID, Recorded],
) -> list[Publishable]:
    events = [one.event for one in recorded.values()]
    known = {receipt: set(one.children.values()) for receipt, one in recorded.items()}
    for row in await session.execute(_DERIVED, {"receipts": list(recorded)}):
        known[row.receipt].add(row.child_id)
    found = await find_linked(session, partnership, events, known)
    linked = {
        receipt: [_doubtful(one) for one in those if relationship in one.relationships]
        for receipt, those in found.items()
    }
    linked = {receipt: those for receipt, those in linked.items() if those}
    if not linked:
        return []
    taken = {
        row.receipt: row.last
        for row in await session.execute(_TAKEN, {"receipts": list(linked)})
        if row.last is not None
    }
    _, questions = await add_linked(session, partnership, events, linked, taken)
    places: dict[UUID, dict[int, UUID]] = {}
    for question in questions:
        if question.child is not None and question.child_index is not None:
            mine = places.setdefault(question.event.receipt, {})
            mine[question.child_index] = question.child.id
    await record_children(session, places)
    log.info("link_reached_back", receipts=sorted(map(str, linked)), asked=len(questions))
    return list(await ask_people(session, partnership, questions))


def _doubtful(one: Linked) -> Linked:
    """Whatever the link says, a person looks: it was stated after the event."""
    one.automatic = False
    one.reasons.add(ASSERTED_SINCE)
    return one


def _was_so(row: Any, recorded: Recorded) -> bool:
    """Whether the link may have held on the day of the incident."""
    began: date | None = row.from_date
    return began is None or began <= happened_on(recorded.event)


def _since(partnership: Partnership) -> datetime:
    return partnership.clock() - timedelta(days=partnership.settings.readdress_days)
