"""Step 7: what a recipient does with a notice: collected, opened, acknowledged, filed.

States only go forward; the same again changes nothing and tells nothing. An acknowledgement on any
rung ends the whole ladder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import text

import bus
from chassis.database import Session
from schemas.facts import (
    NoticeAcknowledged,
    NoticeDelivered,
    NoticeFact,
    NoticeFiled,
    NoticeOpened,
)
from schemas.self_test import PROFILE as SELF_TEST
from services.notifier.report import COLUMNS, notice_fact

Step = Literal["delivered", "opened", "acknowledged", "filed"]

_FACTS: dict[str, type[NoticeFact]] = {
    "delivered": NoticeDelivered,
    "opened": NoticeOpened,
    "acknowledged": NoticeAcknowledged,
    "filed": NoticeFiled,
}
_IMPLIED: dict[Step, tuple[Step, ...]] = {
    "delivered": ("delivered",),
    "opened": ("delivered", "opened"),
    "acknowledged": ("delivered", "acknowledged"),
    "filed": ("delivered", "acknowledged", "filed"),
}


async def advance(
    session: Session,
    ids: Sequence[UUID],
    step: Step,
    at: datetime,
    *,
    by: str | None = None,
    references: Mapping[UUID, str] | None = None,
) -> list[bus.Fact]:
    """Take notices as far as a step; returns the facts of what is new, for the caller to append.

    A webhook that still waits for its turn is no longer needed, unless its recipient asked for it
    again; one that is being sent settles by itself. `references`: where in its own record the
    recipient filed each. An acknowledgement takes back that a notice was declined.
    """
    if not ids:
        return []
    await session.execute(
        text("""update notifier.delivery set state = 'done', settled_at = clock_timestamp()
                 where id = any(:ids) and state = 'waiting' and replayed_at is null"""),
        {"ids": list(ids)},
    )
    rows = await session.execute(
        _ADVANCE,
        {
            "ids": list(ids),
            "references": [(references or {}).get(one) for one in ids],
            "step": step,
            "at": at,
            "by": by,
            "opens": step == "opened",
            "acknowledges": step in ("acknowledged", "filed"),
            "files": step == "filed",
        },
    )
    done = rows.all()
    facts = [
        notice_fact(_FACTS[implied], row, at)
        for row in done
        if row.profile != SELF_TEST
        for implied in _IMPLIED[step]
        if getattr(row, f"newly_{implied}")
    ]
    if step in ("acknowledged", "filed"):
        await end_ladders(session, [row.chain for row in done])
    return facts


async def end_ladders(session: Session, chains: Sequence[UUID]) -> None:
    """Nobody further is told; a rung that another ladder reached too goes on for that one."""
    if chains:
        await session.execute(_END_LADDERS, {"chains": list(set(chains))})


_ADVANCE = text(f"""
    with was as materialized (
        select o.id, o.state, o.delivered_at, o.opened_at, o.filed_at, t.reference,
               o.acknowledged_at is not null and o.state in ('acknowledged', 'filed') as confirmed
          from unnest(cast(:ids as uuid[]), cast(:references as text[])) t(id, reference)
          join notifier.obligation o on o.id = t.id
         where o.state not in ('withheld', 'superseded')
         order by o.id for update of o)
    update notifier.obligation o
       set state = case when array_position(array['waiting', 'failed', 'delivered', 'opened',
                                                  'acknowledged', 'filed'], o.state)
                           < array_position(array['waiting', 'failed', 'delivered', 'opened',
                                                  'acknowledged', 'filed'], cast(:step as text))
                        then :step else o.state end,
           sent_at = coalesce(o.sent_at, :at),
           delivered_at = coalesce(o.delivered_at, :at),
           opened_at = case when :opens then coalesce(o.opened_at, :at) else o.opened_at end,
           acknowledged_at = case when :acknowledges then coalesce(o.acknowledged_at, :at)
                                  else o.acknowledged_at end,
           acknowledged_by = coalesce(o.acknowledged_by, :by),
           filed_at = case when :files then coalesce(o.filed_at, :at) else o.filed_at end,
           record_reference = coalesce(was.reference, o.record_reference),
           declined_at = case when :acknowledges then null else o.declined_at end,
           watch = case when :acknowledges and o.watch = 'watching' then 'ended'
                        else o.watch end
      from was
     where o.id = was.id
       and (was.delivered_at is null or (:opens and was.opened_at is null)
            or (:acknowledges and not was.confirmed)
            or (:files and was.filed_at is null))
    returning {COLUMNS}, o.chain,
              was.delivered_at is null as newly_delivered,
              :opens and was.opened_at is null as newly_opened,
              :acknowledges and not was.confirmed as newly_acknowledged,
              :files and was.filed_at is null as newly_filed""")

_END_LADDERS = text("""
    update notifier.obligation set watch = 'ended'
     where (id = any(:chains) or (chain = any(:chains) and id <> chain))
       and watch = 'watching' and not shared""")
