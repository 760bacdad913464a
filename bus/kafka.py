"""The Kafka road: consumer groups with explicit offsets, committed after the effects are.

A crash between the two repeats messages, whose seen marks then stop a second effect. Every call to
the broker has a deadline of ours (`bus.deadline`), because the client's own calls may hang.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import (
    CommitFailedError,
    IllegalStateError,
    KafkaError,
    TopicAlreadyExistsError,
)
from prometheus_client import Counter

from bus.connections import connections_closed
from bus.consume import Consumer
from bus.deadline import within
from bus.ends import Ends
from bus.facts import Backlog, Fact, Subscription
from bus.settings import BusSettings
from chassis.clock import now
from chassis.database import Database
from chassis.telemetry import logger

log = logger("bus.kafka")

offsets_lost = Counter(
    "bus_offsets_out_of_range_total",
    "Partitions whose committed offset the broker no longer has: messages may be lost",
    ["group"],
)

POLL_MS = 500
POLL_HOLDING_MS = 100
CALL_SECONDS = 15.0
STOP_SECONDS = 3.0


class KafkaReader:
    """Reads the topics for one group until cancelled; a failure ends it, to be started anew."""

    def __init__(
        self, subscription: Subscription, database: Database, settings: BusSettings
    ) -> None:
        self._consumer = Consumer(subscription, database, settings)
        self._subscription = subscription
        self._settings = settings
        self._client: AIOKafkaConsumer | None = None
        self._ends = Ends()

    async def run(self) -> None:
        """Join, poll, handle, commit."""
        with connections_closed():
            await self._read()

    async def _read(self) -> None:
        settings = self._settings
        client = AIOKafkaConsumer(
            bootstrap_servers=settings.kafka_servers,
            group_id=settings.topic_prefix + self._subscription.group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=settings.session_timeout_ms,
            heartbeat_interval_ms=max(300, settings.session_timeout_ms // 3),
            max_poll_records=settings.batch_size,
            fetch_max_wait_ms=100,
            metadata_max_age_ms=30_000,
        )
        try:
            await within(CALL_SECONDS, client.start())
            client.subscribe(
                [settings.topic_prefix + topic for topic in self._subscription.topics],
                listener=_Assigned(client, self._subscription.group),
            )
            self._client = client
            while True:
                holding = await self._consumer.retry_due()
                if self._subscription.linger_seconds:
                    await asyncio.sleep(self._subscription.linger_seconds)
                poll_ms = POLL_HOLDING_MS if holding else POLL_MS
                records = await within(
                    CALL_SECONDS,
                    client.getmany(timeout_ms=poll_ms, max_records=settings.batch_size),
                )
                if not records:
                    continue
                read = [
                    _fact_of(record, settings.topic_prefix)
                    for partition in records.values()
                    for record in partition
                ]
                facts = [fact for fact in read if self._subscription.wants(fact)]
                if facts:
                    await self._consumer.take(facts)
                await self._commit(
                    client, {place: rows[-1].offset + 1 for place, rows in records.items()}
                )
        finally:
            self._client = None
            await _stop(client)

    async def backlog(self) -> Backlog:
        """What is on every partition and not committed by anybody of the group."""
        client = self._client
        if client is None:
            return self._ends.unknown(self._subscription.group)
        places = [
            TopicPartition(name, partition)
            for topic in self._subscription.topics
            for name in [self._settings.topic_prefix + topic]
            for partition in client.partitions_for_topic(name) or ()
        ]
        try:
            async with asyncio.timeout(CALL_SECONDS):
                ends = await client.end_offsets(places)
                committed = {place: await client.committed(place) or 0 for place in places}
        except (KafkaError, TimeoutError, IllegalStateError):
            return self._ends.unknown(self._subscription.group)
        return self._ends.compare(self._subscription.group, ends, committed)

    async def _commit(self, client: AIOKafkaConsumer, offsets: dict[TopicPartition, int]) -> None:
        """Commit what is still ours; what another owns now, it reads again and has seen."""
        mine = {place: at for place, at in offsets.items() if place in client.assignment()}
        if not mine:
            return
        try:
            await within(CALL_SECONDS, client.commit(mine))
        except (CommitFailedError, IllegalStateError):
            log.info("offsets_not_committed", group=self._subscription.group, next="rebalanced")


class _Assigned(ConsumerRebalanceListener):  # type: ignore[misc]
    """On assignment, says loudly when the broker has lost what was not yet read."""

    def __init__(self, client: AIOKafkaConsumer, group: str) -> None:
        self._client = client
        self._group = group

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        log.info("partitions_revoked", group=self._group, count=len(revoked))

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        log.info("partitions_assigned", group=self._group, count=len(assigned))
        if not assigned:
            return
        await within(CALL_SECONDS, self._compare(assigned))

    async def _compare(self, assigned: Sequence[TopicPartition]) -> None:
        first = await self._client.beginning_offsets(list(assigned))
        last = await self._client.end_offsets(list(assigned))
        for place in assigned:
            committed = await self._client.committed(place)
            if committed is not None and not first[place] <= committed <= last[place]:
                offsets_lost.labels(self._group).inc()
                log.error(
                    "offset_out_of_range",
                    group=self._group,
                    topic=place.topic,
                    partition=place.partition,
                    committed=committed,
                    next="reading from the earliest kept; compare with the log table",
                )


async def make_topics(settings: BusSettings, topics: Sequence[str]) -> None:
    """Make the topics with a fixed partition count; those that exist are left alone."""
    with connections_closed():
        await _make_topics(settings, topics)


async def _make_topics(settings: BusSettings, topics: Sequence[str]) -> None:
    client = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_servers)
    try:
        await within(CALL_SECONDS, client.start())
        there = set(await within(CALL_SECONDS, client.list_topics()))
        missing = [
            NewTopic(
                settings.topic_prefix + topic, settings.partitions, settings.replication_factor
            )
            for topic in topics
            if settings.topic_prefix + topic not in there
        ]
        if missing:
            try:
                await within(CALL_SECONDS, client.create_topics(missing))
            except TopicAlreadyExistsError:
                log.info("topics_there", next="another process made them")
    finally:
        await within(CALL_SECONDS, client.close())


async def check_broker(settings: BusSettings) -> None:
    """Raise when no broker answers."""
    with connections_closed():
        client = AIOKafkaAdminClient(
            bootstrap_servers=settings.kafka_servers, request_timeout_ms=1500
        )
        try:
            await within(1.5, client.start())
        finally:
            await within(1.5, client.close())


def headers_of(fact: Fact) -> list[tuple[str, bytes]]:
    """The CloudEvents headers of a fact (Kafka protocol binding, binary mode)."""
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", str(fact.id).encode()),
        ("ce_type", fact.type.encode()),
        ("ce_source", fact.source.encode()),
        ("ce_time", fact.at.isoformat().encode()),
        ("content-type", b"application/json"),
    ]
    if fact.traceparent:
        headers.append(("traceparent", fact.traceparent.encode()))
    return headers


def _fact_of(record: object, prefix: str) -> Fact:
    headers = {name: value.decode() for name, value in record.headers}  # type: ignore[attr-defined]
    time = headers.get("ce_time")
    return Fact(
        id=UUID(headers["ce_id"]),
        type=headers.get("ce_type", ""),
        topic=record.topic.removeprefix(prefix),  # type: ignore[attr-defined]
        key=(record.key or b"").decode(),  # type: ignore[attr-defined]
        payload=record.value or b"",  # type: ignore[attr-defined]
        source=headers.get("ce_source", ""),
        at=datetime.fromisoformat(time) if time else now(),
        traceparent=headers.get("traceparent"),
    )


async def _stop(client: AIOKafkaConsumer) -> None:
    """Stop within a deadline: the client's own stop can hang when the broker is away."""
    try:
        await within(STOP_SECONDS, client.stop())
    except (TimeoutError, KafkaError):
        log.warning("consumer_not_stopped", next="left behind; the group expires it")
        # Its fetching and its look for metadata would go on for ever, against closed connections.
        for part in (client._fetcher, client._client):
            if part is not None:
                with contextlib.suppress(TimeoutError, KafkaError):
                    await within(STOP_SECONDS, part.close())
