"""A person decides: the answer is kept, published, and the event goes on its way (step 4).

One transaction, owned by the caller. A second, different answer to the same question is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import text

from bus import Publishable
from chassis.database import Session
from schemas.facts import Addressee, EventAccepted, ResolutionDecided
from services.directory.add_linked import LINKED_CHILD
from services.directory.address import (
    NO_ROUTE,
    RECIPIENT_TO_CHECK,
    TEXT_NAMES_OTHERS,
    address_children,
)
from services.directory.answer_referral import (
    ANSWERS,
    DECIDER_NOT_ADDRESSED,
    answer_referral,
)
from services.directory.enter import enter_cases, release_linked
from services.directory.hand_off import hand_off_unresolved
from services.directory.partnership import Partnership
from services.directory.record_enrolment import (
    ENROLMENT_OF_ANOTHER,
    UNKNOWN_ORGANISATION,
    apply_enrolment,
)
from services.directory.record_event import lock_resolution, read_event
from services.directory.record_worker import ASSIGNED, WORKER_OF_ANOTHER, apply_worker
from services.directory.register import RegisteredChild, read_children
from services.directory.register_child import register_child
from services.directory.release import release_recipients, release_text
from services.directory.report_contradictions import report_contradictions, sent_child
from services.directory.resolve import Asked, Match, resolve_children
from services.directory.retract import IDENTITY_REASONS, withdraw_unentitled
from services.directory.situation import Case, is_derived
from services.directory.withdraw import note_cause

__all__ = [
    "Decided",
    "Decision",
    "NotPossible",
    "Verdict",
    "decide_resolution",
    "possible_decisions",
    "sent_child",
]


class Decision(StrEnum):
    """What a person may say."""

    THIS_CHILD = "this-child"
    NEW_CHILD = "new-child"
    NOT_IN_AREA = "not-in-area"
    CANNOT_SAY = "cannot-say"
    RELEASE = "release"
    WITHHOLD = "withhold"


_WHO = frozenset(
    {Decision.THIS_CHILD, Decision.NEW_CHILD, Decision.NOT_IN_AREA, Decision.CANNOT_SAY}
)
_WHETHER = frozenset({Decision.RELEASE, Decision.WITHHOLD})
_SEEN = frozenset({Decision.CANNOT_SAY, Decision.WITHHOLD})


def possible_decisions(reason: str) -> frozenset[Decision]:
    """The answers that a question allows."""
    if reason == "unborn":
        return _WHO - {Decision.THIS_CHILD}
    if reason in IDENTITY_REASONS:
        return _WHO
    if reason in (TEXT_NAMES_OTHERS, RECIPIENT_TO_CHECK, LINKED_CHILD):
        return _WHETHER
    if reason.startswith(NO_ROUTE) or reason in _TRIED_AGAIN:
        return _WHETHER | {Decision.CANNOT_SAY}
    return _SEEN


_TRIED_AGAIN = frozenset(
    {
        DECIDER_NOT_ADDRESSED,
        UNKNOWN_ORGANISATION,
        ENROLMENT_OF_ANOTHER,
        WORKER_OF_ANOTHER,
        "referral-child-unknown",
    }
)


@dataclass(frozen=True)
class Verdict:
    """What a person says, and who the person is."""

    decision: Decision
    child_id: UUID | None
    reason: str
    by: str


@dataclass(frozen=True)
class Decided:
    """The answer is kept; `repeated` if it was already."""

    decision: str
    decided_at: datetime
    child_id: UUID | None
    repeated: bool = False


@dataclass(frozen=True)
class NotPossible:
    """The answer cannot be taken; `code` says why."""

    code: str
    conflict: bool = False


_TAKEN_OFF = text("""
    select 1 from directory.child where id = :id and withdrawn_at is not null""")

_DECIDE = text("""
    update directory.resolution
       set state = 'decided', decision = :decision, decided_child = :child_id,
           decided_reason = :reason, decided_by = :by, decided_at = :at
     where id = :id""")


async def decide_resolution(
    session: Session, partnership: Partnership, resolution: UUID, verdict: Verdict
) -> tuple[Decided | NotPossible, list[Publishable]]:
    """Keep the answer and return it with every fact that follows from it."""
    row = await lock_resolution(session, resolution)
    if row is None:
        return NotPossible("not-found"), []
    receipt = row.receipt
    if row.state == "undone":
        return NotPossible("undone", conflict=True), []
    if row.state == "decided":
        same = (row.decision, row.decided_child) == (verdict.decision, verdict.child_id)
        if same or (verdict.decision is Decision.NEW_CHILD and row.decision == verdict.decision):
            return Decided(row.decision, row.decided_at, row.decided_child, repeated=True), []
        return NotPossible("decided-already", conflict=True), []
    if verdict.decision not in possible_decisions(row.reason):
        return NotPossible("decision-not-possible"), []
    recorded = await read_event(session, receipt)
    if recorded is None:
        return NotPossible("not-found"), []
    event = recorded.event
    child = await _find_child(session, partnership, event, row, verdict, recorded.children)
    if isinstance(child, NotPossible):
        return child, []
    at = partnership.clock()
    child_id = child.id if child is not None and verdict.decision in _WHO else None
    await session.execute(
        _DECIDE,
        {
            "id": resolution,
            "decision": verdict.decision.value,
            "child_id": child_id,
            "reason": verdict.reason,
            "by": verdict.by,
            "at": at,
        },
    )
    decided = ResolutionDecided(
        resolution=resolution,
        receipt=receipt,
        key=event.key,
        child_index=row.child_index,
        decision=verdict.decision,
        decided_by=verdict.by,
        decided_at=at,
    )
    facts = await _go_on(session, partnership, event, row, verdict.decision, child)
    await note_cause(session, resolution, facts)
    if child_id is not None and child is not None and row.reason in IDENTITY_REASONS:
        facts += await report_contradictions(session, partnership, event, row.child_index, child)
    if row.reason in (*IDENTITY_REASONS, LINKED_CHILD):
        facts += await withdraw_unentitled(session, partnership, event)
    return Decided(verdict.decision, at, child_id), [decided, *facts]


async def _find_child(
    session: Session,
    partnership: Partnership,
    event: EventAccepted,
    row: Any,
    verdict: Verdict,
    known: dict[int, UUID],
) -> RegisteredChild | NotPossible | None:
    """Whom the answer is about: the child that was chosen, made, or known before."""
    if verdict.decision is Decision.THIS_CHILD:
        if verdict.child_id is None:
            return NotPossible("child-missing")
        found = (await read_children(session, [verdict.child_id])).get(verdict.child_id)
        if found is None or (await session.execute(_TAKEN_OFF, {"id": found.id})).first():
            return NotPossible("child-unknown")
        others = {
            child
            for position, child in known.items()
            if position != row.child_index and not is_derived(event, position)
        }
        if row.child_index is not None and found.id in others:
            return NotPossible("child-at-another-position")
        return found
    if verdict.decision is Decision.NEW_CHILD:
        sent = sent_child(event, row.child_index)
        (answer,) = await resolve_children(session, partnership, [Asked(sent)])
        if isinstance(answer, Match) and str(answer.child.id) not in row.candidates:
            return NotPossible("registered-since", conflict=True)
        return await register_child(session, partnership, sent)
    if row.child_id is not None:
        return (await read_children(session, [row.child_id])).get(row.child_id)
    return None


async def _go_on(
    session: Session,
    partnership: Partnership,
    event: EventAccepted,
    row: Any,
    decision: Decision,
    child: RegisteredChild | None,
) -> list[Publishable]:
    if decision in (Decision.THIS_CHILD, Decision.NEW_CHILD) and child is not None:
        case = Case(event, row.child_index or 0, child)
        return await enter_cases(session, partnership, [case])
    if decision is Decision.NOT_IN_AREA and row.child_index is not None:
        return await hand_off_unresolved(session, partnership, event, row.child_index)
    if decision is Decision.RELEASE:
        return await _release(session, partnership, event, row, child)
    return []


async def _release(
    session: Session,
    partnership: Partnership,
    event: EventAccepted,
    row: Any,
    child: RegisteredChild | None,
) -> list[Publishable]:
    if row.reason == TEXT_NAMES_OTHERS:
        return await release_text(session, partnership, event, row.child_index)
    if event.event_type in ANSWERS:
        return await answer_referral(session, partnership, event, checked=True)
    if child is None:
        if row.child_index is not None:
            return await hand_off_unresolved(session, partnership, event, row.child_index)
        return []
    if event.event_type == "enrolment.changed":
        checked = row.reason == ENROLMENT_OF_ANOTHER
        return await apply_enrolment(session, partnership, event, child, checked=checked)
    if event.event_type == ASSIGNED:
        checked = row.reason == WORKER_OF_ANOTHER
        return await apply_worker(session, partnership, event, child, checked=checked)
    case = Case(event, row.child_index, child)
    if row.reason == LINKED_CHILD:
        return await release_linked(session, partnership, case)
    if row.reason == RECIPIENT_TO_CHECK:
        pending = [Addressee.model_validate(one) for one in row.pending]
        return await release_recipients(session, partnership, case, pending)
    return await address_children(session, partnership, [case], again=True)
