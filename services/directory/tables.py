"""The rows that the directory alone owns: people, organisations, and what was told about whom.

Only columns are said here; statements stand beside their steps, indexes in the migrations.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Identity, LargeBinary, MetaData, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, DOUBLE_PRECISION, JSONB
from sqlmodel import Field, SQLModel

from chassis.audit import AuditRow
from chassis.credentials import CredentialRow

SCHEMA = "directory"
metadata = MetaData()
_OPTIONS = {"schema": SCHEMA}
_At = DateTime(timezone=True)


class Organisation(SQLModel, table=True):
    """An organisation: `detail` restates it in full, the columns are what is looked up."""

    metadata = metadata
    __table_args__ = _OPTIONS

    id: str = Field(primary_key=True)
    kind: str
    name: str
    urn: str | None = None
    ukprn: str | None = None
    ods_code: str | None = None
    local_authority: str | None = None
    successor: str | None = None
    nursing_provider: str | None = None
    covers_postcodes: list[str] = Field(sa_type=ARRAY(Text))
    detail: dict[str, Any] = Field(sa_type=JSONB)
    stated_at: datetime = Field(sa_type=_At, description="An older statement changes nothing.")
    recorded_at: datetime = Field(sa_type=_At)


class Child(SQLModel, table=True):
    """A child of the register. A restricted one is matched by exact identifiers only."""

    metadata = metadata
    __table_args__ = _OPTIONS

    id: UUID = Field(primary_key=True)
    register_ref: str | None = None
    given_name: str
    family_name: str
    alternative_names: list[dict[str, str]] = Field(sa_type=JSONB)
    date_of_birth: date | None = None
    sex: str | None = None
    nhs_number: str | None = None
    nhs_verified: bool
    upn: str | None = None
    address: str | None = None
    postcode: str | None = None
    local_authority: str | None = None
    household: str | None = None
    responsible_authority: str | None = None
    restricted: bool
    guardian_given_name: str | None = None
    guardian_family_name: str | None = None
    recorded_at: datetime = Field(sa_type=_At)
    number: int = Field(default=0, description="Of the register's own, for keys.")
    withdrawn_at: datetime | None = Field(
        default=None, sa_type=_At, description="Registered by a decision that was undone."
    )
    withdrawn_by: UUID | None = Field(default=None, description="The resolution that was undone.")


class ChildRef(SQLModel, table=True):
    """By what a child is found again in the next file of the same source."""

    metadata = metadata
    __tablename__ = "child_ref"
    __table_args__ = _OPTIONS

    ref: str = Field(primary_key=True, description="`census:` and a UPN, say; never in a log.")
    child: UUID


class Recognition(SQLModel, table=True):
    """How a child was recognised whom nothing exact found: levels and weights, no values."""

    metadata = metadata
    __table_args__ = _OPTIONS

    id: UUID = Field(primary_key=True)
    receipt: UUID
    child_index: int
    status: str
    child: UUID | None = None
    probability: float = Field(sa_type=DOUBLE_PRECISION)
    margin: float = Field(sa_type=DOUBLE_PRECISION)
    steps: list[dict[str, Any]] = Field(sa_type=JSONB)
    matcher: str
    recognised_at: datetime = Field(sa_type=_At)


class ChildKey(SQLModel, table=True):
    """By what a child can be found besides its numbers; a restricted child has none."""

    metadata = metadata
    __tablename__ = "child_key"
    __table_args__ = _OPTIONS

    key: UUID = Field(primary_key=True)
    child: UUID = Field(primary_key=True)


class Enrolment(SQLModel, table=True):
    """Where a child is educated between two days; several may hold at once."""

    metadata = metadata
    __table_args__ = _OPTIONS

    id: int = Field(primary_key=True, sa_type=BigInteger, sa_column_args=(Identity(),))
    child: UUID
    organisation: str | None = None
    status: str
    from_date: date
    to_date: date | None = None
    receipt: UUID | None = Field(default=None, description="The event that said so; none: a file.")
    recorded_at: datetime = Field(sa_type=_At)
    ended_by: UUID | None = Field(default=None, description="The event that set `to_date`.")
    ended_before: date | None = Field(default=None, description="What `to_date` was until then.")


class Moved(SQLModel, table=True):
    """A child whose enrolments changed: whether recent events must be told to others is due."""

    metadata = metadata
    __table_args__ = _OPTIONS

    line: int = Field(primary_key=True, sa_type=BigInteger, sa_column_args=(Identity(always=True),))
    child: UUID
    moved_at: datetime = Field(sa_type=_At)


class Event(SQLModel, table=True):
    """An event as it was accepted, so that it can go on its way after a person decided."""

    metadata = metadata
    __table_args__ = _OPTIONS

    receipt: UUID = Field(primary_key=True)
    type: str
    sender: str
    occurred_at: datetime = Field(sa_type=_At)
    supersedes: UUID | None = None
    children: dict[str, str] = Field(sa_type=JSONB, description="Position → child.")
    accepted: bytes = Field(sa_type=LargeBinary, description="The fact, as it arrived.")
    traceparent: str | None = None
    recorded_at: datetime = Field(sa_type=_At)


class Addressed(SQLModel, table=True):
    """Who was told of which child of which event, and as what."""

    metadata = metadata
    __table_args__ = _OPTIONS

    receipt: UUID = Field(primary_key=True)
    child_id: UUID = Field(primary_key=True)
    organisation: str = Field(primary_key=True)
    profile: str = Field(primary_key=True)
    part: str = Field(primary_key=True)
    edition: int = Field(primary_key=True, description="How often it was taken back before.")
    child_index: int
    name: str
    role: str
    owner: str
    rule: str
    withheld: str | None = None
    addressed_at: datetime = Field(sa_type=_At)
    resolution: UUID | None = Field(default=None, description="The decision that caused it.")
    withdrawn_at: datetime | None = Field(default=None, sa_type=_At)
    withdrawn_because: str | None = None


class AnnouncedAgain(SQLModel, table=True):
    """What the notifier did not have, and how often it was announced again."""

    metadata = metadata
    __tablename__ = "announced_again"
    __table_args__ = _OPTIONS

    receipt: UUID = Field(primary_key=True)
    child_id: UUID = Field(primary_key=True)
    times: int
    announced_at: datetime = Field(sa_type=_At)


class Resolution(SQLModel, table=True):
    """A question to a person, with its clock, and the answer."""

    metadata = metadata
    __table_args__ = _OPTIONS

    id: UUID = Field(primary_key=True)
    receipt: UUID
    child_index: int | None = None
    child_id: UUID | None = None
    reason: str
    detail: list[str] = Field(sa_type=JSONB, description="Codes or pointers, nothing personal.")
    candidates: list[str] = Field(sa_type=JSONB, description="Ids of children.")
    pending: list[dict[str, Any]] = Field(sa_type=JSONB, description="Told once it is released.")
    recipients: list[dict[str, Any]] = Field(sa_type=JSONB, description="Who can act.")
    state: str
    queued_at: datetime = Field(sa_type=_At)
    decide_by: datetime = Field(sa_type=_At)
    overdue_at: datetime | None = Field(default=None, sa_type=_At)
    decision: str | None = None
    decided_child: UUID | None = None
    decided_reason: str | None = None
    decided_by: str | None = None
    decided_at: datetime | None = Field(default=None, sa_type=_At)
    reopens: UUID | None = Field(default=None, description="The resolution that was undone.")
    undone_reason: str | None = None
    undone_by: str | None = None
    undone_at: datetime | None = Field(default=None, sa_type=_At)


class Tombstone(SQLModel, table=True):
    """An event that must be told no further, whether or not it has arrived."""

    metadata = metadata
    __table_args__ = _OPTIONS

    receipt: UUID = Field(primary_key=True)
    by_receipt: UUID
    replaced: bool = Field(description="By a correction; otherwise it was retracted.")
    recorded_at: datetime = Field(sa_type=_At)


class Episode(SQLModel, table=True):
    """One time that a child was missing, however many reported it."""

    metadata = metadata
    __table_args__ = _OPTIONS

    id: UUID = Field(primary_key=True)
    child: UUID
    reports: list[UUID] = Field(sa_type=ARRAY(Uuid))
    opened_at: datetime = Field(sa_type=_At, description="When it was first reported.")
    closed_at: datetime | None = Field(default=None, sa_type=_At, description="When found.")
    found: UUID | None = Field(default=None, description="The receipt that closed it.")


class Allocation(SQLModel, table=True):
    """That a post of an agency has a child's case from a time on; the latest of an agency counts.

    Without an organisation the case is closed.
    """

    metadata = metadata
    __table_args__ = _OPTIONS

    receipt: UUID = Field(primary_key=True)
    child: UUID
    agency: str
    organisation: str | None = None
    role: str | None = None
    assigned_at: datetime = Field(sa_type=_At)
    occurred_at: datetime = Field(sa_type=_At)
    recorded_at: datetime = Field(sa_type=_At)


class Answered(SQLModel, table=True):
    """What social care said of a child of a referral, whether or not anybody was told of it."""

    metadata = metadata
    __table_args__ = _OPTIONS

    child_id: UUID = Field(primary_key=True)
    receipt: UUID = Field(primary_key=True)
    child_index: int


class Credential(CredentialRow, table=True):
    """The key of a reviewer."""

    metadata = metadata
    __table_args__ = _OPTIONS


class Audit(AuditRow, table=True):
    """Who read or decided what about whom."""

    metadata = metadata
    __table_args__ = _OPTIONS


TABLES: tuple[type[SQLModel], ...] = (
    Organisation,
    Child,
    ChildRef,
    ChildKey,
    Recognition,
    Enrolment,
    Moved,
    Event,
    Addressed,
    AnnouncedAgain,
    Resolution,
    Tombstone,
    Episode,
    Allocation,
    Answered,
    Credential,
    Audit,
)
"""Every table, for the test that compares them with the database."""
