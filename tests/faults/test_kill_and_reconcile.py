"""Two thousand events while every process is killed at random moments: nothing is lost, nothing has
its effect twice, nothing else is told. Once on the embedded log, once on a real Kafka."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import text

from bus import BusSettings
from tests.support.counting_receiver import Counted, counting_receiver
from tests.support.fleet import Fleet, make_fleet
from tests.support.kafka import Broker
from tests.support.partnership import Partnership, Pupil, incident
from tests.support.waiting import eventually

EVENTS = 2_000
CLIENTS = 8
EVENTS_PER_SECOND = 40.0
"""Slow enough that every process dies several times while events are on their way."""
KILL_EVERY_SECONDS = 1.0
LEAST_KILLS_EACH = 3
SETTLE_SECONDS = 240.0


async def test_on_the_embedded_log(database_url: str, tmp_path: Path) -> None:
    await _kill_and_reconcile(database_url, tmp_path, BusSettings(), relay=False)


@pytest.mark.real_kafka
async def test_on_kafka(database_url: str, tmp_path: Path, kafka_broker: Broker) -> None:
    bus = BusSettings(
        url=f"kafka://{kafka_broker.bootstrap_servers}",
        topic_prefix=f"k{uuid4().hex[:8]}.",
        session_timeout_ms=6000,
    )
    await _kill_and_reconcile(database_url, tmp_path, bus, relay=True)


async def _kill_and_reconcile(url: str, folder: Path, bus: BusSettings, relay: bool) -> None:
    partnership = Partnership.make(schools=12, pupils=400)
    seed = 20261123
    async with (
        counting_receiver() as received,
        make_fleet(url, folder, partnership, received.url, bus, relay) as fleet,
    ):
        await fleet.start()
        posted = asyncio.create_task(_post_all(fleet, random.Random(seed)))
        await _kill_until(posted, fleet, random.Random(seed + 1))
        receipts = await posted
        expected: set[UUID] = set()
        for receipt, pupils in receipts.items():
            expected |= fleet.expected_notices(receipt, pupils)
        await eventually(lambda: set(received.times) >= expected, SETTLE_SECONDS, "all delivered")
        await eventually(lambda: _all_settled(fleet, len(expected)), SETTLE_SECONDS, "all settled")
        await _reconcile(fleet, received, receipts, expected)
        kills = {name: process.kills for name, process in fleet.processes.items()}
        print(
            f"\n{len(receipts)} events accepted, {len(expected)} notices, kills {kills}, "
            f"receiver saw {received.repeats} repeats"
        )
        assert min(kills.values()) >= LEAST_KILLS_EACH


async def _post_all(fleet: Fleet, chance: random.Random) -> dict[UUID, tuple[Pupil, ...]]:
    """Post every event until it is answered 202, as an agency's system would."""
    receipts: dict[UUID, tuple[Pupil, ...]] = {}
    pupils = fleet.partnership.pupils
    waiting = [
        (f"incident-{number:05d}", tuple(chance.sample(pupils, chance.choice((1, 1, 1, 2)))))
        for number in range(EVENTS)
    ]

    started = asyncio.get_running_loop().time()

    async def post(client: httpx.AsyncClient) -> None:
        while waiting:
            event_id, children = waiting.pop()
            due = started + (EVENTS - len(waiting)) / EVENTS_PER_SECOND
            await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
            number = int(event_id.removeprefix("incident-"))
            # Every other event names its children as somebody heard them, without a number.
            event = incident(event_id, children, number if number % 2 else None)
            while True:
                try:
                    answer = await client.post(
                        f"{fleet.intake.url}/v1/events",
                        json=event,
                        headers={
                            "Authorization": fleet.authorization,
                            "Content-Type": "application/cloudevents+json",
                        },
                    )
                except httpx.TransportError:
                    await asyncio.sleep(0.1)
                    continue
                if answer.status_code == 202:
                    receipts[UUID(answer.headers["location"].rsplit("/", 1)[1])] = children
                    break
                assert answer.status_code == 503, answer.text
                await asyncio.sleep(0.1)

    async with httpx.AsyncClient(timeout=10) as client:
        await asyncio.gather(*(post(client) for _ in range(CLIENTS)))
    assert len(receipts) == EVENTS
    return receipts


async def _kill_until(
    posted: asyncio.Task[dict[UUID, tuple[Pupil, ...]]], fleet: Fleet, chance: random.Random
) -> None:
    """Kill one process after another and start it again, whatever the others are doing."""
    order: list[str] = []
    while (
        not posted.done() or min(one.kills for one in fleet.processes.values()) < LEAST_KILLS_EACH
    ):
        await asyncio.sleep(chance.uniform(0.1, 2 * KILL_EVERY_SECONDS))
        order = order or chance.sample(list(fleet.processes), len(fleet.processes))
        process = fleet.processes[order.pop()]
        await process.ready()
        process.kill()
        process.start()
    for process in fleet.processes.values():
        await process.ready()


async def _all_settled(fleet: Fleet, notices: int) -> bool:
    """Whether every obligation is delivered, and the sender's view says so too."""
    async with fleet.database.reading() as session:
        rows = await session.execute(
            text("""select
                (select count(*) from notifier.obligation where delivered_at is not null),
                (select count(*) from intake.progress_notice where delivered_at is not null)""")
        )
        return tuple(rows.one()) == (notices, notices)


async def _reconcile(
    fleet: Fleet,
    received: Counted,
    receipts: dict[UUID, tuple[Pupil, ...]],
    expected: set[UUID],
) -> None:
    assert set(received.times) - expected == set(), "something else was delivered"
    async with fleet.database.reading() as session:
        obligations = await session.execute(text("select id from notifier.obligation"))
        assert {row[0] for row in obligations} == expected, "obligations that nobody is owed"
        facts = Counter(
            (row.type, row.n)
            for row in await session.execute(
                text("select type, count(*) as n from bus.log group by type")
            )
        )
        counts = dict(facts.keys())
        assert counts["event.accepted"] == len(receipts)
        assert counts["event.addressed"] == sum(len(pupils) for pupils in receipts.values())
        assert counts["notice.delivered"] == len(expected), "told the sender twice, or not at all"
        parked = await session.execute(text("select count(*) from bus.held where state = 'parked'"))
        assert parked.scalar_one() == 0
