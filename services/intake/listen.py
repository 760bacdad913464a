"""Hears what the directory, the notifier and the health broker say, and keeps it for the sender.

Facts come more than once and in any order across topics, so every row only gains: the earliest time
of each state, and what was not known before.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import TextClause

from bus import Fact, Park, Subscription
from chassis.database import Session
from schemas.facts import (
    FACTS,
    NOTICE_FACTS,
    ClockMissed,
    EventAddressed,
    EventApplied,
    EventRetracted,
    Finding,
    MailboxNotCollected,
    NoticeDeclined,
    NoticeEscalated,
    NoticeFact,
    NoticeQuestioned,
    NoticeTelephoned,
    QuestionAnswered,
    ResolutionDecided,
    ResolutionNeeded,
    ResolutionOverdue,
    ResolutionUndone,
    notice_id,
)
from services.intake.mark_changed import mark_changed
from services.intake.outstanding import CONFIRMED
from services.intake.settings import GATHER_SECONDS
from services.intake.tell_progress import (
    LATEST,
    TELL_CHILDREN,
    TELL_CLOCKS,
    TELL_FINDINGS,
    TELL_NOTICES,
    TELL_OUTCOMES,
    TELL_QUESTIONS,
    TELL_RESOLUTIONS,
)

TOPICS = ("addressed", "notices")
KNOWN = frozenset(name for name, fact in FACTS.items() if fact.topic in TOPICS)

Row = dict[str, Any]
T = TypeVar("T")

_STATE_OF = {fact: fact.fact_type.removeprefix("notice.") for fact in NOTICE_FACTS}


_NOTHING_FOUND: Row = {
    "receipt": None,
    "child_index": None,
    "adults": [],
    "records": [],
    "evidence": [],
}
_FINDING = {"finding", "agency", *_NOTHING_FOUND}

LINGER_SECONDS = 0.05
"""A sender looks at its event after seconds; facts that gather so long cost a tenth each."""


def subscription(gather_seconds: float = GATHER_SECONDS) -> Subscription:
    """Everything that is said of an event once it is accepted."""
    return Subscription(
        "intake-progress",
        TOPICS,
        partial(keep_progress, gather_seconds=gather_seconds),
        KNOWN,
        skips=frozenset({QuestionAnswered.fact_type, MailboxNotCollected.fact_type}),
        linger_seconds=LINGER_SECONDS,
    )


async def keep_progress(
    session: Session, facts: Sequence[Fact], gather_seconds: float = GATHER_SECONDS
) -> None:
    """Add what a batch of facts tells, one statement a table; the marks of what changed first."""
    told = Told()
    for fact in facts:
        told.hear(fact)
    await mark_changed(session, told.changed, gather_seconds)
    for statement, rows in told.statements():
        if rows:
            await session.execute(statement, {"rows": json.dumps(rows, default=_plain)})


class Told:
    """What a batch tells, one row per thing: a statement must not meet the same row twice."""

    def __init__(self) -> None:
        self.children: dict[tuple[UUID, int, UUID], Row] = {}
        self.notices: dict[UUID, Row] = {}
        self.resolutions: dict[UUID, Row] = {}
        self.outcomes: dict[tuple[UUID, str, UUID], Row] = {}
        self.clocks: dict[tuple[UUID, str], Row] = {}
        self.findings: dict[UUID, Row] = {}
        self.questions: dict[UUID, Row] = {}
        self.changed: dict[UUID, datetime] = {}

    def statements(self) -> list[tuple[TextClause, list[Row]]]:
        """Each statement with its rows."""
        return [
            (TELL_CHILDREN, list(self.children.values())),
            (TELL_NOTICES, list(self.notices.values())),
            (TELL_RESOLUTIONS, list(self.resolutions.values())),
            (TELL_OUTCOMES, list(self.outcomes.values())),
            (TELL_CLOCKS, list(self.clocks.values())),
            (TELL_FINDINGS, list(self.findings.values())),
            (TELL_QUESTIONS, list(self.questions.values())),
        ]

    def hear(self, fact: Fact) -> None:
        """Take one fact in; one that cannot be read is parked, for it never will be."""
        try:
            said = FACTS[fact.type].model_validate_json(fact.payload)
        except ValidationError:
            raise Park("unreadable") from None
        self._note_change(said, fact.at)
        match said:
            case NoticeFact():
                self._hear_notice(said)
            case EventAddressed():
                self._hear_addressed(said, fact.at)
            case ResolutionNeeded():
                self._hear_resolution(
                    said, reason=said.reason, needed_at=fact.at, decide_by=said.decide_by
                )
            case ResolutionOverdue():
                self._hear_resolution(
                    said, reason=said.reason, overdue_at=fact.at, decide_by=said.decide_by
                )
            case ResolutionDecided():
                self._hear_resolution(said, decided_at=said.decided_at, decision=said.decision)
            case ResolutionUndone():
                self._hear_resolution(said, undone_at=said.undone_at)
            case EventApplied():
                self._hear_outcome(said.receipt, "applied", said.receipt, said.at, said.outcome)
            case EventRetracted():
                self._hear_outcome(
                    said.retracts, "retracted", said.receipt, said.at, None, said.replaced_by
                )
            case Finding():
                self._hear_finding(said)
            case ClockMissed():
                row = {
                    "receipt": said.receipt,
                    "clock": said.clock,
                    "started_at": said.started_at,
                    "due_at": said.due_at,
                    "missed_at": fact.at,
                }
                _merge(self.clocks, (said.receipt, said.clock), row)
            case _:
                raise Park(f"{fact.type} is no part of progress")

    def _note_change(self, said: Any, at: datetime) -> None:
        """Of which event something is told: of the one that is retracted, not of its retraction."""
        # A finding may be of a file, and of no event.
        about = "retracts" if isinstance(said, EventRetracted) else "receipt"
        receipt: UUID | None = getattr(said, about, None)
        if receipt is not None:
            self.changed[receipt] = max(at, self.changed.get(receipt, at))

    def _hear_addressed(self, said: EventAddressed, at: datetime) -> None:
        # Where the register may not say who the child is, its recipients are shown by role only.
        child = {
            "receipt": said.receipt,
            "child_index": said.child_index,
            "child_id": said.child_id,
            # Nor where the sender may not know the child: by a link that is not its own.
            "named": said.identity is not None and not said.derived,
            "listed": not said.derived,
            "addressed_at": at,
        }
        _merge(self.children, (said.receipt, said.child_index, said.child_id), child)
        for to in said.recipients:
            notice = notice_id(
                said.receipt, said.child_id, to.organisation, to.profile, said.part, 0,
                said.edition,
            )  # fmt: skip
            row = {
                "notice": notice,
                "receipt": said.receipt,
                "child_index": said.child_index,
                "child_id": said.child_id,
                "part": said.part,
                "rung": 0,
                "organisation": to.organisation,
                "name": to.name,
                "role": to.role,
                "profile": to.profile,
                "accepted_at": at,
                "reasons": {},
            }
            if to.withheld is not None:
                row |= {"withheld_at": at, "reasons": {"withheld": to.withheld}}
            _merge(self.notices, notice, row)

    def _hear_notice(self, said: NoticeFact) -> None:
        state = _STATE_OF[type(said)]
        row: Row = {
            "notice": said.notice,
            "receipt": said.receipt,
            "child_index": said.child_index,
            "child_id": said.child_id,
            "part": said.part,
            "rung": said.rung,
            "organisation": said.organisation,
            "name": said.recipient_name,
            "role": said.role,
            "profile": said.profile,
            "deadline_at": said.deadline_at,
            "reasons": {state: said.reason} if said.reason is not None else {},
        }
        if isinstance(said, NoticeQuestioned):
            self.questions[said.question] = {
                "question": said.question,
                "notice": said.notice,
                "receipt": said.receipt,
                "child_id": said.child_id,
                "text": said.text,
                "asked_at": said.at,
            }
        else:
            row[f"{state}_at"] = said.at
        if state in CONFIRMED:
            row["confirmed_last_at"] = said.at
        if isinstance(said, NoticeDeclined):
            row["declined_last_at"] = said.at
        if isinstance(said, NoticeTelephoned):
            row["reasons"] |= {"telephoned_by": said.told_by, "telephoned_to": said.told_to}
        if isinstance(said, NoticeEscalated):
            row |= {
                "next_notice": said.next_notice,
                "next_organisation": said.next_organisation,
                "next_role": said.next_role,
            }
        _merge(self.notices, said.notice, row)

    def _hear_resolution(
        self,
        said: ResolutionNeeded | ResolutionOverdue | ResolutionDecided | ResolutionUndone,
        **columns: Any,
    ) -> None:
        row = {
            "resolution": said.resolution,
            "receipt": said.receipt,
            "child_index": said.child_index,
            **columns,
        }
        _merge(self.resolutions, said.resolution, row)

    def _hear_finding(self, said: Finding) -> None:
        if said.agency is None:
            return  # For the partnership's reviewers, who look in the directory.
        told = said.model_dump(mode="json", include=_FINDING)
        row = {**_NOTHING_FOUND, **told, "kind": said.fact_type, f"{said.state}_at": said.at}
        _merge(self.findings, said.finding, row)

    def _hear_outcome(
        self,
        receipt: UUID,
        kind: str,
        by_receipt: UUID,
        at: datetime,
        outcome: str | None,
        replaced_by: UUID | None = None,
    ) -> None:
        row = {
            "receipt": receipt,
            "kind": kind,
            "by_receipt": by_receipt,
            "at": at,
            "outcome": outcome,
            "replaced_by": replaced_by,
        }
        _merge(self.outcomes, (receipt, kind, by_receipt), row)


def _merge(rows: dict[T, Row], key: T, row: Row) -> None:
    """Join two tellings of one thing as the statements do: the earliest time, else the first."""
    before = rows.get(key)
    if before is None:
        rows[key] = row
        return
    for name, value in row.items():
        known = before.get(name)
        if known is None:
            before[name] = value
        elif isinstance(value, datetime):
            before[name] = max(known, value) if name in LATEST else min(known, value)
        elif isinstance(value, bool):
            before[name] = known and value
        elif isinstance(value, dict):
            before[name] = {**value, **known}


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
