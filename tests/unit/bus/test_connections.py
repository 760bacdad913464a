"""No connection to a broker outlives its user, at whatever moment that ends."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from bus.connections import connections_closed
from bus.deadline import within
from tests.support.kafka import connections_to
from tests.support.waiting import eventually

ROUND_TRIP_MS = 60


# In a process of its own, because its carrier has a connection to it as well.
_BROKER = f"""
import sys
from confluent_kafka import Producer
settings = {{"test.mock.num.brokers": 1, "test.mock.broker.rtt": {ROUND_TRIP_MS},
            "bootstrap.servers": "mock", "log_level": 0}}
carrier = Producer(settings)
broker = next(iter(carrier.list_topics(timeout=10).brokers.values()))
print(f"{{broker.host}}:{{broker.port}}", flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def slow_broker() -> Iterator[str]:
    """The address of a broker that answers each request after `ROUND_TRIP_MS`."""
    with subprocess.Popen(
        [sys.executable, "-c", _BROKER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.kill()


# From before the first connection's first answer to after the last one's.
MOMENTS = [ROUND_TRIP_MS * quarter / 4000 for quarter in range(1, 26)]


async def _use(servers: str, kind: str) -> None:
    client: AIOKafkaAdminClient | AIOKafkaConsumer | AIOKafkaProducer
    if kind == "admin":
        client = AIOKafkaAdminClient(bootstrap_servers=servers)
        try:
            await within(5, client.start())
            await within(5, client.list_topics())
        finally:
            await within(0.1, client.close())
        return
    if kind == "consumer":
        client = AIOKafkaConsumer("events", bootstrap_servers=servers, group_id="g")
    else:
        client = AIOKafkaProducer(bootstrap_servers=servers)
    try:
        await within(5, client.start())
        if kind == "producer":
            await within(5, client.send_and_wait("events", b"1"))
        else:
            await within(5, client.getmany(timeout_ms=1000))
    finally:
        await within(0.1, client.stop())


@pytest.mark.parametrize("kind", ["admin", "consumer", "producer"])
async def test_none_is_left_whenever_its_user_is_cancelled(slow_broker: str, kind: str) -> None:
    for moment in MOMENTS:
        with connections_closed():
            try:
                async with asyncio.timeout(moment):
                    await _use(slow_broker, kind)
            except TimeoutError:
                pass
        # The cancelled call itself goes away at its next turn.
        await eventually(lambda: not connections_to(slow_broker), 5, f"{kind} after {moment} s")


async def test_a_connection_that_comes_too_late_is_closed_and_refused(slow_broker: str) -> None:
    with connections_closed():
        client = AIOKafkaAdminClient(bootstrap_servers=slow_broker)
        starting = asyncio.create_task(client.start())
        await asyncio.sleep(0)
    with pytest.raises(Exception, match=r"ended while it connected|Unable to bootstrap"):
        await starting
    assert connections_to(slow_broker) == []
