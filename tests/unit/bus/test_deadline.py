"""A deadline holds even for a call that does not heed its cancellation."""

from __future__ import annotations

import asyncio
import time

import pytest

from bus.deadline import within


async def test_what_is_in_time_gives_its_result_or_its_error() -> None:
    async def answer() -> int:
        return 7

    async def fail() -> None:
        raise ValueError("no")

    assert await within(1.0, answer()) == 7
    with pytest.raises(ValueError, match="no"):
        await within(1.0, fail())


async def test_a_call_that_swallows_its_cancellation_is_left_behind() -> None:
    goes_on, ended = asyncio.Event(), asyncio.Event()

    async def cling() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await goes_on.wait()
        ended.set()

    started = time.monotonic()
    with pytest.raises(TimeoutError):
        await within(0.05, cling())
    assert time.monotonic() - started < 1.0
    goes_on.set()
    await asyncio.wait_for(ended.wait(), 1.0)


async def test_who_is_cancelled_cancels_the_call() -> None:
    cancelled = asyncio.Event()

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    waiting = asyncio.create_task(within(10.0, wait()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.wait_for(cancelled.wait(), 1.0)


async def test_a_call_that_somebody_else_cancels_is_a_failure_and_not_our_end() -> None:
    async def give_up() -> None:
        raise asyncio.CancelledError

    with pytest.raises(TimeoutError):
        await within(1.0, give_up())
