"""The rows that the notifier alone owns, schema `notifier`.

`obligation` is one row per (event, child, recipient, profile, part, rung), from composing to a
terminal state; `delivery` is the queue of webhooks, `attempt` one row per sending.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Identity
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from chassis.audit import AuditRow
from chassis.credentials import CredentialRow
from chassis.outbound import OutboundRow

SCHEMA = "notifier"
_IN_SCHEMA = {"schema": SCHEMA}


class Row(SQLModel, registry=registry()):
    """Gives the service a MetaData of its own."""


METADATA = Row.metadata


def _time() -> Any:
    return Field(sa_type=DateTime(timezone=True))


def _time_or_none() -> Any:
    return Field(default=None, sa_type=DateTime(timezone=True))


class Recipient(Row, table=True):
    """What the directory last said of an organisation: how it is reached, and who is next."""

    __tablename__ = "recipient"
    __table_args__ = _IN_SCHEMA

    id: str = Field(primary_key=True)
    kind: str
    name: str
    channel: str
    calendar: dict[str, Any] = Field(sa_type=JSONB)
    ladder: list[dict[str, str]] = Field(sa_type=JSONB)
    recorded_at: datetime = _time()


class Endpoint(Row, table=True):
    """Where an organisation takes webhooks; one enabled at a time. The old secret of a rotation
    signs beside the new one until `previous_until`."""

    __tablename__ = "endpoint"
    __table_args__ = _IN_SCHEMA

    id: UUID = Field(primary_key=True)
    organisation: str = Field(index=True)
    url: str
    secret: str
    previous_secret: str | None = None
    previous_until: datetime | None = _time_or_none()
    enabled: bool = True
    added_at: datetime = _time()


class Obligation(Row, table=True):
    """One recipient that must know one thing. `id` is `schemas.facts.notice_id`.

    `state`: waiting, delivered, opened, acknowledged, filed, failed, withheld, superseded.
    `watch` is its ladder: watching (until `watch_due_at`), climbed, exhausted, ended. The rungs of
    one ladder share `chain`, the id of the first; a rung that two ladders reached is `shared`.
    `number` is its place in the mailbox's cursor, given when it is first collected by cursor. Told
    by telephone counts as acknowledged (`acknowledged_at`); `state` goes on saying how far the
    notice itself came.
    """

    __tablename__ = "obligation"
    __table_args__ = _IN_SCHEMA

    id: UUID = Field(primary_key=True)
    receipt: UUID
    child_index: int
    child_id: UUID
    part: str
    rung: int
    chain: UUID
    shared: bool = False
    event_type: str
    happened_at: datetime = _time()
    organisation: str
    recipient_name: str
    role: str
    profile: str
    owner: str
    rule: str
    content: str | None = None
    state: str
    reason: str | None = None
    watch: str
    watch_due_at: datetime | None = _time_or_none()
    deadline_at: datetime | None = _time_or_none()
    composed_at: datetime = _time()
    sent_at: datetime | None = _time_or_none()
    delivered_at: datetime | None = _time_or_none()
    opened_at: datetime | None = _time_or_none()
    acknowledged_at: datetime | None = _time_or_none()
    acknowledged_by: str | None = None
    filed_at: datetime | None = _time_or_none()
    record_reference: str | None = None
    withdrawn_at: datetime | None = _time_or_none()
    number: int | None = Field(default=None, sa_type=BigInteger)
    telephoned_at: datetime | None = _time_or_none()
    telephoned_by: str | None = None
    telephoned_to: str | None = None
    declined_at: datetime | None = _time_or_none()
    decline_reason: str | None = None
    decline_text: str | None = None
    filing_reminded_at: datetime | None = _time_or_none()


class Mailbox(Row, table=True):
    """An organisation that pulls. Its row's lock is held while its notices are numbered.

    `pull_interval_minutes`: how often it says that it pulls, if it does; `lapsed_at`: since when it
    has not, and was escalated for it.
    """

    __tablename__ = "mailbox"
    __table_args__ = _IN_SCHEMA

    organisation: str = Field(primary_key=True)
    pull_interval_minutes: int | None = None
    last_pulled_at: datetime | None = _time_or_none()
    lapsed_at: datetime | None = _time_or_none()


class Question(Row, table=True):
    """What a recipient asks the sender of one notice. Personal data: never logged."""

    __tablename__ = "question"
    __table_args__ = _IN_SCHEMA

    id: UUID = Field(primary_key=True)
    notice: UUID
    receipt: UUID
    child_id: UUID
    organisation: str
    text: str
    asked_by: str
    asked_at: datetime = _time()
    answered_at: datetime | None = _time_or_none()


class Answer(Row, table=True):
    """What the sender answered."""

    __tablename__ = "answer"
    __table_args__ = _IN_SCHEMA

    id: UUID = Field(primary_key=True)
    question: UUID
    text: str
    answered_by: str
    at: datetime = _time()


class Delivery(OutboundRow, Row, table=True):
    """One obligation on its way to a webhook; `id` is the obligation's."""

    __tablename__ = "delivery"
    __table_args__ = _IN_SCHEMA

    endpoint: UUID
    composed_at: datetime = _time()


class Attempt(Row, table=True):
    """One sending, whatever came of it; a `late` one ended after its lease and changed nothing."""

    __tablename__ = "attempt"
    __table_args__ = _IN_SCHEMA

    line: int | None = Field(
        default=None,
        primary_key=True,
        sa_type=BigInteger,
        sa_column_args=(Identity(always=True),),
    )
    notice: UUID = Field(index=True)
    endpoint: UUID
    number: int
    at: datetime = _time()
    milliseconds: int
    outcome: str
    status: int | None = None
    late: bool


class Standing(Row, table=True):
    """What overtakes a notice, kept also when it came first.

    `kind` retracted, superseded or closed: of the receipt, for a child (all zeros: every child).
    `kind` found: the child was found `at`; reports of before are told no further.
    """

    __tablename__ = "standing"
    __table_args__ = _IN_SCHEMA

    receipt: UUID = Field(primary_key=True)
    child_id: UUID = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    at: datetime = _time()
    by_receipt: UUID


class Early(Row, table=True):
    """What the health broker said of a notice that is not composed here yet."""

    __tablename__ = "early"
    __table_args__ = _IN_SCHEMA

    notice: UUID = Field(primary_key=True)
    state: str = Field(primary_key=True)
    at: datetime = _time()
    reason: str | None = None


class Clock(Row, table=True):
    """A decision that the law expects in time: started by a referral, stopped by its decision."""

    __tablename__ = "clock"
    __table_args__ = _IN_SCHEMA

    receipt: UUID = Field(primary_key=True)
    name: str
    key: str
    started_at: datetime = _time()
    due_at: datetime = _time()
    stopped_at: datetime | None = _time_or_none()
    missed_at: datetime | None = _time_or_none()


class Credential(CredentialRow, Row, table=True):
    """The key with which a recipient's system reads its notices; `scopes` may name many schools."""

    __tablename__ = "credential"
    __table_args__ = _IN_SCHEMA


class Audit(AuditRow, Row, table=True):
    """Who read or confirmed which notice."""

    __tablename__ = "audit"
    __table_args__ = _IN_SCHEMA
