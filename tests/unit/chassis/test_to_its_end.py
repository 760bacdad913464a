"""What must not be cut off is done first, and then its task stops."""

from __future__ import annotations

import asyncio

import pytest

from chassis.to_its_end import to_its_end


async def test_it_is_done_although_its_task_is_told_to_stop() -> None:
    begun, may_end = asyncio.Event(), asyncio.Event()
    done: list[str] = []

    async def commit() -> None:
        begun.set()
        await may_end.wait()
        done.append("committed")

    task = asyncio.create_task(to_its_end(commit()))
    await begun.wait()
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done == ["committed"]


async def test_what_it_gives_or_raises_is_the_callers() -> None:
    async def give() -> int:
        return 7

    async def fail() -> None:
        raise LookupError("as it was raised")

    assert await to_its_end(give()) == 7
    with pytest.raises(LookupError, match="as it was raised"):
        await to_its_end(fail())
