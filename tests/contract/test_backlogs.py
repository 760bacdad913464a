"""What a group has not handled yet can be told on both roads, by any process that reads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest

from bus import Backlog, BusSettings, Fact, Road, Subscription, append, open_road
from chassis.database import Database, Session
from chassis.process import running
from tests.support.bus_harness import make_fact
from tests.support.bus_worker import KNOWN, TOPICS
from tests.support.kafka import Broker
from tests.support.waiting import eventually


@asynccontextmanager
async def reading(
    database: Database, settings: BusSettings, gate: asyncio.Event, handled: list[Fact]
) -> AsyncIterator[Road]:
    """A group that handles facts while the gate is open."""

    async def handle(_: Session, facts: Sequence[Fact]) -> None:
        await gate.wait()
        handled.extend(facts)

    road = open_road(settings, database, TOPICS)
    readers = road.readers(database, Subscription("g", TOPICS, handle, KNOWN))
    async with running([*road.tasks(), *readers]):
        yield road


async def _tell_and_count(database: Database, settings: BusSettings) -> None:
    gate = asyncio.Event()
    gate.set()
    handled: list[Fact] = []
    async with reading(database, settings, gate, handled) as road:

        async def backlog() -> Backlog:
            [found] = await road.backlogs(["g"])
            return found

        async def has(waiting: int) -> bool:
            return (await backlog()).waiting == waiting

        assert await road.backlogs(["another"]) == []
        await _publish(database, 1)
        await eventually(lambda: bool(handled), 60.0, "the first is read")
        await eventually(lambda: has(0), 30.0, "and nothing waits")
        gate.clear()
        await _publish(database, 5)
        await eventually(lambda: has(5), 30.0, "five wait")

        async def has_aged() -> bool:
            found = await backlog()
            return found.oldest_seconds > 0.3 and found.still_seconds > 0.3

        await eventually(has_aged, 5.0, "the oldest grows old")
        gate.set()
        await eventually(lambda: has(0), 30.0, "all is read again")
        assert (await backlog()).oldest_seconds == 0


async def _publish(database: Database, count: int) -> None:
    async with database.transaction() as session:
        await append(session, *(make_fact(number) for number in range(count)))


async def test_on_the_embedded_log(database: Database) -> None:
    await _tell_and_count(database, BusSettings())


@pytest.mark.real_kafka
async def test_on_kafka(database: Database, kafka_broker: Broker) -> None:
    settings = BusSettings(
        url=f"kafka://{kafka_broker.bootstrap_servers}",
        topic_prefix=f"b{uuid4().hex[:8]}.",
        partitions=4,
        session_timeout_ms=6000,
    )
    await open_road(settings, database, TOPICS).make_topics()
    await _tell_and_count(database, settings)


async def test_a_reader_that_never_began_says_that_it_cannot_tell(database: Database) -> None:
    road = open_road(BusSettings(), database, TOPICS)

    async def handle(_: Session, __: Sequence[Fact]) -> None:
        raise AssertionError("it does not run")

    road.readers(database, Subscription("g", TOPICS, handle, KNOWN))
    [found] = await road.backlogs(["g"])
    assert found.waiting is None
