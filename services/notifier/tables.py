"""The rows that the notifier alone owns, schema `notifier`.

`obligation` is one row per (event, child, recipient, profile, part, rung), from composing to a
terminal state; `delivery` is the queue of webhooks, `attempt` one row per sending.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Identity, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
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
    """What the directory last said of an organisation: how it is reached, and who is next.

    `ladder` is for every profile without one of its own in `ladders`; `availability` says who
    stands in and when nobody is called. The organisation itself confirms all of it now and then;
    `ladder_asked_at` is when it was last said that it had not. `ladder_defects`: see
    `judge_ladder`; what was recorded since is not judged yet.
    """

    __tablename__ = "recipient"
    __table_args__ = _IN_SCHEMA

    id: str = Field(primary_key=True)
    kind: str
    name: str
    channel: str
    calendar: dict[str, Any] = Field(sa_type=JSONB)
    ladder: list[dict[str, Any]] = Field(sa_type=JSONB)
    ladders: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSONB)
    availability: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB)
    recorded_at: datetime = _time()
    known_since: datetime = _time()
    ladder_confirmed_at: datetime | None = _time_or_none()
    ladder_confirmed_by: str | None = None
    ladder_asked_at: datetime | None = _time_or_none()
    ladder_judged_at: datetime | None = _time_or_none()
    ladder_defects: list[str] = Field(default_factory=list, sa_type=ARRAY(Text))


class Endpoint(Row, table=True):
    """Where an organisation takes webhooks; one enabled at a time.

    The old key of a rotation signs beside the new one until `previous_until`, whichever kinds they
    are. `per_second` is how often it may be sent to (empty: as often as it can take), `slot_at`
    when the next request is due by that. `pauses` counts those since it last did well: it is left
    alone until `paused_until`, and then tried with one request. `disabled_reason`: gone (it
    answered 410), removed, replaced.
    """

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
    per_second: int | None = None
    slot_at: datetime | None = _time_or_none()
    pauses: int = 0
    paused_until: datetime | None = _time_or_none()
    paused_reason: str | None = None
    disabled_at: datetime | None = _time_or_none()
    disabled_reason: str | None = None


class Obligation(Row, table=True):
    """One recipient that must know one thing. `id` is `schemas.facts.notice_id`.

    `state`: waiting, delivered, opened, acknowledged, filed, failed, withheld, superseded.
    `watch` is its ladder: watching (until `watch_due_at`), climbed, exhausted, ended. The rungs of
    one ladder share `chain`, the id of the first; a rung that two ladders reached is `shared`.
    `happened_at` and `accepted_at`: when it happened, and when the bus had it. Where a school is
    closed, `show_again_at` is when its notice comes once more, as one that is `again_of` it.
    Who stands in for the first has its rung too, 0. A later rung is given `given_minutes` from when
    it was really sent, and at least until `given_until`. `deferred_at`: its deadline passed, and
    the next waits for the end of quiet hours.
    Where a child was reallocated, `reallocated_by` is the assignment: the former worker's notice
    ended with it, `reallocated_to` the new one's, which is `reallocated_from` the first of all.
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
    accepted_at: datetime | None = _time_or_none()
    organisation: str
    recipient_name: str
    role: str
    profile: str
    owner: str
    rule: str
    stands_in_for: str | None = None
    content: str | None = None
    state: str
    reason: str | None = None
    watch: str
    given_minutes: float | None = None
    given_until: datetime | None = _time_or_none()
    deferred_at: datetime | None = _time_or_none()
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
    overtakes: bool = False
    show_again_at: datetime | None = _time_or_none()
    again_of: UUID | None = None
    number: int | None = Field(default=None, sa_type=BigInteger)
    telephoned_at: datetime | None = _time_or_none()
    telephoned_by: str | None = None
    telephoned_to: str | None = None
    declined_at: datetime | None = _time_or_none()
    decline_reason: str | None = None
    decline_text: str | None = None
    filing_reminded_at: datetime | None = _time_or_none()
    reallocated_by: UUID | None = None
    reallocated_from: UUID | None = None
    reallocated_to: UUID | None = None


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
    """One obligation on its way to a webhook; `id` is the obligation's.

    `replayed_at`: when its recipient last asked for it again; `test`: it is nobody's notice.
    """

    __tablename__ = "delivery"
    __table_args__ = _IN_SCHEMA

    endpoint: UUID
    composed_at: datetime = _time()
    replayed_at: datetime | None = _time_or_none()
    test: bool = False


class Attempt(Row, table=True):
    """One sending, whatever came of it; a `late` one ended after its lease and changed nothing.

    `headers`: those of the answer that `chassis.answer_headers` names. Forgotten after a while.
    """

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
    headers: dict[str, str] | None = Field(default=None, sa_type=JSONB)


class Relieved(Row, table=True):
    """An assignment that ended with a later one, `by_receipt`: who has the child since."""

    __tablename__ = "relieved"
    __table_args__ = _IN_SCHEMA

    assignment: UUID = Field(primary_key=True)
    by_receipt: UUID = Field(primary_key=True)
    organisation: str
    name: str
    assigned_at: datetime = _time()


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


class PolicyLine(Row, table=True):
    """One line of the partnership's policy table, as the directory last said it: only to say why
    somebody is told. Nothing here decides."""

    __tablename__ = "policy_line"
    __table_args__ = _IN_SCHEMA

    rule: str = Field(primary_key=True)
    event_type: str
    recipient: str
    condition: str
    profile: str
    kinds: list[str] = Field(sa_type=ARRAY(Text))
    recorded_at: datetime = _time()


class Early(Row, table=True):
    """What the health broker said of a notice that is not composed here yet."""

    __tablename__ = "early"
    __table_args__ = _IN_SCHEMA

    notice: UUID = Field(primary_key=True)
    state: str = Field(primary_key=True)
    at: datetime = _time()
    reason: str | None = None


class Clock(Row, table=True):
    """What the law or local rules expect in time, of an event or (`child_id`) of one child of it.

    `started_at` is null while only a word about the clock was heard. `half_at`, `missed_at`: when
    it was told that half of it, or all, is over."""

    __tablename__ = "clock"
    __table_args__ = _IN_SCHEMA

    receipt: UUID = Field(primary_key=True)
    name: str = Field(primary_key=True)
    child_id: UUID = Field(primary_key=True)
    key: str
    started_at: datetime | None = _time_or_none()
    due_at: datetime | None = _time_or_none()
    half_due_at: datetime | None = _time_or_none()
    half_at: datetime | None = _time_or_none()
    grade: str | None = None
    graded_at: datetime | None = _time_or_none()
    stopped_at: datetime | None = _time_or_none()
    missed_at: datetime | None = _time_or_none()


class Credential(CredentialRow, Row, table=True):
    """The key with which a recipient's system reads its notices; `scopes` may name many schools.

    `rights`: what it may do besides, of what is given by name only (`permissions.GIVEN_BY_NAME`).
    """

    __tablename__ = "credential"
    __table_args__ = _IN_SCHEMA

    rights: list[str] = Field(default_factory=list, sa_type=ARRAY(Text))


class Audit(AuditRow, Row, table=True):
    """Who read or confirmed which notice."""

    __tablename__ = "audit"
    __table_args__ = _IN_SCHEMA
