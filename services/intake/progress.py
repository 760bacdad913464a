"""What became of an event, for its sender alone: told from times that `listen` collects.

Last step of the way of an event. Shows who was told and how far each came, never what a recipient
wrote, and no name of a recipient before it is known that it may be shown.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from prometheus_client import Counter
from sqlalchemy import text

from chassis.audit import write_audit
from chassis.database import Session
from schemas.facts import Evidence, Flag, PersonLinkMissing, RecordContradicts
from services.intake.load_progress import STATES, ProgressRows, load_progress
from services.intake.outstanding import CONFIRMED, SETTLED, declined, find_outstanding
from services.intake.tables import Audit, Credential
from services.intake.views import (
    AnswerShown,
    Applied,
    Child,
    Contradiction,
    Escalation,
    LinkMissing,
    MissedClock,
    Progress,
    QuestionShown,
    Recipient,
    Resolution,
    Retracted,
)

ANSWERED = ("decided", "undone")
"""Resolutions that wait for nobody; one that was undone has asked again as another."""

WAITED_FOR = ("waiting", "overdue")

LINKED_CHILD = "linked-child"
"""Why a person looks at a child whom the sender did not list (`services.directory.add_linked`)."""

any_news_total = Counter(
    "intake_any_news_total", "Reads of an event's progress while something was still to come"
)

# The newest row has the highest number, so that nothing is counted on the way of a read.
_ASKED = text("""
    select asked from intake.audit where object = :receipt and asked is not null
     order by asked desc limit 1""")

RECORDED_LATE = timedelta(days=1)
"""An event that reached the bus longer after it happened is shown as late to its sender."""

NO_CHILD_KNOWN = "no-child-known"
"""Of an incident that named adults only; a link that is asserted later may still find a child."""


async def read_progress(
    session: Session, receipt: UUID, reader: Credential, purpose: str, at: datetime
) -> Progress | None:
    """The progress of the reader's own event, with an audit row; None if it has no such event."""
    found = (await load_progress(session, [receipt], reader.organisation)).get(receipt)
    if found is None:
        return None
    shown = describe_progress(found, at)
    asked = int((await session.execute(_ASKED, {"receipt": str(receipt)})).scalar() or 0)
    news = may_have_news(shown)
    if news:
        asked += 1
        any_news_total.inc()
    subjects = sorted({str(row.child_id) for row in (*found.children, *found.notices)})
    await write_audit(
        session,
        Audit,
        actor=reader.organisation,
        credential=reader.id,
        operation="read-progress",
        objects=[(str(receipt), subject) for subject in subjects] or [(str(receipt), None)],
        purpose=purpose,
        more={"asked": asked if news else None},
    )
    return shown.model_copy(update={"asked": asked or None})


def may_have_news(progress: Progress) -> bool:
    """Whether something is still to come: somebody's confirmation, or a person's decision. To read
    it then is to ask "any news?"."""
    if any(one.state in WAITED_FOR for one in progress.resolutions):
        return True
    return any(line.doing not in SETTLED for child in progress.children
               for line in child.outstanding)  # fmt: skip


def describe_progress(rows: ProgressRows, at: datetime) -> Progress:
    """The read model's rows as the sender sees them."""
    event, children, notices, outcomes = rows.event, rows.children, rows.notices, rows.outcomes
    named = {(row.child_index, row.child_id): row.named for row in children}
    asked = tuple(_resolution(row) for row in rows.resolutions)
    lines, counts = find_outstanding(notices, lambda row: _is_named(row, named))
    described = tuple(
        one.model_copy(update={"outstanding": lines.get(one.index, ())})
        for one in _children(children, notices, asked, named)
    )
    applied = next((row for row in outcomes if row.kind == "applied"), None)
    retracted = next((row for row in outcomes if row.kind == "retracted"), None)
    if retracted is not None:
        state = "retracted"
    elif any(one.state not in ANSWERED for one in asked):
        state = "needs-person"
    elif applied is not None and not (children and applied.outcome == NO_CHILD_KNOWN):
        state = "applied"
    else:
        state = "addressed" if children else "accepted"
    return Progress(
        receipt=event.receipt,
        type=event.type,
        version=event.version,
        state=state,
        occurred_at=event.occurred_at,
        accepted_at=event.accepted_at,
        recorded_late=event.accepted_at - event.occurred_at > RECORDED_LATE or None,
        due_at=event.due_at,
        supersedes=event.supersedes,
        flags=tuple(Flag.model_validate(flag) for flag in event.flags),
        children=described,
        resolutions=asked,
        counts=counts,
        questions=_questions(rows.thread, notices, children, at),
        escalations=tuple(
            _escalation(row, _is_named(row, named)) for row in notices if row.escalated_at
        ),
        clocks=tuple(
            MissedClock(
                clock=row.clock,
                started_at=row.started_at,
                due_at=row.due_at,
                missed_at=row.missed_at,
            )
            for row in rows.clocks
        ),
        links_missing=tuple(
            _link(row) for row in rows.findings if row.kind == PersonLinkMissing.fact_type
        ),
        contradictions=tuple(
            _contradiction(row) for row in rows.findings if row.kind == RecordContradicts.fact_type
        ),
        applied=Applied(at=applied.at, outcome=applied.outcome) if applied is not None else None,
        retracted=Retracted(
            at=retracted.at, by_receipt=retracted.by_receipt, replaced_by=retracted.replaced_by
        )
        if retracted is not None
        else None,
    )


