"""What the health broker says of the notices that it delivers; the ladder is ours for those too.

Its word may come before our own row: it is kept, and applied when the row is composed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from chassis.database import Session
from schemas.facts import NoticeFact
from services.notifier.acknowledge import end_ladders
from services.notifier.standing import lock_events

HEARD = (
    "delivered", "opened", "acknowledged", "filed", "failed", "withheld", "superseded",
    "undelivered",
)  # fmt: skip
"""The last word of each fact type that is about a notice of the health broker."""


async def hear_notices(session: Session, facts: Sequence[NoticeFact]) -> bool:
    """Take in what another service says of its notices; True when a ladder must go on at once."""
    heard = [
        (fact.notice, state, fact.at, fact.reason)
        for fact in facts
        if (state := fact.fact_type.removeprefix("notice.")) in HEARD
    ]
    if not heard:
        return False
    await lock_events(session, [fact.receipt for fact in facts])
    rows = await session.execute(
        text("select id from notifier.obligation where id = any(:ids)"),
        {"ids": [one[0] for one in heard]},
    )
    known = {row[0] for row in rows}
    early = [one for one in heard if one[0] not in known]
    if early:
        await session.execute(
            _KEEP,
            {
                "ids": [one[0] for one in early],
                "states": [one[1] for one in early],
                "ats": [one[2] for one in early],
                "reasons": [one[3] for one in early],
            },
        )
    return await _apply(session, [one for one in heard if one[0] in known])


async def apply_early(session: Session, ids: Sequence[UUID]) -> bool:
    """Apply to new rows what was said of them before; True when a ladder must go on at once."""
    if not ids:
        return False
    rows = await session.execute(
        text("""delete from notifier.early where notice = any(:ids)
                returning notice, state, at, reason"""),
        {"ids": ids},
    )
    return await _apply(session, [tuple(row) for row in rows])


async def _apply(
    session: Session, heard: Iterable[tuple[UUID, str, datetime, str | None] | Any]
) -> bool:
    told: dict[UUID, dict[str, datetime]] = {}
    reasons: dict[UUID, str] = {}
    for notice, state, at, reason in heard:
        told.setdefault(notice, {}).setdefault(state, at)
        if reason is not None:
            reasons[notice] = reason
    if not told:
        return False
    ids = sorted(told)
    columns = {name: [told[one].get(name) for one in ids] for name in HEARD}
    rows = await session.execute(
        _APPLY, {**columns, "ids": ids, "reasons": [reasons.get(one) for one in ids]}
    )
    done = rows.all()
    await end_ladders(session, [row.chain for row in done if row.watch == "ended"])
    return any({"failed", "undelivered"} & set(told[row.id]) for row in done)


_KEEP = text("""
    insert into notifier.early (notice, state, at, reason)
    select * from unnest(cast(:ids as uuid[]), cast(:states as text[]),
                         cast(:ats as timestamptz[]), cast(:reasons as text[]))
        on conflict do nothing""")

_APPLY = text(f"""
    with told as (
        select * from unnest(cast(:ids as uuid[]), cast(:reasons as text[]),
            {", ".join(f"cast(:{name} as timestamptz[])" for name in HEARD)})
            t(id, reason, {", ".join(f"{name}_at" for name in HEARD)})),
    best as (
        select o.id, t.reason, t.failed_at, t.undelivered_at, t.withheld_at, t.superseded_at,
               coalesce(o.delivered_at, t.delivered_at, t.opened_at, t.acknowledged_at,
                        t.filed_at) as delivered_at,
               coalesce(o.opened_at, t.opened_at) as opened_at,
               coalesce(o.acknowledged_at, t.acknowledged_at, t.filed_at) as acknowledged_at,
               coalesce(o.filed_at, t.filed_at) as filed_at
          from told t join notifier.obligation o on o.id = t.id and o.owner <> 'notifier'
         order by o.id for update of o)
    update notifier.obligation o
       set delivered_at = b.delivered_at, opened_at = b.opened_at,
           acknowledged_at = b.acknowledged_at, filed_at = b.filed_at,
           sent_at = coalesce(o.sent_at, b.delivered_at, b.failed_at),
           reason = coalesce(b.reason, o.reason),
           state = case when b.filed_at is not null then 'filed'
                        when b.acknowledged_at is not null then 'acknowledged'
                        when b.opened_at is not null then 'opened'
                        when b.delivered_at is not null then 'delivered'
                        when b.superseded_at is not null then 'superseded'
                        when b.withheld_at is not null then 'withheld'
                        when b.failed_at is not null then 'failed'
                        else o.state end,
           watch = case when b.acknowledged_at is not null
                          or coalesce(b.superseded_at, b.withheld_at) is not null
                        then 'ended' else o.watch end,
           watch_due_at = case when b.undelivered_at is not null
                                 or (b.failed_at is not null and b.delivered_at is null)
                               then least(o.watch_due_at, b.failed_at, b.undelivered_at)
                               else o.watch_due_at end
      from best b where o.id = b.id
    returning o.id, o.chain, o.watch""")
