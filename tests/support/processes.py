"""Services as processes of their own, to be killed at any moment and started again."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.support.waiting import eventually

ROOT = Path(__file__).parents[2]
START_SECONDS = 60.0


def free_port() -> int:
    """A port that is free at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class ServiceProcess:
    """One `python -m MODULE …`, its port and how often it was killed."""

    name: str
    arguments: list[str]
    environment: dict[str, str]
    log: Path
    port: int = field(default_factory=free_port)
    kills: int = 0
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it; returns at once."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SGB_")}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, *self.arguments],
                cwd=ROOT,
                env={**kept, **self.environment, "SGB_HTTP__PORT": str(self.port)},
                stdout=log,
                stderr=log,
            )

    async def ready(self) -> None:
        """Wait until it says that it is ready."""
        await eventually(self._is_ready, START_SECONDS, f"{self.name} ready, see {self.log}")

    async def _is_ready(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"{self.name} ended: {self.log.read_text()[-3000:]}")
        try:
            async with httpx.AsyncClient() as client:
                answer = await client.get(f"{self.url}/health/ready", timeout=2)
                return answer.status_code == 200
        except httpx.HTTPError:
            await asyncio.sleep(0.05)
            return False

    def kill(self) -> None:
        """SIGKILL."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self.kills += 1

    def stop(self) -> int:
        """SIGTERM, and its exit status; SIGKILL after 20 s."""
        if self._process is None or self._process.poll() is not None:
            return 0
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
