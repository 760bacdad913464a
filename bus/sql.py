"""The embedded road: a group reads the log straight from PostgreSQL.

The group's cursor moves in the same commit as the effects, and only from where the reader found it:
of two readers of one group, the later one to commit changes nothing and stands by.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from sqlalchemy import text

from bus.consume import Consumer, Overtaken
from bus.facts import Fact, Subscription
from bus.log import LogWatch, read_log
from bus.settings import BusSettings
from chassis.database import Database, Session

_MAKE = text("insert into bus.cursors (reader) values (:reader) on conflict do nothing")
_FIND = text("select position from bus.cursors where reader = :reader")
_MOVE = text("""update bus.cursors set position = :after, moved_at = clock_timestamp()
                 where reader = :reader and position = :before""")

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
        self._group = subscription.group
        self._topics = subscription.topics
        self._database = database
        self._watch = watch
        self._batch_size = settings.batch_size
        self._scanned = 0

    async def run(self) -> None:
        """Read, handle, move on."""
        async with self._database.transaction() as session:
            await session.execute(_MAKE, {"reader": self._group})
        while True:
            holding = await self._consumer.retry_due()
            wait = _WAIT_HOLDING_SECONDS if holding else _WAIT_SECONDS
            await self._watch.beyond(self._scanned, wait)
            while await self.read_once():
                await self._consumer.retry_due()

    async def read_once(self) -> bool:
        """Handle one batch; True when there may be more at once."""
        safe = self._watch.safe
        async with self._database.reading() as session:
            mark: int = (await session.execute(_FIND, {"reader": self._group})).scalar_one()
            start = max(mark, self._scanned)
            read = await read_log(session, self._topics, start, safe, self._batch_size)
        if not read:
            self._scanned = max(self._scanned, safe)
            return False
        positions = {fact.id: position for position, fact in read}
        before = dict(zip(positions, (mark, *positions.values()), strict=False))

        async def settle(session: Session, facts: Sequence[Fact]) -> None:
            """From where the first of them was reached to behind the last."""
            move = {"before": before[facts[0].id], "after": positions[facts[-1].id]}
            if (await session.execute(_MOVE, {"reader": self._group, **move})).rowcount != 1:
                raise Overtaken

        try:
            await self._consumer.take([fact for _, fact in read], settle)
        except Overtaken:
            self._scanned = 0
            await asyncio.sleep(STAND_BY_SECONDS)
            return False
        self._scanned = max(self._scanned, read[-1][0])
        return True
