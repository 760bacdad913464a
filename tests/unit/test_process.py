"""A task of a process is started again whatever ended it, and ends when it is told to."""

from __future__ import annotations

import asyncio

import pytest

from chassis.process import Task, keep_running, running
from tests.support.waiting import eventually


@pytest.mark.parametrize("ending", [None, ValueError("no"), asyncio.CancelledError()])
async def test_whatever_ends_a_task_it_is_started_again(ending: BaseException | None) -> None:
    starts = 0

    async def run() -> None:
        nonlocal starts
        starts += 1
        if starts == 1:
            if ending is not None:
                raise ending
            return
        await asyncio.Event().wait()

    async with running([Task("test-task", run)]):
        await eventually(lambda: starts == 2, 5)


async def test_a_task_that_is_told_to_end_ends() -> None:
    started = asyncio.Event()

    async def run() -> None:
        started.set()
        await asyncio.Event().wait()

    kept = asyncio.create_task(keep_running(Task("test-task", run)))
    await started.wait()
    kept.cancel()
    with pytest.raises(asyncio.CancelledError):
        await kept
