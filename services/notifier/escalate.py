"""Step 8: nobody confirmed in time, or it cannot be delivered: the next on the ladder is told.

Due times are rows, so nothing is forgotten by a process that was away. A later rung is timed from
when its notice was really sent: after an outage no ladder climbs every rung at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from prometheus_client import Counter, Gauge
from sqlalchemy import text

import bus
from chassis.clock import Clock
from chassis.database import Database, Session, after_commit
from chassis.telemetry import logger
from schemas.facts import (
    ClockMissed,
    NoticeEscalated,
    NoticeExhausted,
    NoticeFailed,
    NoticeUndelivered,
    notice_id,
)
from schemas.organisations import Rung
from services.notifier.bells import Bells, wait
from services.notifier.draft import OURS, Draft
from services.notifier.obligations import insert_deliveries, insert_drafts
from services.notifier.report import COLUMNS, SOURCE, notice_fact
from services.notifier.routes import Route, read_routes
from services.notifier.settings import DeadlineSettings, NotifierGroup

log = logger("notifier.escalate")

escalations_total = Counter("notifier_escalations_total", "Rungs climbed", ["reason"])
exhausted_total = Counter("notifier_ladders_exhausted_total", "Ladders with nobody left to tell")
clocks_missed_total = Counter("notifier_clocks_missed_total", "Clocks that ran out", ["clock"])
unconfirmed = Gauge("notifier_unconfirmed_obligations", "Told and not yet confirmed", ["late"])

SWEEP_SIZE = 200


@dataclass(slots=True)
class Swept:
    """What one sweep did; `to_deliver` and `mailboxes` say who must be woken."""

    overdue: int = 0
    climbed: int = 0
    exhausted: int = 0
    clocks: int = 0
    to_deliver: bool = False
    mailboxes: tuple[str, ...] = ()


async def sweep(session: Session, at: datetime, settings: DeadlineSettings) -> Swept:
    """Escalate what is due by `at`, in the caller's transaction; more than one may sweep."""
    missed = (await session.execute(_MISSED, {"at": at, "limit": SWEEP_SIZE})).all()
    due = list((await session.execute(_DUE, {"at": at, "limit": SWEEP_SIZE})).all())
    facts = [
        notice_fact(NoticeUndelivered, row, at, reason=_why(row))
        for row in due
        if (row.state != "failed" or row.owner != OURS) and row.declined_at is None
    ]
    undecided: list[Any] = []
    if missed:
        rows = await session.execute(_UNDECIDED, {"receipts": [row.receipt for row in missed]})
        overdue = {row.id for row in due}
        undecided = [row for row in rows if row.id not in overdue]
    swept, climbed = await _climb(session, [*due, *undecided], at, settings)
    facts += climbed
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
    swept.overdue, swept.clocks = len(due), len(missed)
    return swept


async def _climb(
    session: Session, rows: Sequence[Any], at: datetime, settings: DeadlineSettings
) -> tuple[Swept, list[bus.Fact]]:
    """Tell the next rung of each row's ladder; who has none left is loudly said."""
    swept = Swept()
    if not rows:
        return swept, []
    ladders = await read_routes(session, {row.first_organisation for row in rows}, settings)
    rows_withheld = await session.execute(_WITHHELD, {"receipts": [row.receipt for row in rows]})
    withheld = {tuple(row) for row in rows_withheld}
    steps: list[tuple[Any, int, Rung]] = []
    last: list[Any] = []
    for row in rows:
        known = ladders.get(row.first_organisation)
        further = [
            (number, rung)
            for number, rung in enumerate(known.ladder if known else (), start=1)
            if number > row.rung and (row.receipt, rung.organisation) not in withheld
        ]
        if further:
            steps.append((row, *further[0]))
        else:
            last.append(row)
            exhausted_total.inc()
            log.error(
                "ladder_exhausted",
                notice=str(row.id),
                receipt=str(row.receipt),
                organisation=row.organisation,
                rung=row.rung,
                next="nobody is left to tell: a person must telephone",
            )
    routes = await read_routes(session, {rung.organisation for _, _, rung in steps}, settings)
    dwell_ends = at + timedelta(minutes=settings.rung_minutes)
    drafts = [
        _next(row, number, rung, routes.get(rung.organisation), at, dwell_ends)
        for row, number, rung in steps
    ]
    fresh = await _insert(session, drafts, dwell_ends)
    sent = await insert_deliveries(session, fresh, routes)
    await session.execute(
        _LEAVE, {"climbed": [row.id for row, _, _ in steps], "exhausted": [row.id for row in last]}
    )
    facts = [
        notice_fact(
            NoticeEscalated, row, at, reason=_why(row), next_notice=draft.id,
            next_organisation=draft.organisation, next_role=draft.role,
        )
        for (row, _, _), draft in zip(steps, drafts, strict=True)
    ]  # fmt: skip
    facts += [
        notice_fact(NoticeFailed, draft, at, reason=draft.reason)
        for draft in fresh
        if draft.state == "failed"
    ]
    facts += [notice_fact(NoticeExhausted, row, at, reason=_why(row)) for row in last]
    for row, number, _ in steps:
        escalations_total.labels(_why(row)).inc()
        log.warning(
            "notice_escalated",
            notice=str(row.id),
            rung=number,
            reason=_why(row),
            next="the next on the ladder is told",
        )
    swept.climbed, swept.exhausted = len(steps), len(last)
    swept.to_deliver = sent > 0
    swept.mailboxes = tuple({draft.organisation for draft in fresh})
    return swept, facts


