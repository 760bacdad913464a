"""Asks the notifier whether what was addressed some time ago is there: part of the ledger.

The directory alone knows for certain whom it addressed, and cannot look into the notifier's tables;
so it asks by a fact, page by page, about the last hours and again about the last days. What is
missing is answered by a fact and announced again (`announce_again`).
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import text

from bus import append, fact_of
from chassis.cycle import Cycle
from chassis.database import Database, Session
from chassis.only_one import only_one
from chassis.process import Task
from schemas.facts import AskedNotice, LedgerAsked, notice_id
from services.directory.partnership import SOURCE, Partnership
from services.directory.settings import LedgerSettings

ONE_ASKS = 0x4449_5241_0000_0001
"""The lock of the process that asks (ASCII "DIRA")."""


def cycles(settings: LedgerSettings) -> list[Cycle]:
    """The last hours often, the last days seldom."""
    age = timedelta(seconds=settings.age_seconds)
    return [
        Cycle(
            timedelta(hours=settings.recent_hours), age, timedelta(seconds=settings.rest_seconds)
        ),
        Cycle(timedelta(days=settings.days), age, timedelta(hours=settings.recent_hours)),
    ]


def ledger_task(database: Database, partnership: Partnership) -> Task:
    """The questions as a task of the process."""
    return Task("directory-ledger", partial(_ask_on, database, partnership))


async def _ask_on(database: Database, partnership: Partnership) -> None:
    settings = partnership.settings.ledger
    going = cycles(settings)
    while True:
        async with only_one(database, ONE_ASKS) as mine:
            if mine is not None:
                for cycle in going:
                    async with database.transaction() as session:
                        await ask_page(session, cycle, partnership.clock(), settings.page_size)
        await asyncio.sleep(settings.sweep_seconds)


async def ask_page(session: Session, cycle: Cycle, at: datetime, size: int) -> int:
    """Ask about the next page of a cycle, in the caller's transaction; returns about how many."""
    bounds = cycle.bounds(at)
    if bounds is None:
        return 0
    after, until = bounds
    page = (await session.execute(_PAGE, {"after": after, "until": until, "limit": size})).all()
    cycle.move(page[-1].addressed_at if len(page) >= size else None)
    asked = tuple(
        AskedNotice(
            notice=notice_id(
                row.receipt, row.child_id, row.organisation, row.profile, row.part, 0, row.edition
            ),
            receipt=row.receipt,
            child_id=row.child_id,
        )
        for row in page
        if row.withdrawn_at is None
    )
    if asked:
        fact = LedgerAsked(service=SOURCE, at=at, notices=asked)
        await append(session, fact_of(fact, SOURCE))
    return len(asked)


# Those of one time belong to one page: the next begins behind it.
_PAGE = text("""
    select receipt, child_id, organisation, profile, part, edition, addressed_at, withdrawn_at
      from directory.addressed
     where addressed_at > :after and addressed_at <= :until
     order by addressed_at fetch first :limit rows with ties""")
