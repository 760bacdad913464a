"""What came of a round of pushes to one subscription, written in one short transaction. A step.

What was told is kept as digests. What may or may not have arrived is forgotten from them, so that
the next push tells it again, whatever it is by then.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text

from chassis import outbound
from chassis.audit import write_audit
from chassis.database import Session
from chassis.webhooks import GONE, Delivered, Outcome, Unreachable, backoff_seconds
from services.intake.compose_push import Composed
from services.intake.keep_subscriptions import rest_disabled
from services.intake.settings import PushSettings
from services.intake.tables import Audit, Push


class Job(NamedTuple):
    """One claimed row, the version that it is, and its push.

    Attributes:
        push: None where its receiver has everything already.
        next_at: when it goes on by itself, of an event of the sandbox.
    """

    row: Any
    version: int
    push: Composed | None
    next_at: datetime | None = None


class Pushed(NamedTuple):
    """What came of a job; None where nothing was to be sent."""

    job: Job
    outcome: Outcome | None


class Health(NamedTuple):
    """How a subscription did in a round, in the order of its answers, and its breaker since."""

    subscription: UUID
    pauses: int
    pause_seconds: float
    done: Sequence[Pushed]


async def settle_pushes(
    session: Session,
    organisation: str,
    token: UUID,
    health: Health,
    unsent: Sequence[Any],
    at: datetime,
    settings: PushSettings,
) -> str | None:
    """Settle a round; returns why the subscription was disabled, if it was.

    The subscription's row is locked before any of its pushes, and these by receipt: the order in
    which everybody takes these locks.
    """
    disabled = await _note_health(session, health, at, settings)
    ids = [*(one.job.row.id for one in health.done), *(row.id for row in unsent)]
    await session.execute(_LOCK, {"ids": ids})
    await outbound.give_back(session, Push, [(row.id, token) for row in unsent])
    verdicts = [_verdict(one, settings) for one in health.done]
    settled = await outbound.settle(session, Push, token, verdicts)
    kept = [one for one in health.done if one.job.row.id in settled]
    if kept:
        await session.execute(
            _TELL,
            {"rows": json.dumps([_told(one) for one in kept]), "gather": settings.gather_seconds},
        )
    await write_audit(
        session,
        Audit,
        actor=organisation,
        credential=str(health.subscription),
        operation="push-progress",
        objects=[
            (str(one.job.row.receipt), None) for one in kept if isinstance(one.outcome, Delivered)
        ],
        purpose="the sender subscribed",
    )
    if disabled is not None:
        await rest_disabled(session, [health.subscription])
    return disabled


async def _note_health(
    session: Session, health: Health, at: datetime, settings: PushSettings
) -> str | None:
    outcomes = [one.outcome for one in health.done if one.outcome is not None]
    if not outcomes:
        return None
    last = outcomes[-1]
    gone = any(one.code == GONE for one in outcomes)
    row = (
        await session.execute(
            _HEALTH,
            {
                "id": health.subscription,
                "at": at,
                "well": any(isinstance(one, Delivered) for one in outcomes),
                "failing": not isinstance(last, Delivered),
                "pauses": health.pauses,
                "seconds": health.pause_seconds,
                "outcome": last.code,
                "status": last.status,
                "gone": gone,
                "given_up": at - timedelta(hours=settings.give_up_hours),
            },
        )
    ).first()
    return None if row is None else row.disabled_reason


def _verdict(one: Pushed, settings: PushSettings) -> outbound.Settlement:
    """Told, or tried again: a push is never given up."""
    if one.outcome is None or isinstance(one.outcome, Delivered):
        return outbound.Settlement(one.job.row.id, outbound.DONE)
    asked = one.outcome.after_seconds if isinstance(one.outcome, Unreachable) else None
    delay = asked if asked is not None else backoff_seconds(one.job.row.attempts, settings)
    return outbound.Settlement(one.job.row.id, outbound.WAITING, delay)


def _told(one: Pushed) -> dict[str, Any]:
    job = one.job
    digests = job.push.digests if job.push is not None else {}
    arrived = one.outcome is None or isinstance(one.outcome, Delivered)
    return {
        "id": str(job.row.id),
        "version": job.version,
        "next_at": job.next_at.isoformat() if job.next_at is not None else None,
        "arrived": arrived,
        "told": digests if arrived else {},
        "doubtful": [] if arrived else list(digests),
    }


_LOCK = text("""
    select id from intake.push where id = any(:ids) order by receipt, subscription for update""")

# What changed while it was sent is on the queue again.
_TELL = text("""
    update intake.push p
       set told = (p.told - array(select json_array_elements_text(r.doubtful)))
                  || r.told,
           pushed = case when r.arrived then greatest(p.pushed, r.version) else p.pushed end,
           state = case when a.again then 'waiting' else p.state end,
           settled_at = case when a.again then null else p.settled_at end,
           ready = p.ready and not a.again,
           attempts = case when a.again then 0 else p.attempts end,
           due_at = case when not a.again then p.due_at
                         else coalesce(r.next_at,
                                       clock_timestamp() + make_interval(secs => :gather)) end,
           turn_at = case when a.again then clock_timestamp() else p.turn_at end
      from json_to_recordset(cast(:rows as json))
           as r(id uuid, version bigint, next_at timestamptz, arrived boolean, told jsonb,
                doubtful json)
      cross join lateral (
           select q.settled_at is not null
                  and (q.version > r.version or r.next_at is not null) as again
             from intake.push q where q.id = r.id) a
     where p.id = r.id""")

_HEALTH = text("""
    update intake.subscription s
       set pushed_at = case when :well then :at else pushed_at end,
           failing_since = case when not :failing then null
                                when :well then :at
                                else coalesce(failing_since, :at) end,
           pauses = :pauses,
           paused_until = case when :pauses > 0
                               then clock_timestamp() + make_interval(secs => :seconds) end,
           last_outcome = :outcome, last_status = :status,
           disabled_at = case when d.reason is not null then :at end,
           disabled_reason = d.reason
      from (select case when :gone then 'endpoint-gone'
                        when :failing and not :well and failing_since < :given_up then 'failing'
                   end as reason
              from intake.subscription where id = :id for no key update) d
     where s.id = :id and s.disabled_at is null
    returning s.disabled_reason""")
