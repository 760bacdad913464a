"""(a) Durable events a second beside the same handler that stores nothing; (b) batches of 500."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import uuid4

from schemas.organisations import OrganisationKind
from services.intake.agencies import add_agency
from tests.benchmarks.load import drive, make_request
from tests.benchmarks.report import Report, peak_memory_mb
from tests.support.partnership import POLICE, SOURCE, Partnership, incident
from tests.support.postgres import open_database
from tests.support.processes import ServiceProcess

ROUNDS = 9
PER_ROUND = 6_000
CLIENTS = 64
BATCH = 500
BATCHES = 20


async def measure_intake(report: Report, url: str, folder: Path) -> None:
    """One worker process each, 64 kept connections, PostgreSQL with fsync, alternating rounds."""
    partnership = Partnership.make(schools=10, pupils=200)
    async with open_database(url) as database, database.transaction() as session:
        key = await add_agency(
            session, POLICE, kind=OrganisationKind.POLICE, name="Example Police", source=SOURCE
        )
    environment = {
        "SGB_DATABASE__URL": url,
        "SGB_INTAKE__IDENTITY_SECRET": uuid4().hex * 2,
        "SGB_LOG__LEVEL": "WARNING",
    }
    servers = {
        mode: ServiceProcess(
            mode,
            ["-m", "tests.benchmarks.intake_server", mode],
            environment,
            folder / f"{mode}.log",
        )
        for mode in ("records", "does-not-record")
    }
    for server in servers.values():
        server.start()
        await server.ready()
    try:
        rates: dict[str, list[float]] = {mode: [] for mode in servers}
        for round_ in range(-1, ROUNDS):  # The first round warms up and does not count.
            for mode, server in servers.items():
                requests = [
                    make_request(
                        "/v1/events",
                        f"Bearer {key}",
                        json.dumps(
                            incident(uuid4().hex, [partnership.pupils[number % 200]])
                        ).encode(),
                        "application/cloudevents+json",
                    )
                    for number in range(PER_ROUND)
                ]
                outcome = await drive(server.port, requests, CLIENTS)
                assert outcome.statuses == {202: PER_ROUND}, outcome.statuses
                if round_ >= 0:
                    rates[mode].append(outcome.good_per_second)
        report.tell_ratio(
            "intake_durable", rates["records"], rates["does-not-record"], "durable events", 0.4
        )
        await _measure_batches(report, servers["records"].port, key, partnership)
        memory = peak_memory_mb(servers["records"].pid)
        report.tell("intake_peak_memory_mb", memory, f"{memory:.0f} MB after these rounds")
    finally:
        for server in servers.values():
            server.stop()
    report.write()


async def _measure_batches(report: Report, port: int, key: str, partnership: Partnership) -> None:
    requests = [
        make_request(
            "/v1/events",
            f"Bearer {key}",
            json.dumps(
                [incident(uuid4().hex, [partnership.pupils[n % 200]]) for n in range(BATCH)]
            ).encode(),
            "application/cloudevents-batch+json",
        )
        for _ in range(BATCHES)
    ]
    outcome = await drive(port, requests, 4)
    assert outcome.statuses == {202: BATCHES}, outcome.statuses
    rate = BATCHES * BATCH / outcome.seconds
    report.tell("intake_batch_500", rate, f"{rate:.0f} durable events/s in batches of {BATCH}")
