"""Sends messages to peers (step 6): claim → send → settle, until it is cancelled.

No transaction is open while anything is sent; a message is sent as the bytes that were stored, so
that a repeat is the same to the last byte.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable

import aiohttp

from chassis import outbound
from chassis.clock import now
from chassis.database import Database
from services.health_broker.claim import Taken, claim_messages
from services.health_broker.fhir import MEDIA_TYPE
from services.health_broker.outcome import Outcome, Unreachable, judge_answer
from services.health_broker.peers import find_peers
from services.health_broker.settings import HealthBrokerSettings
from services.health_broker.settle import (
    Sent,
    clear_queues,
    queue_open,
    settle_messages,
    tell_queues,
)
from services.health_broker.tables import Message

_LEAST_WAIT_SECONDS = 0.01


class Dispatcher:
    """The one task that sends; `wake` makes it look at the queue at once."""

    def __init__(self, database: Database, settings: HealthBrokerSettings) -> None:
        self._database = database
        self._settings = settings
        self._woken = asyncio.Event()
        self._open: set[str] = set()

    def wake(self) -> None:
        """Something was stored."""
        self._woken.set()

    async def run(self) -> None:
        """Claim, send, settle, until cancelled; what was being sent is then due again later."""
        await self._show_queues()
        sending: dict[asyncio.Task[Sent], str] = {}
        timeout = aiohttp.ClientTimeout(total=self._settings.send_seconds)
        async with aiohttp.ClientSession(
            timeout=timeout, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
        ) as http:
            try:
                while True:
                    self._woken.clear()
                    for taken in await self._claim(Counter(sending.values())):
                        task = asyncio.create_task(send_message(http, taken, self._settings))
                        sending[task] = taken.row["organisation"]
                    done = await self._wait(sending)
                    results = [task.result() for task in done]
                    if results:
                        await self._settle(results)
                    for task in done:
                        del sending[task]
            finally:
                for task in sending:
                    task.cancel()
                await asyncio.gather(*sending, return_exceptions=True)

    async def _claim(self, sending: Counter[str]) -> list[Taken]:
        cleared: list[str] = []
        async with self._database.transaction() as session:
            taken = await claim_messages(session, self._settings, sending)
            if self._open:
                cleared = await clear_queues(session)
        self._open -= set(cleared)
        tell_queues([], cleared)
        return taken

    async def _settle(self, sent: list[Sent]) -> None:
        async with self._database.transaction() as session:
            opened = await settle_messages(session, sent, self._settings)
        self._open |= set(opened)
        tell_queues(opened, [])

    async def _wait(self, sending: Iterable[asyncio.Task[Sent]]) -> set[asyncio.Task[Sent]]:
        """Until a sending ended, something was stored, or something is due."""
        async with self._database.reading() as session:
            due = await outbound.next_due_seconds(session, Message)
        wait = self._settings.poll_seconds if due is None else min(due, self._settings.poll_seconds)
        running = set(sending)
        if len(running) >= self._settings.sending_at_once:
            wait = self._settings.poll_seconds
        woken = asyncio.create_task(self._woken.wait())
        try:
            done, _ = await asyncio.wait(
                {woken, *running},
                timeout=max(wait, _LEAST_WAIT_SECONDS),
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            woken.cancel()
        return {task for task in running if task in done}

    async def _show_queues(self) -> None:
        """At the start: the queues as they were left."""
        async with self._database.reading() as session:
            peers = await find_peers(session)
        self._open = {name for name, peer in peers.items() if peer.queue_opened_at is not None}
        for organisation in peers:
            queue_open.labels(organisation).set(1 if organisation in self._open else 0)


async def send_message(
    http: aiohttp.ClientSession, taken: Taken, settings: HealthBrokerSettings
) -> Sent:
    """Post one message; every way in which that can fail is an outcome."""
    row, peer = taken.row, taken.peer
    headers = {
        "Content-Type": MEDIA_TYPE,
        "Accept": "application/fhir+json",
        "X-Request-Id": str(row["request_id"]),
        "X-Correlation-Id": str(row["correlation_id"]),
    }
    if peer.token:
        headers["Authorization"] = f"Bearer {peer.token}"
    started_at, started = now(), time.perf_counter()
    status: int | None = None
    answer: bytes | None = None
    outcome: Outcome
    try:
        async with http.post(
            peer.endpoint, data=bytes(row["body"]), headers=headers, allow_redirects=False
        ) as response:
            status = response.status
            answer = await _read(response, settings.answer_limit_bytes)
            outcome = judge_answer(status, response.headers, answer, str(row["header"]), now())
    except TimeoutError:
        outcome = Unreachable("time-out")
    except (aiohttp.ClientError, OSError, ValueError) as error:
        # ValueError: an address that the client cannot use at all.
        outcome = Unreachable(type(error).__name__)
    return Sent(taken, outcome, started_at, time.perf_counter() - started, status, answer)


async def _read(response: aiohttp.ClientResponse, limit_bytes: int) -> bytes:
    """At most so much of the answer; an acknowledgement is far smaller."""
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_chunked(65_536):
        parts.append(part[: limit_bytes - size])
        size += len(parts[-1])
        if size >= limit_bytes:
            break
    return b"".join(parts)