def _next(
    row: Any, number: int, rung: Rung, route: Route | None, at: datetime, dwell_ends: datetime
) -> Draft:
    """The next rung's own notice: the same content to somebody else."""
    reason = route.missing() if route else "unknown-organisation"
    pulled = route is not None and route.channel != "webhook"
    return Draft(
        id=_rung_id(row, rung, number),
        receipt=row.receipt,
        child_index=row.child_index,
        child_id=row.child_id,
        part=row.part,
        rung=number,
        chain=row.chain,
        event_type=row.event_type,
        happened_at=row.happened_at,
        organisation=rung.organisation,
        recipient_name=route.name if route else rung.organisation,
        role=rung.role,
        profile=row.profile,
        owner=OURS,
        rule=f"ladder of {row.first_organisation}",
        content=row.content,
        state="failed" if reason else "waiting",
        reason=reason,
        watch="watching",
        watch_due_at=at if reason else dwell_ends if pulled else None,
        deadline_at=at if reason else dwell_ends if pulled else None,
        composed_at=at,
        sent_at=at if pulled and not reason else None,
    )


def _rung_id(row: Any, rung: Rung, number: int) -> UUID:
    """One per event, child and rung, whichever ladder reached it; a later edition has its own."""
    about = (row.receipt, row.child_id)
    if row.chain == notice_id(*about, row.first_organisation, row.profile, row.part, 0):
        return notice_id(*about, rung.organisation, row.profile, row.part, number)
    return uuid5(row.chain, f"{rung.organisation}|{number}")


async def _insert(session: Session, drafts: Sequence[Draft], dwell_ends: datetime) -> list[Draft]:
    """Store rungs. One that another ladder reached before is shared, and watched for both."""
    fresh = await insert_drafts(session, drafts)
    known = {draft.id for draft in fresh}
    shared = [draft for draft in drafts if draft.id not in known]
    # Two of this very sweep may meet as well.
    ids = [draft.id for draft in drafts]
    twice = [one for one in known if ids.count(one) > 1]
    if shared or twice:
        await session.execute(
            _SHARE,
            {
                "ids": [*(draft.id for draft in shared), *twice],
                "due": dwell_ends,
            },
        )
    return fresh


def _why(row: Any) -> str:
    if row.declined_at is not None:
        return "declined"
    if row.state == "failed":
        return row.reason or "failed"
    if row.acknowledged_at is not None:
        return "undecided"
    return "not-delivered" if row.delivered_at is None else "unacknowledged"


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


_ROW = f"""{COLUMNS}, o.chain, o.event_type, o.happened_at, o.content, o.state, o.reason,
    o.delivered_at, o.acknowledged_at, o.declined_at, f.organisation as first_organisation"""

_DUE = text(f"""
    select {_ROW} from notifier.obligation o join notifier.obligation f on f.id = o.chain
     where o.watch = 'watching' and o.watch_due_at <= :at
     order by o.watch_due_at limit :limit for update of o skip locked""")

_MISSED = text("""
    with due as (
        select receipt from notifier.clock
         where stopped_at is null and missed_at is null and due_at <= :at
         order by due_at limit :limit for update skip locked)
    update notifier.clock c set missed_at = :at from due where c.receipt = due.receipt
    returning c.receipt, c.name, c.key, c.started_at, c.due_at""")

# The MASH's highest rung of each ladder, whether or not somebody there has confirmed it.
_UNDECIDED = text(f"""
    select {_ROW} from notifier.obligation o join notifier.obligation f on f.id = o.chain
     where o.receipt = any(:receipts) and f.role = 'mash' and o.watch <> 'exhausted'
       and o.state not in ('withheld', 'superseded')
       and o.withdrawn_at is null
       and not exists (select from notifier.obligation h
                        where h.chain = o.chain and h.rung > o.rung)
     order by o.id for update of o""")

# Whoever an event is withheld from is not told of it by a ladder either.
_WITHHELD = text("""
    select distinct receipt, organisation from notifier.obligation
     where receipt = any(:receipts) and state = 'withheld'""")

_LEAVE = text("""
    update notifier.obligation
       set watch = case when id = any(cast(:climbed as uuid[])) then 'climbed'
                        else 'exhausted' end,
           watch_due_at = null
     where id = any(cast(:climbed as uuid[])) or id = any(cast(:exhausted as uuid[]))""")

_SHARE = text("""
    update notifier.obligation
       set shared = true,
           watch = case when watch = 'ended' and acknowledged_at is null
                             and state not in ('superseded', 'withheld')
                        then 'watching' else watch end,
           watch_due_at = case when watch = 'ended' and acknowledged_at is null
                               then :due else watch_due_at end
     where id = any(:ids)""")

_COUNT = text("""
    select count(*), count(*) filter (where watch_due_at <= :at)
      from notifier.obligation where watch = 'watching'""")
