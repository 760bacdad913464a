"""What the status says of intake: the canary's last round trip, and what senders are not told yet.

A sender whose receiver fails is counted and makes nothing of the bus look ill: what waits for it is
its own, and it reads so under `GET /v1/subscriptions`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from prometheus_client import Gauge
from sqlalchemy import text

import bus
from chassis.database import Session
from services.intake.settings import CanarySettings

MOST_COUNTED = 1000
MISSES = 3
"""After so many trips that nobody began, the canary itself has stopped."""


failing_now = Gauge("intake_subscriptions_failing", "Subscriptions whose pushes do not arrive")


async def measure(
    session: Session, at: datetime, settings: CanarySettings
) -> Sequence[bus.Measure]:
    """The canary's part, where it was set up, and those of pushes."""
    return [*await _measure_canary(session, at, settings), *await _measure_pushes(session)]


async def _measure_pushes(session: Session) -> Sequence[bus.Measure]:
    found = (await session.execute(_PUSHES, {"most": MOST_COUNTED})).one()
    failing = int((await session.execute(_FAILING, {"most": MOST_COUNTED})).scalar_one())
    failing_now.set(failing)
    return [
        bus.Measure("progress pushes", int(found.waiting), max(0.0, float(found.seconds))),
        bus.Measure("subscriptions failing", failing, state="ok"),
    ]


async def _measure_canary(
    session: Session, at: datetime, settings: CanarySettings
) -> Sequence[bus.Measure]:
    if not settings.is_on:
        return []
    found = (await session.execute(_LAST)).one()
    since = at - timedelta(seconds=MISSES * settings.every_seconds + settings.late_seconds)
    if found.posted_at is not None and found.posted_at < since:
        return [bus.Measure("canary", limit=settings.late_seconds, state="stopped")]
    return [
        bus.Measure(
            "canary",
            oldest_seconds=float(found.seconds or 0.0),
            limit=settings.late_seconds,
            state="behind" if found.state == "late" else "ok",
        )
    ]


_LAST = text("""
    select (select state from intake.canary_state) as state,
           (select max(posted_at) from intake.canary_trip) as posted_at,
           (select extract(epoch from returned_at - posted_at) from intake.canary_trip
             where returned_at is not null order by posted_at desc limit 1) as seconds""")

# Of those that are taken up at once: whose receiver does well, or is tried again now.
_PUSHES = text("""
    select count(*) as waiting,
           coalesce(extract(epoch from clock_timestamp() - min(due)), 0) as seconds
      from (select case p.state when 'waiting' then p.due_at else p.claimed_until end as due
              from intake.subscription s join intake.push p on p.subscription = s.id
             where p.settled_at is null and s.disabled_at is null and not s.sandbox
               and (s.paused_until is null or s.paused_until < clock_timestamp())
             limit :most) q""")

_FAILING = text("""
    select count(*) from (
        select from intake.subscription
         where not sandbox and (failing_since is not null or disabled_at is not null)
         limit :most) f""")
