"""Marks events of which something was told, for whoever subscribed to their progress. A step.

The mark is the first statement of the transaction that changes progress, so the two commit together
or not at all. Whoever composes a push holds the same rows (`services.intake.push`): it never sees
half of a change, and never gives one version two contents.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from chassis.database import Session

REST = "timestamptz '9999-01-01'"
"""Until when the pushes of a disabled subscription rest, as SQL: nothing looks at them."""


async def mark_changed(
    session: Session, changed: Mapping[UUID, datetime], gather_seconds: float
) -> None:
    """Put these events on the queue of every subscription of their senders.

    The first change waits `gather_seconds` for others; what waits or is being sent already only
    gets a higher version.

    Args:
        changed: by receipt, when it was told.
    """
    if changed:
        await session.execute(
            _MARK,
            {
                "receipts": list(changed),
                "times": list(changed.values()),
                "gather": gather_seconds,
            },
        )


# Ordered, so that two readers of the bus take the locks in one order.
_MARK = text(f"""
    insert into intake.push as p
           (id, subscription, receipt, version, changed_at, due_at, turn_at, ready, state,
            overtakes)
    select gen_random_uuid(), s.id, e.receipt, 1, c.at, d.due_at, d.due_at, false, 'waiting',
           true
      from unnest(cast(:receipts as uuid[]), cast(:times as timestamptz[])) c(receipt, at)
      join intake.event e on e.receipt = c.receipt
      join intake.subscription s on s.organisation = e.organisation and not s.sandbox
     cross join lateral (
           select case when s.disabled_at is null
                       then clock_timestamp() + make_interval(secs => :gather)
                       else {REST} end as due_at) d
     order by e.receipt, s.id
        on conflict (receipt, subscription) do update
       set version = p.version + 1,
           changed_at = greatest(p.changed_at, excluded.changed_at),
           state = case when p.settled_at is null then p.state else 'waiting' end,
           due_at = case when p.settled_at is null then p.due_at else excluded.due_at end,
           turn_at = case when p.settled_at is null then p.turn_at else excluded.turn_at end,
           ready = case when p.settled_at is null then p.ready else false end,
           attempts = case when p.settled_at is null then p.attempts else 0 end,
           settled_at = null""")
