"""Takes events back: tombstones, and a withdrawal to everyone who is no longer entitled.

Serves retractions and corrections alike, in whichever order they and their originals arrive. A
withdrawal carries nothing of what was told.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import text

from bus import Publishable
from chassis.database import Session
from schemas.facts import (
    EventAccepted,
    EventAddressed,
    EventRetracted,
)
from services.directory.add_linked import LINKED_CHILD
from services.directory.address import record_addressed
from services.directory.allocations import forget_allocation
from services.directory.ask import Question, ask_people, head_of
from services.directory.close_questions import SUPERSEDED, close_questions
from services.directory.organisations import Needs, read_organisations
from services.directory.partnership import Partnership
from services.directory.policy import Line
from services.directory.record_enrolment import forget_enrolments
from services.directory.record_event import read_event
from services.directory.report_contradictions import withdraw_contradictions
from services.directory.track_missing import forget_event
from services.directory.withdraw import correction_line, mark_withdrawn, told_before
from services.directory.withdraw_links import withdraw_links

RETRACTION = "event.retracted"

IDENTITY_REASONS = (
    "no-candidate",
    "possible-candidates",
    "several-candidates",
    "contradicted",
    "identifiers-disagree",
    "not-confirmed",
    "same-child-twice",
    "unborn",
    "match-undone",
)
"""Why a person must say who a child is."""

_BURY = text("""
    insert into directory.tombstone (receipt, by_receipt, replaced, recorded_at)
    values (:receipt, :by, :replaced, :at) on conflict do nothing""")

_IS_WAITING = text("""
    select 1 from directory.resolution
     where receipt = :receipt and state = 'open' and reason = any(:reasons) limit 1""")

_LAST = text("""
    with recursive after(receipt, depth) as (
        select cast(:receipt as uuid), 0
        union
        select t.by_receipt, a.depth + 1 from after a join directory.tombstone t using (receipt)
         where a.depth < 1000)
    select receipt from after order by depth desc limit 1""")

_TO_WITHDRAW = text("""
    with recursive chain(receipt) as (
        select receipt from directory.tombstone where by_receipt = :receipt
        union
        select t.receipt from chain c join directory.tombstone t on t.by_receipt = c.receipt)
    select a.receipt, a.child_id, a.child_index, a.organisation, a.profile, a.part, a.edition,
           a.name, a.role, a.owner, a.withheld
      from directory.addressed a join chain c using (receipt)
     where a.withheld is null and a.withdrawn_at is null
       and a.profile not in ('withdrawal', 'receipt')  -- That it was received stays true.
       and not exists (
           select 1 from directory.addressed n
            where n.receipt = :receipt and n.child_id = a.child_id
              and n.organisation = a.organisation and n.withheld is null
              and n.withdrawn_at is null and n.profile <> 'withdrawal')
       and not exists (
           select 1 from directory.resolution q
            where q.receipt = :receipt and q.child_id = a.child_id and q.reason = :linked
              and q.state = 'open')
     order by a.child_id, a.organisation, a.role""")


async def end_event(
    session: Session, partnership: Partnership, event: EventAccepted
) -> list[Publishable]:
    """Whatever `event` supersedes is told no further, whether or not it has arrived yet."""
    if event.supersedes is None:
        return []
    facts: list[Publishable] = []
    rival = await _find_rival(session, event)
    if rival is not None and rival.occurred_at > event.occurred_at:
        await _bury(session, partnership, event.receipt, rival)
    elif rival is not None:
        facts += await _end(session, partnership, rival.receipt, event)
    return [*facts, *await _end(session, partnership, event.supersedes, event)]


async def find_last(session: Session, receipt: UUID) -> UUID:
    """The event that stands for this one in the end: itself, unless it was taken back."""
    last: UUID = (await session.execute(_LAST, {"receipt": receipt})).scalar_one()
    return last


async def _find_rival(session: Session, event: EventAccepted) -> EventAccepted | None:
    """The correction that restates the same event already: of two, the later one stands."""
    if event.supersedes is None:
        return None
    last = await find_last(session, event.supersedes)
    if last in (event.supersedes, event.receipt):
        return None
    recorded = await read_event(session, last)
    if recorded is None or recorded.event.event_type == RETRACTION:
        return None
    return recorded.event


async def _bury(
    session: Session, partnership: Partnership, receipt: UUID, by: EventAccepted
) -> bool:
    replaced, at = by.event_type != RETRACTION, partnership.clock()
    await session.execute(
        _BURY, {"receipt": receipt, "by": by.receipt, "replaced": replaced, "at": at}
    )
    return replaced


async def _end(
    session: Session, partnership: Partnership, superseded: UUID, event: EventAccepted
) -> list[Publishable]:
    now = partnership.clock()
    replaced = await _bury(session, partnership, superseded, event)
    facts: list[Publishable] = [
        EventRetracted(
            receipt=event.receipt,
            retracts=superseded,
            key=event.key,
            at=now,
            replaced_by=event.receipt if replaced else None,
        )
    ]
    earlier = await read_event(session, superseded)
    key = earlier.event.key if earlier else event.key
    facts += await close_questions(session, partnership, superseded, key, everywhere=True)
    missing_again = await forget_event(
        session, superseded, list(earlier.children.values()) if earlier else []
    )
    changed = await forget_enrolments(session, partnership, superseded)
    await forget_allocation(session, superseded)
    facts += await withdraw_contradictions(session, partnership, superseded)
    if earlier is not None:
        facts += await withdraw_links(session, partnership, earlier.event, event)
    reason = None
    if earlier is not None and not replaced:
        if missing_again:
            reason = "found-retracted"
        elif earlier.event.event_type == "organisation.changed" or changed:
            reason = "change-retracted"
    questions = [Question(event, reason)] if reason else []
    return [*facts, *await ask_people(session, partnership, questions)]


async def withdraw_unentitled(
    session: Session, partnership: Partnership, event: EventAccepted
) -> list[Publishable]:
    """Tell those who were told before, and are not any more, to destroy what they have.

    Of a correction only once every child of it is resolved: until then nobody can say who is
    still entitled. A child of whom a person is asked whether it is linked waits by itself.
    """
    if event.supersedes is None:
        return []
    waiting = await session.execute(
        _IS_WAITING, {"receipt": event.receipt, "reasons": list(IDENTITY_REASONS)}
    )
    if waiting.first() is not None:
        return []
    rows = list(
        await session.execute(_TO_WITHDRAW, {"receipt": event.receipt, "linked": LINKED_CHILD})
    )
    if not rows:
        return []
    known = await read_organisations(
        session, Needs(ids={row.organisation for row in rows}), partnership.today()
    )
    line = _line(partnership, event)
    by_child: dict[UUID, list[Any]] = {}
    for row in rows:
        by_child.setdefault(row.child_id, []).append(row)
    facts: list[EventAddressed] = []
    for child_id, told in by_child.items():
        facts.append(
            EventAddressed(
                **head_of(event),
                child_index=told[0].child_index,
                child_id=child_id,
                recipients=told_before(known, line, told),
                data={},
            )
        )
    because = SUPERSEDED if event.event_type != RETRACTION else "retracted"
    gone = await mark_withdrawn(session, partnership, rows, because)
    return [*await record_addressed(session, partnership, facts), *gone]


async def withdraw_for_last(
    session: Session, partnership: Partnership, receipt: UUID
) -> list[Publishable]:
    """An event arrived after it was itself taken back: the last word about it withdraws."""
    recorded = await read_event(session, await find_last(session, receipt))
    if recorded is None:
        return []
    return await withdraw_unentitled(session, partnership, recorded.event)


def _line(partnership: Partnership, event: EventAccepted) -> Line:
    if event.event_type == RETRACTION:
        return partnership.policy.lines_for(RETRACTION)[0]
    return correction_line(partnership)
