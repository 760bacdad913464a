"""Part of step 6: what came of sendings, and what they taught, written in rounds.

A round is one short transaction. While the database is away a round is kept, and tried again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from prometheus_client import Counter
from sqlalchemy.exc import OperationalError

from chassis import outbound
from chassis.clock import Clock
from chassis.database import Database, after_commit, sqlstate
from chassis.telemetry import logger
from services.notifier.bells import Bells
from services.notifier.lanes import Lane
from services.notifier.pause import Pause, disable_gone, record_pauses
from services.notifier.settings import NotifierGroup
from services.notifier.settle import Sending, settle_sendings
from services.notifier.tables import Delivery

log = logger("notifier.deliver")

pauses_total = Counter("notifier_endpoint_pauses_total", "Pauses of endpoints", ["reason"])
gone_total = Counter("notifier_endpoints_gone_total", "Endpoints disabled by their receiver")

_DEADLOCK = "40P01"


@dataclass(slots=True)
class _Round:
    done: list[Sending] = field(default_factory=list)
    returned: list[tuple[UUID, UUID]] = field(default_factory=list)
    changed: dict[UUID, Lane] = field(default_factory=dict)
    gone: set[tuple[UUID, str]] = field(default_factory=set)

    def waits(self) -> bool:
        return bool(self.done or self.returned or self.changed or self.gone)

    def endpoints(self) -> set[UUID]:
        return {*self.changed, *(endpoint for endpoint, _ in self.gone)}

    def then(self, later: _Round) -> _Round:
        """Both, this one first."""
        return _Round(
            self.done + later.done,
            self.returned + later.returned,
            {**self.changed, **later.changed},
            self.gone | later.gone,
        )


class Rounds:
    """Gathers what one process has to write, and writes it."""

    def __init__(
        self, database: Database, bells: Bells, clock: Clock, settings: NotifierGroup
    ) -> None:
        self._database = database
        self._bells = bells
        self._clock = clock
        self._send = settings.send
        self._deadlines = settings.deadlines
        self._next = _Round()
        self._bell = asyncio.Event()
        self._writing: set[UUID] = set()

    def finish(self, sending: Sending) -> None:
        """Something was sent, or given up."""
        self._next.done.append(sending)
        self._bell.set()

    def give_back(self, claims: Iterable[tuple[UUID, UUID]]) -> None:
        """These were claimed and are not sent after all: (notice, token)."""
        self._next.returned += claims
        self._bell.set()

    def note_change(self, lane: Lane) -> None:
        """An endpoint was paused, or is well again."""
        self._next.changed[lane.endpoint] = lane
        self._bell.set()

    def note_gone(self, lane: Lane) -> None:
        """A receiver said that its endpoint is gone."""
        self._next.gone.add((lane.endpoint, lane.url))
        self._bell.set()

    def endpoints(self) -> set[UUID]:
        """Those of which the database does not know yet what is known here."""
        return {*self._next.endpoints(), *self._writing}

    def waiting(self) -> bool:
        """Whether there is something to write."""
        return self._next.waits()

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._bell.wait()
            if len(self._next.done) < self._send.settle_size:
                await asyncio.sleep(self._send.settle_linger_seconds)
            # What comes while a round is written waits for the next, so that none is small while
            # much is sent: a round costs the same for one as for hundreds.
            self._bell.clear()
            await self.settle_once()

    async def settle_once(self) -> None:
        """One round."""
        now, self._next = self._next, _Round()
        self._writing = now.endpoints()
        committed = False
        try:
            await self._write(now)
            committed = True
        except OperationalError as error:
            # Two rounds in each other's way: the same again succeeds.
            if sqlstate(error) != _DEADLOCK:
                raise
        finally:
            self._writing = set()
            if not committed:
                self._next = now.then(self._next)
                self._bell.set()

    async def _write(self, now: _Round) -> None:
        at = self._clock()
        pauses = [_pause(lane) for lane in now.changed.values()]
        async with self._database.transaction() as session:
            # Deliveries are locked before obligations, as everywhere.
            gone = await disable_gone(session, list(now.gone), at) if now.gone else []
            await outbound.give_back(session, Delivery, now.returned)
            settled = await settle_sendings(session, now.done, at, self._send, self._deadlines)
            if pauses:
                await record_pauses(session, pauses, at, self._deadlines.rung_minutes)
            if settled.failed:
                after_commit(session, "escalate", self._bells.escalate.set)
            if gone:
                after_commit(session, "deliver", self._bells.deliver.set)
        if now.done:
            log.info(
                "deliveries_settled",
                delivered=settled.delivered,
                retried=settled.retried,
                failed=settled.failed,
                late=settled.late,
            )
        for lane, pause in zip(now.changed.values(), pauses, strict=True):
            _tell(lane, pause)
        for row in gone:
            gone_total.inc()
            log.error(
                "endpoint_disabled",
                endpoint=str(row.id),
                organisation=row.organisation,
                reason="gone",
                next="what waits for it fails and escalates; the recipient must give a new address",
            )


def _pause(lane: Lane) -> Pause:
    breaker = lane.breaker
    left = breaker.until - time.monotonic() if breaker.pauses else 0.0
    return Pause(lane.endpoint, lane.url, breaker.pauses, left, breaker.reason)


def _tell(lane: Lane, pause: Pause) -> None:
    about = {"endpoint": str(lane.endpoint), "organisation": lane.organisation}
    if not pause.pauses:
        log.info("endpoint_resumed", **about)
        return
    pauses_total.labels(pause.reason).inc()
    log.warning(
        "endpoint_paused",
        **about,
        reason=pause.reason,
        pauses=pause.pauses,
        seconds=round(pause.seconds, 1),
        next="then one request is tried; what waits keeps its place, and its deadlines run on",
    )
