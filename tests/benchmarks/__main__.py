"""`make bench [PART…]`: run by hand, on a machine that does nothing else. Never a timed test."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import uvloop

from deploy.laptop.postgres import EmbeddedPostgres
from deploy.migrate import migrate_everything
from tests.benchmarks.measure_deliveries import measure_deliveries
from tests.benchmarks.measure_intake import measure_intake
from tests.benchmarks.measure_laptop import measure_laptop
from tests.benchmarks.measure_recognition import measure_recognition
from tests.benchmarks.measure_whole import (
    measure_held,
    measure_latency,
    measure_latency_kafka,
)
from tests.benchmarks.report import Report

Measure = Callable[[Report, str, Path], Awaitable[None]]
PARTS: dict[str, Measure] = {
    "intake": measure_intake,
    "deliveries": measure_deliveries,
    "latency": measure_latency,
    "latency-kafka": measure_latency_kafka,
    "held": measure_held,
    "laptop": measure_laptop,
    "recognition": measure_recognition,
}


@contextmanager
def durable_postgres() -> Iterator[tuple[str, Path]]:
    """A PostgreSQL of the part's own with fsync on, migrated, and a folder beside it."""
    with tempfile.TemporaryDirectory(prefix="sgb-bench-", dir="/var/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        server = EmbeddedPostgres(folder / "postgres", {"shared_buffers": "512MB"})
        server.start()
        try:
            migrate_everything(server.url())
            yield server.url(), folder
        finally:
            server.stop()


def main() -> None:
    """Measure the named parts, or all."""
    chosen = sys.argv[1:] or list(PARTS)
    report = Report()
    for name in chosen:
        with (
            durable_postgres() as (url, folder),
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ):
            runner.run(_measured(PARTS[name], report, url, folder))
        report.write()


async def _measured(measure: Measure, report: Report, url: str, folder: Path) -> None:
    await measure(report, url, folder)


if __name__ == "__main__":
    main()
