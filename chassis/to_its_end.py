"""What must not be cut off half-way when its task is told to stop: a commit, a connection."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def to_its_end(doing: Coroutine[Any, Any, T]) -> T:
    """Its result; told to stop meanwhile, the caller stops once it is done, whatever came of it.

    A connection that was being opened would be left open otherwise.
    """
    task = asyncio.ensure_future(doing)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.gather(task, return_exceptions=True)
        raise
