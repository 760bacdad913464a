"""Deletes what was kept only to be looked at: old attempts, and tests that expired. A notice of a
child is never deleted."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from chassis.clock import Clock
from chassis.database import Database
from services.notifier.deliveries import forget_attempts
from services.notifier.self_test import forget_tests
from services.notifier.settings import SelfServiceSettings

AT_ONCE = 1000


class Forgetter:
    """Runs in every process; two of them at once delete nothing twice."""

    def __init__(self, database: Database, clock: Clock, settings: SelfServiceSettings) -> None:
        self._database = database
        self._clock = clock
        self._settings = settings

    async def run(self) -> None:
        """Forget at intervals until cancelled, without pause while there is much."""
        while True:
            if await self.forget_once() < AT_ONCE:
                await asyncio.sleep(self._settings.forget_seconds)

    async def forget_once(self) -> int:
        """One round, in transactions of its own; returns how many of a kind were deleted, at
        most."""
        at = self._clock()
        async with self._database.transaction() as session:
            before = at - timedelta(days=self._settings.keep_attempts_days)
            attempts = await forget_attempts(session, before, AT_ONCE)
        async with self._database.transaction() as session:
            expired = at - timedelta(hours=self._settings.keep_tests_hours)
            tests = await forget_tests(session, expired, AT_ONCE)
        return max(attempts, tests)
