"""Takes what peers send us: stored raw first, then read for what it confirms of a notice (step 7).

A message that confirms nothing of ours is parked for a person; none is ever lost or taken twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from prometheus_client import Counter
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from bus import append
from chassis.database import Session
from chassis.ids import new_id
from chassis.telemetry import logger
from schemas.facts import (
    NoticeAcknowledged,
    NoticeFact,
    NoticeFailed,
    NoticeFiled,
    NoticeOpened,
)
from services.health_broker.fhir import MessageRead
from services.health_broker.fhir.codes import RECEIPT_EVENTS
from services.health_broker.tables import Inbound, Receipt
from services.health_broker.tell import fact_about

log = logger("health_broker.collect")

inbound_total = Counter(
    "health_broker_inbound_total", "Messages from peers, by what became of them", ["state"]
)

State = Literal["taken", "parked", "refused"]

_FACTS: dict[str, type[NoticeFact]] = {
    "opened": NoticeOpened,
    "acknowledged": NoticeAcknowledged,
    "filed": NoticeFiled,
    "failed": NoticeFailed,
}


@dataclass(frozen=True, slots=True)
class Taken:
    """It is stored; `parked` says why a person must look at it, if so."""

    parked: str | None


@dataclass(frozen=True, slots=True)
class Duplicate:
    """It was stored before."""


async def take_message(
    session: Session, organisation: str, read: MessageRead, raw: bytes, at: datetime
) -> Taken | Duplicate:
    """Store a peer's message once and take from it what it confirms."""
    row, kind, parked = await _judge(session, organisation, read)
    inbound = new_id()
    stored = await session.execute(
        insert(Inbound)
        .values(
            id=inbound,
            organisation=organisation,
            sender_ods=read.sender_ods,
            header_id=read.header_id,
            received_at=at,
            state="taken" if parked is None else "parked",
            reason=parked,
            raw=raw,
        )
        .on_conflict_do_nothing(index_elements=["sender_ods", "header_id"])
        .returning(col(Inbound.id))
    )
    if stored.first() is None:
        return Duplicate()
    if row is not None and kind is not None:
        await _confirm(session, row, kind, inbound, at)
    return Taken(parked)


async def keep_refused(
    session: Session, organisation: str, sender_ods: str, raw: bytes, at: datetime
) -> None:
    """Keep a message that breaks a rule, so that nothing is lost if the rule was wrong.

    It keeps no id: mended, it may come again under the same.
    """
    await session.execute(
        insert(Inbound).values(
            id=new_id(),
            organisation=organisation,
            sender_ods=sender_ods,
            header_id=None,
            received_at=at,
            state="refused",
            reason="not-valid",
            raw=raw,
        )
    )


def tell_taken(organisation: str, state: State, reason: str | None) -> None:
    """After the commit: the one line of an inbound message."""
    inbound_total.labels(state).inc()
    fields = {"organisation": organisation, "state": state, "reason": reason}
    if state == "taken":
        log.info("peer_message_taken", **fields)
    else:
        log.error("peer_message_parked", **fields, next="a person must look: it is kept raw")


async def _judge(
    session: Session, organisation: str, read: MessageRead
) -> tuple[Mapping[Any, Any] | None, str | None, str | None]:
    """The message that it answers and what it confirms of it, or why a person must look."""
    if read.response is None:
        return None, None, "answers-nothing"
    row = await _find_message(session, organisation, read.response.identifier)
    if row is None:
        return None, None, "answers-no-message-of-ours"
    if read.response.code == "fatal-error":
        return row, "failed", None
    if read.response.code != "ok":
        return None, None, "not-done-yet"
    kind = "acknowledged" if read.event == row["event"] else RECEIPT_EVENTS.get(read.event or "")
    return (row, kind, None) if kind else (None, None, "unknown-event")


async def _find_message(
    session: Session, organisation: str, header: str
) -> Mapping[Any, Any] | None:
    """Only a message that went to this very organisation."""
    try:
        header_id = UUID(header)
    except ValueError:
        return None
    rows = await session.execute(
        text("""select * from health_broker.message
                 where header = :header and organisation = :organisation and body is not null"""),
        {"header": header_id, "organisation": organisation},
    )
    found: Mapping[Any, Any] | None = rows.mappings().first()
    return found


async def _confirm(
    session: Session, row: Mapping[Any, Any], kind: str, inbound: UUID, at: datetime
) -> None:
    """One receipt of each kind a notice, and its fact."""
    stored = await session.execute(
        insert(Receipt)
        .values(notice=row["id"], kind=kind, at=at, inbound=inbound)
        .on_conflict_do_nothing(index_elements=["notice", "kind"])
        .returning(col(Receipt.notice))
    )
    if stored.first() is not None:
        reason = "peer-reported-fatal-error" if kind == "failed" else None
        await append(session, fact_about(_FACTS[kind], row, at, reason=reason))
