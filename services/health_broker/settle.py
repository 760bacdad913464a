"""Settles what was sent: one row per attempt whatever happened, and the fact of what came of it.

A peer's queue opens with its first message that must go again, and clears when none must: one
alert each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from uuid import UUID

from prometheus_client import Counter, Gauge
from sqlalchemy import insert, text

from bus import Fact, append
from chassis import outbound
from chassis.database import Session
from chassis.ids import new_id
from chassis.outbound import Settlement
from chassis.telemetry import logger
from schemas.facts import NoticeDelivered, NoticeFailed
from services.health_broker.claim import Taken
from services.health_broker.outcome import (
    Delivered,
    Outcome,
    Refused,
    Unreachable,
    choose_delay,
)
from services.health_broker.settings import HealthBrokerSettings
from services.health_broker.tables import Attempt, Message
from services.health_broker.tell import fact_about

log = logger("health_broker.settle")

attempts_total = Counter(
    "health_broker_attempts_total", "Messages sent, by what came of it", ["outcome"]
)
queue_open = Gauge(
    "health_broker_peer_queue_open", "1 while a peer's messages must go again", ["organisation"]
)


@dataclass(frozen=True, slots=True)
class Sent:
    """One sending and what came of it; `answer` is raw."""

    taken: Taken
    outcome: Outcome
    started_at: datetime
    seconds: float
    status: int | None = None
    answer: bytes | None = None

    @property
    def ended_at(self) -> datetime:
        """When the answer was there, or given up."""
        return self.started_at + timedelta(seconds=self.seconds)


async def settle_messages(
    session: Session, sent: Sequence[Sent], settings: HealthBrokerSettings
) -> list[str]:
    """Record and settle; what ended after its lease is recorded and changes nothing else.

    Returns the peers whose queue opened: tell of them after the commit (`tell_queues`).
    """
    counted = await _settle_claims(session, sent, settings)
    facts: list[Fact] = []
    for one in sent:
        if one.taken.row["id"] in counted:
            facts += _tell(one)
    await _record_attempts(session, sent, counted)
    opened = await _open_queues(session, sent, counted)
    await append(session, *facts)
    return opened


async def _settle_claims(
    session: Session, sent: Sequence[Sent], settings: HealthBrokerSettings
) -> set[UUID]:
    counted: set[UUID] = set()

    def token_of(one: Sent) -> UUID:
        return one.taken.token

    for token, group in groupby(sorted(sent, key=token_of), key=token_of):
        settlements = [_settlement(one, settings) for one in group]
        counted |= await outbound.settle(session, Message, token, settlements)
    await session.execute(
        text("""update health_broker.message m set reason = s.reason
                  from unnest(cast(:ids as uuid[]), cast(:reasons as text[])) s(id, reason)
                 where m.id = s.id and m.id = any(:counted)"""),
        {
            "ids": [one.taken.row["id"] for one in sent],
            "reasons": [one.outcome.reason for one in sent],
            "counted": list(counted),
        },
    )
    return counted


def _settlement(one: Sent, settings: HealthBrokerSettings) -> Settlement:
    row = one.taken.row
    match one.outcome:
        case Delivered():
            return Settlement(row["id"], outbound.DONE)
        case Refused():
            return Settlement(row["id"], outbound.FAILED)
        case Unreachable(_, retry_after_seconds):
            delay = choose_delay(
                row["attempts"],
                retry_after_seconds,
                first_seconds=settings.retry_first_delay_seconds,
                last_seconds=settings.retry_last_delay_seconds,
                limit_seconds=settings.retry_after_limit_seconds,
            )
            return Settlement(row["id"], outbound.WAITING, delay)


def _tell(one: Sent) -> list[Fact]:
    row, ended_at = one.taken.row, one.ended_at
    match one.outcome:
        case Delivered():
            return [fact_about(NoticeDelivered, row, ended_at, attempt=row["attempts"])]
        case Refused(reason):
            return [fact_about(NoticeFailed, row, ended_at, attempt=row["attempts"], reason=reason)]
        case Unreachable():
            return []


async def _record_attempts(session: Session, sent: Sequence[Sent], counted: set[UUID]) -> None:
    rows = []
    for one in sent:
        row, outcome = one.taken.row, type(one.outcome).__name__.lower()
        attempts_total.labels(outcome).inc()
        fields = {
            "notice": row["id"],
            "number": row["attempts"],
            "outcome": outcome,
            "status": one.status,
            "reason": one.outcome.reason,
            "seconds": one.seconds,
            "counted": row["id"] in counted,
        }
        rows.append({"id": new_id(), "started_at": one.started_at, "answer": one.answer, **fields})
        report = log.error if isinstance(one.outcome, Refused) else log.info
        report(
            "message_attempted",
            organisation=row["organisation"],
            **{**fields, "notice": str(row["id"])},
        )
    await session.execute(insert(Attempt), rows)


async def _open_queues(session: Session, sent: Sequence[Sent], counted: set[UUID]) -> list[str]:
    waiting = {
        one.taken.row["organisation"]
        for one in sent
        if isinstance(one.outcome, Unreachable) and one.taken.row["id"] in counted
    }
    if not waiting:
        return []
    opened = await session.execute(
        text("""update health_broker.peer set queue_opened_at = clock_timestamp()
                 where organisation = any(:organisations) and queue_opened_at is null
                returning organisation"""),
        {"organisations": list(waiting)},
    )
    return [row[0] for row in opened]


async def clear_queues(session: Session) -> list[str]:
    """Clear the queue of every peer with no message that must go again; returns those peers."""
    cleared = await session.execute(
        text("""update health_broker.peer p set queue_opened_at = null
                 where queue_opened_at is not null and not exists (
                       select 1 from health_broker.message m
                        where m.organisation = p.organisation
                          and ((m.state = 'waiting' and m.attempts > 0)
                               or (m.state = 'claimed' and m.attempts > 1)))
                returning organisation""")
    )
    return [row[0] for row in cleared]


def tell_queues(opened: Sequence[str], cleared: Sequence[str]) -> None:
    """After the commit: one alert for each queue that opened, and one for each that cleared."""
    for organisation in opened:
        queue_open.labels(organisation).set(1)
        log.error(
            "peer_queue_opened",
            organisation=organisation,
            next="messages go again until the peer answers; see the attempts' reasons",
        )
    for organisation in cleared:
        queue_open.labels(organisation).set(0)
        log.warning("peer_queue_cleared", organisation=organisation, next="nothing to do")
