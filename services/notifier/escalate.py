"""Step 8: nobody confirmed in time, or it cannot be delivered: the next on the ladder is told.

Due times are rows, so nothing is forgotten by a process that was away. A later rung is timed from
when its notice was really sent: after an outage no ladder climbs every rung at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from prometheus_client import Counter, Gauge
from sqlalchemy import text

import bus
from chassis.clock import Clock
from chassis.database import Database, Session, after_commit
from chassis.telemetry import logger
from schemas.canary import RECIPIENTS
from schemas.facts import ClockMissed, NoticeUndelivered
from services.notifier.bells import Bells, wait
from services.notifier.draft import OURS
from services.notifier.report import EVERY_CHILD, SOURCE, notice_fact
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
    halved = (await session.execute(_HALVED, {"at": at, "limit": SWEEP_SIZE})).all()
    due = list((await session.execute(_DUE, {"at": at, "limit": SWEEP_SIZE})).all())
    facts = [
        notice_fact(NoticeUndelivered, row, at, reason=why(row))
        for row in due
        # One that waited for the end of quiet hours was reported when its deadline passed; and one
        # that was declined was answered.
        if (row.state != "failed" or row.owner != OURS)
        and row.deferred_at is None
        and row.declined_at is None
    ]
    undecided = await _find_undecided(session, [*missed, *halved], {row.id for row in due})
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
    return Swept(
        len(due), told.climbed, told.exhausted, told.deferred, len(missed) + len(halved),
        told.to_deliver, told.mailboxes,
    )  # fmt: skip


async def _find_undecided(
    session: Session, clocks: Sequence[Any], overdue: Collection[UUID]
) -> list[Any]:
    """Whom of social care to climb from, each once; where nobody was told, that is loudly said."""
    if not clocks:
        return []
    values = {
        "receipts": [row.receipt for row in clocks],
        "children": [row.child_id for row in clocks],
    }
    found = (await session.execute(_UNDECIDED, values)).all()
    reached = {row.receipt for row in found}
    for row in clocks:
        told = row.receipt in reached
        tell = log.warning if told else log.error
        tell(
            "clock_missed" if row.missed_at is not None else "clock_half_over",
            clock=row.name,
            receipt=str(row.receipt),
            next="escalated" if told else "nobody of social care was told: a person must look",
        )
    return [row for row in found if row.id not in overdue]


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

_CLOCK = "c.receipt, c.name, c.child_id, c.key, c.started_at, c.due_at, c.missed_at"


def _clocks(due: str, said: str) -> Any:
    return text(f"""
        with due as (
            select receipt, name, child_id from notifier.clock
             where stopped_at is null and missed_at is null and {said} is null and {due} <= :at
             order by {due} limit :limit for update skip locked)
        update notifier.clock c set {said} = :at from due
         where (c.receipt, c.name, c.child_id) = (due.receipt, due.name, due.child_id)
        returning {_CLOCK}""")


# Those that ran out first: they are half over no more, so that nobody climbs twice for one silence.
_MISSED = _clocks("due_at", "missed_at")
_HALVED = _clocks("half_due_at", "half_at")

# Whoever was told last on each of social care's ladders, whether or not they have confirmed it:
# every other has been climbed from.
_UNDECIDED = text(f"""
    select {SILENT} from notifier.obligation o join notifier.obligation f on f.id = o.chain
     where o.receipt = any(:receipts)
       and exists (select from unnest(cast(:receipts as uuid[]), cast(:children as uuid[]))
                               c(receipt, child_id)
                    where c.receipt = o.receipt
                      and (c.child_id = '{EVERY_CHILD}' or c.child_id = o.child_id))
       and f.role in ('mash', 'responsible-authority', 'other-area')
       and o.watch not in ('climbed', 'exhausted')
       and o.state not in ('withheld', 'superseded')
       and o.withdrawn_at is null
     order by o.id for update of o""")

# The canary's are no part of any figure.
_COUNT = text(f"""
    select count(*), count(*) filter (where watch_due_at <= :at)
      from notifier.obligation
     where watch = 'watching' and organisation not in {RECIPIENTS!r}""")
