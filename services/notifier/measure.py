"""What the status says of the notifier's own queues: how much waits there, and for how long.

Bounded and by indexes: it runs every few seconds. The canary's notices are no part of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import text

import bus
from chassis import outbound
from chassis.database import Session
from schemas.canary import RECIPIENTS
from services.notifier.alert_tables import AlertSending
from services.notifier.settings import StatusSettings
from services.notifier.tables import Delivery

RECENT = timedelta(days=30)
"""Ladders that ended longer ago were looked at by a person, or never will be by this page."""


async def measure(
    session: Session, at: datetime, settings: StatusSettings
) -> Sequence[bus.Measure]:
    """Each queue of the notifier, and what waits there for a person."""
    # What a recipient asked for again waits behind everything, at its own receiver's pace.
    waiting, overdue = await outbound.measure(session, Delivery, unless="replayed_at is not null")
    still = (await session.execute(_LAST_ATTEMPT, {"at": at})).scalar()
    alerts, alerts_overdue = await outbound.measure(session, AlertSending)
    alerts_still = (await session.execute(_LAST_ALERT, {"at": at})).scalar()
    about = {"at": at, "since": at - RECENT, "canary": list(RECIPIENTS)}
    due = (await session.execute(_DUE, about)).one()
    return [
        bus.Measure("deliveries", waiting, overdue, float(still or overdue)),
        bus.Measure("alerts", alerts, alerts_overdue, float(alerts_still or alerts_overdue)),
        bus.Measure("contacts failing", await _count(session, _BROKEN, {}), for_person=True),
        bus.Measure("escalations", due.count, max(0.0, float(due.seconds))),
        bus.Measure("obligations late", await _count(session, _LATE, about), for_person=True,
                    limit=settings.late_limit),
        bus.Measure("ladders exhausted", await _count(session, _EXHAUSTED, about),
                    for_person=True),
        bus.Measure("clocks missed", await _count(session, _MISSED, about), for_person=True),
        bus.Measure("endpoints missing", await _count(session, _NO_ENDPOINT, about),
                    for_person=True),
    ]  # fmt: skip


async def _count(session: Session, statement: object, values: dict[str, object]) -> int:
    return int((await session.execute(statement, values)).scalar_one())  # type: ignore[call-overload]


_LAST_ATTEMPT = text("""
    select extract(epoch from cast(:at as timestamptz) - at) from notifier.attempt
     order by line desc limit 1""")

_LAST_ALERT = text("""
    select extract(epoch from cast(:at as timestamptz) - at) from notifier.alert_attempt
     order by line desc limit 1""")

_BROKEN = text("""
    select count(*) from (
        select 1 from notifier.contact
         where disabled_reason is distinct from 'removed'
           and (not active or failed_at is not null) limit 1000) broken""")

# Due and not yet climbed: the escalator's queue.
_DUE = text("""
    select count(*) as count,
           coalesce(extract(epoch from cast(:at as timestamptz) - min(watch_due_at)), 0) as seconds
      from (select watch_due_at from notifier.obligation
             where watch = 'watching' and watch_due_at <= :at
             order by watch_due_at limit 1000) due""")

# Past its deadline, told to the next, and confirmed by nobody of its ladder.
_OF_LADDER = """
      from (select o.chain from notifier.obligation o
             where o.watch = '{watch}' and o.composed_at >= :since
               and o.acknowledged_at is null and o.withdrawn_at is null
               and o.organisation <> all(cast(:canary as text[]))
             order by o.composed_at desc limit 1000) late
     where not exists (select from notifier.obligation c
                        where c.id = late.chain and c.acknowledged_at is not null)
       and not exists (select from notifier.obligation c
                        where c.chain = late.chain and c.id <> c.chain
                          and c.acknowledged_at is not null)"""

_LATE = text(f"select count(distinct late.chain) {_OF_LADDER.format(watch='climbed')}")
_EXHAUSTED = text(f"select count(distinct late.chain) {_OF_LADDER.format(watch='exhausted')}")

_MISSED = text("""
    select count(*) from (
        select 1 from notifier.clock
         where missed_at >= :since and stopped_at is null limit 1000) missed""")

_NO_ENDPOINT = text("""
    select count(*) from notifier.recipient r
     where r.channel = 'webhook' and r.id <> all(cast(:canary as text[]))
       and not exists (select from notifier.endpoint e
                        where e.organisation = r.id and e.enabled)""")
