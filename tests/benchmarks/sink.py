"""A webhook receiver in a process of its own: answers 204, counts, and notes when each came.

`python -m tests.benchmarks.sink PORT`. `GET /count` gives how many POSTs came and how many distinct
`webhook-id`s; `GET /times` gives `{id: seconds since 1970 of the first}`; `DELETE /` forgets all.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import cast

import uvloop
from httptools import HttpRequestParser

_NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"


class Sink:
    """What came."""

    def __init__(self) -> None:
        self.posts = 0
        self.times: dict[str, float] = {}


class _Connection(asyncio.Protocol):
    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._parser = HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._id = ""
        self._url = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do not inherit from asyncio's.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._url = url

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"webhook-id":
            self._id = value.decode()

    def on_message_complete(self) -> None:
        assert self._transport is not None
        method = self._parser.get_method()
        if method == b"POST":
            self._sink.posts += 1
            self._sink.times.setdefault(self._id, time.time())
            self._transport.write(_NO_CONTENT)
            return
        if method == b"DELETE":
            self._sink.posts = 0
            self._sink.times.clear()
            self._transport.write(_NO_CONTENT)
            return
        answer: object = self._sink.times
        if self._url.startswith(b"/count"):
            answer = {"posts": self._sink.posts, "distinct": len(self._sink.times)}
        body = json.dumps(answer).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        self._transport.write(head.encode() + b"\r\n\r\n" + body)


async def main(port: int) -> None:
    """Serve until ended."""
    sink = Sink()
    server = await asyncio.get_running_loop().create_server(
        lambda: _Connection(sink), "127.0.0.1", port, backlog=1024
    )
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
