"""Step 6: every due webhook is claimed, sent and settled, with the sockets kept busy.

Claims are short and hold nothing; sending holds no transaction; settling writes rounds. What is
claimed waits in lanes (`lanes`), which keep receivers apart, hold to an endpoint's rate and stop at
its pauses. A backlog is drained by deadline, in the queue and in a lane; what overtakes (a missing
child) goes first. What is claimed and not settled (a crash) is due again when its lease ends, with
the same id.
"""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import Any
from uuid import UUID

from prometheus_client import Gauge, Histogram

from chassis import outbound
from chassis.clock import Clock
from chassis.database import Database
from chassis.webhooks import GONE, Outcome, Refused, Unreachable
from services.notifier.bells import Bells, wait
from services.notifier.channels.webhook import WebhookChannel, moved
from services.notifier.lanes import Job, Lane, Lanes, Receiver
from services.notifier.rounds import Rounds
from services.notifier.settings import NotifierGroup
from services.notifier.settle import Sending
from services.notifier.share import Wanted, claim_slots
from services.notifier.tables import Delivery
from services.notifier.targets import Targets

in_flight = Gauge("notifier_webhooks_in_flight", "Webhooks claimed and not yet answered")
send_seconds = Histogram("notifier_send_seconds", "From sending a webhook to its answer")
paused_now = Gauge("notifier_endpoints_paused", "Endpoints that are left alone or being probed")

LOOK_PAST_SECONDS = 0.05
"""How long a receiver waits, at most, behind others that take no more."""

