"""A decision is taken back, a person's or the directory's own: its notices too, and it is asked
again. The answer that was undone stays, with who undid it and why.

One transaction, owned by the caller. The same undoing twice is one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from bus import Publishable
from chassis.database import Session
from chassis.ids import new_id
from schemas.facts import (
    Addressee,
    EventAccepted,
    NoticeWithdrawn,
    ResolutionNeeded,
    ResolutionUndone,
)
from services.directory.answer_referral import unresolved_id
from services.directory.ask import Question, ask_people
from services.directory.close_questions import SUPERSEDED
from services.directory.decide import Decision, NotPossible
from services.directory.partnership import SOURCE, Partnership
from services.directory.readdress import REPAIRED
from services.directory.record_event import (
    Recorded,
    find_ended,
    lock_receipts,
    lock_resolution,
    read_event,
)
from services.directory.register import read_children
from services.directory.report_contradictions import withdraw_contradictions
from services.directory.retract import IDENTITY_REASONS
from services.directory.take_back import take_back_child, take_back_release

MATCHED = "matched"
"""The directory's own decision, written down when it is undone."""
MATCH_UNDONE = "match-undone"

_UNDO = text("""
    update directory.resolution
       set state = 'undone', undone_reason = :reason, undone_by = :by, undone_at = :at
     where id = :id""")

_REOPENED = text("select id from directory.resolution where reopens = :id")

_OF_CHILD = text("""
    select id, state from directory.resolution
     where receipt = :receipt and coalesce(child_index, 0) = :position and decided_child = :child
       and reason = any(cast(:reasons as text[]))
     order by state, decided_at desc""")

_MATCHED = text("""
    insert into directory.resolution (id, receipt, child_index, reason, detail, candidates, pending,
        recipients, state, queued_at, decide_by, decision, decided_child, decided_reason,
        decided_by, decided_at)
    select :id, receipt, cast(:child_index as int), :reason, '[]', '[]', '[]',
           cast(:recipients as jsonb), 'decided', recorded_at, recorded_at, :decision, :child,
           'matched', :by, recorded_at
      from directory.event where receipt = :receipt""")


@dataclass(frozen=True)
class Plea:
    """Why a decision is undone, and by whom."""

    reason: str
    by: str
    organisation: str


@dataclass(frozen=True)
class Undone:
    """The decision no longer stands; `reopened` is the question that asks again."""

    resolution: UUID
    undone_at: datetime
    reopened: UUID | None
    child_id: UUID | None
    withdrawn: int = 0
    repeated: bool = False


async def undo_resolution(
    session: Session, partnership: Partnership, resolution: UUID, plea: Plea
) -> tuple[Undone | NotPossible, list[Publishable]]:
    """Undo a decision and return it with every fact that follows."""
    row = await lock_resolution(session, resolution)
    if row is None:
        return NotPossible("not-found"), []
    receipt = row.receipt
    if row.state == "undone":
        return await _repeat(session, row), []
    if row.state == "open":
        return NotPossible("not-decided", conflict=True), []
    recorded = await read_event(session, receipt)
    if row.decision in (SUPERSEDED, REPAIRED) or recorded is None:
        return NotPossible(SUPERSEDED, conflict=True), []
    return await _undo(session, partnership, recorded, row, plea)


