"""Tells an agency that its record contradicts the register: `record.contradicts`.

Once a person has said who the child is. Names the field and how, never a value of the register,
and nothing that a restricted child's number could be seen by.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text

from bus import Publishable
from chassis.database import Session
from chassis.ids import new_id
from schemas.blocks import Child as SentChild
from schemas.facts import EventAccepted, Evidence, RecordContradicts
from schemas.profiles.texts import child_item
from services.directory.keep_findings import (
    Found,
    Standing,
    raise_findings,
    withdraw_findings,
    withdraw_of_event,
)
from services.directory.partnership import Partnership
from services.directory.record_event import read_event
from services.directory.register import RegisteredChild, read_children
from services.directory.resolve import contradicts

OF_ANOTHER = "of-another-child"
DIFFERS = "differs"

# Of a restricted child nobody may learn even that the number is its own.
_HOLDERS = text("""
    select exists (select 1 from directory.child
                    where nhs_number = :number and nhs_verified and id <> :child
                      and not restricted and withdrawn_at is null) as number,
           exists (select 1 from directory.child
                    where upn = :upn and id <> :child
                      and not restricted and withdrawn_at is null) as upn""")


async def report_contradictions(
    session: Session,
    partnership: Partnership,
    event: EventAccepted,
    position: int | None,
    child: RegisteredChild,
) -> list[Publishable]:
    """A person has said that this position of the event is this child."""
    evidence = await _contradictions(session, sent_child(event, position), child)
    if child.restricted or not evidence:
        return []
    fact = RecordContradicts(
        finding=new_id(),
        receipt=event.receipt,
        key=event.key,
        agency=event.sender.organisation,
        child_index=position,
        evidence=evidence,
        state="open",
        at=partnership.clock(),
    )
    return await raise_findings(session, partnership, [Found(fact, child.id)])


async def withdraw_contradictions(
    session: Session, partnership: Partnership, receipt: UUID, *, position: int | None = None
) -> list[Publishable]:
    """Who the child of this position is, is taken back; without a position: all of the event is."""
    return await withdraw_of_event(
        session, partnership, receipt, RecordContradicts, position=position
    )


async def recheck_contradictions(
    session: Session, partnership: Partnership, standing: Sequence[Standing]
) -> list[Publishable]:
    """Of open findings whose child changed: those that the register bears out no more."""
    mine = [one for one in standing if one.kind == RecordContradicts.fact_type]
    known = await read_children(session, [one.child_id for one in mine])
    over: list[UUID] = []
    for one in mine:
        recorded = await read_event(session, one.receipt) if one.receipt is not None else None
        child = known.get(one.child_id)
        if recorded is None or child is None:
            continue
        sent = sent_child(recorded.event, one.child_index)
        if not await _contradictions(session, sent, child):
            over.append(one.finding)
    return await withdraw_findings(session, partnership, over)


def sent_child(event: EventAccepted, position: int | None) -> SentChild:
    """The sender's block about the child in question."""
    block = event.data["child"] if position is None else child_item(event.data, position)["child"]
    return SentChild.model_validate(block, by_alias=True, by_name=False)


async def _contradictions(
    session: Session, sent: SentChild, child: RegisteredChild
) -> tuple[Evidence, ...]:
    """Hard identifiers alone: numbers, and the birth date of whoever has the number that was sent.

    A number that is not verified on the register is no ground to call another one wrong.
    """
    number, upn = sent.valid_nhs_number, sent.valid_upn
    values = {"number": number, "upn": upn, "child": child.id}
    others = (await session.execute(_HOLDERS, values)).one()
    found: list[tuple[str, str]] = []
    same_number = number is not None and number == child.nhs_number
    if others.number and not same_number:
        found.append(("nhs-number", OF_ANOTHER))
    elif number and child.nhs_verified and child.nhs_number and not same_number:
        found.append(("nhs-number", DIFFERS))
    same_upn = upn is not None and upn == child.upn
    if others.upn and not same_upn:
        found.append(("upn", OF_ANOTHER))
    elif upn and child.upn and not same_upn:
        found.append(("upn", DIFFERS))
    surely = same_upn or (same_number and child.nhs_verified)
    if surely and contradicts(sent.date_of_birth, child.date_of_birth):
        found.append(("birth", DIFFERS))
    return tuple(Evidence(field=field, how=how) for field, how in found)
