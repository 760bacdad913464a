"""The rows that intake alone owns, schema `intake`: events, agencies, and progress by receipt.

An event's data is not here: it is stored once, in the log. Progress rows only ever gain times, each
the earliest told, so that facts may come in any order and more than once.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Identity, LargeBinary
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from chassis.audit import AuditRow
from chassis.credentials import CredentialRow
from chassis.outbound import OutboundRow

SCHEMA = "intake"
_IN_SCHEMA = {"schema": SCHEMA}


class Row(SQLModel, registry=registry()):
    """Gives the service a MetaData of its own."""


METADATA = Row.metadata


def _time() -> Any:
    return Field(default=None, sa_type=DateTime(timezone=True))


class EventRow(Row, table=True):
    """One accepted event. `key` is what orders its facts; `sender_id` is never shown in a URL."""

    __tablename__ = "event"
    __table_args__ = _IN_SCHEMA

    receipt: UUID = Field(primary_key=True)
    organisation: str
    credential: str
    source: str
    sender_id: str
    type: str
    version: int
    occurred_at: datetime = Field(sa_type=DateTime(timezone=True))
    accepted_at: datetime = Field(sa_type=DateTime(timezone=True))
    due_at: datetime | None = _time()
    content_hash: bytes = Field(sa_type=LargeBinary)
    key: str
    supersedes: UUID | None = None
    flags: list[dict[str, str]] = Field(sa_type=JSONB)


class Agency(Row, table=True):
    """Who may send; one source belongs to one agency, so that no other can use its ids."""

    __tablename__ = "agency"
    __table_args__ = _IN_SCHEMA

    organisation: str = Field(primary_key=True)
    name: str
    kind: str
    source: str = Field(unique=True)
    added_at: datetime = Field(sa_type=DateTime(timezone=True))


class Credential(CredentialRow, Row, table=True):
    """An agency's key. `sandbox`: it reaches the sandbox, and nothing that is real."""

    __tablename__ = "credential"
    __table_args__ = _IN_SCHEMA

    sandbox: bool = Field(default=False, sa_column_kwargs={"server_default": "false"})


class Audit(AuditRow, Row, table=True):
    """Who read which event's progress.

    `asked`: how often its sender had asked by then while something was still to come.
    """

    __tablename__ = "audit"
    __table_args__ = _IN_SCHEMA

    asked: int | None = None


class IdentityRow(Row, table=True):
    """One row: the mark of the secret from which every receipt in this database was derived."""

    __tablename__ = "identity"
    __table_args__ = _IN_SCHEMA

    only: bool = Field(default=True, primary_key=True)
    mark: str


class ProgressChild(Row, table=True):
    """A child of an event for whom it is known who must be told.

    `named`: its recipients may be shown by name; otherwise by role only (restricted identity, or a
    child whom the sender did not list).
    """

    __tablename__ = "progress_child"
    __table_args__ = _IN_SCHEMA

    receipt: UUID = Field(primary_key=True)
    child_index: int = Field(primary_key=True)
    child_id: UUID = Field(primary_key=True)
    named: bool
    listed: bool = Field(default=True, sa_column_kwargs={"server_default": "true"})
    addressed_at: datetime = Field(sa_type=DateTime(timezone=True))


