"""What follows when it is taken back who a child of an event is, or that somebody may be told.

Everybody who was told because of it gets a withdrawal; episodes, enrolments, questions and a child
that was registered for it go with it. Nothing here asks again: `undo` does.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import text

from bus import Publishable
from chassis.database import Session
from schemas.facts import EventAccepted, EventAddressed, ResolutionUndone
from services.directory.allocations import forget_allocation
from services.directory.ask import Question, ask_people, head_of
from services.directory.close_questions import close_questions
from services.directory.keep_findings import read_standing, withdraw_findings
from services.directory.partnership import Partnership
from services.directory.record_enrolment import forget_enrolments
from services.directory.record_event import Recorded, forget_child, read_event
from services.directory.register import RegisteredChild, read_children
from services.directory.retract import IDENTITY_REASONS, find_last
from services.directory.track_missing import forget_event, lock_children
from services.directory.withdraw import read_told, withdraw_told
from services.directory.write_keys import refresh_keys

DECISION_UNDONE = "decision-undone"
FOUND_UNDONE = "found-retracted"

_UNDO_DECIDED = text("""
    update directory.resolution
       set state = 'undone', undone_by = :by, undone_at = :at, undone_reason = :because
     where receipt = :receipt and child_index is not distinct from cast(:position as int)
       and state = 'decided' and decision not in ('superseded', 'repaired')
       and not reason = any(cast(:identity as text[]))
    returning id""")

_CAUSED = text("""
    select distinct child_id, organisation, profile from directory.addressed
     where resolution = :resolution and withdrawn_at is null""")

# Nobody else speaks of it: no file, no other event, no other decision, no episode.
_TAKE_OFF = text("""
    update directory.child c
       set withdrawn_at = :at, withdrawn_by = :resolution, nhs_number = null, nhs_verified = false,
           upn = null
     where c.id = :child and c.register_ref is null and c.withdrawn_at is null
       and not exists (select 1 from directory.addressed a
                        where a.child_id = c.id and a.receipt <> :receipt)
       and not exists (select 1 from directory.enrolment e
                        where e.child = c.id and e.receipt is distinct from :receipt)
       and not exists (select 1 from directory.child_ref f where f.child = c.id)
       and not exists (select 1 from directory.allocation w
                        where w.child = c.id and w.receipt <> :receipt)
       and not exists (select 1 from directory.episode e where e.child = c.id)
       and not exists (select 1 from directory.resolution r
                        where r.decided_child = c.id and r.state = 'decided'
                          and r.id <> :resolution)
       and not exists (select 1 from directory.resolution r
                        where r.child_id = c.id and r.receipt <> :receipt)
    returning c.id""")

_FORGET_KEYS = text("delete from directory.child_key where child = :child")


async def take_back_child(
    session: Session,
    partnership: Partnership,
    recorded: Recorded,
    row: Any,
    child_id: UUID,
    by: str,
) -> tuple[list[Publishable], bool]:
    """The child of this decision is not the one: withdraw all of it.

    Returns also whether the child itself was taken off the register: nothing else speaks of it.
    """
    event, position = recorded.event, row.child_index or 0
    child = (await read_children(session, [child_id])).get(child_id)
    facts = await _withdraw(session, partnership, event, child_id, child)
    if recorded.children.get(position) == child_id:
        await forget_child(session, event.receipt, position)
    await lock_children(session, [child_id])
    questions: list[Question] = []
    if await forget_event(session, event.receipt, [child_id]):
        questions.append(Question(event, FOUND_UNDONE, row.child_index, child))
    if event.event_type == "enrolment.changed":
        await forget_enrolments(session, partnership, event.receipt)
    await forget_allocation(session, event.receipt)
    facts += await _end_dependents(session, partnership, event, row.child_index, by)
    gone = await _take_off(session, partnership, event, row.id, child_id)
    if gone:
        about = {one.finding for one in await read_standing(session, [child_id])}
        facts += await withdraw_findings(session, partnership, about)
    return [*facts, *await ask_people(session, partnership, questions)], gone


async def take_back_release(
    session: Session, partnership: Partnership, recorded: Recorded, row: Any
) -> list[Publishable]:
    """What a person let go is withdrawn, with everything that followed to the same recipients."""
    event = recorded.event
    caused = list(await session.execute(_CAUSED, {"resolution": row.id}))
    facts: list[Publishable] = []
    for child_id in sorted({one.child_id for one in caused}):
        child = (await read_children(session, [child_id])).get(child_id)
        pairs = {(one.organisation, one.profile) for one in caused if one.child_id == child_id}
        told = [
            one
            for one in await read_told(session, event.receipt, child_id)
            if one.resolution == row.id
            or (one.part == "text" and (one.organisation, one.profile) in pairs)
        ]
        facts += await withdraw_told(
            session, partnership, await _speaker(session, event), told, DECISION_UNDONE,
            child.identity if child else None,
        )  # fmt: skip
    if event.event_type == "enrolment.changed":
        await forget_enrolments(session, partnership, event.receipt)
    return facts


async def _withdraw(
    session: Session,
    partnership: Partnership,
    event: EventAccepted,
    child_id: UUID,
    child: RegisteredChild | None,
) -> list[Publishable]:
    told = await read_told(session, event.receipt, child_id)
    speaker = await _speaker(session, event)
    identity = child.identity if child else None
    facts = await withdraw_told(session, partnership, speaker, told, DECISION_UNDONE, identity)
    silent = all(one.withheld is not None for one in told)
    if event.event_type == "missing.found" and silent and speaker is event:
        # Nobody was told to stop looking, yet whoever composes must not take the child for found.
        facts.append(
            EventAddressed(
                **head_of(event),
                child_index=told[0].child_index if told else 0,
                child_id=child_id,
                identity=identity,
                recipients=(),
                withdraws=(event.receipt,),
                data={},
            )
        )
    return facts


async def _speaker(session: Session, event: EventAccepted) -> EventAccepted:
    """In whose name notices are withdrawn: nothing more is told in the name of an ended event."""
    last = await find_last(session, event.receipt)
    if last == event.receipt:
        return event
    recorded = await read_event(session, last)
    return event if recorded is None else recorded.event


async def _end_dependents(
    session: Session,
    partnership: Partnership,
    event: EventAccepted,
    position: int | None,
    by: str,
) -> list[Publishable]:
    """Questions about whom to tell and what of the wrong child: open ones end, answers go."""
    at = partnership.clock()
    about_identity = [*IDENTITY_REASONS, "matched"]
    values = {
        "receipt": event.receipt,
        "position": position,
        "identity": about_identity,
        "at": at,
    }
    facts: list[Publishable] = [
        *await close_questions(
            session,
            partnership,
            event.receipt,
            event.key,
            position=position,
            but=about_identity,
        )
    ]
    undone = await session.execute(_UNDO_DECIDED, {**values, "by": by, "because": DECISION_UNDONE})
    facts += [
        ResolutionUndone(
            resolution=row.id,
            receipt=event.receipt,
            key=event.key,
            child_index=position,
            undone_by=by,
            undone_at=at,
        )
        for row in undone
    ]
    return facts


async def _take_off(
    session: Session,
    partnership: Partnership,
    event: EventAccepted,
    resolution: UUID,
    child_id: UUID,
) -> bool:
    """A child whom only this decision put on the register must not be found again."""
    taken = await session.execute(
        _TAKE_OFF,
        {
            "child": child_id,
            "receipt": event.receipt,
            "resolution": resolution,
            "at": partnership.clock(),
        },
    )
    if taken.first() is None:
        return False
    await session.execute(_FORGET_KEYS, {"child": child_id})
    await refresh_keys(session, [child_id], partnership.today())
    return True
