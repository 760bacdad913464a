"""Intake alone in one process, as it is or with only the record call removed.

`python -m tests.benchmarks.intake_server records|does-not-record`, settings as intake's.
"""

from __future__ import annotations

import sys

from fastapi import APIRouter

from bus import open_road
from chassis.clock import now
from chassis.database import Database
from chassis.process import Service, run, serve
from chassis.telemetry import configure_logs
from schemas.facts import TOPICS
from services.intake.app import build
from services.intake.judge import Prepared
from services.intake.record import Outcome, Recorded
from services.intake.settings import Settings


class NothingRecorded:
    """Answers at once and stores nothing: what is left is the rest of the handler."""

    async def record(self, prepared: Prepared) -> Outcome:
        return Recorded(now(), replayed=False)


async def main(records: bool) -> None:
    """Serve until ended."""
    settings = Settings()
    configure_logs(settings.log)
    database = Database(settings.database, "bench-intake")
    road = open_road(settings.bus, database, TOPICS)
    service = build(settings, database, road, recorder=None if records else NothingRecorded())
    await serve([Service("bus", APIRouter(), road.tasks(), road.checks()), service], settings.http)


if __name__ == "__main__":
    run(main(sys.argv[1] == "records"))
