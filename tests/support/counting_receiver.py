"""A webhook receiver inside a test: answers 204 and counts how often each `webhook-id` came."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

from aiohttp import web


@dataclass
class Counted:
    """What came, and where it is reached."""

    url: str = ""
    times: Counter[UUID] = field(default_factory=Counter)

    @property
    def repeats(self) -> int:
        """Deliveries beyond the first of an id."""
        return sum(self.times.values()) - len(self.times)


@asynccontextmanager
async def counting_receiver() -> AsyncIterator[Counted]:
    """Listens on a free port while the block runs."""
    counted = Counted()

    async def take(request: web.Request) -> web.Response:
        counted.times[UUID(request.headers["webhook-id"])] += 1
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/hook", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    address = runner.addresses[0]
    counted.url = f"http://127.0.0.1:{address[1]}/hook"
    try:
        yield counted
    finally:
        await runner.cleanup()
