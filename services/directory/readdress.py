"""Recent events are told again where a child, as the register now knows, is at another school.

An enrolment may be stated days late. Whoever is newly entitled is told; a school that the child was
never at since the incident, and that was told in good faith, gets a withdrawal. Each exactly once.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text

from bus import Publishable
from chassis.clock import LONDON
from chassis.database import Session
from chassis.telemetry import logger
from schemas.catalogue import EVENT_TYPES
from schemas.facts import EventAccepted, EventAddressed
from schemas.organisations import RecipientRole
from services.directory.address import NO_ROUTE, address_children, read_situations
from services.directory.close_questions import close_questions
from services.directory.evaluate import evaluate
from services.directory.partnership import Partnership
from services.directory.record_event import Recorded, find_ended, lock_receipts, read_event
from services.directory.register import RegisteredChild, read_children
from services.directory.situation import Case
from services.directory.track_missing import REPORTS
from services.directory.withdraw import read_told, withdraw_told

log = logger("directory.readdress")

NOT_AT_SCHOOL = "not-at-this-school"
REPAIRED = "repaired"
SETTLES = timedelta(seconds=10)
"""An event that is being addressed while an enrolment changes has ended by then, either way."""

TRIED_AGAIN = timedelta(minutes=1)

BY_ENROLMENT = frozenset(
    {
        RecipientRole.SCHOOL,
        RecipientRole.SCHOOL_NURSING,
        RecipientRole.HEALTH_VISITING,
        RecipientRole.EDUCATION_OFFICER,
        RecipientRole.EARLY_YEARS,
    }
)
"""Who is told because of where a child is educated; others because of where it lives."""

TYPES = tuple(name for name, one in EVENT_TYPES.items() if one.urgent and name != "missing.found")

_DISCARD = text("""
    delete from directory.moved m
     where m.moved_at <= :settled
       and not exists (select 1 from directory.addressed a
                        where a.child_id = m.child and a.addressed_at >= :since)
       and not exists (select 1 from directory.resolution r
                        where r.child_id = m.child and r.queued_at >= :since)""")

_CLAIM = text("""
    with one as (
        select child from directory.moved where moved_at <= :settled
         order by moved_at limit 1 for update skip locked)
    update directory.moved m set moved_at = :again from one
     where m.child = one.child and m.moved_at <= :settled
    returning m.child""")

# Moved anew since it was claimed: that move is another one, with its own time to settle.
_DONE = text("delete from directory.moved where child = :child and moved_at = :again")

_RECENT = text("""
    select e.receipt, e.type from directory.event e
     where e.receipt in (
           select receipt from directory.addressed
            where child_id = :child and addressed_at >= :since
           union
           select receipt from directory.resolution
            where child_id = :child and queued_at >= :since)
       and e.type = any(cast(:types as text[])) and e.occurred_at >= :since
     order by e.occurred_at, e.receipt""")

_IS_MISSING = text("""
    select 1 from directory.episode
     where child = :child and closed_at is null and :receipt = any(reports)""")


class Mover(NamedTuple):
    """A child that moved, claimed until another may try."""

    child: UUID
    again: datetime


async def claim_mover(session: Session, partnership: Partnership) -> Mover | None:
    """The next child that moved, if there is one; whoever fails with it leaves it for later."""
    now = partnership.clock()
    values = {"settled": now - SETTLES, "since": _since(partnership), "again": now + TRIED_AGAIN}
    await session.execute(_DISCARD, values)
    claimed = (await session.execute(_CLAIM, values)).first()
    return None if claimed is None else Mover(claimed.child, values["again"])


async def readdress_mover(
    session: Session, partnership: Partnership, mover: Mover
) -> list[Publishable]:
    """What follows from a move for recent events about this child."""
    about = {"child": mover.child, "since": _since(partnership), "types": list(TYPES)}
    receipts = [row.receipt for row in await session.execute(_RECENT, about)]
    # Events before the row of the move: the order in which a batch that moves a child locks them.
    await lock_receipts(session, receipts)
    done = await session.execute(_DONE, mover._asdict())
    child = (await read_children(session, [mover.child])).get(mover.child)
    if child is None or not done.rowcount:
        return []
    facts: list[Publishable] = []
    ended = await find_ended(session, receipts)
    for receipt in receipts:
        recorded = await read_event(session, receipt)
        if recorded is not None and receipt not in ended:
            facts += await _readdress(session, partnership, recorded, child)
    return facts


def _since(partnership: Partnership) -> datetime:
    return partnership.clock() - timedelta(days=partnership.settings.readdress_days)


async def _readdress(
    session: Session, partnership: Partnership, recorded: Recorded, child: RegisteredChild
) -> list[Publishable]:
    event = recorded.event
    position = next((at for at, one in recorded.children.items() if one == child.id), None)
    if position is None or not await _is_current(session, event, child.id):
        return []
    case = Case(event, position, child)
    told = await read_told(session, event.receipt, child.id)
    (now,) = await read_situations(session, partnership, [case])
    (since,) = await read_situations(session, partnership, [case], since=happened_on(event))
    entitled = _organisations(evaluate(partnership.policy, since).everyone)
    outcome = evaluate(partnership.policy, now)
    entitled |= _organisations(outcome.everyone)
    wrong = [
        row
        for row in told
        if RecipientRole(row.role) in BY_ENROLMENT and _now(now, row) not in entitled
    ]
    facts = await withdraw_told(session, partnership, event, wrong, NOT_AT_SCHOOL, child.identity)
    facts += await address_children(session, partnership, [case], again=True)
    if not outcome.lacking:
        facts += await _end_questions(session, partnership, event, position)
    new = sum(
        len(one.recipients)
        for one in facts
        if isinstance(one, EventAddressed) and not one.withdraws
    )
    if wrong or new:
        log.info(
            "readdressed",
            receipt=str(event.receipt),
            child=str(child.id),
            told=new,
            withdrawn=len(wrong),
        )
    return facts


def happened_on(event: EventAccepted) -> date:
    """The day of the incident, in England."""
    said = event.data.get("attendedAt") or event.data.get("reportedAt")
    at = datetime.fromisoformat(said) if said else event.occurred_at
    return min(at, event.occurred_at).astimezone(LONDON).date()


def _organisations(addressees: Iterable[Any]) -> set[str]:
    return {one.organisation for one in addressees}


def _now(at: Any, row: Any) -> str:
    """Who was told, by the id that stands for it today."""
    present = at.known.present(row.organisation)
    return present.organisation.id if present is not None else str(row.organisation)


async def _is_current(session: Session, event: EventAccepted, child_id: UUID) -> bool:
    """A child that was found since is not looked for any more."""
    if event.event_type not in REPORTS:
        return True
    values = {"child": child_id, "receipt": event.receipt}
    return (await session.execute(_IS_MISSING, values)).first() is not None


async def _end_questions(
    session: Session, partnership: Partnership, event: EventAccepted, position: int
) -> list[Publishable]:
    """Nobody is lacking any more: what a person was asked to repair is repaired."""
    return list(
        await close_questions(
            session,
            partnership,
            event.receipt,
            event.key,
            position=position,
            reasons=f"{NO_ROUTE}-%",
            decision=REPAIRED,
        )
    )
