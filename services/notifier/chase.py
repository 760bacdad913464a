"""Beside step 8: what was forgotten without being silent. Unfiled notices, mailboxes that nobody
empties, questions that nobody answers. Swept from rows, so that nothing is missed or repeated."""

from __future__ import annotations

import asyncio

from prometheus_client import Counter, Gauge

import bus
from chassis.clock import Clock
from chassis.database import Database, after_commit
from chassis.telemetry import logger
from schemas.facts import MailboxNotCollected
from services.notifier.bells import Bells
from services.notifier.channels.pulls import take_lapsed
from services.notifier.question import age_of_questions
from services.notifier.remind_to_file import REMIND_SIZE, remind_to_file
from services.notifier.report import SOURCE
from services.notifier.settings import NotifierGroup

log = logger("notifier.chase")

lapsed_total = Counter("notifier_mailboxes_lapsed_total", "Mailboxes not pulled for their interval")
questions_waiting = Gauge("notifier_unanswered_questions", "Questions that no sender has answered")
oldest_question = Gauge("notifier_oldest_question_seconds", "Age of the oldest of them")


class Chaser:
    """Runs in one process; more than one may sweep."""

    def __init__(
        self, database: Database, bells: Bells, clock: Clock, settings: NotifierGroup
    ) -> None:
        self._database = database
        self._bells = bells
        self._clock = clock
        self._settings = settings

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            await self.lapse_once()
            if await self.remind_once() == REMIND_SIZE:
                await asyncio.sleep(0)
                continue
            await self._measure()
            await asyncio.sleep(self._settings.sweep_seconds)

    async def lapse_once(self) -> int:
        """Escalate for mailboxes that were not pulled in time, once a lapse; returns how many."""
        at = self._clock()
        async with self._database.transaction() as session:
            lapsed = await take_lapsed(session, at)
            await bus.append(
                session,
                *(
                    bus.fact_of(
                        MailboxNotCollected(
                            organisation=row.organisation,
                            last_pulled_at=row.last_pulled_at,
                            interval_minutes=row.pull_interval_minutes,
                            waiting=row.waiting,
                            at=at,
                        ),
                        SOURCE,
                    )
                    for row in lapsed
                ),
            )
            if lapsed:
                after_commit(session, "escalate", self._bells.escalate.set)
        for row in lapsed:
            lapsed_total.inc()
            log.error(
                "mailbox_not_collected",
                organisation=row.organisation,
                interval_minutes=row.pull_interval_minutes,
                waiting=row.waiting,
                next="what waits there climbs its ladder; ask whoever runs its system",
            )
        return len(lapsed)

    async def remind_once(self) -> int:
        """Ask for notices that should be filed by now, once each; returns how many."""
        async with self._database.transaction() as session:
            rows, facts = await remind_to_file(
                session, self._clock(), self._settings.mailbox.file_within_working_days
            )
            await bus.append(session, *facts)
            names = {row.organisation for row in rows}
            if names:
                after_commit(session, "mailboxes", lambda: self._bells.ring_mailboxes(names))
        for row in rows:
            log.warning(
                "notice_unfiled", notice=str(row.id), next="listed as unfiled until it is filed"
            )
        return len(rows)

    async def _measure(self) -> None:
        async with self._database.reading() as session:
            count, seconds = await age_of_questions(session, self._clock())
        questions_waiting.set(count)
        oldest_question.set(seconds)
