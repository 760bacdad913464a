"""A real webhook receiver on loopback: records what arrives, answers as it is told.

async with running_receiver() as receiver:
    receiver.answer(503, {"Retry-After": "2"}, times=3)
"""

from __future__ import annotations

import asyncio
import time
from base64 import b64decode
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks import Webhook


@dataclass(frozen=True, slots=True)
class Received:
    """One request, as it came."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    at: float = field(default_factory=time.monotonic)

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    def signatures(self) -> list[tuple[str, str]]:
        """(version, signature) of each in its header."""
        found = [one.split(",") for one in self.headers["webhook-signature"].split(" ")]
        return [(version, signature) for version, signature in found]


Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Receiver:
    """What it heard, and how it answers next; without a plan it answers 204."""

    port: int = 0
    received: list[Received] = field(default_factory=list)
    open_requests: int = 0
    most_open: int = 0
    _plan: deque[Answer] = field(default_factory=deque)
    _always: Answer | None = None
    _release: asyncio.Event = field(default_factory=asyncio.Event)

    def url(self, path: str = "/hook") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def answer(
        self, status: int, headers: Mapping[str, str] | None = None, *, times: int | None = None
    ) -> None:
        """Answer with a status, so often or (None) from now on."""

        async def give(_: web.Request) -> web.StreamResponse:
            return web.Response(status=status, headers=headers)

        self._take(give, times)

    def hang(self, *, times: int | None = None) -> None:
        """Take the request and say nothing until `release`."""

        async def give(_: web.Request) -> web.StreamResponse:
            await self._release.wait()
            return web.Response(status=204)

        self._take(give, times)

    def hang_half_way(self, *, times: int | None = None) -> None:
        """Answer 200 and a length, and then nothing more until `release`."""

        async def give(request: web.Request) -> web.StreamResponse:
            answer = web.StreamResponse(status=200, headers={"Content-Length": "100"})
            await answer.prepare(request)
            await answer.write(b"half")
            await self._release.wait()
            return answer

        self._take(give, times)

    def drop(self, *, times: int | None = None) -> None:
        """Close the connection without an answer."""

        async def give(request: web.Request) -> web.StreamResponse:
            assert request.transport is not None
            request.transport.abort()
            return web.Response(status=204)

        self._take(give, times)

    def recover(self) -> None:
        """Answer 204 from now on."""
        self._plan.clear()
        self._always = None

    def release(self) -> None:
        """Let go of what hangs."""
        self._release.set()

    def ids(self) -> Counter[str]:
        """How often each webhook id arrived."""
        return Counter(one.id for one in self.received)

    def verify(self, secret: str) -> list[Any]:
        """Every body, verified by the `standardwebhooks` library; raises where one is not."""
        judge = Webhook(secret)
        return [judge.verify(one.body, dict(one.headers)) for one in self.received]

    def verify_public(self, key: str) -> int:
        """How many requests hold a `v1a` signature that a `whpk_` key verifies; raises where one
        does not. By `cryptography`: the Python library of Standard Webhooks knows `v1` only."""
        public = Ed25519PublicKey.from_public_bytes(b64decode(key.removeprefix("whpk_")))
        for one in self.received:
            said = f"{one.id}.{one.headers['webhook-timestamp']}.".encode() + one.body
            for version, signature in one.signatures():
                if version == "v1a" and _verifies(public, b64decode(signature), said):
                    break
            else:
                raise AssertionError("no signature of this key")
        return len(self.received)

    def _take(self, give: Answer, times: int | None) -> None:
        if times is None:
            self._always = give
        else:
            self._plan.extend([give] * times)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.received.append(Received(request.path, headers, body))
        self.open_requests += 1
        self.most_open = max(self.most_open, self.open_requests)
        try:
            give = self._plan.popleft() if self._plan else self._always
            return await give(request) if give else web.Response(status=204)
        finally:
            self.open_requests -= 1


def _verifies(key: Ed25519PublicKey, signature: bytes, said: bytes) -> bool:
    try:
        key.verify(signature, said)
    except InvalidSignature:
        return False
    return True


@asynccontextmanager
async def running_receiver() -> AsyncIterator[Receiver]:
    """A receiver on a free port of this machine's loopback."""
    receiver = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", receiver._handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    receiver.port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
    try:
        yield receiver
    finally:
        receiver.release()
        await runner.cleanup()