def _children(
    children: Sequence[Any],
    notices: Sequence[Any],
    asked: Sequence[Resolution],
    named: dict[tuple[int, UUID], bool],
) -> tuple[Child, ...]:
    open_for = {one.child_index for one in asked if one.state not in ANSWERED}
    addressed_at: dict[int, datetime] = {}
    for row in children:
        addressed_at.setdefault(row.child_index, row.addressed_at)
    told: dict[int, list[Recipient]] = {}
    for row in notices:
        told.setdefault(row.child_index, []).append(_recipient(row, _is_named(row, named)))
    known = {one.child_index for one in asked if one.child_index is not None}
    derived = {row.child_index for row in children if not row.listed}
    derived |= {one.child_index for one in asked if one.reason == LINKED_CHILD}
    return tuple(
        Child(
            index=index,
            derived=True if index in derived else None,
            state="needs-person" if index in open_for else "addressed",
            addressed_at=addressed_at.get(index),
            recipients=tuple(told.get(index, ())),
        )
        for index in sorted({*addressed_at, *told, *known})
        if index in open_for or index in addressed_at or index in told
    )


def _is_named(row: Any, named: dict[tuple[int, UUID], bool]) -> bool:
    """Not before the directory has said so: a notice may be heard of first."""
    return named.get((row.child_index, row.child_id), False)


def _recipient(row: Any, named: bool) -> Recipient:
    times = {state: at for state in STATES if (at := getattr(row, f"{state}_at")) is not None}
    state = list(times)[-1] if times else STATES[0]
    if state in CONFIRMED and declined(row):
        state = "declined"
    if row.reminded_at is not None:
        times["reminded"] = row.reminded_at
    return Recipient(
        line=line_of(row.notice),
        role=row.role,
        organisation=row.organisation if named else None,
        name=row.name if named else None,
        profile=row.profile,
        part=row.part,
        rung=row.rung,
        state=state,
        reason=row.reasons.get(state),
        times=times,
        told_by=row.reasons.get("telephoned_by"),
        told_to=row.reasons.get("telephoned_to"),
    )


def line_of(notice: UUID) -> str:
    """What names a recipient's notice to the sender, who is not told the notice's own id."""
    return hashlib.sha256(notice.bytes).hexdigest()[:16]


def _questions(
    thread: Sequence[tuple[Any, Sequence[Any]]],
    notices: Sequence[Any],
    children: Sequence[Any],
    at: datetime,
) -> tuple[QuestionShown, ...]:
    """What recipients ask; the words only where the recipient may be shown by name."""
    named = {(row.child_index, row.child_id): row.named for row in children}
    by_notice = {row.notice: row for row in notices}
    shown = []
    for one, answers in thread:
        row = by_notice[one.notice]
        known = _is_named(row, named)
        waiting = None if answers else int((at - one.asked_at).total_seconds() // 60)
        shown.append(
            QuestionShown(
                question=one.question,
                child_index=row.child_index,
                role=row.role,
                organisation=row.organisation if known else None,
                name=row.name if known else None,
                text=one.text if known else None,
                asked_at=one.asked_at,
                waiting_minutes=waiting,
                answers=tuple(
                    AnswerShown(text=said.text, by=said.answered_by, at=said.at) for said in answers
                ),
            )
        )
    return tuple(shown)


def _escalation(row: Any, named: bool) -> Escalation:
    return Escalation(
        child_index=row.child_index,
        from_role=row.role,
        from_organisation=row.organisation if named else None,
        to_role=row.next_role,
        to_organisation=row.next_organisation if named else None,
        at=row.escalated_at,
        reason=row.reasons.get("escalated"),
    )


def _link(row: Any) -> LinkMissing:
    return LinkMissing(
        finding=row.finding,
        child_index=row.child_index,
        adults=tuple(row.adults),
        state=state_of(row),
        raised_at=row.raised_at,
        answered_at=row.answered_at,
        withdrawn_at=row.withdrawn_at,
    )


def _contradiction(row: Any) -> Contradiction:
    return Contradiction(
        finding=row.finding,
        child_index=row.child_index,
        evidence=tuple(Evidence.model_validate(one) for one in row.evidence),
        state=state_of(row),
        raised_at=row.raised_at,
        answered_at=row.answered_at,
        withdrawn_at=row.withdrawn_at,
    )


def state_of(finding: Any) -> str:
    """What became of a finding: whatever was answered, withdrawn is the last word."""
    if finding.withdrawn_at is not None:
        return "withdrawn"
    return "open" if finding.answered_at is None else "answered"


def _resolution(row: Any) -> Resolution:
    state = "decided" if row.decided_at else "overdue" if row.overdue_at else "waiting"
    if row.undone_at is not None:
        state = "undone"
    return Resolution(
        child_index=row.child_index,
        state=state,
        reason=row.reason,
        since=row.needed_at,
        decide_by=row.decide_by,
        overdue_at=row.overdue_at,
        decided_at=row.decided_at,
        undone_at=row.undone_at,
        decision=row.decision,
    )
