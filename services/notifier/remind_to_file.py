"""A notice that was acknowledged and is not in the recipient's record: asked for once, by rows."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from prometheus_client import Counter
from sqlalchemy import text

import bus
from chassis.database import Session
from schemas.facts import NoticeReminded
from services.notifier.calendars import working_days_after
from services.notifier.report import COLUMNS, notice_fact

reminded_total = Counter("notifier_reminded_to_file_total", "Notices asked for, to be filed")

REMIND_SIZE = 200


async def remind_to_file(
    session: Session, at: datetime, working_days: int
) -> tuple[list[Any], list[bus.Fact]]:
    """Notices whose time to be filed is over, each once; the facts to append.

    They are listed as `unfiled` from then on. Only those that belong into a record: a school's and
    a nurse's.
    """
    about = {"before": latest_overdue(at, working_days), "at": at, "limit": REMIND_SIZE}
    rows = list((await session.execute(_REMIND, about)).all())
    reminded_total.inc(len(rows))
    return rows, [notice_fact(NoticeReminded, row, at) for row in rows]


def latest_overdue(at: datetime, working_days: int) -> datetime:
    """What was acknowledged by then has had its working days by `at`."""
    # The end of a limit grows with its start, so the latest start can be searched for.
    early, late = at - timedelta(days=working_days + 14), at
    while late - early > timedelta(minutes=1):
        middle = early + (late - early) / 2
        if working_days_after(middle, working_days) <= at:
            early = middle
        else:
            late = middle
    return early


_REMIND = text(f"""
    with due as (
        select id from notifier.obligation
         where acknowledged_at is not null and acknowledged_at <= :before and filed_at is null
           and filing_reminded_at is null and owner = 'notifier'
           and profile in ('school-full', 'health-minimal')
           and withdrawn_at is null and state not in ('superseded', 'withheld')
         order by acknowledged_at limit :limit for update skip locked)
    update notifier.obligation o set filing_reminded_at = :at from due where o.id = due.id
    returning {COLUMNS}""")
