"""Waiting for something that is announced within this process, and not for ever."""

from __future__ import annotations

import asyncio
from contextlib import suppress


async def wait(event: asyncio.Event, seconds: float) -> bool:
    """Wait for a bell, at most so long; True when it rang. It is quiet again afterwards."""
    with suppress(TimeoutError):
        # Not `wait_for`: before Python 3.12 it can swallow the cancelling of a task.
        async with asyncio.timeout(seconds):
            await event.wait()
    rang = event.is_set()
    event.clear()
    return rang
