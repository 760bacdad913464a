"""The canary through real processes: it returns, notices a stopped notifier, and recovers."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import httpx
from sqlalchemy import text

from bus import BusSettings
from schemas.canary import RECIPIENTS
from tests.support.canary import add_canary, said
from tests.support.fleet import Fleet, make_fleet
from tests.support.partnership import Partnership
from tests.support.waiting import eventually

LATE_SECONDS = 3.0


async def test_a_stopped_notifier_is_noticed_and_its_return_too(
    database_url: str, tmp_path: Path
) -> None:
    partnership = Partnership.make(schools=1, pupils=10)
    async with make_fleet(
        database_url, tmp_path, partnership, "http://127.0.0.1:9/nobody", BusSettings()
    ) as fleet:
        await add_canary(fleet, every=1.0, late=LATE_SECONDS)
        await fleet.start()
        # The first trip may be slow: every process has just begun.
        await eventually(lambda: _is_well(fleet), 60.0, "the canary returns in time")
        before = [one for one, _ in await said(fleet.database)]
        trips = await _trips(fleet)
        print(f"\nround trips (s): {[round(one, 2) for one in trips]}")
        await _metric(fleet, "canary_late 0.0")

        notifier = fleet.processes["notifier"]
        notifier.kill()
        killed = time.monotonic()
        await _says(fleet, *before, "canary.late")
        noticed = time.monotonic() - killed
        print(f"the notifier was killed; noticed after {noticed:.1f} s, limit {LATE_SECONDS}")
        # A trip begins every second; two slow cores are shared with whoever else tests.
        assert noticed < LATE_SECONDS + 4
        assert (await said(fleet.database))[-1][1]["reached"] == "accepted"
        await _metric(fleet, "canary_late 1.0")
        await eventually(lambda: _status_of_canary(fleet, "behind"), 15.0, "the status says so")

        notifier.start()
        await notifier.ready()
        started = time.monotonic()
        await _says(fleet, *before, "canary.late", "canary.returned")
        print(f"started again; back after {time.monotonic() - started:.1f} s")
        await eventually(lambda: _status_of_canary(fleet, "ok"), 15.0, "the status is well")
        await asyncio.gather(_nobody_else_was_told(fleet), _nothing_is_late(fleet))


async def _says(fleet: Fleet, *types: str) -> None:
    """Each change is said once."""

    async def heard() -> bool:
        return [one for one, _ in await said(fleet.database)] == list(types)

    await eventually(heard, 30.0, f"the canary says {types}")


async def _status_of_canary(fleet: Fleet, state: str) -> bool:
    """What a sender reads from intake, while the notifier is away too."""
    async with httpx.AsyncClient(headers={"Authorization": fleet.authorization}) as client:
        parts = (await client.get(f"{fleet.intake.url}/v1/status")).json()["parts"]
    return ("intake", "canary", state) in {
        (one["service"], one["what"], one["state"]) for one in parts
    }


async def _is_well(fleet: Fleet) -> bool:
    trips = await _trips(fleet)
    return len(trips) > 2 and trips[-1] < LATE_SECONDS / 2


async def _trips(fleet: Fleet) -> list[float]:
    async with fleet.database.reading() as session:
        rows = await session.execute(
            text("""select extract(epoch from returned_at - posted_at) from intake.canary_trip
                     where returned_at is not null order by posted_at""")
        )
        return [float(row[0]) for row in rows]


async def _metric(fleet: Fleet, line: str) -> None:
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{fleet.intake.url}/metrics")
        assert line in answer.text.splitlines()


async def _nobody_else_was_told(fleet: Fleet) -> None:
    async with fleet.database.reading() as session:
        rows = await session.execute(text("select distinct organisation from notifier.obligation"))
        assert {row[0] for row in rows} == set(RECIPIENTS)
        asked = await session.execute(text("select count(*) from directory.resolution"))
        assert asked.scalar_one() == 0, "no person is asked about the canary"


async def _nothing_is_late(fleet: Fleet) -> None:
    """Every trip that was late comes back too, and is acknowledged: no ladder climbs for it."""

    async def all_back() -> bool:
        async with fleet.database.reading() as session:
            rows = await session.execute(
                text("""select count(*) from intake.canary_trip
                         where returned_at is null and posted_at < now() - interval '5 s'""")
            )
            return bool(rows.scalar_one() == 0)

    await eventually(all_back, 30.0, "every trip is back")