class ProgressNotice(Row, table=True):
    """One recipient's notice: a time for each state it was in, the earliest.

    `confirmed_last_at` and `declined_last_at` are the latest: which of the two was the last word.
    """

    __tablename__ = "progress_notice"
    __table_args__ = _IN_SCHEMA

    notice: UUID = Field(primary_key=True)
    receipt: UUID
    child_index: int
    child_id: UUID
    part: str
    rung: int
    organisation: str
    name: str
    role: str
    profile: str
    accepted_at: datetime | None = _time()
    delivered_at: datetime | None = _time()
    opened_at: datetime | None = _time()
    acknowledged_at: datetime | None = _time()
    filed_at: datetime | None = _time()
    failed_at: datetime | None = _time()
    withheld_at: datetime | None = _time()
    superseded_at: datetime | None = _time()
    undelivered_at: datetime | None = _time()
    withdrawn_at: datetime | None = _time()
    escalated_at: datetime | None = _time()
    exhausted_at: datetime | None = _time()
    telephoned_at: datetime | None = _time()
    declined_at: datetime | None = _time()
    reminded_at: datetime | None = _time()
    deadline_at: datetime | None = _time()
    confirmed_last_at: datetime | None = _time()
    declined_last_at: datetime | None = _time()
    next_notice: UUID | None = None
    next_organisation: str | None = None
    next_role: str | None = None
    reasons: dict[str, str] = Field(default_factory=dict, sa_type=JSONB)


class Question(Row, table=True):
    """What a recipient asks the sender. Personal data: read by the sender alone, never logged."""

    __tablename__ = "question"
    __table_args__ = _IN_SCHEMA

    question: UUID = Field(primary_key=True)
    notice: UUID
    receipt: UUID
    child_id: UUID
    text: str
    asked_at: datetime = Field(sa_type=DateTime(timezone=True))


class Answer(Row, table=True):
    """What the sender answered."""

    __tablename__ = "answer"
    __table_args__ = _IN_SCHEMA

    answer: UUID = Field(primary_key=True)
    question: UUID
    receipt: UUID
    text: str
    answered_by: str
    at: datetime = Field(sa_type=DateTime(timezone=True))


class ProgressResolution(Row, table=True):
    """A question to a person: who the child is, or whether a text may be sent."""

    __tablename__ = "progress_resolution"
    __table_args__ = _IN_SCHEMA

    resolution: UUID = Field(primary_key=True)
    receipt: UUID
    child_index: int | None = None
    reason: str | None = None
    needed_at: datetime | None = _time()
    decide_by: datetime | None = _time()
    overdue_at: datetime | None = _time()
    decided_at: datetime | None = _time()
    undone_at: datetime | None = _time()
    decision: str | None = None


class ProgressOutcome(Row, table=True):
    """What became of the event as a whole: applied to the directory, or retracted by another."""

    __tablename__ = "progress_outcome"
    __table_args__ = _IN_SCHEMA

    receipt: UUID = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    by_receipt: UUID = Field(primary_key=True)
    at: datetime = Field(sa_type=DateTime(timezone=True))
    outcome: str | None = None
    replaced_by: UUID | None = None


class ProgressClock(Row, table=True):
    """A clock that ran out."""

    __tablename__ = "progress_clock"
    __table_args__ = _IN_SCHEMA

    receipt: UUID = Field(primary_key=True)
    clock: str = Field(primary_key=True)
    started_at: datetime = Field(sa_type=DateTime(timezone=True))
    due_at: datetime = Field(sa_type=DateTime(timezone=True))
    missed_at: datetime = Field(sa_type=DateTime(timezone=True))


class FindingRow(Row, table=True):
    """What was found of an agency's own record, until the agency answers."""

    __tablename__ = "finding"
    __table_args__ = _IN_SCHEMA

    finding: UUID = Field(primary_key=True)
    kind: str
    agency: str | None = None
    receipt: UUID | None = None
    child_index: int | None = None
    adults: list[int] = Field(sa_type=JSONB)
    records: list[str] = Field(default_factory=list, sa_type=JSONB)
    evidence: list[dict[str, str]] = Field(default_factory=list, sa_type=JSONB)
    raised_at: datetime | None = _time()
    answered_at: datetime | None = _time()
    withdrawn_at: datetime | None = _time()


class SandboxEvent(Row, table=True):
    """One event of a sandbox credential: how many children it named, and nothing else of it."""

    __tablename__ = "sandbox_event"
    __table_args__ = _IN_SCHEMA

    receipt: UUID = Field(primary_key=True)
    organisation: str
    source: str
    sender_id: str
    type: str
    version: int
    occurred_at: datetime = Field(sa_type=DateTime(timezone=True))
    accepted_at: datetime = Field(sa_type=DateTime(timezone=True))
    due_at: datetime | None = _time()
    content_hash: bytes = Field(sa_type=LargeBinary)
    supersedes: UUID | None = None
    flags: list[dict[str, str]] = Field(sa_type=JSONB)
    children: int


