"""The whole `make run`: how long its first start takes, and what it holds loaded and idle."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil

from deploy.kafka.ports import is_free
from tests.benchmarks.report import ROOT, Report
from tests.support.waiting import eventually

IDLE_SECONDS = 20
PORTS = 4


async def measure_laptop(report: Report, url: str, folder: Path) -> None:
    """Everything on fresh data with 20,000 children; `url` is another server's, left alone."""
    del url
    port = next(first for first in range(18_000, 30_000, 10) if _free(first))
    environment = {**os.environ, "PORT": str(port), "SGB_LAPTOP_DATA": str(folder / "laptop")}
    output = folder / "laptop.log"
    started = time.monotonic()
    with output.open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "deploy.laptop"],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=log,
        )
    try:
        await eventually(lambda: "Ready at" in output.read_text(), 180, "make run is ready")
        seconds = time.monotonic() - started
        report.tell("make_run_first_start_seconds", seconds, f"{seconds:.1f} s with an empty .data")
        await asyncio.sleep(IDLE_SECONDS)
        memory = _memory_mb(process.pid)
        report.tell(
            "make_run_memory_mb",
            memory,
            f"loaded and idle: {memory['all']:.0f} MB, of which Python {memory['python']:.0f} and "
            f"PostgreSQL {memory['postgres']:.0f} (shared pages counted once)",
        )
    finally:
        process.terminate()
        process.wait(60)


def _free(first: int) -> bool:
    return all(is_free(port) for port in range(first, first + PORTS))


def _memory_mb(pid: int) -> dict[str, float]:
    """Proportional set size, so that what processes share is counted once."""
    process = psutil.Process(pid)
    own = process.memory_full_info().pss / 1e6
    others = sum(child.memory_full_info().pss for child in process.children(recursive=True)) / 1e6
    return {"all": own + others, "python": own, "postgres": others}
