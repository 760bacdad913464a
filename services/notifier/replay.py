"""Notices sent again because their recipient asks for it: the same id and body, after what is new.

Steps. Only what still stands is sent again. A replay changes no state, no time and no ladder of a
notice that was delivered; one that had failed is delivered by it as by any other attempt.
"""

from __future__ import annotations

from collections import Counter as Counts
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from prometheus_client import Counter
from sqlalchemy import text

from chassis.database import Session
from schemas.self_test import PROFILE as SELF_TEST
from services.notifier.deliveries import Place
from services.notifier.standing import lock_events

replayed_total = Counter(
    "notifier_replayed_total", "Notices sent again because they were asked for"
)

AT_ONCE = 200
"""So many are locked and queued in one transaction: each event's lock has a place in memory."""

AFTER_ALL_NEW = "interval '1000 years'"
"""What is asked for again takes its turn after everything that is not, in its old order."""


@dataclass(slots=True)
class Replayed:
    """How many are sent again, how many are not and why, and where to go on."""

    replayed: int = 0
    not_sent: Counts[str] = field(default_factory=Counts)
    after: Place | None = None


async def replay_one(
    session: Session, organisation: str, notice: UUID, at: datetime
) -> Replayed | None:
    """Send a notice of this organisation again; None where there is no such notice."""
    rows = (await session.execute(_ONE, {"organisation": organisation, "notice": notice})).all()
    return await _replay(session, rows, at) if rows else None


async def replay_since(
    session: Session,
    organisation: str,
    since: datetime,
    until: datetime,
    after: Place | None,
    at: datetime,
) -> Replayed:
    """Send again what was composed for an organisation in a time (both included), the oldest first,
    up to `AT_ONCE`; `after` is where the next part begins, None at the end."""
    rows = (
        await session.execute(
            _SINCE,
            {
                "organisation": organisation,
                "since": after.composed_at if after else since,
                "after": after.id if after else UUID(int=0),
                "until": until,
                "limit": AT_ONCE,
            },
        )
    ).all()
    done = await _replay(session, rows, at)
    if len(rows) == AT_ONCE:
        done.after = Place(rows[-1].composed_at, rows[-1].id)
    return done


async def resend_failed(
    session: Session, organisation: str, seconds: float, at: datetime
) -> Replayed:
    """Send again what failed at an organisation's endpoint in the last seconds, because that has
    another address now: in the turn that each had, not after what is new."""
    about = {"organisation": organisation, "seconds": seconds, "limit": AT_ONCE}
    rows = (await session.execute(_FAILED, about)).all()
    return await _replay(session, rows, at, in_turn=True)


async def _replay(
    session: Session, rows: Sequence[Any], at: datetime, *, in_turn: bool = False
) -> Replayed:
    # Whatever ends one of these at this moment has either ended it when it is read again, or finds
    # its delivery on the queue and cancels it.
    await lock_events(session, [row.receipt for row in rows])
    about = {"ids": [row.id for row in rows], "at": at, "in_turn": in_turn}
    found = (await session.execute(_REPLAY, about)).all()
    done = Replayed()
    for row in found:
        if row.why_not is None:
            done.replayed += 1
        else:
            done.not_sent[row.why_not] += 1
    replayed_total.inc(done.replayed)
    return done


_OWN = f"""o.organisation = :organisation and o.owner = 'notifier' and o.state <> 'withheld'
           and o.profile <> '{SELF_TEST}'"""

_FOUND = "select o.id, o.receipt, o.composed_at from notifier.obligation o"

_ONE = text(f"{_FOUND} where {_OWN} and o.id = :notice")

_FAILED = text(f"""
    {_FOUND} join notifier.delivery d on d.id = o.id
     where {_OWN} and o.opened_at is null and o.state = 'failed' and d.state = 'failed'
       and d.settled_at > clock_timestamp() - make_interval(secs => :seconds)
     order by o.composed_at, o.id limit :limit""")


def _half(number: str) -> str:
    return f"""
        ({_FOUND}
          where {_OWN} and o.number is {number}
            and (o.composed_at, o.id) > (cast(:since as timestamptz), cast(:after as uuid))
            and o.composed_at <= :until
          order by o.composed_at, o.id limit :limit)"""


_SINCE = text(f"""
    select * from ({_half("null")} union all {_half("not null")}) halves
     order by composed_at, id limit :limit""")

# A notice that had no delivery (it was pulled, or there was no endpoint) gets one now. One that is
# on the queue keeps its place there.
_REPLAY = text(f"""
    with asked as materialized (
        select o.id, o.composed_at, e.id as endpoint, o.overtakes and :in_turn as overtakes,
               case when :in_turn then coalesce(o.deadline_at, o.composed_at)
                    else o.composed_at + {AFTER_ALL_NEW} end as turn_at,
               case when o.withdrawn_at is not null then 'withdrawn'
                    when o.state = 'superseded' then 'superseded'
                    when o.content is null then 'without-content'
                    when d.id is not null and d.settled_at is null then 'waiting'
                    when r.channel is distinct from 'webhook' then 'not-by-webhook'
                    when e.id is null then 'no-endpoint' end as why_not
          from notifier.obligation o
          left join notifier.delivery d on d.id = o.id
          left join notifier.recipient r on r.id = o.organisation
          left join notifier.endpoint e on e.organisation = o.organisation and e.enabled
         where o.id = any(:ids)
         order by o.id),
    queued as (
        insert into notifier.delivery as d
            (id, endpoint, composed_at, state, due_at, overtakes, turn_at, ready, replayed_at)
        select id, endpoint, composed_at, 'waiting', clock_timestamp(), overtakes, turn_at, true,
               :at
          from asked where why_not is null
            on conflict (id) do update
           set state = 'waiting', endpoint = excluded.endpoint, due_at = excluded.due_at,
               overtakes = excluded.overtakes, turn_at = excluded.turn_at, ready = true,
               replayed_at = excluded.replayed_at, claim_token = null, claimed_until = null,
               settled_at = null
         where d.settled_at is not null
        returning d.id)
    select a.id, case when a.why_not is null and q.id is null then 'waiting' else a.why_not end
               as why_not
      from asked a left join queued q on q.id = a.id""")