class RejectionRow(Row, table=True):
    """One refusal, for whoever sent what was refused; see `services.intake.keep_rejections`."""

    __tablename__ = "rejection"
    __table_args__ = _IN_SCHEMA

    sandbox: bool = False
    line: int | None = Field(
        default=None,
        primary_key=True,
        sa_type=BigInteger,
        sa_column_args=(Identity(always=True),),
    )
    organisation: str
    at: datetime = Field(sa_type=DateTime(timezone=True))
    status: int
    code: str
    type: str | None = None
    source: str | None = None
    sender_id: str | None = None
    errors: list[dict[str, str]] = Field(sa_type=JSONB)
    more_errors: int = 0


class Subscription(Row, table=True):
    """Where an organisation takes pushes of its own events' progress.

    The old key of a rotation signs beside the new one until `previous_until`. `pauses` counts those
    since it last did well: it is left alone until `paused_until`, then tried with one push.
    `failing_since`: of the first failure since then. `disabled_reason`: endpoint-gone (it answered
    410) or failing (for too long).
    """

    __tablename__ = "subscription"
    __table_args__ = _IN_SCHEMA

    id: UUID = Field(primary_key=True)
    organisation: str
    sandbox: bool = False
    url: str
    secret: str
    previous_secret: str | None = None
    previous_until: datetime | None = _time()
    added_at: datetime = Field(sa_type=DateTime(timezone=True))
    pauses: int = 0
    paused_until: datetime | None = _time()
    pushed_at: datetime | None = _time()
    failing_since: datetime | None = _time()
    last_outcome: str | None = None
    last_status: int | None = None
    disabled_at: datetime | None = _time()
    disabled_reason: str | None = None


class Push(OutboundRow, Row, table=True):
    """One event whose progress one subscription is told; on the queue whenever it may have changed.

    `version` rises with every change; `pushed` is the last that was told. `told`: a digest of each
    line as the receiver certainly has it, so that a push says only what is new.
    """

    __tablename__ = "push"
    __table_args__ = _IN_SCHEMA

    subscription: UUID
    receipt: UUID
    version: int = Field(sa_type=BigInteger)
    pushed: int = Field(default=0, sa_type=BigInteger)
    changed_at: datetime = Field(sa_type=DateTime(timezone=True))
    told: dict[str, str] = Field(default_factory=dict, sa_type=JSONB)


class CanaryTrip(Row, table=True):
    """One synthetic incident and how far it came; see `services.intake.canary`."""

    __tablename__ = "canary_trip"
    __table_args__ = _IN_SCHEMA

    id: str = Field(primary_key=True)
    receipt: UUID | None = None
    posted_at: datetime = Field(sa_type=DateTime(timezone=True))
    accepted_at: datetime | None = _time()
    delivered_at: datetime | None = _time()
    acknowledged_at: datetime | None = _time()
    returned_at: datetime | None = _time()


class CanaryNotice(Row, table=True):
    """A webhook that came to the canary's receiver, until it is acknowledged."""

    __tablename__ = "canary_notice"
    __table_args__ = _IN_SCHEMA

    notice: UUID = Field(primary_key=True)
    received_at: datetime = Field(sa_type=DateTime(timezone=True))
    receipt: UUID | None = None
    acknowledged_at: datetime | None = _time()


class CanaryState(Row, table=True):
    """One row: whether the canary is late or returns in time, and since when."""

    __tablename__ = "canary_state"
    __table_args__ = _IN_SCHEMA

    only: bool = Field(default=True, primary_key=True)
    state: str
    since: datetime = Field(sa_type=DateTime(timezone=True))
