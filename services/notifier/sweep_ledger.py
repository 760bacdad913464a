"""The ledger's sweeper: looks for what was missed on the way of a notice, mends it, says so.

One process sweeps at a time, a page of each kind in a transaction of its own. What only another
service can mend (a notice that was addressed and is not here) it is told by a fact; see
`answer_ledger`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from chassis.clock import Clock
from chassis.database import Database, Session, after_commit
from chassis.only_one import only_one
from services.notifier.bells import Bells
from services.notifier.mend_deliveries import START, Place, mend_unsent, mend_unsettled
from services.notifier.settings import NotifierGroup
from services.notifier.tell_gap import Kind, tell_gap

ONE_SWEEPS = 0x4C45_4447_4552_0001
"""The lock of the process that sweeps (ASCII "LEDGER")."""


class LedgerSweeper:
    """Sweeps in one process; of several, one does."""

    def __init__(
        self, database: Database, bells: Bells, clock: Clock, settings: NotifierGroup
    ) -> None:
        self._database = database
        self._bells = bells
        self._clock = clock
        self._settings = settings
        self._place: Place = START

    async def run(self) -> None:
        """Sweep until cancelled, while no other process does."""
        while True:
            async with only_one(self._database, ONE_SWEEPS) as mine:
                if mine is not None:
                    await self.sweep_once()
            await asyncio.sleep(self._settings.ledger.sweep_seconds)

    async def sweep_once(self) -> int:
        """A page of each kind; returns how many were mended."""
        ledger = self._settings.ledger
        async with self._database.transaction() as session:
            unsent, more = await mend_unsent(
                session,
                self._place,
                self._clock(),
                age=timedelta(seconds=ledger.unsent_seconds),
                rung=timedelta(minutes=self._settings.deadlines.rung_minutes),
                limit=ledger.page_size,
            )
            await self._tell(session, "not-sent", unsent)
        self._place = more or START
        async with self._database.transaction() as session:
            lost = await mend_unsettled(
                session, self._settings.send.lease_seconds, ledger.page_size
            )
            await self._tell(session, "not-settled", lost)
        return len(unsent) + len(lost)

    async def _tell(self, session: Session, kind: Kind, notices: Sequence[UUID]) -> None:
        await tell_gap(session, kind, notices, self._clock())
        if notices:
            after_commit(session, "deliver", self._bells.deliver.set)
            after_commit(session, "escalate", self._bells.escalate.set)
