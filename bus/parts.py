"""In which state each part of a service is: judged from what waits there, kept, told once a change.

A part is a queue, a reader or a task. It must be worse than a limit to be called so, and as good as
half of it to be called well again, so that it does not flap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import get_args

from prometheus_client import Gauge
from sqlalchemy import text

from chassis.database import Session
from schemas.status import Part, State, Status

part_state = Gauge(
    "service_part_state", "0 ok, 1 slow, 2 behind, 3 paused, 4 stopped", ["service", "what"]
)

SILENT = timedelta(seconds=30)
"""A part is measured every few seconds."""

_RANK: dict[State, int] = {state: rank for rank, state in enumerate(get_args(State))}


@dataclass(frozen=True, slots=True)
class Limits:
    """After how many seconds of waiting a part is slow, behind; of standing still, stopped."""

    slow: float
    behind: float
    stopped: float


@dataclass(frozen=True, slots=True)
class Measure:
    """What was found of one part.

    Attributes:
        waiting: how many wait there; None when it cannot be known.
        oldest_seconds: how long the first of them has waited longer than it should.
        still_seconds: for how long nothing moved; it counts only while something waits.
        for_person: what waits, waits for a person: more than `limit` of it is `paused`.
        state: what the service itself says of it, with its own `limit`; the rest is not judged.
    """

    what: str
    waiting: int | None = None
    oldest_seconds: float = 0.0
    still_seconds: float = 0.0
    for_person: bool = False
    limit: float | None = None
    state: State | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """A measure, the state that it means, and the limit that said so."""

    measure: Measure
    state: State
    limit: float


@dataclass(frozen=True, slots=True)
class Change:
    """A part that is in another state than before."""

    what: str
    before: State | None
    state: State
    since: datetime
    limit: float


def judge(before: State, found: Measure, limits: Limits) -> Judged:
    """The state of a part that was in another before."""
    if found.state is not None:
        return Judged(found, found.state, found.limit or 0.0)
    if found.for_person:
        most = found.limit or 0.0
        count = found.waiting or 0
        over = count > most or (before == "paused" and count > most / 2)
        return Judged(found, "paused" if over else "ok", most)
    waits = found.waiting is None or found.waiting > 0
    if waits and min(found.still_seconds, found.oldest_seconds) > limits.stopped:
        return Judged(found, "stopped", limits.stopped)
    now = _by_seconds(found.oldest_seconds, limits.slow, limits.behind)
    if _RANK[now] < _RANK[before]:
        # Better: but only as far as it is well below the limit.
        eased = _by_seconds(found.oldest_seconds, limits.slow / 2, limits.behind / 2)
        worst: State = "behind" if before in ("paused", "stopped") else before
        now = min(eased, worst, key=_RANK.__getitem__)
    return Judged(found, now, limits.behind if now == "behind" else limits.slow)


def _by_seconds(seconds: float, slow: float, behind: float) -> State:
    return "behind" if seconds > behind else "slow" if seconds > slow else "ok"


async def keep_parts(
    session: Session, service: str, found: Sequence[Measure], at: datetime, limits: Limits
) -> list[Change]:
    """Keep what was measured; returns the parts that are in another state than before.

    A part that is measured for the first time and is well has not changed.
    """
    rows = await session.execute(_BEFORE, {"service": service})
    before: dict[str, State] = {row.what: row.state for row in rows}
    judged = [judge(before.get(one.what, "ok"), one, limits) for one in found]
    if not judged:
        return []
    await session.execute(
        _KEEP,
        {
            "service": service,
            "whats": [one.measure.what for one in judged],
            "states": [one.state for one in judged],
            "waitings": [one.measure.waiting for one in judged],
            "oldests": [float(one.measure.oldest_seconds) for one in judged],
            "limits": [float(one.limit) for one in judged],
            "at": at,
        },
    )
    for one in judged:
        part_state.labels(service, one.measure.what).set(_RANK[one.state])
    return [
        Change(one.measure.what, before.get(one.measure.what), one.state, at, one.limit)
        for one in judged
        if one.state != before.get(one.measure.what, "ok")
    ]


async def hear_part(
    session: Session,
    service: str,
    what: str,
    state: State,
    since: datetime,
    *,
    limit: float | None = None,
) -> None:
    """Keep what another service said of its own part; an older word changes nothing."""
    await session.execute(
        _HEAR,
        {
            "service": service,
            "what": what,
            "state": state,
            "since": since,
            "limit": limit,
        },
    )


async def read_status(session: Session, at: datetime) -> Status:
    """Every part that is known here, the worst first.

    A part that is measured here and was not for half a minute has stopped with its service. Of one
    that another service told of, the last word stands.
    """
    known = []
    for row in await session.execute(_READ):
        silent = not row.heard and row.measured_at < at - SILENT
        known.append(
            Part(
                service=row.service,
                what=row.what,
                state="stopped" if silent else row.state,
                since=row.measured_at if silent else row.since,
                count=row.waiting,
                oldest_seconds=row.oldest_seconds,
                limit=SILENT.total_seconds() if silent else row.limit_used,
                measured_at=row.measured_at,
            )
        )
    parts = tuple(sorted(known, key=lambda one: -_RANK[one.state]))
    return Status(state=parts[0].state if parts else "ok", at=at, parts=parts)


_BEFORE = text("select what, state from bus.part where service = :service for update")

_KEEP = text("""
    insert into bus.part (service, what, state, since, waiting, oldest_seconds, limit_used,
                          measured_at)
    select :service, p.what, p.state, :at, p.waiting, p.oldest, p.most, :at
      from unnest(cast(:whats as text[]), cast(:states as text[]), cast(:waitings as int[]),
                  cast(:oldests as float8[]), cast(:limits as float8[]))
           p(what, state, waiting, oldest, most)
        on conflict (service, what) do update
       set state = excluded.state, waiting = excluded.waiting,
           oldest_seconds = excluded.oldest_seconds, limit_used = excluded.limit_used,
           measured_at = excluded.measured_at, heard = false,
           since = case when part.state = excluded.state then part.since
                        else excluded.since end""")

_HEAR = text("""
    insert into bus.part (service, what, state, since, limit_used, measured_at, heard)
    values (:service, :what, :state, :since, :limit, :since, true)
        on conflict (service, what) do update
       set state = excluded.state, since = excluded.since, limit_used = excluded.limit_used,
           measured_at = excluded.measured_at
     where part.since < excluded.since""")

_READ = text("""
    select service, what, state, since, waiting, oldest_seconds, limit_used, measured_at, heard
      from bus.part order by service, what""")
