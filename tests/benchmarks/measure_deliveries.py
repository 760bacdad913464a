"""(c) Webhook deliveries a second beside a bare aiohttp loop, counted at the same receiver."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from uuid import uuid4

from sqlalchemy import text

from bus import BusSettings
from chassis.clock import now
from schemas.facts import Addressee, EventAddressed, Profile, Sender
from schemas.organisations import RecipientRole
from services.notifier.compose import compose
from services.notifier.settings import DeadlineSettings
from tests.benchmarks.receivers import Receiver, bench_receiver
from tests.benchmarks.report import Report
from tests.support.fleet import Fleet, make_fleet
from tests.support.partnership import Partnership, incident
from tests.support.waiting import eventually

ROUNDS = 9
PER_ROUND = 12_000
CONCURRENCY = 64


async def measure_deliveries(report: Report, url: str, folder: Path) -> None:
    """A round: obligations are composed beforehand, a notifier starts and drains them; then the
    bare loop posts as many bodies of the same size."""
    partnership = Partnership.make(schools=20, pupils=200)
    async with (
        bench_receiver() as receiver,
        make_fleet(url, folder, partnership, receiver.url, BusSettings()) as fleet,
    ):
        fleet.processes["notifier"].environment["SGB_LOG__LEVEL"] = "WARNING"
        await fleet.start("notifier")  # It hears of the organisations before it is asked.
        await _hear_organisations(fleet)
        fleet.stop()
        ours: list[float] = []
        bare: list[float] = []
        for round_ in range(-1, ROUNDS):
            await _compose(fleet, PER_ROUND)
            await receiver.forget()
            fleet.processes["notifier"].start()
            await receiver.await_count(PER_ROUND, 120)
            rate = await _rate(receiver)
            fleet.stop()
            await receiver.forget()
            subprocess.run(
                [
                    *(sys.executable, "-m", "tests.benchmarks.bare_loop"),
                    *(receiver.url, str(PER_ROUND), str(CONCURRENCY)),
                ],
                check=True,
            )
            await receiver.await_count(PER_ROUND, 60)
            if round_ >= 0:
                ours.append(rate)
                bare.append(await _rate(receiver))
        report.tell_ratio("webhook_deliveries", ours, bare, "deliveries", 0.4)


async def _hear_organisations(fleet: Fleet) -> None:
    async def heard() -> bool:
        async with fleet.database.reading() as session:
            found = await session.execute(text("select count(*) from notifier.recipient"))
            return int(found.scalar_one()) >= len(fleet.partnership.recipients)

    await eventually(heard, 30, "organisations heard")


async def _rate(receiver: Receiver) -> float:
    """Between the first and the last that came."""
    times = sorted((await receiver.times()).values())
    return (len(times) - 1) / (times[-1] - times[0])


async def _compose(fleet: Fleet, count: int) -> None:
    at = now()
    facts = []
    for number in range(count):
        pupil = fleet.partnership.pupils[number % len(fleet.partnership.pupils)]
        facts.append(
            EventAddressed(
                receipt=uuid4(),
                event_type="domestic-abuse.recorded",
                key="bench",
                sender=Sender(organisation="police-example", name="Example Police", kind="police"),
                occurred_at=at,
                accepted_at=at,
                child_index=0,
                child_id=fleet.child_ids[pupil.number],
                recipients=(
                    Addressee(
                        organisation=pupil.school,
                        name="Example School",
                        role=RecipientRole.SCHOOL,
                        profile=Profile.SCHOOL_FULL,
                        owner="notifier",
                        rule="bench",
                    ),
                ),
                data=incident("bench", [pupil])["data"],
            )
        )
    for start in range(0, count, 200):
        async with fleet.database.transaction() as session:
            await compose(session, facts[start : start + 200], at, DeadlineSettings())
