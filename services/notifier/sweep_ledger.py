"""The ledger's sweeper: looks for what was missed on the way of a notice, mends it, says so.

One process sweeps at a time, a page of each kind in a transaction of its own. What only another
service can mend (a notice that was addressed and is not here) it is told by a fact; see
`answer_ledger`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from prometheus_client import Counter

import bus
from chassis.clock import Clock
from chassis.database import Database, Session, after_commit
from chassis.only_one import only_one
from chassis.telemetry import logger
from schemas.facts import LedgerGapFound
from services.notifier.bells import Bells
from services.notifier.mend_deliveries import START, Place, mend_unsent, mend_unsettled
from services.notifier.report import SOURCE
from services.notifier.settings import NotifierGroup

log = logger("notifier.ledger")

gaps_total = Counter("ledger_gaps_total", "Missed on the way of a notice, and mended", ["kind"])

ONE_SWEEPS = 0x4C45_4447_4552_0001
"""The lock of the process that sweeps (ASCII "LEDGER")."""

Kind = Literal["not-composed", "not-sent", "not-settled", "not-told"]
NEXT: dict[Kind, str] = {
    "not-composed": "the directory announces it again; look whether a backup was restored",
    "not-sent": "queued again, or failed and escalated; look who changed the tables",
    "not-settled": "let go and sent again with the same id; look for a stopped sender",
    "not-told": "told again; look whether a backup was restored",
}


async def tell_gap(
    session: Session,
    kind: Kind,
    notices: Sequence[UUID],
    at: datetime,
    asked_by: str | None = None,
) -> None:
    """Say that something was missed: a metric, a log line and a fact. Nothing if there is none."""
    if not notices:
        return
    gaps_total.labels(kind).inc(len(notices))
    log.error(
        "ledger_gap_found",
        kind=kind,
        count=len(notices),
        notices=[str(one) for one in notices[:10]],
        next=NEXT[kind],
    )
    fact = LedgerGapFound(
        service=SOURCE, kind=kind, at=at, asked_by=asked_by, notices=tuple(notices)
    )
    await bus.append(session, bus.fact_of(fact, SOURCE))


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
