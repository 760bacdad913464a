"""A load generator that costs little: prepared bytes on kept connections."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

from httptools import HttpResponseParser


@dataclass
class Outcome:
    """What a round of requests came to."""

    seconds: float = 0.0
    statuses: dict[int, int] = field(default_factory=dict)
    latencies: list[float] = field(default_factory=list)

    @property
    def good_per_second(self) -> float:
        """202s (or 200s) a second."""
        return (self.statuses.get(202, 0) + self.statuses.get(200, 0)) / self.seconds


class _Client(asyncio.Protocol):
    """One kept connection: writes the next request when the last answer is whole."""

    def __init__(self, requests: Iterator[bytes], outcome: Outcome, done: asyncio.Event) -> None:
        self._requests = requests
        self._outcome = outcome
        self.done = done
        self._parser = HttpResponseParser(self)
        self._sent_at = 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do not inherit from asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        self._next()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        self._outcome.statuses[status] = self._outcome.statuses.get(status, 0) + 1
        self._outcome.latencies.append(time.perf_counter() - self._sent_at)
        self._parser = HttpResponseParser(self)
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        self.done.set()

    def _next(self) -> None:
        assert self._transport is not None
        request = next(self._requests, None)
        if request is None:
            self._transport.close()
            self.done.set()
            return
        self._sent_at = time.perf_counter()
        self._transport.write(request)


async def drive(port: int, requests: list[bytes], clients: int) -> Outcome:
    """Send every request over so many kept connections, each as fast as it is answered."""
    outcome = Outcome()
    waiting = iter(requests)
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    ends = [asyncio.Event() for _ in range(clients)]
    for end in ends:
        await loop.create_connection(
            lambda end=end: _Client(waiting, outcome, end),  # type: ignore[misc]
            "127.0.0.1",
            port,
        )
    for end in ends:
        await end.wait()
    outcome.seconds = time.perf_counter() - started
    return outcome


def make_request(path: str, authorization: str, body: bytes, content_type: str) -> bytes:
    """The bytes of one POST."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {authorization}\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
