"""`python -m services.notifier bounce`: a mail system hands over a report that an alert bounced.

It reads RFC 3464 delivery status notifications. The alert is found by the Message-ID of the mail
that the report sends back, which every alert has of its own. The same report again changes nothing.
"""

from __future__ import annotations

import email
from dataclasses import dataclass
from datetime import datetime
from email.message import Message
from email.parser import HeaderParser
from enum import IntEnum
from typing import Literal
from uuid import UUID

from chassis.database import Session
from chassis.telemetry import logger
from services.notifier.channels.alert import is_of_address
from services.notifier.fail_alert import fail_alert, is_alert, note_arrival

log = logger("notifier.bounce")

LIMIT_BYTES = 1_000_000

Action = Literal["failed", "delivered", "other"]


class Exit(IntEnum):
    """What the mail system is told, by sysexits.h."""

    DONE = 0
    UNREADABLE = 65
    TRY_AGAIN = 75


@dataclass(frozen=True, slots=True)
class Report:
    """What a report says of one alert. `status` as in RFC 3463, such as 5.1.1."""

    alert: UUID
    action: Action
    status: str


def read_report(raw: bytes) -> Report | None:
    """The report, or None when it is none, or of a mail that is not an alert of ours."""
    message = email.message_from_bytes(raw[:LIMIT_BYTES])
    if message.get_content_type() != "multipart/report" or not message.is_multipart():
        return None
    alert: UUID | None = None
    action: Action = "other"
    status = ""
    for part in message.walk():
        if part.get_content_type() == "message/delivery-status":
            for block in _blocks(part):
                said = _action(block)
                # One alert has one address; if several are told of, the worst counts.
                if said is not None and (said == "failed" or action == "other"):
                    action, status = said, _status(block)
        alert = alert or _alert(part)
    return Report(alert, action, status) if alert is not None else None


async def record_bounce(session: Session, report: Report, at: datetime) -> bool:
    """Write down what a report says, in the caller's transaction. False: no such alert.

    Where the status says that the address is wrong, its contact is disabled; else (the mailbox is
    full, the mail system gave up) the contact is only marked.
    """
    if not await is_alert(session, report.alert):
        return False
    if report.action == "failed":
        wrong = is_of_address(report.status)
        reason = "address-bounced" if wrong else "bounced"
        await fail_alert(session, report.alert, "bounced", reason, at, disables=wrong)
    elif report.action == "delivered":
        await note_arrival(session, report.alert, at)
    return True


def _blocks(part: Message) -> list[Message]:
    """The messages inside a part: of a report one for each recipient, of a mail the mail."""
    inner = part.get_payload()
    return [one for one in inner if isinstance(one, Message)] if isinstance(inner, list) else []


def _action(block: Message) -> Action | None:
    said = str(block.get("Action", "")).strip().lower()
    if not said:
        return None
    return "failed" if said == "failed" else "delivered" if said == "delivered" else "other"


def _status(block: Message) -> str:
    # RFC 3464 lets a comment follow.
    return str(block.get("Status", "")).split("(")[0].strip()


def _alert(part: Message) -> UUID | None:
    if part.get_content_type() == "message/rfc822":
        headers = next(iter(_blocks(part)), None)
    elif part.get_content_type() == "text/rfc822-headers":
        payload = part.get_payload(decode=True)
        text_of = payload.decode("ascii", "replace") if isinstance(payload, bytes) else ""
        headers = HeaderParser().parsestr(text_of)
    else:
        return None
    said = str(headers.get("Message-ID", "")) if headers is not None else ""
    try:
        return UUID(said.strip().lstrip("<").partition("@")[0])
    except ValueError:
        return None
