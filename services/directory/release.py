"""Sends what waited for a person: a text that names others, or a recipient to be checked first."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import text

from bus import Publishable
from chassis.database import Session
from schemas.facts import Addressee, EventAccepted, EventAddressed, Profile
from schemas.organisations import RecipientRole
from services.directory.address import (
    RELEASE,
    TEXT_NAMES_OTHERS,
    find_held,
    record_addressed,
)
from services.directory.ask import Question, address, ask_people, head_of
from services.directory.evaluate import TEXT_PROFILES
from services.directory.organisations import Needs, read_organisations
from services.directory.partnership import Partnership
from services.directory.read_family import read_orders
from services.directory.record_event import read_event
from services.directory.register import read_children
from services.directory.situation import Case, is_derived

_TOLD = text("""
    select child_id, organisation, profile, role, rule from directory.addressed
     where receipt = :receipt and child_index = :child_index and part = 'whole'
       and withheld is null and profile = any(cast(:profiles as text[]))
     order by organisation, profile""")

_TEXT_DECISION = text("""
    select decision from directory.resolution
     where receipt = :receipt and child_index = :child_index and reason = :reason
     order by queued_at desc limit 1""")


async def release_text(
    session: Session, partnership: Partnership, event: EventAccepted, position: int
) -> list[Publishable]:
    """The text follows to everyone who was told of this child without it."""
    rows = list(
        await session.execute(
            _TOLD,
            {
                "receipt": event.receipt,
                "child_index": position,
                "profiles": [profile.value for profile in TEXT_PROFILES],
            },
        )
    )
    if not rows:
        return []
    known = await read_organisations(session, Needs(ids={row.organisation for row in rows}))
    children = await read_children(session, [rows[0].child_id])
    child = children.get(rows[0].child_id)
    orders = await read_orders(session, children, partnership.today())
    recipients = [
        address(known.by_id[row.organisation], RecipientRole(row.role), Profile(row.profile),
                row.rule)
        for row in rows
        if row.organisation in known.by_id
    ]  # fmt: skip
    fact = EventAddressed(
        **head_of(event),
        child_index=position,
        child_id=rows[0].child_id,
        derived=is_derived(event, position),
        identity=child.identity if child else None,
        orders=tuple(orders.get(rows[0].child_id, ())),
        part="text",
        recipients=tuple(recipients),
        data=event.data,
    )
    await record_addressed(session, partnership, [fact])
    return [fact]


async def release_recipients(
    session: Session, partnership: Partnership, case: Case, pending: Sequence[Addressee]
) -> list[Publishable]:
    """Recipients whom a person has checked are told; a held text stays held for them too."""
    event = case.event
    recorded = await read_event(session, event.receipt)
    siblings = await read_children(session, recorded.children.values() if recorded else ())
    names = {one.id: [one.name, *one.other_names] for one in siblings.values()}
    held = find_held(case, names)
    orders = await read_orders(session, [case.child.id], partnership.today())
    decided = await session.execute(
        _TEXT_DECISION,
        {
            "receipt": event.receipt,
            "child_index": case.child_index,
            "reason": TEXT_NAMES_OTHERS,
        },
    )
    row = decided.first()
    if row is not None and row.decision == RELEASE:
        held = ()
    fact = EventAddressed(
        **head_of(event),
        child_index=case.child_index,
        child_id=case.child.id,
        derived=case.derived,
        identity=case.child.identity,
        orders=tuple(orders.get(case.child.id, ())),
        held=held,
        recipients=tuple(pending),
        data=event.data,
    )
    await record_addressed(session, partnership, [fact])
    questions = []
    if row is None and held and any(one.profile in TEXT_PROFILES for one in pending):
        questions.append(
            Question(event, TEXT_NAMES_OTHERS, case.child_index, case.child, detail=held)
        )
    return [fact, *await ask_people(session, partnership, questions)]
