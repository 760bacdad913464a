"""What was addressed to a worker who has the child no more goes to whoever has it: part of
composing, for facts that come late (parked and replayed, or announced again).

Each fact says by which assignment its worker is told; each digest says which assignments ended with
it. So a fact that the directory made in full knowledge is never taken for a late one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from chassis.database import Session
from chassis.telemetry import logger
from schemas.facts import Addressee, EventAddressed, Profile, notice_id

log = logger("notifier.reallocate")

REALLOCATED = "reallocated"

Sources = dict[UUID, tuple[UUID, UUID]]
"""By the id of a notice that was passed on: the one in whose place it is, and the assignment."""


async def pass_on(session: Session, facts: Sequence[Any]) -> tuple[list[Any], Sources]:
    """The same facts; whom an assignment has relieved is told nothing, and its successor is."""
    asked = {
        one.assignment
        for fact in facts
        if isinstance(fact, EventAddressed)
        for one in fact.recipients
        if one.assignment is not None and one.withheld is None
    }
    if not asked:
        return list(facts), {}
    rows = await session.execute(_RELIEVED, {"assignments": sorted(asked)})
    relieved = {row.assignment: row for row in rows}
    if not relieved:
        return list(facts), {}
    sources: Sources = {}
    passed = [
        _pass_on(fact, relieved, sources) if isinstance(fact, EventAddressed) else fact
        for fact in facts
    ]
    return passed, sources


async def note_relieved(session: Session, fact: EventAddressed) -> None:
    """Keep which assignments ended with this one, and who has the child from now on."""
    (to,) = fact.recipients
    earlier = fact.digest.earlier if fact.digest is not None else ()
    if earlier:
        values = {
            "assignments": list(earlier),
            "by": fact.receipt,
            "organisation": to.organisation,
            "name": to.name,
            "at": datetime.fromisoformat(fact.data["assignedAt"]),
        }
        await session.execute(_NOTE, values)


async def forget_relieved(session: Session, bys: Sequence[UUID]) -> None:
    """These assignments were taken back: they have relieved nobody."""
    await session.execute(_FORGET, {"bys": list(bys)})


def _pass_on(
    fact: EventAddressed, relieved: Mapping[UUID, Any], sources: Sources
) -> EventAddressed:
    recipients: list[Addressee] = []
    named = {one.organisation for one in fact.recipients if one.withheld is None}
    for one in fact.recipients:
        row = relieved.get(one.assignment) if one.assignment is not None else None
        if row is None or one.withheld is not None or one.profile is Profile.WITHDRAWAL:
            recipients.append(one)
            continue
        log.warning(
            "addressed_to_a_former_worker",
            receipt=str(fact.receipt),
            organisation=one.organisation,
            next="told to whoever has the child now",
        )
        recipients.append(one.model_copy(update={"withheld": REALLOCATED}))
        if one.profile is Profile.WORKER_DIGEST or row.organisation in named:
            continue
        update = {"organisation": row.organisation, "name": row.name, "owner": "notifier"}
        successor = one.model_copy(update=update)
        recipients.append(successor)
        sources[_id(fact, successor)] = (_id(fact, one), row.by_receipt)
    return fact.model_copy(update={"recipients": tuple(recipients)})


def _id(fact: EventAddressed, to: Addressee) -> UUID:
    return notice_id(
        fact.receipt, fact.child_id, to.organisation, to.profile, fact.part, 0, fact.edition
    )


_RELIEVED = text("""
    select distinct on (assignment) assignment, by_receipt, organisation, name
      from notifier.relieved where assignment = any(cast(:assignments as uuid[]))
     order by assignment, assigned_at desc, by_receipt""")

_NOTE = text("""
    insert into notifier.relieved (assignment, by_receipt, organisation, name, assigned_at)
    select a, :by, :organisation, :name, :at
      from unnest(cast(:assignments as uuid[])) a
        on conflict do nothing""")

_FORGET = text("delete from notifier.relieved where by_receipt = any(cast(:bys as uuid[]))")
