"""The end of step 6: what came of a round of sendings, written in one short transaction.

An attempt is a row whatever happened. One that ended after its lease is recorded as late and
changes nothing else: somebody else has the delivery by then.
"""

from __future__ import annotations

import random
from collections import Counter as Counts
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from prometheus_client import Counter
from sqlalchemy import text

import bus
from chassis import outbound
from chassis.database import Session
from chassis.outbound import Settlement
from schemas.facts import NoticeDelivered, NoticeFailed
from services.notifier.channels.webhook import Delivered, Outcome, Refused
from services.notifier.report import COLUMNS, notice_fact
from services.notifier.settings import DeadlineSettings, SendSettings
from services.notifier.tables import Delivery

attempts_total = Counter("notifier_attempts_total", "Webhooks sent", ["outcome"])


@dataclass(frozen=True, slots=True)
class Sending:
    """One claimed delivery, and what came of it."""

    notice: UUID
    endpoint: UUID
    token: UUID
    number: int
    composed_at: datetime
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
    """Settle a round in the caller's transaction: deliveries, obligations, attempts, facts."""
    sendings = sorted(sendings, key=lambda one: one.notice)
    verdicts = {one.notice: _settlement(one, at, send) for one in sendings}
    held = await outbound.settle(session, Delivery, None, list(verdicts.values()))
    mine = [one for one in sendings if one.notice in held]
    numbers = {one.notice: one.number for one in mine}
    done = [one.notice for one in mine if verdicts[one.notice].state == outbound.DONE]
    failed = {
        one.notice: one.outcome.code
        for one in mine
        if verdicts[one.notice].state == outbound.FAILED
    }
    retried = [one.notice for one in mine if verdicts[one.notice].state == outbound.WAITING]
    rung_due = at + timedelta(minutes=deadlines.rung_minutes)
    facts: list[bus.Fact] = []
    if done:
        rows = await session.execute(_DELIVERED, {"ids": done, "at": at, "rung_due": rung_due})
        facts += [notice_fact(NoticeDelivered, row, at, attempt=numbers[row.id]) for row in rows]
    if retried:
        await session.execute(_RETRIED, {"ids": retried, "at": at, "rung_due": rung_due})
        await session.execute(_NEEDLESS, {"ids": retried})
    if failed:
        rows = await session.execute(
            _FAILED,
            {"ids": list(failed), "reasons": list(failed.values()), "at": at},
        )
        facts += [
            notice_fact(NoticeFailed, row, at, attempt=numbers[row.id], reason=failed[row.id])
            for row in rows
        ]
    await session.execute(
        _ATTEMPTS,
        {
            "notices": [one.notice for one in sendings],
            "endpoints": [one.endpoint for one in sendings],
            "numbers": [one.number for one in sendings],
            "ats": [one.at for one in sendings],
            "times": [one.milliseconds for one in sendings],
            "outcomes": [one.outcome.code for one in sendings],
            "statuses": [one.outcome.status for one in sendings],
            "lates": [one.notice not in held for one in sendings],
        },
    )
    await bus.append(session, *facts)
    for code, count in Counts(one.outcome.code for one in sendings).items():
        attempts_total.labels(code).inc(count)
    return Settled(len(done), len(failed), len(retried), len(sendings) - len(mine))


def _settlement(one: Sending, at: datetime, settings: SendSettings) -> Settlement:
    match one.outcome:
        case Delivered():
            return Settlement(one.notice, outbound.DONE, token=one.token)
        case Refused():
            return Settlement(one.notice, outbound.FAILED, token=one.token)
        case unreachable:
            if (at - one.composed_at).total_seconds() > settings.give_up_seconds:
                return Settlement(one.notice, outbound.FAILED, token=one.token)
            delay = unreachable.after_seconds
            if delay is None:
                delay = backoff_seconds(one.number, settings)
            return Settlement(one.notice, outbound.WAITING, delay, token=one.token)


def backoff_seconds(number: int, settings: SendSettings) -> float:
    """Exponential with full jitter: receivers that come back are not hit all at once."""
    ceiling = settings.retry_first_seconds * 2.0 ** min(number - 1, 30)
    return random.uniform(0.0, min(ceiling, settings.retry_last_seconds))  # noqa: S311


# `watch_due_at` is open only on a later rung, whose time starts when its notice was really sent.
_DELIVERED = text(f"""
    update notifier.obligation o
       set state = 'delivered', delivered_at = :at, sent_at = coalesce(o.sent_at, :at),
           watch_due_at = case when o.watch = 'watching'
                               then coalesce(o.watch_due_at, :rung_due) end
     where o.id = any(:ids) and o.delivered_at is null and o.state in ('waiting', 'failed')
    returning {COLUMNS}""")

_RETRIED = text("""
    update notifier.obligation
       set sent_at = :at, watch_due_at = case when watch = 'watching'
                                              then coalesce(watch_due_at, :rung_due) end
     where id = any(:ids) and sent_at is null""")

# The recipient fetched it meanwhile: no need to send it again.
_NEEDLESS = text("""
    update notifier.delivery d set state = 'done', settled_at = clock_timestamp()
      from notifier.obligation o
     where d.id = any(:ids) and d.state = 'waiting' and o.id = d.id
       and o.delivered_at is not null""")

_FAILED = text(f"""
    update notifier.obligation o
       set state = 'failed', reason = f.reason, sent_at = coalesce(o.sent_at, :at),
           watch_due_at = case when o.watch = 'watching' then :at else o.watch_due_at end
      from unnest(cast(:ids as uuid[]), cast(:reasons as text[])) f(id, reason)
     where o.id = f.id and o.state = 'waiting'
    returning {COLUMNS}""")

_ATTEMPTS = text("""
    insert into notifier.attempt (notice, endpoint, number, at, milliseconds, outcome, status, late)
    select * from unnest(cast(:notices as uuid[]), cast(:endpoints as uuid[]),
        cast(:numbers as int[]), cast(:ats as timestamptz[]), cast(:times as int[]),
        cast(:outcomes as text[]), cast(:statuses as int[]), cast(:lates as boolean[]))""")
