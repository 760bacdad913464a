"""The embedded road: a group reads the log straight from PostgreSQL.

The group's cursor moves in the same commit as the effects, and only from where the reader found it:
of two readers of one group, the later one to commit changes nothing and stands by.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from sqlalchemy import text

from bus.consume import Consumer, Overtaken
from bus.facts import Backlog, Fact, Subscription
from bus.held import Move
from bus.log import LogWatch
from bus.settings import BusSettings
from chassis.database import Database

_MAKE = text("insert into bus.cursors (reader) values (:reader) on conflict do nothing")
_MOVE = """
    update bus.cursors set position = %(after)s, moved_at = clock_timestamp()
     where reader = %(reader)s and position = %(before)s"""
_READ = """
    select c.position as mark, l.* from bus.cursors c left join lateral (
        select position, id, type, topic, key, payload, source, at, traceparent from bus.log
         where position > greatest(c.position, %(scanned)s) and position <= %(safe)s
           and topic = any(%(topics)s::text[]) and type <> all(%(skips)s::text[])
           and source <> %(skips_source)s
         order by position limit %(limit)s) l on true
     where c.reader = %(reader)s order by l.position"""

# From behind what this process has looked through: a cursor does not move over what is skipped.
_BACKLOG = """
    select count(l.at),
           coalesce(extract(epoch from clock_timestamp() - min(l.at)), 0)::float8,
           extract(epoch from clock_timestamp() - min(c.moved_at))::float8
      from bus.cursors c left join lateral (
        select at from bus.log
         where position > greatest(c.position, %(scanned)s)
           and topic = any(%(topics)s::text[]) and type <> all(%(skips)s::text[])
           and source <> %(skips_source)s
         order by position limit %(most)s) l on true
     where c.reader = %(reader)s"""

MOST_COUNTED = 10_000
STAND_BY_SECONDS = 0.25
_WAIT_SECONDS = 1.0
_WAIT_HOLDING_SECONDS = 0.1


class SqlReader:
    """Reads the log for one group until cancelled."""

    def __init__(
        self,
        subscription: Subscription,
        database: Database,
        watch: LogWatch,
        settings: BusSettings,
    ) -> None:
        self._consumer = Consumer(subscription, database, settings)
        self._subscription = subscription
        self._group = subscription.group
        self._database = database
        self._watch = watch
        self._batch_size = settings.batch_size
        self._asked = {
            "reader": subscription.group,
            "topics": list(subscription.topics),
            "skips": list(subscription.skips),
            "skips_source": subscription.skips_source,
            "limit": settings.batch_size,
        }
        self._scanned = 0

    async def run(self) -> None:
        """Read, handle, move on."""
        async with self._database.transaction() as session:
            await session.execute(_MAKE, {"reader": self._group})
        await self._watch.beyond(-1, _WAIT_SECONDS)
        while True:
            while await self.read_once():
                await self._consumer.retry_due()
            holding = await self._consumer.retry_due()
            wait = _WAIT_HOLDING_SECONDS if holding else _WAIT_SECONDS
            await self._watch.beyond(self._scanned, wait, self._subscription)
            if self._subscription.linger_seconds:
                await asyncio.sleep(self._subscription.linger_seconds)

    async def backlog(self) -> Backlog:
        """What is in the log and not handled."""
        async with self._database.reading() as session, session.driving() as driver:
            cursor = await driver.execute(
                _BACKLOG, {**self._asked, "scanned": self._scanned, "most": MOST_COUNTED}
            )
            row = await cursor.fetchone()
        if row is None or row[2] is None:
            return Backlog(self._group, None, 0.0, 0.0)
        return Backlog(self._group, int(row[0]), max(0.0, row[1]), max(0.0, row[2]))

    async def read_once(self) -> bool:
        """Handle one batch; True when there may be more at once."""
        safe = self._watch.safe
        async with self._database.reading() as session, session.driving() as driver:
            cursor = await driver.execute(
                _READ, {**self._asked, "scanned": self._scanned, "safe": safe}, binary=True
            )
            rows = await cursor.fetchall()
        mark: int = rows[0][0]
        facts = [Fact(*row[2:]) for row in rows if row[1] is not None]
        if not facts:
            self._scanned = max(self._scanned, safe)
            return False
        positions = {row[2]: row[1] for row in rows}
        before = dict(zip(positions, (mark, *positions.values()), strict=False))

        def move(taken: Sequence[Fact]) -> Move:
            """From where the first of them was reached to behind the last."""
            return Move(
                _MOVE,
                {
                    "reader": self._group,
                    "before": before[taken[0].id],
                    "after": positions[taken[-1].id],
                },
            )

        try:
            await self._consumer.take(facts, move)
        except Overtaken:
            self._scanned = 0
            await asyncio.sleep(STAND_BY_SECONDS)
            return False
        more = len(facts) == self._batch_size
        # Fewer than asked for: everything up to the safe position has been read.
        self._scanned = max(self._scanned, rows[-1][1] if more else safe)
        return more
