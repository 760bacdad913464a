"""One process: its HTTP server, its tasks, and their end in order.

First the door closes and open requests finish, then the tasks stop, then the database closes.
A task that fails is started again, later each time, and says so; it never ends in silence.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field

import uvicorn
from fastapi import APIRouter, FastAPI
from prometheus_client import Counter

from chassis import health, problems
from chassis.database import Database, is_away
from chassis.health import Check
from chassis.settings import HttpSettings
from chassis.telemetry import describe, logger

log = logger("chassis.process")

FIRST_DELAY_SECONDS = 0.5
LAST_DELAY_SECONDS = 15.0
STOP_SECONDS = 10.0

task_failures = Counter(
    "task_failures_total", "Times a task failed and was started again", ["task"]
)


@dataclass(frozen=True, slots=True)
class Task:
    """Something that runs until it is cancelled."""

    name: str
    run: Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Service:
    """What a composition root hands to the process."""

    name: str
    router: APIRouter
    tasks: Sequence[Task] = ()
    checks: Sequence[Check] = ()
    databases: Sequence[Database] = field(default=())


def create_api(services: Sequence[Service], title: str) -> FastAPI:
    """One application with the routes of every given service, problems, health and metrics."""
    app = FastAPI(title=title, version="1", redoc_url=None, separate_input_output_schemas=False)
    problems.install(app)
    app.include_router(health.routes([check for one in services for check in one.checks]))
    for one in services:
        app.include_router(one.router)
    return app


async def keep_running(task: Task) -> None:
    """Run a task for ever: started again after a failure, with a growing pause."""
    delay = FIRST_DELAY_SECONDS
    loop = asyncio.get_running_loop()
    while True:
        started = loop.time()
        try:
            await task.run()
            log.warning("task_ended", task=task.name, next="started again")
        except (Exception, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and _is_cancelled():
                raise
            # A cancellation that nobody asked for, let out by a library, is a failure like others:
            # otherwise the task would end in silence.
            task_failures.labels(task.name).inc()
            report = log.warning if is_away(error) else log.error
            report("task_failed", task=task.name, retry_in_seconds=delay, **describe(error))
        delay = FIRST_DELAY_SECONDS if loop.time() - started > 60 else delay
        await asyncio.sleep(delay)
        delay = min(delay * 2, LAST_DELAY_SECONDS)


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


@contextlib.asynccontextmanager
async def running(tasks: Sequence[Task]) -> AsyncIterator[None]:
    """Keep the tasks running inside the block; stop them, last first, at its end."""
    handles = [asyncio.create_task(keep_running(task), name=task.name) for task in tasks]
    try:
        yield
    finally:
        for handle in reversed(handles):
            handle.cancel()
        if handles:
            _, late = await asyncio.wait(handles, timeout=STOP_SECONDS)
            for handle in late:
                log.error(
                    "task_not_stopped", task=handle.get_name(), next="left to the process end"
                )


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: the process owns those."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(
    services: Sequence[Service],
    http: HttpSettings,
    *,
    app: FastAPI | None = None,
    on_ready: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM; returns when everything has stopped in order."""
    application = app or create_api(services, " and ".join(one.name for one in services))
    server = _Server(
        uvicorn.Config(
            application,
            host=http.host,
            port=http.port,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=10,
            timeout_keep_alive=75,
            backlog=4096,
        )
    )
    loop = asyncio.get_running_loop()

    def stop() -> None:
        server.should_exit = True

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    async with running([task for one in services for task in one.tasks]):
        serving = asyncio.create_task(server.serve())
        while not (server.started or serving.done()):  # noqa: ASYNC110 - uvicorn has no event
            await asyncio.sleep(0.01)
        spare_the_collector()
        if on_ready and server.started:
            await on_ready()
        log.info("process_started", services=[one.name for one in services], port=http.port)
        await serving
    for database in {id(one): one for each in services for one in each.databases}.values():
        await database.close()
    log.info("process_stopped", services=[one.name for one in services])


def spare_the_collector() -> None:
    """What was made until now stays: 100 MB of classes and statements. Without this each full
    collection walks all of it, tens of milliseconds in which nothing is answered."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def run(main: Awaitable[None]) -> None:
    """Run a process's main coroutine on uvloop."""
    import uvloop

    async def whole() -> None:
        await main

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(whole())
