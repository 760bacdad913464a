"""Receivers that behave as receivers do, each on a port of its own, in a process of their own.

`python -m tests.support.hostile_receivers` prints their ports as JSON and runs until its input
ends. A process of its own, so that what they see does not wait for whoever sends.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from aiohttp import web

ROOT = Path(__file__).parents[2]
METADATA_URL = "http://169.254.169.254/latest/meta-data/"

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def well(_: web.Request) -> web.StreamResponse:
    return web.Response(status=204)


async def busy(_: web.Request) -> web.StreamResponse:
    return web.Response(status=429, headers={"Retry-After": "1"})


async def failing(_: web.Request) -> web.StreamResponse:
    return web.Response(status=500)


async def silent(_: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    return web.Response(status=204)


async def half(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse(status=200, headers={"Content-Length": "100"})
    await answer.prepare(request)
    await answer.write(b"half")
    await asyncio.Event().wait()
    return answer


async def closing(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=204)


async def redirecting(_: web.Request) -> web.StreamResponse:
    return web.Response(status=307, headers={"Location": METADATA_URL})


async def gone(_: web.Request) -> web.StreamResponse:
    return web.Response(status=410)


BEHAVIOURS: dict[str, Answer] = {
    "well": well,
    "limited": well,
    "busy": busy,
    "failing": failing,
    "silent": silent,
    "half": half,
    "closing": closing,
    "redirecting": redirecting,
    "gone": gone,
}


@dataclass
class Stalls:
    """How long this process did nothing at all, at worst: on a busy machine others run instead,
    and what came one after the other meanwhile is then seen at once."""

    longest_seconds: float = 0.0

    async def watch(self) -> None:
        """Look every few milliseconds until cancelled."""
        before = time.monotonic()
        while True:
            await asyncio.sleep(0.005)
            now = time.monotonic()
            self.longest_seconds = max(self.longest_seconds, now - before)
            before = now


@dataclass
class Heard:
    """What came to one receiver: when each request came, and each notice first (seconds since
    1970)."""

    times: list[float] = field(default_factory=list)
    first: dict[str, float] = field(default_factory=dict)

    def most_in_a_second(self) -> int:
        """The most requests in any window of one second."""
        times, most, start = sorted(self.times), 0, 0
        for end, at in enumerate(times):
            while times[start] <= at - 1.0:
                start += 1
            most = max(most, end - start + 1)
        return most


@dataclass
class Hostile:
    """The process, as a test sees it."""

    ports: dict[str, int]

    def url(self, behaviour: str) -> str:
        return f"http://127.0.0.1:{self.ports[behaviour]}/hook"

    async def heard(self) -> dict[str, Heard]:
        """What came to each so far."""
        async with httpx.AsyncClient(timeout=30) as client:
            answer = await client.get(f"http://127.0.0.1:{self.ports['report']}/")
        return {name: Heard(**one) for name, one in answer.json()["heard"].items()}

    async def longest_stall_seconds(self) -> float:
        """How long the receivers did not run, at worst."""
        async with httpx.AsyncClient(timeout=30) as client:
            answer = await client.get(f"http://127.0.0.1:{self.ports['report']}/")
        return float(answer.json()["stall"])


@asynccontextmanager
async def hostile_receivers() -> AsyncIterator[Hostile]:
    """Runs them while the block runs."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.hostile_receivers"),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            ports = json.loads(await process.stdout.readline())
        yield Hostile(ports)
    finally:
        process.stdin.close()
        try:
            async with asyncio.timeout(10):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def _listen(answer: Answer) -> int:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
    await site.start()
    return int(runner.addresses[0][1])


def _noting(heard: Heard, answer: Answer) -> Answer:
    async def take(request: web.Request) -> web.StreamResponse:
        at = time.time()
        heard.times.append(at)
        heard.first.setdefault(request.headers.get("webhook-id", ""), at)
        await request.read()
        return await answer(request)

    return take


async def _main() -> None:
    heard = {name: Heard() for name in BEHAVIOURS}
    stalls = Stalls()
    watching = asyncio.create_task(stalls.watch())

    async def report(_: web.Request) -> web.StreamResponse:
        told = {name: vars(one) for name, one in heard.items()}
        return web.json_response({"heard": told, "stall": stalls.longest_seconds})

    ports = {
        name: await _listen(_noting(heard[name], answer)) for name, answer in BEHAVIOURS.items()
    }
    ports["report"] = await _listen(report)
    print(json.dumps(ports), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    watching.cancel()


if __name__ == "__main__":
    asyncio.run(_main())