async def undo_match(
    session: Session,
    partnership: Partnership,
    receipt: UUID,
    position: int,
    child_id: UUID,
    plea: Plea,
) -> tuple[Undone | NotPossible, list[Publishable]]:
    """Undo who a child of an event was taken for, whoever decided it.

    `child_id` says whom the caller means: what was decided since is not undone by mistake.
    """
    await lock_receipts(session, [receipt])
    recorded = await read_event(session, receipt)
    if recorded is None:
        return NotPossible("not-found"), []
    values = {
        "receipt": receipt,
        "position": position,
        "child": child_id,
        "reasons": [*IDENTITY_REASONS, MATCHED],
    }
    of_child = list(await session.execute(_OF_CHILD, values))
    if recorded.children.get(position) != child_id:
        undone = next((one.id for one in of_child if one.state == "undone"), None)
        if undone is None:
            return NotPossible("another-child", conflict=True), []
        return await undo_resolution(session, partnership, undone, plea)
    decided = next((one.id for one in of_child if one.state == "decided"), None)
    if decided is None:
        decided = new_id()
        await session.execute(
            _MATCHED,
            {
                "id": decided,
                "receipt": receipt,
                "child_index": position if recorded.event.data.get("children") else None,
                "reason": MATCHED,
                "recipients": json.dumps([{"organisation": plea.organisation}]),
                "decision": Decision.THIS_CHILD.value,
                "child": child_id,
                "by": SOURCE,
            },
        )
    return await undo_resolution(session, partnership, decided, plea)


async def _undo(
    session: Session, partnership: Partnership, recorded: Recorded, row: Any, plea: Plea
) -> tuple[Undone | NotPossible, list[Publishable]]:
    event, at = recorded.event, partnership.clock()
    about_identity = row.reason in IDENTITY_REASONS or row.reason == MATCHED
    child_id, gone = _decided_about(event, row), False
    facts: list[Publishable] = []
    if about_identity and child_id is not None:
        facts, gone = await take_back_child(session, partnership, recorded, row, child_id, plea.by)
        facts += await withdraw_contradictions(
            session, partnership, event.receipt, position=row.child_index or 0
        )
    elif not about_identity and row.decision == Decision.RELEASE:
        facts = await take_back_release(session, partnership, recorded, row)
    await session.execute(_UNDO, {"id": row.id, "reason": plea.reason, "by": plea.by, "at": at})
    asked: Sequence[ResolutionNeeded] = ()
    # Of an event that was restated or taken back since, nobody needs to be told any more.
    if not await find_ended(session, [event.receipt]):
        question = await _ask_again(session, event, row, None if gone else row.decided_child)
        asked = await ask_people(session, partnership, [question])
    reopened = asked[0].resolution if asked else None
    undone = ResolutionUndone(
        resolution=row.id,
        receipt=event.receipt,
        key=event.key,
        child_index=row.child_index,
        undone_by=plea.by,
        undone_at=at,
        reopened=reopened,
    )
    withdrawn = sum(isinstance(one, NoticeWithdrawn) for one in facts)
    outcome = Undone(row.id, at, reopened, row.decided_child, withdrawn)
    return outcome, [undone, *facts, *asked]


def _decided_about(event: EventAccepted, row: Any) -> UUID | None:
    """Of whom notices went out: a child of the register, or one of another area without a row."""
    if row.decision == Decision.NOT_IN_AREA and row.child_index is not None:
        return unresolved_id(event.receipt, row.child_index)
    return row.decided_child if isinstance(row.decided_child, UUID) else None


async def _ask_again(
    session: Session, event: EventAccepted, row: Any, decided: UUID | None
) -> Question:
    """The same question with its own clock; the child that was chosen is one among the others."""
    ids = [UUID(one) for one in row.candidates]
    if decided is not None and decided not in ids:
        ids.append(decided)
    known = await read_children(session, [*ids, *([row.child_id] if row.child_id else [])])
    shown = [one for one in ids if one in known and not known[one].restricted]
    return Question(
        event,
        MATCH_UNDONE if row.reason == MATCHED else row.reason,
        row.child_index,
        known.get(row.child_id) if row.child_id else None,
        candidates=shown,
        detail=row.detail,
        pending=[Addressee.model_validate(one) for one in row.pending],
        reopens=row.id,
    )


async def _repeat(session: Session, row: Any) -> Undone:
    reopened = (await session.execute(_REOPENED, {"id": row.id})).scalar()
    return Undone(row.id, row.undone_at, reopened, row.decided_child, repeated=True)