_LEFT_ALONE = """(q.endpoint = any(:full)
                  or q.endpoint = any(case when q.overtakes then cast(:crowded_overtaking as uuid[])
                                           else cast(:crowded as uuid[]) end)
                  or (q.endpoint = any(:paused)
                      and coalesce(q.replayed_at, q.composed_at) > :given_up))"""


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
        self._targets = Targets(database, self._send.endpoint_copy_seconds)
        self._lanes = Lanes(settings.send)
        self._look_past_at = 0.0
        self._rounds = Rounds(database, bells, clock, settings)
        self._workers: set[asyncio.Task[None]] = set()
        self._timers: dict[Lane, asyncio.TimerHandle] = {}

    async def run(self) -> None:
        """Claim, send and settle until cancelled; what was answered by then is settled."""
        await self._channel.open()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._claim_on())
                group.create_task(self._rounds.run())
        finally:
            for timer in self._timers.values():
                timer.cancel()
            self._timers.clear()
            for worker in self._workers:
                worker.cancel()
            if self._workers:
                await asyncio.wait(self._workers)
            self._lanes = Lanes(self._send)
            self._targets = Targets(self._database, self._send.endpoint_copy_seconds)
            await self._channel.close()
            if self._rounds.waiting():
                await asyncio.shield(self._rounds.settle_once())

    async def claim_once(self) -> int:
        """Claim what is due and give it to the lanes; returns how many."""
        await self._refresh()
        limit = min(self._send.claim_size, self._send.held_limit - self._lanes.held)
        claimed_at = time.monotonic()
        unless, values = self._left_alone(claimed_at)
        async with self._database.reading() as session:
            claim = await outbound.claim(
                session,
                Delivery,
                limit=limit,
                lease_seconds=self._send.lease_seconds,
                unless=unless,
                values=values,
                durable=False,
                columns="q.id, q.endpoint, q.attempts, q.composed_at, q.overtakes, q.turn_at, "
                "q.replayed_at, q.test",
            )
        if unless:
            # Rows that are left alone are read and left, one by one: with few others to be had,
            # one looks the more seldom, the longer it took.
            now = time.monotonic()
            whole = len(claim.rows) == limit
            took = now - claimed_at
            self._look_past_at = now if whole else now + min(LOOK_PAST_SECONDS, 4 * took)
        if claim.rows:
            await self._refresh({row.endpoint for row in claim.rows})
            await self._hand_out(claim, claimed_at + self._send.lease_seconds)
        in_flight.set(self._lanes.held)
        return len(claim.rows)

    async def _refresh(self, needed: set[UUID] | None = None) -> None:
        if not await self._targets.refresh(needed or ()):
            return
        unsettled = self._rounds.endpoints()
        for lane in self._lanes.follow(self._targets, unsettled, time.monotonic()):
            self._rounds.give_back(self._lanes.empty(lane))
        paused_now.set(sum(1 for lane in self._lanes if lane.breaker.pauses))

    def _left_alone(self, now: float) -> tuple[str, dict[str, Any]]:
        """As SQL, what is not claimed now. Of a paused endpoint only what has waited so long that
        it is given up."""
        paused, full = self._lanes.left_alone(now)
        crowded = {
            name: self._targets.of_receivers(self._lanes.full_receivers(overtaking=overtaking))
            for name, overtaking in (("crowded", False), ("crowded_overtaking", True))
        }
        if not (paused or full or any(crowded.values())):
            return "", {}
        given_up = self._clock() - timedelta(seconds=self._send.give_up_seconds)
        return _LEFT_ALONE, {**crowded, "full": full, "paused": paused, "given_up": given_up}

    async def _claim_on(self) -> None:
        while True:
            self._bells.deliver.clear()
            now = time.monotonic()
            if now < self._look_past_at and self._left_alone(now)[0]:
                # Unless room is made for what is left alone, which is then claimed at once.
                await wait(self._bells.deliver, self._look_past_at - now)
                continue
            await self._refresh()
            if self._lanes.held < self._send.held_limit:
                if await self.claim_once():
                    continue
                if not self._lanes.full_receivers():
                    await wait(self._bells.deliver, await self._next_due_seconds())
                    continue
            # What is due is for receivers that take no more: the first to have room again rings.
            await wait(self._bells.deliver, LOOK_PAST_SECONDS)

    async def _next_due_seconds(self) -> float:
        now = time.monotonic()
        unless, values = self._left_alone(now)
        async with self._database.reading() as session:
            due = await outbound.next_due_seconds(session, Delivery, unless=unless, values=values)
        # Due and not taken means that another process is at it. With nothing due one looks again
        # too: what another process composed rings no bell here, and that process may have died.
        times = [self._send.poll_seconds]
        change = self._lanes.next_change(now)
        times += [max(one, LOOK_PAST_SECONDS) for one in (due, change) if one is not None]
        return min(times)

    async def _hand_out(self, claim: outbound.Claim, lease_ends: float) -> None:
        """Put what was claimed into lanes, and give back what these may not send yet."""
        now = time.monotonic()
        back: list[UUID] = []
        paced: dict[Lane, list[Any]] = {}
        for row in claim.rows:
            target = self._targets.get(row.endpoint)
            if target is None:
                self._give_up(row, claim.token, Refused(self._targets.why_not(row.endpoint)))
                continue
            lane = self._lanes.lane(target)
            state = lane.breaker.state(now)
            if state == "paused" and self._is_old(row):
                self._give_up(row, claim.token, Unreachable("endpoint-paused"))
            elif state != "closed" and (not lane.takes_more(now) or lane in paced):
                back.append(row.id)
            elif lane.throttle is not None:
                paced.setdefault(lane, []).append(row)
            else:
                self._put(lane, row, claim.token, lease_ends)
        if not (paced or back):
            return
        wanted = {
            lane.endpoint: Wanted(min(len(rows), self._lanes.room(lane)), lane.per_second)
            for lane, rows in paced.items()
        }
        async with self._database.transaction() as session:
            slots = await claim_slots(session, wanted, self._lanes.ahead_seconds)
            now = time.monotonic()
            granted: list[tuple[Lane, Any, float]] = []
            for lane, rows in paced.items():
                times = slots[lane.endpoint].times(now) if lane.endpoint in slots else []
                if len(times) < len(rows):
                    self._lanes.sate(lane, now)
                granted += [(lane, row, at) for row, at in zip(rows, times, strict=False)]
                back += [row.id for row in rows[len(times) :]]
            await outbound.give_back(session, Delivery, [(one, claim.token) for one in back])
        for lane, row, slot in granted:
            if lane.breaker.state(time.monotonic()) == "paused":
                self._rounds.give_back([(row.id, claim.token)])
            else:
                self._put(lane, row, claim.token, lease_ends, slot)

    def _is_old(self, row: Any) -> bool:
        age = (self._clock() - (row.replayed_at or row.composed_at)).total_seconds()
        return bool(age > self._send.give_up_seconds)

    def _give_up(self, row: Any, token: UUID, outcome: Outcome) -> None:
        """What came of a delivery that was not sent at all."""
        self._rounds.finish(
            Sending(row.id, row.endpoint, token, row.attempts, row.replayed_at or row.composed_at,
                    self._clock(), 0, outcome)
        )  # fmt: skip

    def _put(
        self, lane: Lane, row: Any, token: UUID, lease_ends: float, slot: float | None = None
    ) -> None:
        job = Job(row.id, row.endpoint, token, row.attempts, row.composed_at, lease_ends,
                  row.overtakes, row.turn_at, slot is not None, row.replayed_at,
                  row.test)  # fmt: skip
        self._lanes.put(lane, job, slot)
        self._staff(lane.receiver, 1)

    def _staff(self, receiver: Receiver, wanted: int) -> None:
        for _ in range(min(wanted, receiver.room - receiver.active)):
            receiver.active += 1
            worker = asyncio.create_task(self._work(receiver))
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)

    async def _work(self, receiver: Receiver) -> None:
        """Send what waits for a receiver, lane by lane in turn, until there is none or no room."""
        try:
            while receiver.active <= receiver.room:
                found = self._lanes.take(receiver, time.monotonic())
                if found is None:
                    return
                lane, job = found
                if isinstance(job, float):
                    self._line_up_later(lane, job)
                    continue
                if receiver.has_room_again(job):
                    self._bells.deliver.set()
                lane.active += 1
                try:
                    await self._send_one(job, lane)
                finally:
                    lane.active -= 1
                    self._lanes.held -= 1
                    self._lanes.line_up(lane)
        finally:
            receiver.active -= 1

    def _line_up_later(self, lane: Lane, seconds: float) -> None:
        def line_up() -> None:
            self._timers.pop(lane, None)
            lane.in_turn = False
            self._lanes.line_up(lane)
            self._staff(lane.receiver, 1)

        self._timers[lane] = asyncio.get_running_loop().call_later(seconds, line_up)

    async def _send_one(self, job: Job, lane: Lane) -> None:
        target = self._targets.get(job.endpoint)
        started = time.monotonic()
        if self._lanes.too_late(job, started) or self._targets.is_too_old(started):
            self._rounds.give_back([(job.notice, job.token)])
            return
        at = self._clock()
        if target is None:
            outcome: Outcome = Refused(self._targets.why_not(job.endpoint))
            now = started
        else:
            outcome = await self._channel.send(target, job.notice, job.composed_at, test=job.test)
            now = time.monotonic()
            send_seconds.observe(now - started)
            outcome = self._learn(lane, outcome, started, now)
        self._rounds.finish(
            Sending(job.notice, job.endpoint, job.token, job.number, job.waits_since, at,
                    int((now - started) * 1000), outcome)
        )  # fmt: skip

    def _learn(self, lane: Lane, outcome: Outcome, started: float, now: float) -> Outcome:
        """What an answer, or none, says of the receiver and of the endpoint; returns what it says
        of the notice."""
        target = self._targets.get(lane.endpoint)
        if target is not None and target.url != lane.url:
            # The endpoint has another address by now. What the old one refused, the new one gets.
            return moved(outcome)
        receiver = lane.receiver
        silent = isinstance(outcome, Unreachable) and outcome.silent
        if self._lanes.note_silence(receiver, silent):
            self._staff(receiver, receiver.room)
        if isinstance(outcome, Unreachable):
            asked = outcome.after_seconds
            if lane.breaker.failed(outcome.code, started, now, asked):
                self._rounds.note_change(lane)
                self._rounds.give_back(self._lanes.empty(lane))
        elif lane.breaker.succeeded(now):
            self._rounds.note_change(lane)
            self._bells.deliver.set()
        if outcome.code == GONE:
            self._targets.forget(lane.endpoint)
            self._rounds.note_gone(lane)
        return outcome
