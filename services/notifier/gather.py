"""Whatever begins to wait for one contact at the same time is one alert. Steps; they never commit.

Composing only notes that a contact is to be told of a notice. Here the notes are gathered, and when
the time to gather is over (and no quiet hours stand in the way) the alert is closed and queued, or
cancelled when everything was read meanwhile. While an alert of the same contact could not be sent
yet the next one gathers on: a relay that comes back does not bring one for each minute. Of a
contact that is disabled it fails at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID, uuid4

from prometheus_client import Counter
from sqlalchemy import text

from chassis.clock import LONDON
from chassis.database import Session
from services.notifier.calendars import at_local
from services.notifier.fail_alert import fail_alert
from services.notifier.obligations import STILL_WAITS
from services.notifier.settings import AlertSettings, NotifierGroup

alerts_total = Counter("notifier_alerts_total", "Alerts closed", ["status"])

GATHER_SIZE = 5000
CLOSE_SIZE = 500


@dataclass(frozen=True, slots=True)
class Gathered:
    """What a round did. `escalated`: a contact had failed meanwhile, and ladders go on."""

    notices: int
    closed: int
    cancelled: int
    escalated: int


async def gather(session: Session, at: datetime, settings: NotifierGroup) -> Gathered:
    """Put what is new into open alerts, then close those that are due by `at`."""
    woken_by = list(settings.deadlines.urgent_events)
    rows = (await session.execute(_NEW, {"limit": GATHER_SIZE, "woken_by": woken_by})).all()
    if rows:
        await _join(session, rows, at, settings.alerts)
    # One that was sent so long ago and is not settled is a defect, and holds up nobody.
    since = at - timedelta(seconds=2 * settings.alerts.give_up_seconds)
    closed, cancelled, escalated = await _close(session, at, since)
    return Gathered(len(rows), closed, cancelled, escalated)


def send_at(
    first_at: datetime,
    quiet: tuple[time, time] | None,
    settings: AlertSettings,
    *,
    overtakes: bool = False,
    wakes: bool = False,
) -> datetime:
    """When an alert is sent whose first notice came at `first_at`.

    Quiet hours are Europe/London, from their first minute to before their last. They hold back
    neither what overtakes (a missing child), which is hardly gathered either, nor what `wakes`: a
    step of an urgent ladder, which has looked for somebody awake and found nobody. Equal ends are
    no quiet hours.
    """
    if overtakes:
        return first_at + timedelta(seconds=settings.urgent_gather_seconds)
    ready_at = first_at + timedelta(seconds=settings.gather_seconds)
    if quiet is None or wakes:
        return ready_at
    begins, ends = quiet
    local = ready_at.astimezone(LONDON)
    clock = local.time()
    inside = begins <= clock < ends if begins <= ends else clock >= begins or clock < ends
    if not inside:
        return ready_at
    day = local.date() + timedelta(days=1 if begins > ends and clock >= begins else 0)
    # An end that the clock change skips or repeats is its first reading; never before it is ready.
    return max(ready_at, at_local(day, ends))


async def _join(
    session: Session, rows: Sequence[Any], at: datetime, settings: AlertSettings
) -> None:
    until: dict[UUID, datetime] = {}
    for row in rows:
        quiet = None if row.quiet_from is None else (row.quiet_from, row.quiet_until)
        ends = (
            send_at(row.at, quiet, settings, overtakes=row.overtakes, wakes=row.wakes)
            if row.active
            else row.at
        )
        until[row.contact] = min(until.get(row.contact, ends), ends)
    contacts = sorted(until)
    await session.execute(
        _JOIN,
        {
            "ids": [uuid4() for _ in contacts],
            "contacts": contacts,
            "untils": [until[one] for one in contacts],
            "at": at,
            "notices": [row.notice for row in rows],
            "of": [row.contact for row in rows],
        },
    )


async def _close(session: Session, at: datetime, since: datetime) -> tuple[int, int, int]:
    due = (await session.execute(_DUE, {"at": at, "since": since, "limit": CLOSE_SIZE})).all()
    sent = [row for row in due if row.notices and row.active]
    gone = [row for row in due if row.notices and not row.active and not row.removed]
    cancelled = [row for row in due if not row.notices or row.removed]
    if sent:
        await session.execute(
            _SEND,
            {
                "ids": [row.id for row in sent],
                "counts": [row.notices for row in sent],
                "overtakes": [row.overtakes for row in sent],
                "at": at,
            },
        )
    if cancelled:
        await session.execute(
            _CANCEL,
            {
                "ids": [row.id for row in cancelled],
                "reasons": ["contact-removed" if row.notices else "read" for row in cancelled],
                "at": at,
            },
        )
    escalated = 0
    for row in gone:
        # Nobody can be told: the ladders of these go on now, not at their deadlines.
        failed = await fail_alert(
            session, row.id, "failed", row.disabled_reason or "disabled", at, disables=True
        )
        escalated += failed or 0
    alerts_total.labels("sending").inc(len(sent))
    alerts_total.labels("cancelled").inc(len(cancelled))
    return len(sent), len(cancelled), escalated


_NEW = text("""
    select n.notice, n.contact, n.at, o.overtakes,
           o.rung > 0 and o.event_type = any(:woken_by) as wakes,
           coalesce(c.active, false) as active, c.quiet_from, c.quiet_until
      from notifier.alert_notice n
      join notifier.obligation o on o.id = n.notice
      left join notifier.contact c on c.id = n.contact
     where n.alert is null
     order by n.contact, n.notice limit :limit for update of n skip locked""")

# One that is being closed by another process is waited for, and then a new one is opened.
_JOIN = text("""
    with opened as (
        insert into notifier.alert (id, contact, status, opened_at, gather_until)
        select t.id, t.contact, 'gathering', :at, t.until
          from unnest(cast(:ids as uuid[]), cast(:contacts as uuid[]),
                      cast(:untils as timestamptz[])) t(id, contact, until)
            on conflict (contact) where status = 'gathering' do update
           set gather_until = least(alert.gather_until, excluded.gather_until)
        returning id, contact)
    update notifier.alert_notice n set alert = opened.id
      from unnest(cast(:notices as uuid[]), cast(:of as uuid[])) w(notice, contact)
      join opened on opened.contact = w.contact
     where n.notice = w.notice and n.contact = w.contact""")

_DUE = text(f"""
    with due as materialized (
        select id, contact from notifier.alert a
         where status = 'gathering' and gather_until <= :at
           and (not exists (select from notifier.alert s
                             where s.contact = a.contact and s.status = 'sending'
                               and s.closed_at > :since)
                or exists (select from notifier.alert_notice n
                             join notifier.obligation o on o.id = n.notice
                            where n.alert = a.id and o.overtakes))
         order by gather_until limit :limit for update skip locked)
    select d.id, coalesce(c.active, false) as active, c.disabled_reason,
           coalesce(c.disabled_reason = 'removed', c.id is null) as removed,
           w.notices, w.overtakes
      from due d left join notifier.contact c on c.id = d.contact
      join lateral (
          select count(*) as notices, coalesce(bool_or(o.overtakes), false) as overtakes
            from notifier.alert_notice n join notifier.obligation o on o.id = n.notice
           where n.alert = d.id and {STILL_WAITS}) w on true
     order by d.id""")

_SEND = text("""
    with closed as (
        update notifier.alert a set status = 'sending', closed_at = :at, notices = s.notices
          from unnest(cast(:ids as uuid[]), cast(:counts as int[]), cast(:overtakes as bool[]))
               s(id, notices, overtakes)
         where a.id = s.id returning a.id, a.contact, s.overtakes)
    insert into notifier.alert_sending (id, channel, state, due_at, overtakes, turn_at, ready)
    select a.id, c.channel, 'waiting', clock_timestamp(), a.overtakes, :at, true
      from closed a join notifier.contact c on c.id = a.contact""")

_CANCEL = text("""
    update notifier.alert a
       set status = 'cancelled', reason = s.reason, closed_at = :at, ended_at = :at
      from unnest(cast(:ids as uuid[]), cast(:reasons as text[])) s(id, reason)
     where a.id = s.id""")
