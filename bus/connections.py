"""Every connection that a Kafka client makes is closed when its user is done with it.

`aiokafka` leaves some open: one whose `start` was cancelled while it asked for metadata, one that
was being made while `close` ran, all of them when `stop` hangs because the broker is away, and one
whose end the broker closed before it was asked for again. Each keeps a socket until the broker
drops it. The client has no hook, so the one function that makes its connections is wrapped here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import aiokafka.client
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaConnectionError

_create = aiokafka.client.create_conn


class _Connections:
    """Those made on behalf of one block."""

    def __init__(self) -> None:
        self._open: list[AIOKafkaConnection] = []
        self._ended = False

    def add(self, made: AIOKafkaConnection) -> None:
        """Keep it until the block ends; after its end, close it at once."""
        if self._ended:
            _close(made)
            raise KafkaConnectionError("the client was ended while it connected")
        still_open = []
        for one in self._open:
            if one.connected():
                still_open.append(one)
            else:
                _close(one)
        self._open = [*still_open, made]

    def end(self) -> None:
        """Close what is open; nothing opens any more."""
        self._ended = True
        for one in self._open:
            _close(one)
        self._open = []


_mine: ContextVar[_Connections | None] = ContextVar("kafka_connections", default=None)


@contextmanager
def connections_closed() -> Iterator[None]:
    """No connection made in this block, or by a task begun in it, outlives it."""
    mine = _Connections()
    token = _mine.set(mine)
    try:
        yield
    finally:
        _mine.reset(token)
        mine.end()


async def _create_and_keep(*args: Any, **options: Any) -> AIOKafkaConnection:
    made = await _create(*args, **options)
    mine = _mine.get()
    if mine is not None:
        mine.add(made)
    return made


def _close(one: AIOKafkaConnection) -> None:
    """Close it now, even with something unsent: its peer may never read it."""
    writer = one._writer
    one.close()
    if writer is not None:
        writer.transport.abort()


aiokafka.client.create_conn = _create_and_keep
