"""The rows that the health broker alone owns, schema `health_broker`.

`message` is one row per obligation and the queue at once; `attempt` is one row per sending.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Identity, LargeBinary
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from chassis.credentials import CredentialRow
from chassis.outbound import OutboundRow

SCHEMA = "health_broker"
_IN_SCHEMA = {"schema": SCHEMA}


class Row(SQLModel, registry=registry()):
    """Gives the service a MetaData of its own."""


METADATA = Row.metadata


class Message(OutboundRow, Row, table=True):
    """One obligation. `id` is the notice's; `body` is what is sent, the same at every attempt.

    `concern` is the receipt of the first event of its chain of restatements: the resources of all
    its messages have the same ids at the receiver. `reason` says why it is not, or not yet, done.
    """

    __tablename__ = "message"
    __table_args__ = _IN_SCHEMA

    line: int | None = Field(
        default=None, sa_type=BigInteger, sa_column_args=(Identity(always=True),)
    )
    receipt: UUID
    child_index: int
    child_id: UUID
    part: str
    organisation: str
    recipient_name: str
    role: str
    profile: str
    event: str | None = None
    concern: UUID
    header: UUID = Field(unique=True)
    request_id: UUID
    correlation_id: UUID
    body: bytes | None = Field(default=None, sa_type=LargeBinary)
    composed_at: datetime = Field(sa_type=DateTime(timezone=True))
    traceparent: str | None = None
    reason: str | None = None


class Attempt(Row, table=True):
    """One sending, whatever came of it; `counted` is false when it ended after its lease."""

    __tablename__ = "attempt"
    __table_args__ = _IN_SCHEMA

    id: UUID = Field(primary_key=True)
    notice: UUID = Field(index=True)
    number: int
    started_at: datetime = Field(sa_type=DateTime(timezone=True))
    seconds: float
    outcome: str
    status: int | None = None
    reason: str | None = None
    answer: bytes | None = Field(default=None, sa_type=LargeBinary)
    counted: bool


class Inbound(Row, table=True):
    """A message from a peer, raw as it came; refused ones keep no `header_id`, to come again."""

    __tablename__ = "inbound"
    __table_args__ = _IN_SCHEMA

    id: UUID = Field(primary_key=True)
    organisation: str
    sender_ods: str
    header_id: str | None = None
    received_at: datetime = Field(sa_type=DateTime(timezone=True))
    state: str
    reason: str | None = None
    raw: bytes = Field(sa_type=LargeBinary)


class Receipt(Row, table=True):
    """What a recipient confirmed of a notice: opened, acknowledged, filed; each once."""

    __tablename__ = "receipt"
    __table_args__ = _IN_SCHEMA

    notice: UUID = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    at: datetime = Field(sa_type=DateTime(timezone=True))
    inbound: UUID


class Standing(Row, table=True):
    """An event that must be told no further about a child (all zeros: about any child)."""

    __tablename__ = "standing"
    __table_args__ = _IN_SCHEMA

    receipt: UUID = Field(primary_key=True)
    child_id: UUID = Field(primary_key=True)
    reason: str
    by_receipt: UUID
    at: datetime = Field(sa_type=DateTime(timezone=True))


class Informed(Row, table=True):
    """Social care has its notice of this child of this event."""

    __tablename__ = "informed"
    __table_args__ = _IN_SCHEMA

    receipt: UUID = Field(primary_key=True)
    child_id: UUID = Field(primary_key=True)
    at: datetime = Field(sa_type=DateTime(timezone=True))


class KnownOrganisation(Row, table=True):
    """What the directory last said of an organisation; tells a new peer's kind and ODS code."""

    __tablename__ = "organisation"
    __table_args__ = _IN_SCHEMA

    id: str = Field(primary_key=True)
    kind: str
    name: str
    ods_code: str | None = None
    recorded_at: datetime = Field(sa_type=DateTime(timezone=True))


class Peer(Row, table=True):
    """A health system that takes FHIR messages. `token` is what we show it, if it asks for one."""

    __tablename__ = "peer"
    __table_args__ = _IN_SCHEMA

    organisation: str = Field(primary_key=True)
    base_url: str
    ods_code: str
    token: str | None = None
    added_at: datetime = Field(sa_type=DateTime(timezone=True))
    queue_opened_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))


class Credential(CredentialRow, Row, table=True):
    """The key with which a peer sends us its answers."""

    __tablename__ = "credential"
    __table_args__ = _IN_SCHEMA
