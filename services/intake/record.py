"""Records what was judged: row, identity and log entry in one commit, which many requests share.

One flusher takes what waits; requests share its commit and never each other's fate. A request is
answered after the commit only; what was not certainly committed is never answered as stored.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from prometheus_client import Counter, Histogram
from sqlalchemy import text
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from bus import append
from chassis.clock import Clock, now
from chassis.database import Database, is_away
from chassis.problems import FieldError, Problem, away
from chassis.telemetry import describe, logger
from chassis.to_its_end import to_its_end
from services.intake.identify import Identifier
from services.intake.insert import accepted_fact, find_recorded, insert_events
from services.intake.judge import Prepared
from services.intake.settings import IntakeSettings

log = logger("intake.record")

LATEST_COMMIT_SECONDS = 20.0
"""A group that took longer is rolled back; a listing counts on it (`own_events`)."""

events_recorded = Counter("intake_events_total", "Events by what became of them", ["outcome"])
group_sizes = Histogram(
    "intake_group_size", "Events that shared a commit", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256)
)

_MARK = text("""insert into intake.identity (mark) values (:mark) on conflict do nothing""")
_READ_MARK = text("select mark from intake.identity")


@dataclass(frozen=True, slots=True)
class Recorded:
    """It is committed; `replayed` when it was so before."""

    accepted_at: datetime
    replayed: bool


@dataclass(frozen=True, slots=True)
class Conflict:
    """The same sender's id with other content is recorded; this is not."""


Outcome = Recorded | Conflict


class Recorder(Protocol):
    """What the door needs: an outcome, or `Problem` 503 when nobody knows."""

    async def record(self, prepared: Prepared) -> Outcome: ...


class LateCommitError(RuntimeError):
    """The group waited so long inside its transaction that it was given up."""


class OtherSecretError(RuntimeError):
    """The identity secret is not the one from which this database's receipts were derived."""


@dataclass(slots=True, eq=False)
class _Waiting:
    prepared: Prepared
    answer: asyncio.Future[Outcome]
    taken: bool = False


