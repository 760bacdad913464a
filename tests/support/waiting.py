"""Waiting for a condition instead of sleeping for a guess."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

T = TypeVar("T")


@overload
async def eventually(
    condition: Callable[[], Awaitable[T]], within_seconds: float = ..., what: str = ...
) -> T: ...


@overload
async def eventually(
    condition: Callable[[], T], within_seconds: float = ..., what: str = ...
) -> T: ...


async def eventually(
    condition: Callable[[], Any], within_seconds: float = 10.0, what: str = ""
) -> Any:
    """The condition's first true value; fails with the last one when the time is up."""
    deadline = time.monotonic() + within_seconds
    while True:
        value = condition()
        if inspect.isawaitable(value):
            value = await value
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(
                f"not within {within_seconds} s: {what or condition}; last {value!r}"
            )
        await asyncio.sleep(0.01)
