"""A person says that a listed child is one whom a link had found already: they become one.

The child keeps what was told of it; what the sender says of the listed child follows to everyone
who was told, as the second part of their notice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text

from bus import Publishable
from chassis.database import Session
from schemas.facts import Addressee, EventAddressed, Profile
from schemas.organisations import RecipientRole
from services.directory.add_linked import LINKED_CHILD
from services.directory.address import (
    TEXT_NAMES_OTHERS,
    address_children,
    find_held,
    read_names,
    record_addressed,
)
from services.directory.ask import Question, address, ask_people, head_of
from services.directory.close_questions import close_questions
from services.directory.evaluate import TEXT_PROFILES
from services.directory.organisations import Needs, read_organisations
from services.directory.partnership import Partnership
from services.directory.read_family import read_orders
from services.directory.report_links import withdraw_missing_link
from services.directory.situation import Case

_FORGET = text("""
    delete from directory.derived where receipt = :receipt and child_id = :child
    returning child_index""")

_LEAVE = text("""
    update directory.event set children = children - cast(:old as text)
     where receipt = :receipt""")

_MOVE_QUESTIONS = text("""
    update directory.resolution set child_index = :position
     where receipt = :receipt and child_index = cast(:old as int) and state = 'open'""")

_MOVE_TOLD = text("""
    update directory.addressed set child_index = :position
     where receipt = :receipt and child_id = :child
    returning organisation, profile, role, rule, part, withheld, withdrawn_at""")


async def claim_derived(
    session: Session, partnership: Partnership, case: Case
) -> list[Publishable] | None:
    """What follows where the child of `case` was derived before; None where it was not."""
    event = case.event
    values: dict[str, Any] = {
        "receipt": event.receipt,
        "child": case.child.id,
        "position": case.child_index,
    }
    old = (await session.execute(_FORGET, values)).scalar()
    if old is None:
        return None
    values["old"] = str(old)
    await session.execute(_LEAVE, values)
    facts: list[Publishable] = [
        *await close_questions(
            session, partnership, event.receipt, event.key, position=old, reasons=LINKED_CHILD
        )
    ]
    facts += await withdraw_missing_link(session, partnership, event.receipt, case.child.id)
    await session.execute(_MOVE_QUESTIONS, values)
    told = [
        row
        for row in await session.execute(_MOVE_TOLD, values)
        if row.withheld is None
        and row.withdrawn_at is None
        and row.part == "whole"
        and row.profile != Profile.WITHDRAWAL
    ]
    if not told:
        return [*facts, *await address_children(session, partnership, [case])]
    facts += await _tell_the_rest(session, partnership, case, told)
    return [*facts, *await address_children(session, partnership, [case], again=True)]


async def _tell_the_rest(
    session: Session, partnership: Partnership, case: Case, told: Sequence[Any]
) -> list[Publishable]:
    names = await read_names(session, [case])
    held = find_held(case, names[case.event.receipt])
    known = await read_organisations(
        session, Needs(ids={row.organisation for row in told}), partnership.today()
    )
    orders = await read_orders(session, [case.child.id], partnership.today())
    now: list[Addressee] = [
        address(known.by_id[row.organisation], RecipientRole(row.role), Profile(row.profile),
                row.rule)
        for row in told
        if row.organisation in known.by_id
        # A text that is held follows by itself, once a person has looked at it.
        and not (held and row.profile in TEXT_PROFILES)
    ]  # fmt: skip
    questions = []
    if held and any(row.profile in TEXT_PROFILES for row in told):
        questions.append(
            Question(case.event, TEXT_NAMES_OTHERS, case.child_index, case.child, detail=held)
        )
    fact = EventAddressed(
        **head_of(case.event),
        child_index=case.child_index,
        child_id=case.child.id,
        identity=case.child.identity,
        orders=tuple(orders.get(case.child.id, ())),
        part="text",
        recipients=tuple(now),
        data=case.event.data,
    )
    numbered = await record_addressed(session, partnership, [fact])
    return [*numbered, *await ask_people(session, partnership, questions)]
