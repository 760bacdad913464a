"""A GOV.UK Notify for tests: a real HTTP server that answers as Notify's API does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import jwt
from aiohttp import web

SERVICE = "11111111-2222-4333-8444-555555555555"
SECRET = "66666666-7777-4888-9999-000000000000"
KEY = f"test-{SERVICE}-{SECRET}"


@dataclass
class NotifyPeer:
    """What it does, by what a test sets, and what it saw.

    `answers` are taken in turn for sending: a status, with what it says; none left: taken. It keeps
    what it took though its answer is held back by `hold`.
    """

    url: str = ""
    secret: str = SECRET
    answers: list[tuple[int, str]] = field(default_factory=list)
    taken: list[dict[str, Any]] = field(default_factory=list)
    requests: list[tuple[str, bytes]] = field(default_factory=list)
    hold: asyncio.Event | None = None

    @property
    def asked(self) -> int:
        """How often it was asked what it has."""
        return sum(1 for what, _ in self.requests if what.startswith("GET"))

    async def send(self, request: web.Request) -> web.Response:
        """`POST /v2/notifications/{email,sms}`."""
        body = await request.read()
        self.requests.append((f"POST {request.path_qs}", body))
        if not self._is_signed(request):
            return _error(403, "AuthError", "Invalid token: signature, api token not found")
        if self.answers:
            status, said = self.answers.pop(0)
            return _error(status, "BadRequestError" if status == 400 else "Exception", said)
        asked = json.loads(body)
        self.taken.append({**asked, "kind": request.path.rpartition("/")[2]})
        if self.hold is not None:
            await self.hold.wait()
        return web.json_response({"id": SERVICE, "reference": asked["reference"]}, status=201)

    async def find(self, request: web.Request) -> web.Response:
        """`GET /v2/notifications?reference=…`."""
        self.requests.append((f"GET {request.path_qs}", b""))
        found = [one for one in self.taken if one["reference"] == request.query["reference"]]
        return web.json_response({"notifications": found, "links": {}})

    def _is_signed(self, request: web.Request) -> bool:
        token = request.headers["Authorization"].removeprefix("Bearer ")
        try:
            claims = jwt.decode(token, self.secret, ["HS256"], options={"verify_iat": False})
        except jwt.PyJWTError:
            return False
        return bool(claims["iss"] == SERVICE)


def _error(status: int, name: str, said: str) -> web.Response:
    return web.json_response(
        {"status_code": status, "errors": [{"error": name, "message": said}]}, status=status
    )


@asynccontextmanager
async def open_notify() -> AsyncIterator[NotifyPeer]:
    """A Notify on this machine."""
    peer = NotifyPeer()
    app = web.Application()
    app.router.add_post("/v2/notifications/email", peer.send)
    app.router.add_post("/v2/notifications/sms", peer.send)
    app.router.add_get("/v2/notifications", peer.find)
    runner = web.AppRunner(app, handler_cancellation=False, shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    peer.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield peer
    finally:
        if peer.hold is not None:
            peer.hold.set()
        await runner.cleanup()
