"""Deadlines for a client that does not keep its own: what is late is left behind.

`asyncio.timeout` ends a wait by cancelling it once. `aiokafka` swallows that in places (it cancels
its own tasks, awaits them, and takes our cancellation for theirs) and waits on, for ever; in others
it lets out a cancellation that nobody asked for, which would end the task that called. So the call
gets a task of its own: it is the waiting that ends, and only our own cancellation cancels us.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def within(seconds: float, call: Coroutine[Any, Any, T]) -> T:
    """The call's result; `TimeoutError` at the deadline, whether or not the call heeds it.

    The same when the call was cancelled by somebody else than its caller.
    """
    task = asyncio.ensure_future(call)
    task.add_done_callback(_note)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
    except asyncio.CancelledError:
        task.cancel()
        raise
    if not done:
        task.cancel()
        raise TimeoutError
    if task.cancelled():
        raise TimeoutError("the client gave the call up")
    return task.result()


def _note(task: asyncio.Task[Any]) -> None:
    """Nobody waits any more for what a late call comes to."""
    if not task.cancelled():
        task.exception()
