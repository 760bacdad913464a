"""Reading the log without missing a late commit and without turning a key round.

Positions are drawn at insert and seen at commit, so "everything after my cursor" skips what commits
late. The safe position is found like this: note the last position drawn; then note who holds the
appenders' lock; once those have ended, everything up to the noted position is settled.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import psycopg
from prometheus_client import Gauge
from sqlalchemy import text
from sqlalchemy.engine import make_url

from bus.append import LOG_LOCK, Waker
from bus.facts import Fact, Subscription
from bus.settings import BusSettings
from chassis.database import Database, Session
from chassis.telemetry import logger

log = logger("bus.log")

safe_position_age = Gauge(
    "bus_safe_position_age_seconds", "For how long an open appender has kept readers waiting"
)

_LOOK = f"""
    select case when is_called then last_value else 0 end from bus.log_position;
    select virtualtransaction from pg_locks
     where locktype = 'advisory' and objsubid = 1
       and classid = {LOG_LOCK >> 32} and objid = {LOG_LOCK & 0xFFFFFFFF}
       and database = (select oid from pg_database where datname = current_database())"""

_LATEST = """
    select topic, type, source, max(position) from bus.log
     where position > %s and position <= %s group by topic, type, source"""

_READ = text("""
    select position, id, type, topic, key, payload, source, at, traceparent from bus.log
     where position > :after and position <= :safe and topic = any(:topics)
     order by position limit :limit""")

_ENDS = text("select min(position), max(position) from bus.log")
_AT = text("""
    select at from bus.log where position >= :position order by position limit 1""")
_SAID = text("""
    select id, type, topic, key, payload, source, at, traceparent from (
        select * from bus.log where position >= :low order by position limit :most) l
     where l.at <= :until and l.type = :kind and l.key = :key order by l.position""")
MOST_SEARCHED = 100_000

# Between two looks while an appender is still open, and at the least between any two.
_OPEN_APPENDER_SECONDS = 0.002
_LEAST_SECONDS = 0.001
_NOTIFY_SECONDS = 0.002
STALL_SECONDS = 2.0
CHANNEL = "bus_log"


class LogWatch:
    """Knows the safe position of one database's log; shared by every reader of a process."""

    def __init__(self, database: Database, settings: BusSettings) -> None:
        url = make_url(database.settings.url.get_secret_value()).set(drivername="postgresql")
        self._conninfo = url.render_as_string(hide_password=False)
        self._poll_seconds = settings.poll_seconds
        self._safe = -1  # Until the first look.
        self._moved = asyncio.Event()
        self._wake = asyncio.Event()
        self._announce = asyncio.Event()
        self._waiting = 0
        self._announcer = 0
        self._open: tuple[int, frozenset[str], float] | None = None
        self._latest: dict[tuple[str, str, str], int] = {}
        self._waker = Waker(self._on_commit)

    @property
    def safe(self) -> int:
        """Everything at or below this position is settled."""
        return self._safe

    async def beyond(
        self, position: int, within_seconds: float, subscription: Subscription | None = None
    ) -> int:
        """The safe position, once it is beyond the given one or the time is up.

        With a subscription: once something that it wants lies beyond; to be woken for every
        commit of the others costs a group more than its own work (measured).
        """
        deadline = time.monotonic() + within_seconds
        while self._newest(subscription) <= position:
            left = deadline - time.monotonic()
            if left <= 0:
                break
            self._waiting += 1
            self._wake.set()
            try:
                # Not `wait_for`: before Python 3.12 it can swallow the cancelling of a task.
                async with asyncio.timeout(left):
                    await self._moved.wait()
            except TimeoutError:
                break
            finally:
                self._waiting -= 1
        return self._safe

    async def run(self) -> None:
        """Look, listen and announce until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._look_on())
            group.create_task(self._listen())
            group.create_task(self._notify())

    def _on_commit(self) -> None:
        self._wake.set()
        self._announce.set()

    async def _look_on(self) -> None:
        async with await self._connect("look") as connection:
            looked_at = 0.0
            while True:
                self._wake.clear()
                if self._waiting or time.monotonic() - looked_at >= self._poll_seconds:
                    looked_at = time.monotonic()
                    if await self.look(connection):
                        self._moved.set()
                        self._moved = asyncio.Event()
                if self._open and self._waiting:
                    await asyncio.sleep(_OPEN_APPENDER_SECONDS)
                    continue
                try:
                    async with asyncio.timeout(self._poll_seconds):
                        await self._wake.wait()
                except TimeoutError:
                    continue
                # Commits come in bursts; a look for each would cost more than it finds.
                await asyncio.sleep(max(0.0, looked_at + _LEAST_SECONDS - time.monotonic()))

    def _newest(self, subscription: Subscription | None) -> int:
        """The last safe position, or that of the last fact that a subscription wants."""
        if subscription is None:
            return self._safe
        return max(
            (
                position
                for (topic, kind, source), position in self._latest.items()
                if topic in subscription.topics
                and kind not in subscription.skips
                and source != subscription.skips_source
            ),
            default=0,
        )

    async def _note_latest(
        self, connection: psycopg.AsyncConnection[tuple[Any, ...]], after: int
    ) -> None:
        """Remember where the last fact of each kind lies. What was there before the first look is
        read by whoever starts."""
        if after >= 0:
            found = await connection.execute(_LATEST, (after, self._safe))
            for topic, kind, source, position in await found.fetchall():
                self._latest[topic, kind, source] = position

    async def look(self, connection: psycopg.AsyncConnection[tuple[Any, ...]]) -> bool:
        """Look once; True when the safe position moved."""
        cursor = await connection.execute(_LOOK)
        row = await cursor.fetchone()
        last = int(str(row[0])) if row else 0
        cursor.nextset()
        holders = frozenset(str(row[0]) for row in await cursor.fetchall())
        before = self._safe
        at = time.monotonic()
        if not holders:
            self._safe, self._open = max(before, last), None
        else:
            if self._open is not None and not (self._open[1] & holders):
                self._safe, self._open = max(before, self._open[0]), None
            if self._open is None and last > self._safe:
                self._open = (last, holders, at)
        age = at - self._open[2] if self._open else 0.0
        safe_position_age.set(age)
        if age > STALL_SECONDS:
            log.warning("log_stalled", seconds=round(age, 1), next="ends with the open appender")
        if self._safe > before:
            await self._note_latest(connection, before)
        return self._safe > before

    async def _listen(self) -> None:
        async with await self._connect("listen") as connection:
            await connection.execute(f"listen {CHANNEL}")
            async for notice in connection.notifies():
                # This process woke its own readers before it told the others.
                if notice.pid != self._announcer:
                    self._wake.set()

    async def _notify(self) -> None:
        """Tell other processes, after the commit and on a connection of its own: inside the
        transaction NOTIFY takes a lock that halves the commits a second."""
        async with await self._connect("notify") as connection:
            self._announcer = connection.info.backend_pid
            while True:
                await self._announce.wait()
                self._announce.clear()
                await connection.execute(f"notify {CHANNEL}")
                await asyncio.sleep(_NOTIFY_SECONDS)

    async def _connect(self, purpose: str) -> psycopg.AsyncConnection[tuple[Any, ...]]:
        return await psycopg.AsyncConnection.connect(
            self._conninfo, autocommit=True, application_name=f"bus-{purpose}", connect_timeout=5
        )


async def read_said(
    session: Session, kind: str, key: str, since: datetime, until: datetime
) -> list[Fact]:
    """Facts of a type and key that this database's log took in between two times, in order.

    For repairs: positions grow with time, so the first is found by halving, by the primary key.
    """
    low, high = (await session.execute(_ENDS)).one()
    if high is None:
        return []
    while low < high:
        middle = (low + high) // 2
        at = (await session.execute(_AT, {"position": middle})).scalar()
        if at is None or at >= since:
            high = middle
        else:
            low = middle + 1
    rows = await session.execute(
        _SAID, {"low": low, "until": until, "kind": kind, "key": key, "most": MOST_SEARCHED}
    )
    return [Fact(row.id, row.type, row.topic, row.key, bytes(row.payload), row.source, row.at,
                 row.traceparent) for row in rows]  # fmt: skip


async def read_log(
    session: Session, topics: Sequence[str], after: int, safe: int, limit: int
) -> list[tuple[int, Fact]]:
    """Facts of the topics after a position, each with its own, in order, up to a safe one."""
    rows = (
        await session.execute(
            _READ, {"after": after, "safe": safe, "topics": list(topics), "limit": limit}
        )
    ).all()
    return [
        (row.position, Fact(row.id, row.type, row.topic, row.key, bytes(row.payload),
                            row.source, row.at, row.traceparent))
        for row in rows
    ]  # fmt: skip
