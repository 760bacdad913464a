"""Step 7 where no system helps: somebody rang the recipient, and records it. Ends the ladder.

Whoever was told says so itself, or social care does that rang when silence had lasted too long.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from prometheus_client import Counter
from sqlalchemy import text

import bus
from chassis.database import Session
from schemas.facts import NoticeTelephoned
from schemas.receipts import Speaker
from schemas.self_test import PROFILE as SELF_TEST
from services.notifier.acknowledge import end_ladders
from services.notifier.report import COLUMNS, notice_fact

telephoned_total = Counter("notifier_telephoned_total", "Notices told by telephone")


async def find_unreached(session: Session, notice: UUID, at: datetime) -> Any | None:
    """A notice of anybody that is late, failed, or on a ladder that has climbed; else None."""
    return (await session.execute(_FIND_UNREACHED, {"notice": notice, "at": at})).first()


async def list_unreached(session: Session, limit: int) -> list[Any]:
    """The first rungs of ladders on which nobody is left to tell: somebody must ring these."""
    return list((await session.execute(_LIST_UNREACHED, {"limit": limit})).all())


async def earliest_call(session: Session, receipt: UUID) -> datetime:
    """Before this minute nobody can have rung: the event had just been accepted."""
    found = await session.execute(_FIRST_HEARD, {"receipt": receipt})
    at: datetime = found.one()[0]
    # People write times by the minute.
    return at.replace(second=0, microsecond=0)


async def record_call(
    session: Session, row: Any, called_at: datetime, by: Speaker, to: Speaker
) -> list[bus.Fact]:
    """A found notice was told by telephone; the facts to append, none for a repeat.

    The notice itself goes on to the recipient's system, which has not got it by this.
    """
    done = (
        await session.execute(_CALL, {"id": row.id, "at": called_at, "by": str(by), "to": str(to)})
    ).first()
    if done is None:
        return []
    await end_ladders(session, [done.chain])
    await session.execute(_RELIEVE, {"chain": done.chain})
    telephoned_total.inc()
    return [notice_fact(NoticeTelephoned, done, called_at, told_by=by, told_to=to)]


_ROW = """o.id, o.organisation, o.state, o.composed_at, o.deadline_at, o.receipt, o.child_id,
           o.withdrawn_at, o.recipient_name, o.role, o.profile"""

_FIND_UNREACHED = text(f"""
    select {_ROW} from notifier.obligation o
     where o.id = :notice and o.state not in ('withheld', 'superseded')
       and o.profile <> '{SELF_TEST}'
       and (o.deadline_at <= :at or o.state = 'failed' or o.watch in ('climbed', 'exhausted')
            or exists (select from notifier.obligation h
                        where h.chain = o.chain and h.rung > 0 and h.watch = 'exhausted'))""")

_LIST_UNREACHED = text(f"""
    select {_ROW} from notifier.obligation e join notifier.obligation o on o.id = e.chain
     where e.watch = 'exhausted' and e.acknowledged_at is null and e.withdrawn_at is null
       and o.acknowledged_at is null
     order by o.composed_at, o.id limit :limit""")

_FIRST_HEARD = text("""
    select min(coalesce(accepted_at, composed_at))
      from notifier.obligation where receipt = :receipt""")

_CALL = text(f"""
    update notifier.obligation o
       set telephoned_at = :at, telephoned_by = :by, telephoned_to = :to, declined_at = null,
           acknowledged_at = coalesce(o.acknowledged_at, :at),
           acknowledged_by = coalesce(o.acknowledged_by, :to),
           watch = case when o.watch in ('watching', 'exhausted') then 'ended' else o.watch end
     where o.id = :id and (o.telephoned_at is null or o.acknowledged_at is null)
    returning {COLUMNS}, o.chain""")

_RELIEVE = text("""
    update notifier.obligation set watch = 'ended'
     where (id = :chain or (chain = :chain and rung > 0)) and watch = 'exhausted'
       and not shared""")
