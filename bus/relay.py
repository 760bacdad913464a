"""Carries the log to Kafka. One relay is active per log: the holder of a session advisory lock.

A chunk is sent whole or begun again: at the first failure the producer is discarded and the relay
resumes from its recorded position, so that within a key nothing later overtakes what failed.
Repeats are possible; readers' seen marks stop a second effect.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from prometheus_client import Counter, Gauge
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from bus.connections import connections_closed
from bus.deadline import within
from bus.facts import Fact
from bus.kafka import headers_of
from bus.log import LogWatch, read_log
from bus.settings import BusSettings
from chassis.database import Database, Session
from chassis.telemetry import logger

log = logger("bus.relay")

relayed = Counter("bus_relayed_total", "Facts carried to Kafka")
relay_leads = Gauge("bus_relay_leads", "1 where this process carries the log")

RELAY = "relay"
RELAY_LOCK = 0x5347_4255_5352_4C59
CHUNK = 500
CANDIDATE_SECONDS = 1.0
STOP_SECONDS = 2.0

_MAKE = text("insert into bus.cursors (reader) values (:reader) on conflict do nothing")
_LEAD = text("select pg_try_advisory_lock(:lock)")
_FIND = text("select position from bus.cursors where reader = :reader")
_MOVE = text("""update bus.cursors set position = :after, moved_at = clock_timestamp()
                 where reader = :reader and position = :before""")


class RelayFailedError(Exception):
    """The broker did not take a chunk in time, or another relay moved the position."""


class Relay:
    """Carries one database's log until cancelled; a failure ends it, to be started anew."""

    def __init__(
        self, database: Database, watch: LogWatch, settings: BusSettings, topics: tuple[str, ...]
    ) -> None:
        self._database = database
        self._watch = watch
        self._settings = settings
        self._topics = topics

    async def run(self) -> None:
        """Wait to lead, then carry. The lock and the position share one connection: when it is
        lost, the lead is lost and the position cannot move."""
        async with self._database.reading() as session:
            await session.execute(_MAKE, {"reader": RELAY})
            while not await _leads(session):  # noqa: ASYNC110 - PostgreSQL has no event for it
                await asyncio.sleep(CANDIDATE_SECONDS)
            relay_leads.set(1)
            try:
                with connections_closed():
                    await self._lead(session)
            finally:
                relay_leads.set(0)
                # The connection goes back to the pool, so its session lock must not stay.
                with contextlib.suppress(SQLAlchemyError):
                    await session.execute(text("select pg_advisory_unlock_all()"))

    async def _lead(self, session: Session) -> None:
        producer = self._producer()
        try:
            await within(self._settings.send_seconds, producer.start())
            await self._carry(session, producer)
        finally:
            await _discard(producer)

    async def _carry(self, session: Session, producer: AIOKafkaProducer) -> None:
        position: int = (await session.execute(_FIND, {"reader": RELAY})).scalar_one()
        while True:
            safe = await self._watch.beyond(position, self._settings.poll_seconds)
            rows = await read_log(session, self._topics, position, safe, CHUNK)
            if not rows:
                continue
            await self._send(producer, rows)
            after = rows[-1][0]
            values = {"reader": RELAY, "before": position, "after": after}
            if (await session.execute(_MOVE, values)).rowcount != 1:
                raise RelayFailedError("another relay moved the position")
            relayed.inc(len(rows))
            position = after

    async def _send(self, producer: AIOKafkaProducer, rows: Sequence[tuple[int, Fact]]) -> None:
        try:
            await within(self._settings.send_seconds, self._send_chunk(producer, rows))
        except (TimeoutError, KafkaError) as error:
            raise RelayFailedError("the broker did not take a chunk") from error

    async def _send_chunk(
        self, producer: AIOKafkaProducer, rows: Sequence[tuple[int, Fact]]
    ) -> None:
        waiting: list[asyncio.Future[object]] = []
        try:
            for _, fact in rows:
                sent = await producer.send(
                    self._settings.topic_prefix + fact.topic,
                    key=fact.key.encode(),
                    value=fact.payload,
                    headers=headers_of(fact),
                )
                waiting.append(sent)
            await asyncio.gather(*waiting)
        finally:
            # After a failure nobody asks what became of the others.
            for one in waiting:
                one.cancel()

    def _producer(self) -> AIOKafkaProducer:
        settings = self._settings
        return AIOKafkaProducer(
            bootstrap_servers=settings.kafka_servers,
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            max_batch_size=262_144,
            max_request_size=4_194_304,
            # Longer than a chunk's deadline, so that a batch never expires inside the client
            # while a later one of the same key goes through.
            request_timeout_ms=int(settings.send_seconds * 3000),
        )


async def _leads(session: Session) -> bool:
    """Whether this connection now holds the relay's lock."""
    return bool((await session.execute(_LEAD, {"lock": RELAY_LOCK})).scalar())


async def _discard(producer: AIOKafkaProducer) -> None:
    """End it for good; what it had not sent is sent again from the log.

    Its own `stop` first waits for all that is unsent, and left to itself it tries for ever: its old
    messages would then come between those that its successor sends once the broker is back, and
    turn keys round. So its sender is cancelled first, and what it holds is failed (the client has
    no public way to do either).
    """
    sender = producer._sender
    if sender is not None and sender.sender_task is not None:
        sender.sender_task.cancel()
    producer._message_accumulator.fail_all(RelayFailedError("discarded"))
    try:
        # A request that is on its way ends with its connection.
        await within(STOP_SECONDS, producer.client.close())
        await within(STOP_SECONDS, producer.stop())
    except (TimeoutError, KafkaError):
        log.warning("producer_not_stopped", next="left behind with nothing to send")
