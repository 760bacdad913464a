"""The end of step 6: what came of a round of sendings, written in one short transaction.

An attempt is a row whatever happened. One that ended after its lease is recorded as late and
changes nothing else: somebody else has the delivery by then.
"""

from __future__ import annotations

from collections import Counter as Counts
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from prometheus_client import Counter
from sqlalchemy import text

import bus
from chassis import outbound
from chassis.database import Session
from chassis.ids import new_id
from chassis.webhooks import Delivered, Outcome, Refused, backoff_seconds
from schemas.facts import NoticeDelivered, NoticeFailed
from schemas.self_test import PROFILE as SELF_TEST
from services.notifier.report import COLUMNS, RUNG_ENDS, telling
from services.notifier.settings import DeadlineSettings, SendSettings
from services.notifier.tables import Delivery

attempts_total = Counter("notifier_attempts_total", "Webhooks sent", ["outcome"])


class Sending(NamedTuple):
    """One claimed delivery, and what came of it."""

    notice: UUID
    endpoint: UUID
    token: UUID
    number: int
    waits_since: datetime
    at: datetime
    milliseconds: int
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Settled:
    """How many went which way."""

    delivered: int
    failed: int
    retried: int
    late: int


async def settle_sendings(
    session: Session,
    sendings: Sequence[Sending],
    at: datetime,
    send: SendSettings,
    deadlines: DeadlineSettings,
) -> Settled:
    """Settle a round in the caller's transaction: deliveries, obligations, attempts and facts, in
    one statement. With thousands of webhooks a second, anything that Python does for each of them
    is what slows the sending."""
    if not sendings:
        return Settled(0, 0, 0, 0)
    sendings = sorted(sendings, key=lambda one: one.notice.int)
    verdicts = [_verdict(one, at, send) for one in sendings]
    rows = await bus.append_with(
        session,
        _SETTLE,
        {
            "notices": [one.notice for one in sendings],
            "tokens": [one.token for one in sendings],
            "states": [state for state, _ in verdicts],
            "retries": [seconds for _, seconds in verdicts],
            "endpoints": [one.endpoint for one in sendings],
            "numbers": [one.number for one in sendings],
            "ats": [one.at for one in sendings],
            "times": [one.milliseconds for one in sendings],
            "outcomes": [one.outcome.code for one in sendings],
            "statuses": [one.outcome.status for one in sendings],
            "headers": [one.outcome.headers for one in sendings],
            "facts": [new_id() for _ in sendings],
            "at": at,
            "rung_minutes": deadlines.rung_minutes,
        },
    )
    counts: dict[str, int] = dict(rows)
    if outbound.WAITING in counts:
        again = [
            one.notice
            for one, (state, _) in zip(sendings, verdicts, strict=True)
            if state == outbound.WAITING
        ]
        await session.execute(_NEEDLESS, {"ids": again})
    for code, count in Counts(one.outcome.code for one in sendings).items():
        attempts_total.labels(code).inc(count)
    return Settled(
        counts.get(outbound.DONE, 0),
        counts.get(outbound.FAILED, 0),
        counts.get(outbound.WAITING, 0),
        len(sendings) - sum(counts.values()),
    )


def _verdict(one: Sending, at: datetime, settings: SendSettings) -> tuple[str, float]:
    """The state that follows, and after how many seconds it is tried again."""
    match one.outcome:
        case Delivered():
            return outbound.DONE, 0.0
        case Refused():
            return outbound.FAILED, 0.0
        case unreachable:
            if (at - one.waits_since).total_seconds() > settings.give_up_seconds:
                return outbound.FAILED, 0.0
            delay = unreachable.after_seconds
            if delay is None:
                delay = backoff_seconds(one.number, settings)
            return outbound.WAITING, delay


# `watch_due_at` is open only on a later rung, whose time starts when its notice was really sent.
# `held` is sorted, so that every delivery is ours before the first obligation is touched: the order
# in which everybody takes these locks.
_SETTLE = text(f"""
    with sent as (
        select * from unnest(
            cast(:notices as uuid[]), cast(:tokens as uuid[]), cast(:states as text[]),
            cast(:retries as float8[]), cast(:endpoints as uuid[]), cast(:numbers as int[]),
            cast(:ats as timestamptz[]), cast(:times as int[]), cast(:outcomes as text[]),
            cast(:statuses as int[]), cast(:headers as jsonb[]), cast(:facts as uuid[]))
            s(id, token, state, retry, endpoint, number, at, milliseconds, outcome, status, headers,
              fact)),
    settled as (
        {outbound.settling(Delivery, "sent")}
        returning q.id, sent.state, sent.number, sent.outcome, sent.fact),
    held as materialized (select * from settled order by id),
    told as (
        update notifier.obligation o
           set state = case h.state when 'done' then 'delivered' when 'failed' then 'failed'
                                    else o.state end,
               reason = case h.state when 'failed' then h.outcome else o.reason end,
               sent_at = coalesce(o.sent_at, :at),
               delivered_at = case h.state when 'done' then :at else o.delivered_at end,
               watch_due_at = case when h.state = 'failed' and o.watch = 'watching' then :at
                                   when h.state = 'failed' then o.watch_due_at
                                   when o.watch = 'watching'
                                   then coalesce(o.watch_due_at, {RUNG_ENDS}) end
          from held h
         where o.id = h.id
           and case h.state
               when 'done' then o.delivered_at is null and o.state in ('waiting', 'failed')
               when 'failed' then o.state = 'waiting'
               else o.sent_at is null end
        returning {COLUMNS}, o.state, cast(:at as timestamptz) as at, h.number as attempt,
                  case h.state when 'failed' then h.outcome end as reason, h.state as came, h.fact),
    facts as (
        {telling({"delivered": NoticeDelivered, "failed": NoticeFailed}, "told")}
         where o.came <> 'waiting' and o.profile <> '{SELF_TEST}'),
    {bus.appending("facts")},
    tried as (
        insert into notifier.attempt
            (notice, endpoint, number, at, milliseconds, outcome, status, late, headers)
        select s.id, s.endpoint, s.number, s.at, s.milliseconds, s.outcome, s.status, h.id is null,
               s.headers
          from sent s left join held h on h.id = s.id)
    select state, count(*) from held group by state""")

# The recipient fetched it meanwhile: no need to send it again, unless that is what it asked for.
_NEEDLESS = text("""
    update notifier.delivery d set state = 'done', settled_at = clock_timestamp()
      from notifier.obligation o
     where d.id = any(:ids) and d.state = 'waiting' and d.replayed_at is null and o.id = d.id
       and o.delivered_at is not null""")
