"""Part of step 6: what sending learnt of endpoints, kept with them: pauses, and that one is gone.

In the transaction that settles what was sent, so that the two never disagree.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text

from chassis.database import Session
from services.notifier.report import RUNG_ENDS


class Pause(NamedTuple):
    """The state of an endpoint's breaker: `pauses` 0 means that it is well again. It says nothing
    of an endpoint that has another address than `url` by now."""

    endpoint: UUID
    url: str
    pauses: int
    seconds: float
    reason: str


async def record_pauses(
    session: Session, pauses: Sequence[Pause], at: datetime, rung_minutes: float
) -> None:
    """Keep pauses; what waits for a paused endpoint goes on climbing its ladder.

    A later rung is timed from its first sending, and to a paused endpoint nothing is sent: it is
    timed from the pause instead, so that silence cannot last for ever.
    """
    await session.execute(
        _RECORD,
        {
            "ids": [one.endpoint for one in pauses],
            "urls": [one.url for one in pauses],
            "counts": [one.pauses for one in pauses],
            "seconds": [max(0.0, one.seconds) for one in pauses],
            "reasons": [one.reason for one in pauses],
        },
    )
    paused = [one.endpoint for one in pauses if one.pauses]
    if paused:
        await session.execute(_TIME_RUNGS, {"ids": paused, "at": at, "rung_minutes": rung_minutes})


async def disable_gone(
    session: Session, endpoints: Sequence[tuple[UUID, str]], at: datetime
) -> list[Any]:
    """Disable endpoints whose receiver said that they are gone: (id, the address it said so of).
    What waits for them is due at once, and fails when it is claimed. Returns (id, organisation) of
    those that were enabled, at that address.

    Before anything of the same transaction touches an obligation: deliveries are locked first.
    """
    about = {
        "ids": [one for one, _ in endpoints],
        "urls": [url for _, url in endpoints],
        "at": at,
    }
    found = (await session.execute(_DISABLE, about)).all()
    await hasten(session, [row.id for row in found])
    return list(found)


async def hasten(session: Session, endpoints: Sequence[UUID]) -> None:
    """Whatever waits for these endpoints is due now."""
    if endpoints:
        await session.execute(_HASTEN, {"ids": list(endpoints)})


_RECORD = text("""
    update notifier.endpoint e
       set pauses = p.pauses,
           paused_until = case when p.pauses > 0
                               then clock_timestamp() + make_interval(secs => p.seconds) end,
           paused_reason = case when p.pauses > 0 then p.reason end
      from unnest(cast(:ids as uuid[]), cast(:urls as text[]), cast(:counts as int[]),
                  cast(:seconds as float8[]), cast(:reasons as text[]))
           p(id, url, pauses, seconds, reason)
     where e.id = p.id and e.url = p.url and e.enabled""")

_TIME_RUNGS = text(f"""
    with untimed as (
        select o.id from notifier.delivery d join notifier.obligation o on o.id = d.id
         where d.settled_at is null and d.endpoint = any(:ids)
           and o.watch = 'watching' and o.watch_due_at is null
         order by o.id for update of o)
    update notifier.obligation o set watch_due_at = {RUNG_ENDS}
      from untimed where o.id = untimed.id""")

_DISABLE = text("""
    update notifier.endpoint e
       set enabled = false, disabled_at = :at, disabled_reason = 'gone',
           pauses = 0, paused_until = null, paused_reason = null
      from unnest(cast(:ids as uuid[]), cast(:urls as text[])) g(id, url)
     where e.id = g.id and e.url = g.url and e.enabled
    returning e.id, e.organisation""")

_HASTEN = text("""
    with late as (
        select id from notifier.delivery
         where settled_at is null and state = 'waiting' and endpoint = any(:ids)
           and due_at > clock_timestamp()
         order by id for update)
    update notifier.delivery d set due_at = clock_timestamp() from late where d.id = late.id""")
