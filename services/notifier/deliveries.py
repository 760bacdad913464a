"""What became of an organisation's notices on their way to its system: listed, with attempts.

Steps. No content, and not of what kind a notice is. What was withheld is not there at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import text

from chassis.database import Session
from schemas.self_test import PROFILE as SELF_TEST

State = Literal[
    "waiting", "delivered", "opened", "acknowledged", "filed", "failed", "superseded"
]  # fmt: skip

MOST_ATTEMPTS = 500
"""So many of one notice are shown, the newest; six hours of retries come to some eighty."""


@dataclass(frozen=True, slots=True)
class Place:
    """How far a listing has come: what follows was composed before, or then with a lower id."""

    composed_at: datetime
    id: UUID


async def list_deliveries(
    session: Session,
    organisation: str,
    *,
    state: State | None = None,
    since: datetime | None = None,
    endpoint: UUID | None = None,
    before: Place | None = None,
    limit: int,
) -> Sequence[Any]:
    """An organisation's notices and how far each is, the newest first."""
    rows = await session.execute(
        _LIST,
        {
            "organisation": organisation,
            "state": state,
            "since": since,
            "endpoint": endpoint,
            "before": before.composed_at if before else None,
            "before_id": before.id if before else None,
            "limit": limit,
        },
    )
    return rows.all()


async def find_delivery(session: Session, organisation: str, notice: UUID) -> Any | None:
    """The same of one notice; None where it is not this organisation's."""
    rows = await session.execute(_FIND, {"organisation": organisation, "notice": notice})
    return rows.first()


async def read_attempts(session: Session, notice: UUID) -> Sequence[Any]:
    """Every sending of a notice that is still kept, in order."""
    rows = await session.execute(_ATTEMPTS, {"notice": notice, "limit": MOST_ATTEMPTS})
    return list(reversed(rows.all()))


async def forget_attempts(session: Session, before: datetime, limit: int) -> int:
    """Delete attempts of before a time, the oldest `limit` at most; returns how many."""
    done = await session.execute(_FORGET, {"before": before, "limit": limit})
    return int(done.rowcount)


_SHOWN = """o.id, o.organisation, o.receipt, o.child_id, o.profile, o.state, o.reason,
       o.composed_at, o.sent_at, o.delivered_at, o.opened_at, o.acknowledged_at, o.filed_at,
       o.withdrawn_at"""

_OWN = "o.organisation = :organisation and o.owner = 'notifier' and o.state <> 'withheld'"

_WITH_DELIVERY = f"""
    select p.*, d.endpoint, d.state as on_queue, coalesce(d.attempts, 0) as attempts, d.replayed_at,
           p.profile = '{SELF_TEST}' as test,
           case when d.settled_at is null and d.state = 'waiting' then d.due_at end as due_at
      from page p left join notifier.delivery d on d.id = p.id
     order by p.composed_at desc, p.id desc"""


def _page(number: str) -> str:
    return f"""
        (select {_SHOWN} from notifier.obligation o
          where {_OWN} and o.number is {number}
            and o.composed_at >= coalesce(cast(:since as timestamptz), '-infinity')
            and (o.composed_at, o.id) < (coalesce(cast(:before as timestamptz), 'infinity'),
                                         coalesce(cast(:before_id as uuid), '{UUID(int=0)}'))
            and (cast(:state as text) is null or o.state = :state)
            and (cast(:endpoint as uuid) is null
                 or exists (select from notifier.delivery d
                             where d.id = o.id and d.endpoint = :endpoint))
          order by o.composed_at desc, o.id desc limit :limit)"""


# Two indexes hold all of an organisation's notices between them, each in this order.
_LIST = text(f"""
    with page as materialized (
        select * from ({_page("null")} union all {_page("not null")}) halves
         order by composed_at desc, id desc limit :limit)
    {_WITH_DELIVERY}""")

_FIND = text(f"""
    with page as (select {_SHOWN} from notifier.obligation o where {_OWN} and o.id = :notice)
    {_WITH_DELIVERY}""")

_ATTEMPTS = text("""
    select number, endpoint, at, milliseconds, outcome, status, late, headers
      from notifier.attempt where notice = :notice order by line desc limit :limit""")

# Only the oldest are looked at: the lines follow the time.
_FORGET = text("""
    delete from notifier.attempt a
     using (select line, at from notifier.attempt order by line limit :limit) oldest
     where a.line = oldest.line and oldest.at < :before""")
