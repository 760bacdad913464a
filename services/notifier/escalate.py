"""Step 8: nobody confirmed in time, or it cannot be delivered: the next on the ladder is told.

Due times are rows, so nothing is forgotten by a process that was away. A later rung is timed from
when its notice was really sent: after an outage no ladder climbs every rung at once.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from prometheus_client import Counter, Gauge
from sqlalchemy import text

import bus
from chassis.clock import Clock
from chassis.database import Database, Session, after_commit
from chassis.telemetry import logger
from schemas.facts import ClockMissed, NoticeUndelivered
from services.notifier.bells import Bells, wait
from services.notifier.draft import OURS
from services.notifier.report import SOURCE, notice_fact
from services.notifier.settings import DeadlineSettings, NotifierGroup
from services.notifier.tell_next import SILENT, tell_next, why

log = logger("notifier.escalate")

clocks_missed_total = Counter("notifier_clocks_missed_total", "Clocks that ran out", ["clock"])
unconfirmed = Gauge("notifier_unconfirmed_obligations", "Told and not yet confirmed", ["late"])

SWEEP_SIZE = 200


@dataclass(slots=True)
class Swept:
    """What one sweep did; `to_deliver` and `mailboxes` say who must be woken."""

    overdue: int = 0
    climbed: int = 0
    exhausted: int = 0
    deferred: int = 0
    clocks: int = 0
    to_deliver: bool = False
    mailboxes: tuple[str, ...] = ()


async def sweep(session: Session, at: datetime, settings: DeadlineSettings) -> Swept:
    """Escalate what is due by `at`, in the caller's transaction; more than one may sweep."""
    missed = (await session.execute(_MISSED, {"at": at, "limit": SWEEP_SIZE})).all()
    due = list((await session.execute(_DUE, {"at": at, "limit": SWEEP_SIZE})).all())
    facts = [
        notice_fact(NoticeUndelivered, row, at, reason=why(row))
        for row in due
        # One that waited for the end of quiet hours was reported when its deadline passed.
        if (row.state != "failed" or row.owner != OURS) and row.deferred_at is None
    ]
    undecided: list[Any] = []
    if missed:
        rows = await session.execute(_UNDECIDED, {"receipts": [row.receipt for row in missed]})
        overdue = {row.id for row in due}
        undecided = [row for row in rows if row.id not in overdue]
    told = await tell_next(session, [*due, *undecided], at, settings)
    facts += told.facts
    facts += [
        bus.fact_of(
            ClockMissed(
                clock=row.name, receipt=row.receipt, key=row.key, started_at=row.started_at,
                due_at=row.due_at,
            ),
            SOURCE,
        )
        for row in missed
    ]  # fmt: skip
    await bus.append(session, *facts)
    for row in missed:
        clocks_missed_total.labels(row.name).inc()
        log.warning("clock_missed", clock=row.name, receipt=str(row.receipt), next="escalated")
    return Swept(
        len(due), told.climbed, told.exhausted, told.deferred, len(missed), told.to_deliver,
        told.mailboxes,
    )  # fmt: skip


class Escalator:
    """Runs step 8 in one process: swept at intervals, and at once when a delivery failed."""

    def __init__(
        self, database: Database, bells: Bells, clock: Clock, settings: NotifierGroup
    ) -> None:
        self._database = database
        self._bells = bells
        self._clock = clock
        self._settings = settings

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            self._bells.escalate.clear()
            swept = await self.sweep_once()
            if swept.overdue < SWEEP_SIZE and swept.clocks < SWEEP_SIZE:
                await self._measure()
                await wait(self._bells.escalate, self._settings.sweep_seconds)
            await asyncio.sleep(0)

    async def sweep_once(self) -> Swept:
        """One sweep, in a transaction of its own."""
        async with self._database.transaction() as session:
            swept = await sweep(session, self._clock(), self._settings.deadlines)
            if swept.to_deliver:
                after_commit(session, "deliver", self._bells.deliver.set)
            if swept.mailboxes:
                after_commit(
                    session, "mailboxes", lambda: self._bells.ring_mailboxes(swept.mailboxes)
                )
        return swept

    async def _measure(self) -> None:
        async with self._database.reading() as session:
            rows = await session.execute(_COUNT, {"at": self._clock()})
            open_now, late = rows.one()
        unconfirmed.labels("no").set(open_now - late)
        unconfirmed.labels("yes").set(late)


_DUE = text(f"""
    select {SILENT} from notifier.obligation o join notifier.obligation f on f.id = o.chain
     where o.watch = 'watching' and o.watch_due_at <= :at
     order by o.watch_due_at limit :limit for update of o skip locked""")

_MISSED = text("""
    with due as (
        select receipt from notifier.clock
         where stopped_at is null and missed_at is null and due_at <= :at
         order by due_at limit :limit for update skip locked)
    update notifier.clock c set missed_at = :at from due where c.receipt = due.receipt
    returning c.receipt, c.name, c.key, c.started_at, c.due_at""")

# Whoever was told last on each of the MASH's ladders, whether or not they have confirmed it: every
# other has been climbed from.
_UNDECIDED = text(f"""
    select {SILENT} from notifier.obligation o join notifier.obligation f on f.id = o.chain
     where o.receipt = any(:receipts) and f.role = 'mash'
       and o.watch not in ('climbed', 'exhausted')
       and o.state not in ('withheld', 'superseded')
       and o.withdrawn_at is null
     order by o.id for update of o""")

_COUNT = text("""
    select count(*), count(*) filter (where watch_due_at <= :at)
      from notifier.obligation where watch = 'watching'""")
