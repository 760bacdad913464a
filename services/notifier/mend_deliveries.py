"""Looks for notices that wait and that nobody will send, and mends them: part of the ledger.

Composing, sending and settling commit a notice and its delivery together, so each of these can only
be a defect, a hand in the tables or a restored backup. That is why it is said loudly. Steps: they
look at one page, by an index that is there already, and never commit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

import bus
from chassis.database import Session
from schemas.facts import NoticeFailed
from services.notifier.report import COLUMNS, notice_fact

LEASES = 5
"""A claim whose lease ended so many leases ago is taken by nobody."""


@dataclass(frozen=True, slots=True)
class Place:
    """How far a cycle through the unopened notices has come."""

    organisation: str = ""
    composed_at: datetime | None = None
    id: UUID | None = None


START = Place()


async def mend_unsent(
    session: Session, after: Place, at: datetime, *, age: timedelta, rung: timedelta, limit: int
) -> tuple[list[UUID], Place | None]:
    """Composed but not sent: notices that wait without a delivery that is on its way.

    Returns those that were mended, and where the next page begins; None at the end of the cycle.
    Where there is no endpoint any more, the notice fails and its ladder goes on.
    """
    page = (
        await session.execute(
            _PAGE,
            {
                "organisation": after.organisation,
                "composed_at": after.composed_at,
                "id": after.id or UUID(int=0),
                "before": at - age,
                "limit": limit,
            },
        )
    ).all()
    gaps = [row for row in page if row.gap]
    mended: list[UUID] = []
    if gaps:
        mended += await _queue(session, [one for one in gaps if one.endpoint is not None])
        mended += await _fail(session, [one for one in gaps if _has_no_endpoint(one)], at)
        pulled = [one.id for one in gaps if one.channel != "webhook"]
        mended += await _ids(session, _PULLED, {"ids": pulled, "at": at, "due": at + rung})
    if len(page) < limit:
        return mended, None
    return mended, Place(page[-1].organisation, page[-1].composed_at, page[-1].id)


async def mend_unsettled(session: Session, lease_seconds: float, limit: int) -> list[UUID]:
    """Sent but not settled: claims of which nobody has settled anything for several leases.

    They are let go, so that the next claim takes them with the same id.
    """
    return await _ids(session, _RELEASE, {"seconds": LEASES * lease_seconds, "limit": limit})


def _has_no_endpoint(row: Any) -> bool:
    return row.channel == "webhook" and row.endpoint is None


async def _queue(session: Session, rows: Sequence[Any]) -> list[UUID]:
    return await _ids(
        session,
        _QUEUE,
        {"ids": [row.id for row in rows], "endpoints": [row.endpoint for row in rows]},
    )


async def _fail(session: Session, rows: Sequence[Any], at: datetime) -> list[UUID]:
    if not rows:
        return []
    failed = (await session.execute(_FAIL, {"ids": [row.id for row in rows], "at": at})).all()
    facts = [notice_fact(NoticeFailed, row, at, reason="no-endpoint") for row in failed]
    await bus.append(session, *facts)
    return [row.id for row in failed]


async def _ids(session: Session, statement: Any, values: dict[str, Any]) -> list[UUID]:
    if values.get("ids") == []:
        return []
    return [row.id for row in await session.execute(statement, values)]


# By the index of unopened notices: one on `state` would be written with every delivery.
_PAGE = text("""
    with page as materialized (
        select id, organisation, composed_at, state, sent_at from notifier.obligation
         where opened_at is null and owner = 'notifier'
           and (organisation, composed_at, id)
               > (cast(:organisation as text),
                  coalesce(cast(:composed_at as timestamptz), '-infinity'), cast(:id as uuid))
         order by organisation, composed_at, id limit :limit)
    select p.id, p.organisation, p.composed_at, r.channel, e.id as endpoint,
           p.state = 'waiting' and p.composed_at <= :before
           and (d.id is null or d.settled_at is not null)
           and r.id is not null
           and (r.channel = 'webhook' or p.sent_at is null) as gap
      from page p
      left join notifier.recipient r on r.id = p.organisation
      left join notifier.delivery d on d.id = p.id
      left join notifier.endpoint e
             on e.organisation = p.organisation and e.enabled and r.channel = 'webhook'
     order by p.organisation, p.composed_at, p.id""")

_QUEUE = text("""
    insert into notifier.delivery
        (id, endpoint, composed_at, state, due_at, overtakes, turn_at, ready)
    select o.id, g.endpoint, o.composed_at, 'waiting', clock_timestamp(), o.overtakes,
           coalesce(o.deadline_at, o.composed_at), true
      from unnest(cast(:ids as uuid[]), cast(:endpoints as uuid[])) g(id, endpoint)
      join notifier.obligation o on o.id = g.id and o.state = 'waiting'
        on conflict (id) do update
       set state = 'waiting', endpoint = excluded.endpoint, due_at = excluded.due_at, ready = true,
           claim_token = null, claimed_until = null, settled_at = null
     where delivery.settled_at is not null
    returning id""")

_FAIL = text(f"""
    update notifier.obligation o
       set state = 'failed', reason = 'no-endpoint',
           watch_due_at = case when o.watch = 'watching' then :at else o.watch_due_at end
     where o.id = any(:ids) and o.state = 'waiting'
    returning {COLUMNS}""")

_PULLED = text("""
    update notifier.obligation
       set sent_at = :at,
           watch_due_at = case when watch = 'watching' then coalesce(watch_due_at, :due)
                               else watch_due_at end
     where id = any(:ids) and state = 'waiting' and sent_at is null
    returning id""")

_RELEASE = text("""
    with lost as (
        select id from notifier.delivery
         where settled_at is null and ready and state = 'claimed'
           and claimed_until < statement_timestamp() - make_interval(secs => :seconds)
         order by overtakes desc, turn_at limit :limit for update skip locked)
    update notifier.delivery d set state = 'waiting', claim_token = null, claimed_until = null
      from lost where d.id = lost.id returning d.id""")
