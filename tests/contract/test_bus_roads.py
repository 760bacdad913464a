"""The bus contract on both roads, and what only one of them can suffer."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from bus import BusSettings, Fact, open_road
from chassis.database import Database, is_away
from deploy.laptop.postgres import EmbeddedPostgres
from deploy.migrate import migrate_everything
from tests.contract.bus_contract import BusContract, CrashContract
from tests.support.bus_harness import Harness, make_fact, recording
from tests.support.bus_worker import EFFECTS, TOPICS
from tests.support.kafka import Broker, connections_to
from tests.support.postgres import Cluster, open_database, system_binaries
from tests.support.processes import free_port
from tests.support.waiting import eventually

BROKER_AWAY_SECONDS = 60.0


async def _harness(database: Database, url: str, settings: BusSettings) -> AsyncGenerator[Harness]:
    async with database.transaction() as session:
        await session.execute(text(EFFECTS))
    harness = Harness(database, url, settings)
    yield harness
    harness.end_workers()


@pytest.fixture
async def on_log(database: Database, database_url: str) -> AsyncIterator[Harness]:
    """The embedded log."""
    async for harness in _harness(database, database_url, BusSettings()):
        yield harness


@pytest.fixture
async def on_kafka(
    database: Database, database_url: str, kafka_broker: Broker
) -> AsyncIterator[Harness]:
    """Kafka, with topics of the test's own."""
    settings = BusSettings(
        url=f"kafka://{kafka_broker.bootstrap_servers}",
        topic_prefix=f"t{uuid4().hex[:8]}.",
        partitions=4,
        session_timeout_ms=6000,
    )
    if kafka_broker.is_real:  # The mock makes topics by itself, and cannot be asked to.
        await open_road(settings, database, TOPICS).make_topics()
    async for harness in _harness(database, database_url, settings):
        yield harness


class TestOnTheEmbeddedLog(BusContract, CrashContract):
    """Read straight from PostgreSQL."""

    @pytest.fixture
    def harness(self, on_log: Harness) -> Harness:
        return on_log


class TestOnTheSystemsPostgres(BusContract):
    """The same on an older server: the newest would hide a feature that it lacks."""

    @pytest.fixture
    async def harness(self, systems_server: str) -> AsyncIterator[Harness]:
        name = f"bus_{uuid4().hex[:8]}"
        owner = Cluster(systems_server)
        owner.execute(f"create database {name}")
        migrate_everything(owner.url(name))
        async with open_database(owner.url(name)) as database:
            async for harness in _harness(database, owner.url(name), BusSettings()):
                yield harness


class TestOnKafka(BusContract):
    """Carried by the relay, read from Kafka."""

    @pytest.fixture
    def harness(self, on_kafka: Harness) -> Harness:
        return on_kafka


@pytest.mark.real_kafka
class TestCrashesOnKafka(CrashContract):
    """What the mock brokers cannot show."""

    @pytest.fixture
    def harness(self, on_kafka: Harness) -> Harness:
        return on_kafka

    async def test_a_broker_that_goes_away_for_a_minute_loses_and_repeats_nothing(
        self, harness: Harness, kafka_broker: Broker
    ) -> None:
        if kafka_broker.kill is None or kafka_broker.start is None:
            pytest.fail("this broker cannot be killed: run against one of the suite's own")
        async with harness.listening(g=recording("g")):
            facts = await harness.publish_many(keys=8, per_key=10)
            publishing = asyncio.create_task(
                harness.publish_many(keys=8, per_key=60, pause_seconds=1.0, first_number=10)
            )
            await asyncio.to_thread(kafka_broker.kill)
            await asyncio.sleep(BROKER_AWAY_SECONDS)
            await asyncio.to_thread(kafka_broker.start)
            facts += await publishing
            await eventually(lambda: harness.has_effects("g", len(facts)), 60)
        await harness.reconcile("g", facts)
        assert connections_to(kafka_broker.bootstrap_servers) == []

    async def test_a_reader_stopped_while_the_broker_is_away_leaves_no_connection(
        self, harness: Harness, kafka_broker: Broker
    ) -> None:
        if kafka_broker.pause is None or kafka_broker.resume is None:
            pytest.fail("this broker cannot be paused: run against one of the suite's own")
        async with harness.listening(g=recording("g")):
            await harness.publish(make_fact(1))
            await eventually(lambda: harness.has_effects("g", 1), 60)
            assert connections_to(kafka_broker.bootstrap_servers) != []
            await asyncio.to_thread(kafka_broker.pause)
        await asyncio.to_thread(kafka_broker.resume)
        assert connections_to(kafka_broker.bootstrap_servers) == []


@pytest.fixture(scope="module")
def systems_server() -> Iterator[str]:
    """The owner's URL of a cluster made with the system's own PostgreSQL, 15 or newer."""
    binaries = system_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL of the system's own is installed")
    with tempfile.TemporaryDirectory(prefix="sgb-system-", dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        server = EmbeddedPostgres(
            Path(folder) / "postgres", {"fsync": "off"}, binaries=binaries, port=free_port()
        )
        server.start()
        yield server.url()
        server.stop()


@pytest.fixture
def own_server() -> Iterator[EmbeddedPostgres]:
    """A durable PostgreSQL that the test may kill."""
    with tempfile.TemporaryDirectory(prefix="sgb-killed-", dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        server = EmbeddedPostgres(Path(folder) / "postgres")
        server.start()
        migrate_everything(server.url())
        yield server
        server.stop()


async def test_a_database_that_is_killed_loses_and_repeats_nothing(
    own_server: EmbeddedPostgres,
) -> None:
    url = own_server.url()
    async with (
        open_database(url) as database,
        aclosing(_harness(database, url, BusSettings())) as h,
    ):
        harness = await anext(h)
        async with harness.listening(g=recording("g")):
            first = [make_fact(number, f"k{number % 5}") for number in range(200)]
            await harness.publish(*first)
            await asyncio.to_thread(own_server.kill)
            await asyncio.to_thread(own_server.start)
            last = [make_fact(number, f"k{number % 5}") for number in range(200, 260)]
            await eventually(partial(_answered, partial(_published, harness, last)), 60)
            await eventually(partial(_answered, partial(harness.has_effects, "g", 260)), 60)
        await harness.reconcile("g", [*first, *last])


async def _published(harness: Harness, facts: list[Fact]) -> bool:
    await harness.publish(*facts)
    return True


async def _answered(ask: Callable[[], Awaitable[bool]]) -> bool:
    """What the database answers; False while it is away: a connection of before fails once."""
    try:
        return await ask()
    except DBAPIError as error:
        if is_away(error):
            return False
        raise
