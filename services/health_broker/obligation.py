"""One row per (event, child, recipient, profile, part): made, stored once, and logged."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert

from chassis.database import Session
from chassis.outbound import FAILED, WAITING
from chassis.telemetry import logger
from schemas.facts import Addressee, EventAddressed, notice_id
from services.health_broker.fhir.resources import derive_id
from services.health_broker.tables import Message

log = logger("health_broker.compose")

OVERTAKING = ("missing.reported", "missing.updated", "missing.found")
"""Events of which a peer is told before anything else that waits for it."""


def make_row(
    addressed: EventAddressed, recipient: Addressee, at: datetime, traceparent: str | None
) -> dict[str, Any]:
    """The row of an obligation, as it is if a message is composed for it."""
    notice = notice_id(
        addressed.receipt,
        addressed.child_id,
        recipient.organisation,
        recipient.profile,
        addressed.part,
        0,
        addressed.edition,
    )
    return {
        "id": notice,
        "state": WAITING,
        "due_at": text("clock_timestamp()"),
        "overtakes": addressed.event_type in OVERTAKING,
        # It has no calendars: of two alike, the one that arrived first is sent first.
        "turn_at": addressed.accepted_at,
        "ready": True,
        "attempts": 0,
        "settled_at": None,
        "receipt": addressed.receipt,
        "child_index": addressed.child_index,
        "child_id": addressed.child_id,
        "part": addressed.part,
        "organisation": recipient.organisation,
        "recipient_name": recipient.name,
        "role": recipient.role.value,
        "profile": recipient.profile.value,
        "event": None,
        "concern": addressed.receipt,
        "header": derive_id("MessageHeader", notice),
        "request_id": derive_id("X-Request-Id", notice),
        "correlation_id": derive_id("X-Correlation-Id", addressed.key),
        "body": None,
        "composed_at": at,
        "traceparent": traceparent,
        "reason": None,
    }


async def store_rows(session: Session, rows: Mapping[UUID, dict[str, Any]]) -> list[UUID]:
    """Insert what is new; the same obligation again changes nothing."""
    table = Message.__table__  # type: ignore[attr-defined]
    done = await session.execute(
        insert(table)
        .values(list(rows.values()))
        .on_conflict_do_nothing(index_elements=["id"])
        .returning(table.c.id)
    )
    new = {row[0] for row in done}
    return [notice for notice in rows if notice in new]


def log_stored(row: Mapping[str, Any]) -> None:
    """The one line of a composed obligation."""
    fields = {
        "notice": str(row["id"]),
        "organisation": row["organisation"],
        "profile": row["profile"],
        "state": row["state"],
        "reason": row["reason"],
    }
    if row["state"] == FAILED:
        log.error("message_not_composed", **fields, next="told as notice.failed; mend the cause")
    else:
        log.info("message_composed", **fields)
