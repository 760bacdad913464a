"""Measures what waits in a service: its readers, what is parked, and what the service adds.

Each change of a part's state is told once: a fact on the bus, a metric, a log line. One process of
a service measures at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from zlib import crc32

from bus.append import append
from bus.facts import Fact, Subscription, fact_of
from bus.held import count_parked
from bus.parts import Change, Limits, Measure, hear_part, keep_parts
from bus.road import Road
from bus.settings import BusSettings
from chassis.clock import Clock
from chassis.database import Database, Session
from chassis.only_one import only_one
from chassis.process import Task
from chassis.telemetry import logger
from schemas.facts import STATUS_FACTS, ServiceStateChanged

log = logger("bus.watch")

ONE_MEASURES = 0x5041_5254_0000_0000
"""With the service's name in its lower half: the lock of the process that measures ("PART")."""

LINGER_SECONDS = 0.05

Further = Callable[[Session, datetime], Awaitable[Sequence[Measure]]]
"""Measures what the bus does not know: a service's own queues."""

NEXT = {
    "ok": "nothing to do",
    "slow": "it catches up by itself, or becomes behind",
    "behind": "look at the processes of this service and at their database",
    "paused": "it waits for a person: see docs/how-to/read-the-status.md",
    "stopped": "start the service again, or look why it does not go on",
}


class Watch:
    """The watch of one service in one process."""

    def __init__(
        self,
        service: str,
        database: Database,
        road: Road,
        groups: Sequence[str],
        clock: Clock,
        further: Further | None = None,
    ) -> None:
        self._service = service
        self._database = database
        self._road = road
        self._groups = tuple(groups)
        self._clock = clock
        self._further = further
        self._limits = limits_of(road.settings)

    def task(self) -> Task:
        """The watch as a task of the process."""
        return Task(f"{self._service}-watch", self.run)

    async def run(self) -> None:
        """Measure until cancelled, while no other process does."""
        lock = ONE_MEASURES | crc32(self._service.encode())
        while True:
            async with only_one(self._database, lock) as mine:
                if mine is not None:
                    await self.measure_once()
            await asyncio.sleep(self._road.settings.watch_seconds)

    async def measure_once(self) -> list[Change]:
        """Measure, keep, and tell what changed."""
        found = [
            Measure(f"reader {one.group}", one.waiting, one.oldest_seconds, one.still_seconds)
            for one in await self._road.backlogs(self._groups)
        ]
        async with self._database.transaction() as session:
            at = self._clock()
            parked, oldest = await count_parked(session, self._groups)
            found.append(Measure("parked messages", parked, oldest, for_person=True))
            if self._further is not None:
                found += await self._further(session, at)
            changes = await keep_parts(session, self._service, found, at, self._limits)
            await append(
                session,
                *(
                    fact_of(
                        ServiceStateChanged(
                            service=self._service, what=one.what, state=one.state,
                            since=one.since, limit=one.limit,
                        ),
                        self._service,
                    )
                    for one in changes
                ),
            )  # fmt: skip
        for one in changes:
            report = log.warning if one.state in ("ok", "slow") else log.error
            report(
                "service_state_changed",
                service=self._service,
                what=one.what,
                before=one.before,
                state=one.state,
                limit=one.limit,
                next=NEXT[one.state],
            )
        return changes


def hearing(service: str) -> Subscription:
    """What a service hears of the parts of others, for whoever asks it for the status."""

    async def hear(session: Session, facts: Sequence[Fact]) -> None:
        for fact in facts:
            said = ServiceStateChanged.model_validate_json(fact.payload)
            await hear_part(
                session, said.service, said.what, said.state, said.since, limit=said.limit
            )

    types = {one.fact_type for one in STATUS_FACTS}
    return Subscription(
        f"{service}-status",
        (ServiceStateChanged.topic,),
        hear,
        known=frozenset(types),
        skips=frozenset(types - {ServiceStateChanged.fact_type}),
        skips_source=service,
        linger_seconds=LINGER_SECONDS,
    )


def limits_of(settings: BusSettings) -> Limits:
    """The limits of the seconds."""
    return Limits(settings.slow_seconds, settings.behind_seconds, settings.stopped_seconds)
