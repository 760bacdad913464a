"""Step 7, the other answer: a recipient does not take a notice on, so the next is told at once.

It is no acknowledgement, and takes an earlier one back: where a notice was acknowledged and then
declined, nobody has it, and the ladder that had ended goes on.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from prometheus_client import Counter
from sqlalchemy import text

import bus
from chassis.database import Session
from chassis.telemetry import logger
from schemas.facts import NoticeDeclined
from schemas.receipts import DeclineReason
from services.notifier.acknowledge import advance
from services.notifier.report import COLUMNS, notice_fact

log = logger("notifier.decline")

declined_total = Counter("notifier_declined_total", "Notices that a recipient declined", ["reason"])


async def decline_notice(
    session: Session, row: Any, reason: DeclineReason, words: str | None, at: datetime
) -> list[bus.Fact]:
    """Decline a found notice; the facts to append, none for a repeat. `words` stay here."""
    facts = await advance(session, [row.id], "delivered", at)
    done = (
        await session.execute(
            _DECLINE, {"id": row.id, "at": at, "reason": str(reason), "words": words}
        )
    ).first()
    if done is None:
        return facts
    await session.execute(_GO_ON, {"chain": done.chain, "rung": done.rung, "at": at})
    declined_total.labels(str(reason)).inc()
    log.warning(
        "notice_declined",
        notice=str(done.id),
        receipt=str(done.receipt),
        reason=str(reason),
        next="a person must telephone" if done.watch == "exhausted" else "the next is told",
    )
    return [*facts, notice_fact(NoticeDeclined, done, at, reason=str(reason))]


_CONFIRMED_ELSEWHERE = """exists (
        select from notifier.obligation h
         where (h.id = o.chain or (h.chain = o.chain and h.rung > 0)) and h.id <> o.id
           and h.acknowledged_at is not null)"""

_DECLINE = text(f"""
    update notifier.obligation o
       set declined_at = :at, decline_reason = :reason, decline_text = :words,
           acknowledged_at = null, acknowledged_by = null, filed_at = null,
           record_reference = null,
           state = case when state not in ('acknowledged', 'filed') then state
                        when opened_at is null then 'delivered' else 'opened' end,
           watch = case when watch = 'ended' and not {_CONFIRMED_ELSEWHERE} then 'watching'
                        else watch end,
           watch_due_at = case when watch in ('watching', 'ended') then :at
                               else watch_due_at end
     where id = :id and declined_at is null
    returning {COLUMNS}, o.chain, o.watch""")

# What a confirmation on this rung had ended above it is watched again, until its own time.
_GO_ON = text(f"""
    update notifier.obligation o
       set watch = 'watching', watch_due_at = coalesce(o.watch_due_at, :at)
     where o.chain = :chain and o.rung > 0 and o.rung > :rung and o.watch = 'ended'
       and o.acknowledged_at is null and o.declined_at is null and o.withdrawn_at is null
       and o.state not in ('superseded', 'withheld')
       and not {_CONFIRMED_ELSEWHERE}
       and not exists (select from notifier.obligation h
                        where h.chain = o.chain and h.rung > 0 and h.rung > o.rung)""")
