"""Asks the notifier whether the senders were told of everything: part of the ledger.

Facts and rows commit together, so a state that was not told can only be a defect or a restored
backup. Each agency's events of the last day are gone through again and again, a page at a time, by
the index of its list; asked about is what nobody has confirmed. What differs is told again.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import text

from bus import append, fact_of
from chassis.clock import Clock
from chassis.cycle import Cycle
from chassis.database import Database, Session
from chassis.only_one import only_one
from chassis.process import Task
from schemas.facts import AskedNotice, LedgerAsked
from services.intake.insert import SOURCE
from services.intake.settings import LedgerSettings

ONE_ASKS = 0x494E_5441_0000_0001
"""The lock of the process that asks (ASCII "INTA")."""

_TOLD = ("delivered", "opened", "acknowledged", "filed", "failed", "withheld", "superseded")


def ledger_task(database: Database, clock: Clock, settings: LedgerSettings) -> Task:
    """The questions as a task of the process."""
    return Task("intake-ledger", partial(_ask_on, database, clock, settings))


async def _ask_on(database: Database, clock: Clock, settings: LedgerSettings) -> None:
    asker = Asker(settings)
    while True:
        async with only_one(database, ONE_ASKS) as mine:
            if mine is not None:
                async with database.transaction() as session:
                    await asker.ask_page(session, clock())
        await asyncio.sleep(settings.sweep_seconds)


class Asker:
    """Goes through the agencies, one after the other, and through the events of each."""

    def __init__(self, settings: LedgerSettings) -> None:
        self._settings = settings
        self._agency = ""
        self._cycle: Cycle | None = None
        self._rests_until: datetime | None = None

    async def ask_page(self, session: Session, at: datetime) -> int:
        """Ask about the next page, in the caller's transaction; returns about how many notices.

        Nothing is asked while intake itself has not read what was told.
        """
        if (await session.execute(_IS_BEHIND)).scalar():
            return 0
        if self._cycle is None:
            if self._agency == "":
                if self._rests_until is not None and at < self._rests_until:
                    return 0
                self._rests_until = at + timedelta(seconds=self._settings.rest_seconds)
            found = await session.execute(_NEXT_AGENCY, {"after": self._agency})
            self._agency = found.scalar() or ""
            if not self._agency:
                return 0
            self._cycle = Cycle(
                timedelta(hours=self._settings.hours),
                timedelta(seconds=self._settings.age_seconds),
                timedelta(0),
            )
        bounds = self._cycle.bounds(at)
        if bounds is None:
            return 0
        size = self._settings.page_size
        page = (
            await session.execute(
                _EVENTS,
                {"agency": self._agency, "after": bounds[0], "until": bounds[1], "limit": size},
            )
        ).all()
        if len(page) >= size:
            self._cycle.move(page[-1].accepted_at)
        else:
            self._cycle = None
        rows = await session.execute(_OPEN, {"receipts": [row.receipt for row in page]})
        asked = tuple(
            AskedNotice(
                notice=row.notice,
                receipt=row.receipt,
                child_id=row.child_id,
                known=tuple(one for one in _TOLD if getattr(row, f"{one}_at") is not None),
            )
            for row in rows
        )
        if asked:
            fact = LedgerAsked(service=SOURCE, at=at, notices=asked)
            await append(session, fact_of(fact, SOURCE))
        return len(asked)


_IS_BEHIND = text(f"""
    select exists (select from bus.part
                    where service = '{SOURCE}' and what = 'reader intake-progress'
                      and state <> 'ok')""")

_NEXT_AGENCY = text("""
    select organisation from intake.agency where organisation > :after
     order by organisation limit 1""")

_EVENTS = text("""
    select receipt, accepted_at from intake.event
     where organisation = :agency and accepted_at > :after and accepted_at <= :until
     order by accepted_at fetch first :limit rows with ties""")

_OPEN = text(f"""
    select n.notice, n.receipt, n.child_id, {", ".join(f"n.{one}_at" for one in _TOLD)}
      from unnest(cast(:receipts as uuid[])) e(receipt)
      join intake.progress_notice n on n.receipt = e.receipt
     where n.acknowledged_at is null and n.filed_at is null and n.withheld_at is null
       and n.superseded_at is null and n.withdrawn_at is null""")
