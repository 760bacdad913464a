"""What the status says of the canary: its last round trip, and whether it is late."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import text

import bus
from chassis.database import Session
from services.intake.settings import CanarySettings

MISSES = 3
"""After so many trips that nobody began, the canary itself has stopped."""


async def measure(
    session: Session, at: datetime, settings: CanarySettings
) -> Sequence[bus.Measure]:
    """The canary's part, where it was set up."""
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
