"""(d) From post to webhook at 100 events a second; (e) accepted and delivered at the same time."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID, uuid4

import aiohttp

from bus import BusSettings
from deploy.kafka.broker import LocalKafka
from tests.benchmarks.receivers import Receiver, bench_receiver
from tests.benchmarks.report import Report, peak_memory_mb, percentile
from tests.support.fleet import Fleet, make_fleet
from tests.support.partnership import Partnership, incident
from tests.support.processes import ServiceProcess

EVENTS_PER_SECOND = 100
LATENCY_SECONDS = 30
WARM_UP_SECONDS = 5
HELD_SECONDS = 60
CLIENTS = 32
NOTICES_PER_EVENT = 3
MOST_BEHIND = 900
"""Notices accepted and not yet delivered; beyond this the clients wait, so no backlog can grow."""


@asynccontextmanager
async def _whole(
    url: str, folder: Path, bus: BusSettings
) -> AsyncIterator[tuple[Fleet, Receiver, ServiceProcess]]:
    """Everything in one process, a receiver for every organisation, 1,000 pupils."""
    partnership = Partnership.make(schools=40, pupils=1_000)
    async with (
        bench_receiver() as receiver,
        make_fleet(url, folder, partnership, receiver.url, bus) as fleet,
    ):
        whole = ServiceProcess("whole", [], {}, folder / "whole.log")
        whole.arguments = [
            *("-m", "tests.benchmarks.whole_server", str(whole.port), url),
            bus.model_dump_json(),
        ]
        whole.start()
        try:
            await whole.ready()
            yield fleet, receiver, whole
        finally:
            whole.stop()


async def measure_latency(report: Report, url: str, folder: Path) -> None:
    """On the embedded log."""
    async with _whole(url, folder, BusSettings()) as (fleet, receiver, whole):
        await _latency(report, "latency_embedded", fleet, receiver, whole, (10, 25))


async def measure_latency_kafka(report: Report, url: str, folder: Path) -> None:
    """On a real Kafka of our own."""
    kafka = LocalKafka()
    await asyncio.to_thread(kafka.start)
    try:
        bus = BusSettings(url=f"kafka://{kafka.bootstrap_servers}")
        async with _whole(url, folder, bus) as (fleet, receiver, whole):
            await _latency(report, "latency_kafka", fleet, receiver, whole, (20, 50))
    finally:
        await asyncio.to_thread(kafka.stop)


async def _latency(
    report: Report,
    name: str,
    fleet: Fleet,
    receiver: Receiver,
    whole: ServiceProcess,
    aims: tuple[int, int],
) -> None:
    sent: dict[UUID, tuple[float, int]] = {}

    async def post(session: aiohttp.ClientSession, number: int, counts: bool) -> None:
        pupil = fleet.partnership.pupils[number % len(fleet.partnership.pupils)]
        body = json.dumps(incident(uuid4().hex, [pupil])).encode()
        at = time.time()
        async with session.post(f"{whole.url}/v1/events", data=body) as answer:
            assert answer.status == 202, await answer.text()
            receipt = UUID(answer.headers["Location"].rsplit("/", 1)[1])
        if counts:
            sent[receipt] = (at, pupil.number)

    headers = {
        "Authorization": fleet.authorization,
        "Content-Type": "application/cloudevents+json",
    }
    async with aiohttp.ClientSession(headers=headers) as session:
        started = time.monotonic()
        posts = []
        for number in range((WARM_UP_SECONDS + LATENCY_SECONDS) * EVENTS_PER_SECOND):
            await asyncio.sleep(max(0.0, started + number / EVENTS_PER_SECOND - time.monotonic()))
            counts = number >= WARM_UP_SECONDS * EVENTS_PER_SECOND
            posts.append(asyncio.create_task(post(session, number, counts)))
        await asyncio.gather(*posts)
    await receiver.await_count(len(posts) * NOTICES_PER_EVENT, 60)
    times = await receiver.times()
    latencies = [
        (times[notice] - at) * 1000
        for receipt, (at, number) in sent.items()
        for notice in fleet.expected_notices(receipt, [fleet.partnership.pupils[number]])
    ]
    median, last = statistics.median(latencies), percentile(latencies, 0.99)
    value = {"median_ms": median, "p99_ms": last, "notices": len(latencies)}
    report.tell(
        name,
        value,
        f"post to webhook at {EVENTS_PER_SECOND} events/s: median {median:.1f} ms, 99th percentile "
        f"{last:.1f} ms of {len(latencies)} notices (aim {aims[0]} and {aims[1]})",
    )


async def measure_held(report: Report, url: str, folder: Path) -> None:
    """Separate processes, as in production; clients post as fast as deliveries keep up."""
    partnership = Partnership.make(schools=40, pupils=1_000)
    async with (
        bench_receiver() as receiver,
        make_fleet(url, folder, partnership, receiver.url, BusSettings()) as fleet,
    ):
        for process in fleet.processes.values():
            process.environment["SGB_LOG__LEVEL"] = "WARNING"
        names = ["intake", "directory", "notifier"]
        await fleet.start(*names)
        posted, counts, behind = await _hold(fleet, receiver)
        rate = (counts[-1][1] - counts[0][1]) / (counts[-1][0] - counts[0][0])
        value = {"obligations_per_second": rate, "seconds": HELD_SECONDS, "behind": behind}
        report.tell(
            "accepted_and_delivered",
            value,
            f"{rate:.0f} obligations/s accepted and delivered for {HELD_SECONDS} s ({posted} "
            f"events of {NOTICES_PER_EVENT}); behind after each third: {behind} (aim 2000)",
        )
        memory = {name: peak_memory_mb(fleet.processes[name].pid) for name in names}
        report.tell(
            "peak_memory_mb",
            memory,
            ", ".join(f"{name} {size:.0f} MB" for name, size in memory.items()),
        )


async def _hold(fleet: Fleet, receiver: Receiver) -> tuple[int, list[tuple[float, int]], list[int]]:
    accepted = 0
    delivered = 0
    counts: list[tuple[float, int]] = []
    behind: list[int] = []
    ends_at = time.monotonic() + WARM_UP_SECONDS + HELD_SECONDS

    async def post(session: aiohttp.ClientSession, client: int) -> None:
        nonlocal accepted
        number = client
        while time.monotonic() < ends_at:
            if accepted * NOTICES_PER_EVENT - delivered > MOST_BEHIND:
                await asyncio.sleep(0.005)
                continue
            number += CLIENTS
            pupil = fleet.partnership.pupils[number % len(fleet.partnership.pupils)]
            body = json.dumps(incident(uuid4().hex, [pupil])).encode()
            async with session.post(f"{fleet.intake.url}/v1/events", data=body) as answer:
                assert answer.status == 202, await answer.text()
            accepted += 1

    async def watch() -> None:
        nonlocal delivered
        while time.monotonic() < ends_at:
            await asyncio.sleep(0.05)
            delivered = await receiver.count()
            at = time.monotonic()
            if at > ends_at - HELD_SECONDS:
                counts.append((at, delivered))
                if at > ends_at - HELD_SECONDS + (len(behind) + 1) * HELD_SECONDS / 3 - 0.2:
                    behind.append(accepted * NOTICES_PER_EVENT - delivered)

    headers = {
        "Authorization": fleet.authorization,
        "Content-Type": "application/cloudevents+json",
    }
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(headers=headers, connector=connector) as session:
        watching = asyncio.create_task(watch())
        await asyncio.gather(*(post(session, client) for client in range(CLIENTS)))
        await watching
    await receiver.await_count(accepted * NOTICES_PER_EVENT, 60)
    return accepted, counts, behind
