"""The clock of a referral: a decision within one England working day, told to the referrer.

Started by the referral (a correction keeps the first start), stopped by the decision. What it means
that it ran out is told by `escalate`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from chassis.database import Session
from schemas.facts import EventAddressed
from services.notifier.deadlines import clock_due
from services.notifier.report import EVERY_CHILD
from services.notifier.rules import read_rules
from services.notifier.settings import DeadlineSettings
from services.notifier.standing import Ending

STARTED_BY = "referral.submitted"
DECISION = "referral-decision"


async def start(
    session: Session,
    referrals: Sequence[EventAddressed],
    ended: Collection[UUID],
    at: datetime,
    settings: DeadlineSettings,
) -> dict[UUID, datetime]:
    """Start each referral's clock, once; returns by when each must be decided.

    Those that ended before they were heard of (`ended`) keep a clock that never ran.
    """
    if not referrals:
        return {}
    earlier = [fact.supersedes for fact in referrals if fact.supersedes is not None]
    started: dict[UUID | None, datetime] = {}
    if earlier:
        rows = await session.execute(
            text("select receipt, started_at from notifier.clock where receipt = any(:receipts)"),
            {"receipts": earlier},
        )
        started = {row.receipt: row.started_at for row in rows}
    firsts: dict[UUID, EventAddressed] = {}
    for fact in referrals:
        if fact.receipt not in firsts:
            firsts[fact.receipt] = fact
            started[fact.receipt] = started.get(fact.supersedes, fact.accepted_at)
    rules = read_rules(settings.table)
    due = {receipt: clock_due(DECISION, started[receipt], rules) for receipt in firsts}
    await session.execute(
        _START,
        {
            "receipts": list(firsts),
            "keys": [fact.key for fact in firsts.values()],
            "starts": [started[receipt] for receipt in firsts],
            "dues": [due[receipt] for receipt in firsts],
            "stops": [at if receipt in ended else None for receipt in firsts],
            "name": DECISION,
        },
    )
    return due


async def stop(session: Session, endings: Sequence[Ending], at: datetime) -> None:
    """Stop the clocks of events that were decided, retracted or restated."""
    receipts = [
        one.receipt for one in endings if one.child_id == EVERY_CHILD or one.kind == "superseded"
    ]
    if receipts:
        await session.execute(
            text("""update notifier.clock set stopped_at = :at
                     where receipt = any(:receipts) and stopped_at is null"""),
            {"receipts": receipts, "at": at},
        )


_START = text("""
    insert into notifier.clock (receipt, name, key, started_at, due_at, stopped_at)
    select c.receipt, :name, c.key, c.start, c.due, c.stop
      from unnest(cast(:receipts as uuid[]), cast(:keys as text[]), cast(:starts as timestamptz[]),
                  cast(:dues as timestamptz[]), cast(:stops as timestamptz[]))
           c(receipt, key, start, due, stop)
        on conflict (receipt) do nothing""")
