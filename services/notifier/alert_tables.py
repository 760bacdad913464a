"""The rows of alerts: whom to tell that notices wait, and what became of each alert."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Identity
from sqlmodel import Field

from chassis.outbound import OutboundRow
from services.notifier.tables import SCHEMA, Row

_IN_SCHEMA = {"schema": SCHEMA}


def _time() -> Any:
    return Field(sa_type=DateTime(timezone=True))


def _time_or_none() -> Any:
    return Field(default=None, sa_type=DateTime(timezone=True))


class Contact(Row, table=True):
    """A person or a rota that is told for an organisation; `role` None: of everything.

    `channel` is email or sms. Quiet hours are Europe/London, and may go over midnight. `failed_at`
    is when an alert failed last, until one succeeds; one that is not `active` is told nothing, and
    `disabled_reason` says why.
    """

    __tablename__ = "contact"
    __table_args__ = _IN_SCHEMA

    id: UUID = Field(primary_key=True)
    organisation: str
    role: str | None = None
    channel: str
    address: str
    quiet_from: time | None = None
    quiet_until: time | None = None
    added_at: datetime = _time()
    confirmed_at: datetime = _time()
    lapse_told_at: datetime | None = _time_or_none()
    failed_at: datetime | None = _time_or_none()
    failed_reason: str | None = None
    active: bool = True
    disabled_reason: str | None = None


class Alert(Row, table=True):
    """One message to one contact; at most one of a contact is gathering.

    `status`: gathering, sending, accepted (by the relay or Notify), delivered, bounced, failed,
    cancelled. `notices` is how many it says, fixed when it was closed.
    """

    __tablename__ = "alert"
    __table_args__ = _IN_SCHEMA

    id: UUID = Field(primary_key=True)
    contact: UUID
    status: str
    reason: str | None = None
    opened_at: datetime = _time()
    gather_until: datetime = _time()
    closed_at: datetime | None = _time_or_none()
    notices: int | None = None
    accepted_at: datetime | None = _time_or_none()
    ended_at: datetime | None = _time_or_none()


class AlertNotice(Row, table=True):
    """A notice of which a contact is to be told; `alert` None: not gathered yet."""

    __tablename__ = "alert_notice"
    __table_args__ = _IN_SCHEMA

    notice: UUID = Field(primary_key=True)
    contact: UUID = Field(primary_key=True)
    at: datetime = _time()
    alert: UUID | None = None


class AlertSending(OutboundRow, Row, table=True):
    """A closed alert on its way; `id` is the alert's, `channel` its contact's."""

    __tablename__ = "alert_sending"
    __table_args__ = _IN_SCHEMA

    channel: str


class AlertAttempt(Row, table=True):
    """One try to send an alert, whatever came of it; a `late` one changed nothing."""

    __tablename__ = "alert_attempt"
    __table_args__ = _IN_SCHEMA

    line: int | None = Field(
        default=None,
        primary_key=True,
        sa_type=BigInteger,
        sa_column_args=(Identity(always=True),),
    )
    alert: UUID
    number: int
    at: datetime = _time()
    milliseconds: int
    outcome: str
    late: bool


ALERT_TABLES = (Contact, Alert, AlertNotice, AlertSending, AlertAttempt)
