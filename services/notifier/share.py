"""Part of step 6: an endpoint's requests per second, shared by every process that sends to it.

A process asks for slots in time, in the endpoint's own row, and sends no earlier. So the number
holds however many processes there are and whenever they start. A slot that is not used is lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text

from chassis.database import Session
from services.notifier.throttle import Pace, pace_of


class Slots(NamedTuple):
    """So many requests are granted; `lead` seconds are taken already by earlier ones."""

    granted: int
    lead: float
    pace: Pace

    def times(self, now: float) -> list[float]:
        """When each of them may go, on the caller's clock."""
        spacing, burst = self.pace
        first = self.lead - (burst - 1) * spacing
        return [now + first + number * spacing for number in range(self.granted)]


class Wanted(NamedTuple):
    """How many requests a process would like to send, to an endpoint of so many a second."""

    requests: int
    per_second: int


async def claim_slots(
    session: Session, wanted: Mapping[UUID, Wanted], ahead_seconds: float
) -> dict[UUID, Slots]:
    """Reserve the next slots of endpoints, as many as there are within the seconds ahead. What
    waits for longer than that waits in the database."""
    if not wanted:
        return {}
    paces = [pace_of(one.per_second) for one in wanted.values()]
    rows = await session.execute(
        _CLAIM,
        {
            "ids": list(wanted),
            "counts": [one.requests for one in wanted.values()],
            "spacings": [pace.spacing for pace in paces],
            "bursts": [pace.burst for pace in paces],
            "ahead": ahead_seconds,
        },
    )
    by_id = dict(zip(wanted, paces, strict=True))
    return {row.id: Slots(row.granted, float(row.lead), by_id[row.id]) for row in rows}


# The lock makes processes follow each other; the time is read when it is held.
_CLAIM = text("""
    with held as materialized (
        select e.id, e.slot_at, w.count, w.spacing, w.burst
          from notifier.endpoint e
          join unnest(cast(:ids as uuid[]), cast(:counts as int[]), cast(:spacings as float8[]),
                      cast(:bursts as int[])) w(id, count, spacing, burst) on w.id = e.id
         order by e.id for update of e),
    led as materialized (
        select h.*, clock_timestamp() as at,
               greatest(0, coalesce(extract(epoch from h.slot_at - clock_timestamp()), 0))::float8
                   as lead
          from held h),
    given as (
        select l.*, greatest(0, least(l.count,
                   floor((cast(:ahead as float8) - l.lead) / l.spacing)::int + l.burst)) as granted
          from led l)
    update notifier.endpoint e
       set slot_at = g.at + make_interval(secs => g.lead + g.granted * g.spacing)
      from given g where e.id = g.id
    returning e.id, g.granted, g.lead""")
