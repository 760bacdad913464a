"""Starts the counting receiver of the benchmarks and asks what came."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import httpx

from tests.support.processes import free_port
from tests.support.waiting import eventually

ROOT = Path(__file__).parents[2]


@dataclass
class Receiver:
    """The sink's process."""

    port: int
    client: httpx.AsyncClient

    @property
    def url(self) -> str:
        """Where webhooks go."""
        return f"http://127.0.0.1:{self.port}/hook"

    async def forget(self) -> None:
        """Begin a round."""
        await self.client.delete(f"http://127.0.0.1:{self.port}/")

    async def count(self) -> int:
        """How many distinct webhooks came."""
        answer = await self.client.get(f"http://127.0.0.1:{self.port}/count")
        return int(answer.json()["distinct"])

    async def times(self) -> dict[UUID, float]:
        """When each came first, in seconds since 1970."""
        answer = await self.client.get(f"http://127.0.0.1:{self.port}/times")
        return {UUID(name): at for name, at in answer.json().items()}

    async def await_count(self, wanted: int, within_seconds: float) -> None:
        """Wait, asking seldom, so that asking costs nothing."""

        async def enough() -> bool:
            await asyncio.sleep(0.1)
            return await self.count() >= wanted

        await eventually(enough, within_seconds, f"{wanted} webhooks")


@asynccontextmanager
async def bench_receiver() -> AsyncIterator[Receiver]:
    """Runs while the block runs."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "tests.benchmarks.sink", str(port)], cwd=ROOT)
    try:
        async with httpx.AsyncClient(timeout=30) as client:
            receiver = Receiver(port, client)
            await eventually(lambda: _answers(receiver), 20, "the receiver")
            yield receiver
    finally:
        process.terminate()
        process.wait()


async def _answers(receiver: Receiver) -> bool:
    try:
        return await receiver.count() >= 0
    except httpx.TransportError:
        await asyncio.sleep(0.05)
        return False
