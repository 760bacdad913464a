"""Hears what the directory, the notifier and the health broker say, and keeps it for the sender.

Facts come more than once and in any order across topics, so every row only gains: the earliest time
of each state, and what was not known before.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import TextClause, text

from bus import Fact, Park, Subscription
from chassis.database import Session
from schemas.facts import (
    FACTS,
    NOTICE_FACTS,
    ClockMissed,
    EventAddressed,
    EventApplied,
    EventRetracted,
    NoticeEscalated,
    NoticeFact,
    ResolutionDecided,
    ResolutionNeeded,
    ResolutionOverdue,
    ResolutionUndone,
    notice_id,
)
from services.intake.progress import STATES

TOPICS = ("addressed", "notices")
KNOWN = frozenset(name for name, fact in FACTS.items() if fact.topic in TOPICS)

Row = dict[str, Any]
T = TypeVar("T")

_STATE_OF = {fact: fact.fact_type.removeprefix("notice.") for fact in NOTICE_FACTS}
_TIMES = tuple(f"{state}_at" for state in (*STATES, "escalated"))

_TELL_CHILDREN = text("""
    insert into intake.progress_child as p (receipt, child_index, child_id, named, addressed_at)
    select receipt, child_index, child_id, named, addressed_at
      from json_to_recordset(cast(:rows as json))
           as r(receipt uuid, child_index int, child_id uuid, named boolean,
                addressed_at timestamptz)
     order by receipt, child_index, child_id
    on conflict (receipt, child_index, child_id) do update
       set named = p.named and excluded.named,
           addressed_at = least(p.addressed_at, excluded.addressed_at)""")

_TELL_NOTICES = text(f"""
    insert into intake.progress_notice as p
           (notice, receipt, child_index, child_id, part, rung, organisation, name, role, profile,
            {", ".join(_TIMES)}, next_organisation, next_role, reasons)
    select notice, receipt, child_index, child_id, part, rung, organisation, name, role, profile,
           {", ".join(_TIMES)}, next_organisation, next_role, reasons
      from json_to_recordset(cast(:rows as json))
           as r(notice uuid, receipt uuid, child_index int, child_id uuid, part text, rung int,
                organisation text, name text, role text, profile text,
                {", ".join(f"{name} timestamptz" for name in _TIMES)},
                next_organisation text, next_role text, reasons jsonb)
     order by notice
    on conflict (notice) do update
       set {", ".join(f"{name} = least(p.{name}, excluded.{name})" for name in _TIMES)},
           next_organisation = coalesce(p.next_organisation, excluded.next_organisation),
           next_role = coalesce(p.next_role, excluded.next_role),
           reasons = excluded.reasons || p.reasons""")

_TELL_RESOLUTIONS = text("""
    insert into intake.progress_resolution as p
           (resolution, receipt, child_index, reason, needed_at, decide_by, overdue_at, decided_at,
            undone_at, decision)
    select resolution, receipt, child_index, reason, needed_at, decide_by, overdue_at, decided_at,
           undone_at, decision
      from json_to_recordset(cast(:rows as json))
           as r(resolution uuid, receipt uuid, child_index int, reason text, needed_at timestamptz,
                decide_by timestamptz, overdue_at timestamptz, decided_at timestamptz,
                undone_at timestamptz, decision text)
     order by resolution
    on conflict (resolution) do update
       set child_index = coalesce(p.child_index, excluded.child_index),
           reason = coalesce(p.reason, excluded.reason),
           needed_at = least(p.needed_at, excluded.needed_at),
           decide_by = least(p.decide_by, excluded.decide_by),
           overdue_at = least(p.overdue_at, excluded.overdue_at),
           decided_at = least(p.decided_at, excluded.decided_at),
           undone_at = least(p.undone_at, excluded.undone_at),
           decision = coalesce(p.decision, excluded.decision)""")

_TELL_OUTCOMES = text("""
    insert into intake.progress_outcome as p (receipt, kind, by_receipt, at, outcome, replaced_by)
    select receipt, kind, by_receipt, at, outcome, replaced_by
      from json_to_recordset(cast(:rows as json))
           as r(receipt uuid, kind text, by_receipt uuid, at timestamptz, outcome text,
                replaced_by uuid)
     order by receipt, kind, by_receipt
    on conflict (receipt, kind, by_receipt) do update
       set at = least(p.at, excluded.at),
           outcome = coalesce(p.outcome, excluded.outcome),
           replaced_by = coalesce(p.replaced_by, excluded.replaced_by)""")

_TELL_CLOCKS = text("""
    insert into intake.progress_clock as p (receipt, clock, started_at, due_at, missed_at)
    select receipt, clock, started_at, due_at, missed_at
      from json_to_recordset(cast(:rows as json))
           as r(receipt uuid, clock text, started_at timestamptz, due_at timestamptz,
                missed_at timestamptz)
     order by receipt, clock
    on conflict (receipt, clock) do update
       set missed_at = least(p.missed_at, excluded.missed_at)""")


LINGER_SECONDS = 0.05
"""A sender looks at its event after seconds; facts that gather so long cost a tenth each."""


def subscription() -> Subscription:
    """Everything that is said of an event once it is accepted."""
    return Subscription(
        "intake-progress", TOPICS, keep_progress, KNOWN, linger_seconds=LINGER_SECONDS
    )


async def keep_progress(session: Session, facts: Sequence[Fact]) -> None:
    """Add what a batch of facts tells, one statement a table."""
    told = Told()
    for fact in facts:
        told.hear(fact)
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

    def statements(self) -> list[tuple[TextClause, list[Row]]]:
        """Each statement with its rows."""
        return [
            (_TELL_CHILDREN, list(self.children.values())),
            (_TELL_NOTICES, list(self.notices.values())),
            (_TELL_RESOLUTIONS, list(self.resolutions.values())),
            (_TELL_OUTCOMES, list(self.outcomes.values())),
            (_TELL_CLOCKS, list(self.clocks.values())),
        ]

    def hear(self, fact: Fact) -> None:
        """Take one fact in; one that cannot be read is parked, for it never will be."""
        try:
            said = FACTS[fact.type].model_validate_json(fact.payload)
        except ValidationError:
            raise Park("unreadable") from None
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

    def _hear_addressed(self, said: EventAddressed, at: datetime) -> None:
        # Where the register may not say who the child is, its recipients are shown by role only.
        child = {
            "receipt": said.receipt,
            "child_index": said.child_index,
            "child_id": said.child_id,
            "named": said.identity is not None,
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
            f"{state}_at": said.at,
            "reasons": {state: said.reason} if said.reason is not None else {},
        }
        if isinstance(said, NoticeEscalated):
            row |= {"next_organisation": said.next_organisation, "next_role": said.next_role}
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
            before[name] = min(known, value)
        elif isinstance(value, bool):
            before[name] = known and value
        elif isinstance(value, dict):
            before[name] = {**value, **known}


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
