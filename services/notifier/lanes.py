"""Part of step 6: what is claimed and not yet sent, in a lane for each endpoint.

A lane goes no faster than its endpoint may be sent to, and stops while its endpoint is paused. The
lanes of one receiver (scheme, host and port) share a bound of open requests and take turns, so that
one that hangs starves no other. Within a lane the earliest deadline goes first, and what overtakes
(a missing child) before everything. Nothing here waits; the caller gives the time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from heapq import heappop, heappush
from itertools import count
from uuid import UUID

from chassis.breaker import Breaker, Patience
from services.notifier.settings import SendSettings
from services.notifier.targets import Target
from services.notifier.throttle import Throttle

AHEAD_SECONDS = 2.0
"""How far ahead a lane holds what its endpoint's number lets go only later, at most."""


RECENT_SECONDS = 10.0
"""So long what a process learnt of an endpoint counts for more than what it reads of it."""


@dataclass(slots=True)
class Job:
    """One claimed delivery; `paced`: its lane holds a slot for it; `replayed_at`, `test`: see the
    table."""

    notice: UUID
    endpoint: UUID
    token: UUID
    number: int
    composed_at: datetime
    lease_ends: float
    overtakes: bool
    turn_at: datetime
    paced: bool = False
    replayed_at: datetime | None = None
    test: bool = False

    @property
    def waits_since(self) -> datetime:
        """From when on it is counted how long it has been tried."""
        return self.replayed_at or self.composed_at


_Turn = tuple[bool, float, float, int]
"""What does not overtake, its turn and when it was composed in seconds, its place among equals."""


@dataclass(slots=True)
class Receiver:
    """What goes to one scheme, host and port: `room` requests at once, and so many in waiting that
    the next claim has come before they are sent. Both shrink while it does not answer. What waits
    for a slot is not counted: it is few already, and must not stand in the way of the others. What
    overtakes is counted apart: it finds a place where everything else has filled the lanes."""

    room: int
    backlog: int
    active: int = 0
    waiting: int = 0
    overtaking: int = 0
    turns: deque[Lane] = field(default_factory=deque)

    def full(self, *, overtaking: bool = False) -> bool:
        """Whether enough is held of what overtakes, or of everything else."""
        return (self.overtaking if overtaking else self.waiting) >= self.backlog

    def has_room_again(self, gone: Job) -> bool:
        """Whether it was this job that filled it."""
        held = self.overtaking if gone.overtakes else self.waiting
        return not gone.paced and held == self.backlog - 1

    def count(self, job: Job, by: int) -> None:
        """A job has come (1), or gone (-1)."""
        if not job.paced:
            self.overtaking += by * job.overtakes
            self.waiting += by * (not job.overtakes)


@dataclass(slots=True, eq=False)
class Lane:
    """What goes to one endpoint, at one address. `in_turn`: it stands in line at its receiver, or a
    timer will put it there. `slots`: when its next requests may go, where its endpoint has a
    number, whichever of its jobs are first by then; until `sated_until` no more is claimed than
    there are slots for."""

    endpoint: UUID
    organisation: str
    url: str
    receiver: Receiver
    breaker: Breaker
    throttle: Throttle | None
    waiting: list[tuple[_Turn, Job]] = field(default_factory=list)
    slots: deque[float] = field(default_factory=deque)
    active: int = 0
    in_turn: bool = False
    sated_until: float = 0.0

    @property
    def per_second(self) -> int:
        """Its endpoint's number; only where there is a throttle."""
        assert self.throttle is not None  # noqa: S101 - asked by whoever has seen it
        return self.throttle.per_second

    def takes_more(self, now: float) -> bool:
        """Whether claiming for it makes sense."""
        if now < self.sated_until:
            return False
        match self.breaker.state(now):
            case "paused":
                return False
            case "probing":
                return not self.active and not self.waiting
            case _:
                return True

    def wait(self, now: float) -> float | None:
        """Seconds until its next job may go; None: not before something else has happened."""
        if self.breaker.pauses and (self.active or self.breaker.state(now) == "paused"):
            return None
        if self.throttle is None:
            return 0.0
        slot = self.slots[0] if self.slots else now
        return max(self.throttle.delay(now), slot - now)


