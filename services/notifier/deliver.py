"""Step 6: every due webhook is claimed, sent and settled, with the sockets kept busy.

Claims are short and hold nothing; sending holds no transaction; settling writes rounds. Each
receiver has a lane of its own with a bound, so that one that hangs starves no other. A backlog is
drained by deadline, in the queue and in a lane; what overtakes (a missing child) goes first. What
is claimed and not settled (a crash) is due again when its lease ends, with the same id.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from datetime import datetime
from heapq import heappop, heappush
from itertools import count
from typing import Any
from uuid import UUID

from prometheus_client import Gauge, Histogram
from sqlalchemy.exc import OperationalError

from chassis import outbound
from chassis.clock import Clock
from chassis.database import Database, after_commit, sqlstate
from chassis.telemetry import logger
from services.notifier.bells import Bells, wait
from services.notifier.channels.webhook import Refused, Unreachable, WebhookChannel
from services.notifier.endpoints import Target, Targets
from services.notifier.settings import NotifierGroup
from services.notifier.settle import Sending, settle_sendings
from services.notifier.tables import Delivery

log = logger("notifier.deliver")

in_flight = Gauge("notifier_webhooks_in_flight", "Webhooks claimed and not yet answered")
send_seconds = Histogram("notifier_send_seconds", "From sending a webhook to its answer")

_DEADLOCK = "40P01"
_FULL = """q.endpoint = any(case when q.overtakes then cast(:full_overtaking as uuid[])
                                  else cast(:full as uuid[]) end)"""
LOOK_PAST_SECONDS = 0.05
"""How long a receiver waits, at most, behind others whose lanes are full."""


@dataclass(slots=True)
class _Job:
    notice: UUID
    token: UUID
    number: int
    composed_at: datetime
    target: Target
    lease_ends: float


_Turn = tuple[bool, float, int]
"""What does not overtake, its turn in seconds, and its place among those of the same turn."""


@dataclass(slots=True)
class _Lane:
    """What goes to one receiver: `room` requests at once, and so many in waiting that the next
    claim has come before they are sent. `room` shrinks while the receiver does not answer.

    What overtakes is counted apart: it finds a place in a lane that is full of everything else.
    """

    room: int
    backlog: int
    active: int = 0
    waiting: list[tuple[_Turn, _Job]] = field(default_factory=list)
    overtaking: int = 0

    def put(self, turn: _Turn, job: _Job) -> None:
        heappush(self.waiting, (turn, job))
        self.overtaking += not turn[0]

    def take(self) -> tuple[_Job, bool]:
        """The first in turn, and whether it was what made the lane full."""
        (behind, _, _), job = heappop(self.waiting)
        self.overtaking -= not behind
        return job, self._count(not behind) == self.backlog - 1

    def full(self, *, overtaking: bool = False) -> bool:
        return self._count(overtaking) >= self.backlog

    def _count(self, overtaking: bool) -> int:
        return self.overtaking if overtaking else len(self.waiting) - self.overtaking


class Deliverer:
    """Runs step 6 in one process; any number of processes may do so at once."""

    def __init__(
        self,
        database: Database,
        channel: WebhookChannel,
        bells: Bells,
        clock: Clock,
        settings: NotifierGroup,
    ) -> None:
        self._database = database
        self._channel = channel
        self._bells = bells
        self._clock = clock
        self._send = settings.send
        self._deadlines = settings.deadlines
        self._targets = Targets(database)
        self._lanes: dict[str, _Lane] = {}
        self._places = count()
        self._held = 0
        self._looked_past_at = 0.0
        self._backlog = max(1, self._send.claim_size // 2)
        self._done: list[Sending] = []
        self._settle = asyncio.Event()
        self._workers: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Claim, send and settle until cancelled; what was answered by then is settled."""
        await self._channel.open()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._claim_on())
                group.create_task(self._settle_on())
        finally:
            for worker in self._workers:
                worker.cancel()
            if self._workers:
                await asyncio.wait(self._workers)
            self._lanes.clear()
            self._held = 0
            await self._channel.close()
            if self._done:
                await asyncio.shield(self._settle_round())

    async def claim_once(self) -> int:
        """Claim what is due and give it to the lanes; returns how many."""
        await self._targets.refresh()
        full = self._full_lanes()
        limit = min(self._send.claim_size, self._send.held_limit - self._held)
        claimed_at = time.monotonic()
        async with self._database.reading() as session:
            claim = await outbound.claim(
                session,
                Delivery,
                limit=limit,
                lease_seconds=self._send.lease_seconds,
                unless=_FULL if full else "",
                values=self._full_endpoints(full) if full else {},
                durable=False,
                columns="""q.id, q.endpoint, q.attempts, q.composed_at, q.overtakes,
                           cast(extract(epoch from q.turn_at) as float8) as turn""",
            )
        if claim.rows:
            await self._targets.refresh({row.endpoint for row in claim.rows})
        for row in claim.rows:
            self._take(row, claim.token, claimed_at + self._send.lease_seconds)
        in_flight.set(self._held)
        return len(claim.rows)

    async def _claim_on(self) -> None:
        while True:
            self._bells.deliver.clear()
            if self._held < self._send.held_limit and self._may_claim():
                if await self.claim_once():
                    continue
                if not self._full_lanes():
                    await wait(self._bells.deliver, await self._next_due_seconds())
                    continue
            # What is due is for lanes that are full: the first to have room again rings.
            await wait(self._bells.deliver, LOOK_PAST_SECONDS)

    def _may_claim(self) -> bool:
        """Past what waits for full lanes one looks seldom: it is read and left, row by row."""
        if not self._full_lanes():
            return True
        now = time.monotonic()
        if now - self._looked_past_at < LOOK_PAST_SECONDS:
            return False
        self._looked_past_at = now
        return True

    def _full_lanes(self) -> set[str]:
        return {
            name for name, lane in self._lanes.items() if lane.full() or lane.full(overtaking=True)
        }

    def _full_endpoints(self, full: set[str]) -> dict[str, Any]:
        return {
            name: self._targets.of_receivers(
                {one for one in full if self._lanes[one].full(overtaking=overtaking)}
            )
            for name, overtaking in (("full", False), ("full_overtaking", True))
        }

    async def _next_due_seconds(self) -> float:
        async with self._database.reading() as session:
            due = await outbound.next_due_seconds(session, Delivery)
        # Due and not taken means that another process is at it. With nothing due one looks again
        # too: what another process composed rings no bell here, and that process may have died.
        poll = self._send.poll_seconds
        return poll if due is None else min(poll, max(due, 0.05))

    def _take(self, row: Any, token: UUID, lease_ends: float) -> None:
        target = self._targets.get(row.endpoint)
        if target is None:
            self._finish(
                Sending(row.id, row.endpoint, token, row.attempts, row.composed_at,
                        self._clock(), 0, Refused("no-endpoint"))
            )  # fmt: skip
            return
        lane = self._lanes.get(target.receiver)
        if lane is None:
            lane = self._lanes[target.receiver] = _Lane(self._send.per_receiver, self._backlog)
        lane.put(
            (not row.overtakes, row.turn, next(self._places)),
            _Job(row.id, token, row.attempts, row.composed_at, target, lease_ends),
        )
        self._held += 1
        self._staff(lane, 1)

    def _staff(self, lane: _Lane, wanted: int) -> None:
        for _ in range(min(wanted, lane.room - lane.active)):
            lane.active += 1
            worker = asyncio.create_task(self._work(lane))
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)

    async def _work(self, lane: _Lane) -> None:
        """Send what waits in a lane, one after the other, until there is none or no room."""
        try:
            while lane.waiting and lane.active <= lane.room:
                job, has_room_again = lane.take()
                if has_room_again:
                    self._bells.deliver.set()
                try:
                    # Too late to be counted: it is left to its lease's end, and comes again.
                    if job.lease_ends - time.monotonic() > self._send.timeout_seconds:
                        await self._send_one(job, lane)
                finally:
                    self._held -= 1
        finally:
            lane.active -= 1

    async def _send_one(self, job: _Job, lane: _Lane) -> None:
        at = self._clock()
        started = time.monotonic()
        outcome = await self._channel.send(job.target, job.notice, job.composed_at)
        took = time.monotonic() - started
        send_seconds.observe(took)
        silent = isinstance(outcome, Unreachable) and outcome.silent
        before, lane.room = lane.room, self._send.probing if silent else self._send.per_receiver
        lane.backlog = 1 if silent else self._backlog
        if lane.room > before:
            self._staff(lane, len(lane.waiting))
        self._finish(
            Sending(job.notice, job.target.id, job.token, job.number, job.composed_at, at,
                    int(took * 1000), outcome)
        )  # fmt: skip

    def _finish(self, sending: Sending) -> None:
        self._done.append(sending)
        self._settle.set()

    async def _settle_on(self) -> None:
        while True:
            await self._settle.wait()
            if len(self._done) < self._send.settle_size:
                await asyncio.sleep(self._send.settle_linger_seconds)
            self._settle.clear()
            while self._done:
                await self._settle_round()

    async def _settle_round(self) -> None:
        """Settle what is done by now; while the database is away it is kept, and tried again."""
        sendings, self._done = self._done, []
        committed = False
        try:
            async with self._database.transaction() as session:
                settled = await settle_sendings(
                    session, sendings, self._clock(), self._send, self._deadlines
                )
                if settled.failed:
                    after_commit(session, "escalate", self._bells.escalate.set)
            committed = True
        except OperationalError as error:
            # Two rounds in each other's way: the same again succeeds.
            if sqlstate(error) != _DEADLOCK:
                raise
        finally:
            if not committed:
                self._done = sendings + self._done
        if committed:
            log.info(
                "deliveries_settled",
                delivered=settled.delivered,
                retried=settled.retried,
                failed=settled.failed,
                late=settled.late,
            )
