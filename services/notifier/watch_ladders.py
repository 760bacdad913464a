"""Looks after ladders in one process: at intervals, and when organisations were recorded."""

from __future__ import annotations

from prometheus_client import Gauge

from chassis.clock import Clock
from chassis.database import Database
from services.notifier.bells import Bells, wait
from services.notifier.keep_ladders import ROUND_SIZE, count_ladders, judge_ladders, tell_lapses
from services.notifier.settings import LadderSettings

unconfirmed = Gauge("notifier_ladders_unconfirmed", "Organisations that must confirm their ladder")
defective = Gauge("notifier_ladders_defective", "Organisations by what is wrong", ["defect"])


class LadderWatch:
    """Judges ladders and says which confirmations lapsed; any number of processes may."""

    def __init__(
        self, database: Database, bells: Bells, clock: Clock, settings: LadderSettings
    ) -> None:
        self._database = database
        self._bells = bells
        self._clock = clock
        self._settings = settings

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            self._bells.ladders.clear()
            await self.look_once()
            await wait(self._bells.ladders, self._settings.look_seconds)

    async def look_once(self) -> None:
        """Judge and tell until nothing is left, each round in a transaction of its own."""
        at = self._clock()
        while True:
            async with self._database.transaction() as session:
                judged = await judge_ladders(session, at)
                told = await tell_lapses(session, at, self._settings)
            if judged < ROUND_SIZE and told < ROUND_SIZE:
                break
        async with self._database.reading() as session:
            lapsed, defects = await count_ladders(session, at, self._settings)
        unconfirmed.set(lapsed)
        defective.clear()
        for defect, count in defects.items():
            defective.labels(defect).set(count)
