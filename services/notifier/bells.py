"""Who is woken after a commit in this process; other processes find out by looking now and then."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from chassis.bell import wait

__all__ = ["Bells", "wait"]


class Bells:
    """`deliver`, `escalate` and `ladders` wake those tasks; mailboxes the long polls on them."""

    def __init__(self) -> None:
        self.deliver = asyncio.Event()
        self.escalate = asyncio.Event()
        self.ladders = asyncio.Event()
        self._waiting: dict[str, set[asyncio.Event]] = {}

    def ring_mailboxes(self, organisations: Collection[str]) -> None:
        """Something new may be in these mailboxes."""
        for organisation in organisations:
            for event in self._waiting.get(organisation, ()):
                event.set()

    @contextmanager
    def listening(self, organisations: Collection[str]) -> Iterator[asyncio.Event]:
        """An event that is set when something may be new; made before one looks."""
        event = asyncio.Event()
        for organisation in organisations:
            self._waiting.setdefault(organisation, set()).add(event)
        try:
            yield event
        finally:
            for organisation in organisations:
                left = self._waiting.get(organisation, set())
                left.discard(event)
                if not left:
                    self._waiting.pop(organisation, None)
