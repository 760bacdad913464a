"""One way to consume, whatever carries the facts: seen mark, effects and new facts in one commit.

A batch that fails is rolled back and its facts are given one by one; what still fails is held or
parked, and never blocks another key. Only an absent database stops a consumer, and it comes back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from prometheus_client import Counter

from bus import held
from bus.facts import BusError, Fact, Park, Retry, Subscription
from bus.settings import BusSettings
from chassis.database import Database, Session, is_away
from chassis.telemetry import describe, logger

log = logger("bus.consume")

facts_handled = Counter("bus_facts_handled_total", "Facts handled", ["group"])


class Overtaken(BusError):  # noqa: N818 - no error: another reader did the work
    """Another reader of the group moved the mark."""


Mover = Callable[[Sequence[Fact]], held.Move | None]
"""Says how the reader's mark moves behind these facts, in the transaction of their effects."""

RETRY_LAST_DELAY_SECONDS = 30.0
_MEASURE_SECONDS = 5.0


def moves_nothing(_: Sequence[Fact]) -> None:
    """For a road that keeps its mark elsewhere (Kafka's offsets)."""


class Consumer:
    """One consumer group in one process."""

    def __init__(
        self, subscription: Subscription, database: Database, settings: BusSettings
    ) -> None:
        self.subscription = subscription
        self.database = database
        self._settings = settings
        self._group = subscription.group
        self._holding = True  # until a look at the table says otherwise
        self._next_look = 0.0

    async def take(self, facts: Sequence[Fact], mover: Mover = moves_nothing) -> None:
        """Handle facts in order, in one transaction when all goes well.

        Raises:
            Overtaken: another reader of the group is ahead; drop what was read.
            what says that the database is away: nothing was committed, give the same again.
        """
        try:
            async with self.database.transaction() as session:
                begun = await self._begin(session, facts, mover)
                free = await self._set_aside(session, begun)
                if free:
                    await self.subscription.handle(session, free)
            facts_handled.labels(self._group).inc(len(begun.new))
            return
        except Exception as error:
            if is_away(error) or isinstance(error, Overtaken):
                raise
            if len(facts) == 1:
                await self._hold(facts[0], error, mover)
                return
        for fact in facts:
            await self.take([fact], mover)

    async def retry_due(self) -> bool:
        """Try again whatever is due; True when something is still held."""
        if not self._holding and time.monotonic() < self._next_look:
            return False
        while await self._retry_one():
            continue
        async with self.database.reading() as session:
            self._holding = await held.measure(session, self._group) > 0
        self._next_look = time.monotonic() + _MEASURE_SECONDS
        return self._holding

    async def _begin(self, session: Session, facts: Sequence[Fact], mover: Mover) -> held.Begun:
        begun = await held.begin(session, self._group, facts, mover(facts))
        if not begun.moved:
            raise Overtaken
        return begun

    async def _set_aside(self, session: Session, begun: held.Begun) -> list[Fact]:
        """Park unknown types, queue what stands behind a retry; return the rest."""
        free: list[Fact] = []
        for fact in begun.new:
            if fact.key in begun.held_keys:
                await held.hold(session, self._group, fact, held.WAITING, "behind-a-retry")
                self._holding = True
            elif fact.type not in self.subscription.known:
                await held.hold(session, self._group, fact, held.PARKED, "unknown-type")
                self._tell_parked(fact, "unknown-type")
            else:
                free.append(fact)
        return free

    async def _hold(self, fact: Fact, error: Exception, mover: Mover) -> None:
        state, reason, delay = self._judge(error, attempts=1, first_failed_at=None)
        async with self.database.transaction() as session:
            begun = await self._begin(session, [fact], mover)
            if not begun.new:
                return
            if fact.key in begun.held_keys:
                state, reason, delay = held.WAITING, "behind-a-retry", 0.0
            await held.hold(session, self._group, fact, state, reason, delay)
        self._holding = True
        if state == held.PARKED:
            self._tell_parked(fact, reason)
        elif state == held.RETRYING:
            log.warning(
                "fact_held",
                group=self._group,
                fact=str(fact.id),
                type=fact.type,
                reason=reason,
                retry_in_seconds=delay,
                **describe(error),
            )

    async def _retry_one(self) -> bool:
        taken: held.Held | None = None
        try:
            async with self.database.transaction() as session:
                taken = await held.claim_due(session, self._group)
                if taken is None:
                    return False
                await self.subscription.handle(session, [taken.fact])
                await held.release(session, self._group, taken.fact.id)
            facts_handled.labels(self._group).inc()
            return True
        except Exception as error:
            if taken is None or is_away(error):
                raise
            state, reason, delay = self._judge(error, taken.attempts + 1, taken.first_failed_at)
            async with self.database.transaction() as session:
                await held.hold_on(session, self._group, taken.fact.id, state, reason, delay)
            if state == held.PARKED:
                self._tell_parked(taken.fact, reason)
            return True

    def _judge(
        self, error: Exception, attempts: int, first_failed_at: datetime | None
    ) -> tuple[str, str, float]:
        """What becomes of a failed message: its state, the reason, and when it is due."""
        if isinstance(error, Park):
            return held.PARKED, error.reason, 0.0
        if isinstance(error, Retry):
            reason, delay = error.reason, error.after_seconds
        else:
            reason = f"failed: {type(error).__name__}"
            delay = min(
                self._settings.retry_first_delay_seconds * 2 ** (attempts - 1),
                RETRY_LAST_DELAY_SECONDS,
            )
        held_for = (datetime.now(UTC) - first_failed_at).total_seconds() if first_failed_at else 0.0
        if held_for + delay > self._settings.retry_limit_seconds:
            return held.PARKED, f"{reason} (gave up after {attempts} attempts)", 0.0
        return held.RETRYING, reason, delay

    def _tell_parked(self, fact: Fact, reason: str) -> None:
        held.parked_total.labels(self._group).inc()
        log.error(
            "fact_parked",
            group=self._group,
            fact=str(fact.id),
            type=fact.type,
            reason=reason,
            next="a person must look: python -m bus parked, then python -m bus replay",
        )