class Lanes:
    """The lanes of one process."""

    def __init__(self, settings: SendSettings) -> None:
        self._settings = settings
        self._patience = Patience(
            settings.pause_after_failures, settings.pause_first_seconds, settings.pause_last_seconds
        )
        self._backlog = max(1, settings.claim_size // 2)
        self._receivers: dict[str, Receiver] = {}
        self._lanes: dict[UUID, Lane] = {}
        self.held = 0
        self._places = count()
        # Well before the lease of what is held ends.
        spare = (settings.lease_seconds - settings.timeout_seconds) / 2
        self.ahead_seconds = min(AHEAD_SECONDS, spare)

    def __iter__(self) -> Iterator[Lane]:
        return iter(self._lanes.values())

    def lane(self, target: Target) -> Lane:
        """The lane of an endpoint."""
        lane = self._lanes.get(target.id)
        if lane is None:
            receiver = self._receivers.get(target.receiver)
            if receiver is None:
                receiver = Receiver(self._settings.per_receiver, self._backlog)
                self._receivers[target.receiver] = receiver
            breaker = Breaker(self._patience)
            breaker.adopt(target.pauses, target.paused_until)
            throttle = Throttle.of(target.per_second) if target.per_second else None
            lane = Lane(target.id, target.organisation, target.url, receiver, breaker, throttle)
            self._lanes[target.id] = lane
        return lane

    def follow(self, targets: Iterable[Target], but: Iterable[UUID], now: float) -> list[Lane]:
        """Take over what has changed about endpoints; returns lanes to be emptied: those that
        others have paused, and those of an endpoint that has another address now, which gets a lane
        of its own.

        Args:
            but: endpoints of which this process knows better than the database.
        """
        known = {one.id: one for one in targets}
        emptied: list[Lane] = []
        for lane in list(self._lanes.values()):
            if lane.endpoint in known and known[lane.endpoint].url != lane.url:
                del self._lanes[lane.endpoint]
                emptied.append(lane)
        for target in known.values():
            if target.pauses and target.id not in self._lanes:
                self.lane(target)
        own = set(but)
        for lane in list(self._lanes.values()):
            found = known.get(lane.endpoint)
            if found is None:
                # Its jobs are taken out, and fail, as if they were sent.
                lane.throttle, lane.sated_until = None, 0.0
                lane.breaker.adopt(0, 0.0)
                if not lane.waiting and not lane.active:
                    del self._lanes[lane.endpoint]
                continue
            if found.per_second != (lane.throttle.per_second if lane.throttle else None):
                lane.throttle = Throttle.of(found.per_second) if found.per_second else None
            breaker = lane.breaker
            # What was read may be older than what was learnt here a moment ago.
            recent = now - breaker.changed_at < RECENT_SECONDS
            if lane.endpoint in own or recent or found.pauses == breaker.pauses:
                continue
            breaker.adopt(found.pauses, found.paused_until)
            if breaker.state(now) == "paused" and lane.waiting:
                emptied.append(lane)
        return emptied

    def full_receivers(self, *, overtaking: bool = False) -> set[str]:
        """Receivers for which enough is held of what overtakes, or of everything else."""
        return {n for n, one in self._receivers.items() if one.full(overtaking=overtaking)}

    def left_alone(self, now: float) -> tuple[list[UUID], list[UUID]]:
        """Endpoints for which nothing is claimed now: those that are paused, and the others."""
        paused: list[UUID] = []
        others: list[UUID] = []
        for lane in self._lanes.values():
            if not lane.takes_more(now):
                away = lane.breaker.state(now) == "paused"
                (paused if away else others).append(lane.endpoint)
        return paused, others

    def next_change(self, now: float) -> float | None:
        """Seconds until a lane takes more again by itself, if one will."""
        times = [max(one.breaker.until if one.breaker.pauses else 0.0, one.sated_until)
                 for one in self._lanes.values()]  # fmt: skip
        coming = [one - now for one in times if one > now]
        return min(coming) if coming else None

    def note_silence(self, receiver: Receiver, silent: bool) -> bool:
        """Whether a receiver answers now; True when it has more room than before."""
        before = receiver.room
        receiver.room = self._settings.probing if silent else self._settings.per_receiver
        receiver.backlog = 1 if silent else self._backlog
        return receiver.room > before

    def sate(self, lane: Lane, now: float) -> None:
        """The lane has as many slots as there are for now."""
        lane.sated_until = now + self.ahead_seconds / 2

    def put(self, lane: Lane, job: Job, slot: float | None = None) -> None:
        """A job waits in its lane, which has got a slot for it."""
        turn = (
            not job.overtakes, job.turn_at.timestamp(), job.composed_at.timestamp(),
            next(self._places),
        )  # fmt: skip
        heappush(lane.waiting, (turn, job))
        if slot is not None:
            lane.slots.append(slot)
        lane.receiver.count(job, 1)
        self.held += 1
        self.line_up(lane)

    def line_up(self, lane: Lane) -> None:
        """The lane stands in line, if there is something in it."""
        if lane.waiting and not lane.in_turn:
            lane.in_turn = True
            lane.receiver.turns.append(lane)

    def take(self, receiver: Receiver, now: float) -> tuple[Lane, Job] | tuple[Lane, float] | None:
        """The next job of a receiver's lanes; or a lane whose next job must wait so many seconds,
        which has left the line until it is timed back; or None when no lane has one that may go."""
        while receiver.turns:
            lane = receiver.turns.popleft()
            lane.in_turn = False
            if not lane.waiting:
                continue
            wait = lane.wait(now)
            if wait is None:
                continue
            if wait > 0:
                lane.in_turn = True
                return lane, wait
            _, job = heappop(lane.waiting)
            if lane.slots:
                lane.slots.popleft()
            receiver.count(job, -1)
            if lane.throttle is not None and not self.too_late(job, now):
                lane.throttle.take(now)
            self.line_up(lane)
            return lane, job
        return None

    def too_late(self, job: Job, now: float) -> bool:
        """Whether a job would not be settled before its lease ends: it is not sent."""
        return job.lease_ends - now <= self._settings.timeout_seconds

    def room(self, lane: Lane) -> int:
        """How many more a lane with a number may hold. After a process was stopped for a moment
        it holds what it had slots for; more would pile up behind that until it is too late."""
        assert lane.throttle is not None  # noqa: S101 - asked by whoever has seen it
        spacing, burst = lane.throttle.pace
        return max(0, int(self.ahead_seconds / spacing) + burst - len(lane.waiting))

    def empty(self, lane: Lane) -> list[tuple[UUID, UUID]]:
        """Let go of what waits in a lane; returns (notice, token) of each."""
        jobs = [job for _, job in lane.waiting]
        lane.waiting.clear()
        lane.slots.clear()
        for job in jobs:
            lane.receiver.count(job, -1)
        self.held -= len(jobs)
        return [(job.notice, job.token) for job in jobs]