class GroupRecorder:
    """Records in groups; `run` must be running, or every request is answered with 503 in time."""

    def __init__(
        self,
        database: Database,
        identifier: Identifier,
        settings: IntakeSettings,
        clock: Clock = now,
    ) -> None:
        self._database = database
        self._mark = identifier.mark
        self._settings = settings
        self._clock = clock
        self._queue: deque[_Waiting] = deque()
        self._wake = asyncio.Event()

    async def record(self, prepared: Prepared) -> Outcome:
        """Wait for the commit that holds it; `Problem` 503 when that is not in time or unknown."""
        if len(self._queue) >= self._settings.queue_size:
            events_recorded.labels("refused-busy").inc()
            raise _busy()
        loop = asyncio.get_running_loop()
        waiting = _Waiting(prepared, loop.create_future())
        self._queue.append(waiting)
        self._wake.set()
        timer = loop.call_later(self._settings.record_seconds, _give_up, waiting)
        try:
            return await waiting.answer
        finally:
            timer.cancel()

    async def run(self) -> None:
        """Flush until cancelled; then flush what is left, and end."""
        await self._check_secret()
        while True:
            try:
                await self._wake.wait()
                self._wake.clear()
                while self._queue:
                    await to_its_end(self._flush(self._take()))
            except asyncio.CancelledError:
                while self._queue:
                    await self._flush(self._take())
                raise

    def _take(self) -> list[_Waiting]:
        """The next group, in the order of arrival, without those who no longer wait."""
        group: list[_Waiting] = []
        while self._queue and len(group) < self._settings.group_size:
            waiting = self._queue.popleft()
            if not waiting.answer.done():
                waiting.taken = True
                group.append(waiting)
        return group

    async def _flush(self, group: Sequence[_Waiting]) -> None:
        """Record a group and answer everyone in it."""
        try:
            await self._attempt(group)
        finally:
            # Whatever else was raised goes on to the task, and nobody is left waiting.
            _refuse(group, away())

    async def _attempt(self, group: Sequence[_Waiting]) -> None:
        if not group:
            return
        started = time.monotonic()
        try:
            outcomes = await self._write([waiting.prepared for waiting in group])
        except (DataError, IntegrityError, UnicodeError) as error:
            await self._split(group, error)
        except (SQLAlchemyError, OSError, LateCommitError) as error:
            events_recorded.labels("unknown").inc(len(group))
            report = log.warning if is_away(error) else log.error
            report("group_failed", events=len(group), next="answered 503", **describe(error))
        else:
            for waiting, outcome in zip(group, outcomes, strict=True):
                if not waiting.answer.done():
                    waiting.answer.set_result(outcome)
            _tell(group, outcomes, time.monotonic() - started)

    async def _split(self, group: Sequence[_Waiting], error: Exception) -> None:
        """Try the halves of a group that its data made fail: the bad one ends up alone."""
        if len(group) > 1:
            half = len(group) // 2
            await self._flush(group[:half])
            await self._flush(group[half:])
            return
        events_recorded.labels("unstorable").inc()
        receipt = str(group[0].prepared.receipt)
        log.error("event_unstorable", receipt=receipt, next="answered 422", **describe(error))
        _refuse(
            group,
            Problem(
                422,
                "unstorable",
                "The event holds something that storage refuses.",
                [FieldError("", "unstorable", "holds something that cannot be stored")],
            ),
        )

    async def _write(self, group: Sequence[Prepared]) -> list[Outcome]:
        """One transaction: rows, then the facts of those that are new, in order of arrival."""
        # Of several alike the first counts, as if the others had come later.
        place = {prepared.receipt: at for at, prepared in reversed(list(enumerate(group)))}
        started = time.monotonic()
        accepted_at = self._clock()
        async with self._database.transaction() as session:
            new = await insert_events(session, (group[at] for at in place.values()), accepted_at)
            fresh = [
                one
                for at, one in enumerate(group)
                if place[one.receipt] == at and one.receipt in new
            ]
            stored = {one.receipt: (one.content_hash, accepted_at) for one in fresh}
            if len(new) < len(place):
                stored.update(await find_recorded(session, place.keys() - new))
            await append(session, *(accepted_fact(one, accepted_at) for one in fresh))
            if time.monotonic() - started > LATEST_COMMIT_SECONDS:
                raise LateCommitError
        return [
            _settle(
                one, stored[one.receipt], is_new=place[one.receipt] == at and one.receipt in new
            )
            for at, one in enumerate(group)
        ]

    async def _check_secret(self) -> None:
        """Never accept under another secret: what was told before would be told again."""
        async with self._database.transaction() as session:
            await session.execute(_MARK, {"mark": self._mark})
            mark = (await session.execute(_READ_MARK)).scalar_one()
        if mark != self._mark:
            raise OtherSecretError("SGB_INTAKE__IDENTITY_SECRET is not this database's")


def _settle(event: Prepared, stored: tuple[bytes, datetime], *, is_new: bool) -> Outcome:
    content_hash, accepted_at = stored
    if content_hash != event.content_hash:
        return Conflict()
    return Recorded(accepted_at, replayed=not is_new)


def _tell(group: Sequence[_Waiting], outcomes: Sequence[Outcome], seconds: float) -> None:
    conflicts = sum(isinstance(outcome, Conflict) for outcome in outcomes)
    fresh = [
        str(waiting.prepared.receipt)
        for waiting, outcome in zip(group, outcomes, strict=True)
        if isinstance(outcome, Recorded) and not outcome.replayed
    ]
    replayed = len(outcomes) - len(fresh) - conflicts
    group_sizes.observe(len(outcomes))
    for name, count in (
        ("recorded", len(fresh)),
        ("replayed", replayed),
        ("conflict", conflicts),
    ):
        if count:
            events_recorded.labels(name).inc(count)
    log.info(
        "events_recorded",
        receipts=fresh,
        replayed=replayed,
        conflicts=conflicts,
        milliseconds=round(seconds * 1000, 1),
    )


def _give_up(waiting: _Waiting) -> None:
    """The time is up: what was not yet taken is certainly not stored, of the rest nobody knows."""
    _refuse([waiting], away() if waiting.taken else _busy())


def _refuse(group: Iterable[_Waiting], problem: Problem) -> None:
    for waiting in group:
        if not waiting.answer.done():
            waiting.answer.set_exception(problem)


def _busy() -> Problem:
    return Problem(
        503,
        "too-busy",
        "Too much waits to be recorded. This was not stored; send the same again.",
        headers={"Retry-After": "2"},
    )
