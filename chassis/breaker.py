"""Whether an endpoint is sent to at all: closed, paused until, probing; and closed again by itself.

Pure; the caller gives the time, in seconds that only go forward. What changes here is kept with the
endpoint, so that a process that starts does not throw everything at a receiver that is down.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["closed", "paused", "probing"]


@dataclass(frozen=True, slots=True)
class Patience:
    """How many failures in a row pause an endpoint, and for how long: doubling up to `last`."""

    failures: int
    first_seconds: float
    last_seconds: float


@dataclass(slots=True)
class Breaker:
    """One endpoint. `pauses` counts those since it last did well, 0 when it is closed."""

    patience: Patience
    failures: int = 0
    pauses: int = 0
    until: float = 0.0
    reason: str = ""
    changed_at: float = float("-inf")

    def state(self, now: float) -> State:
        """Closed; paused until a time; then probing, one request at a time."""
        if not self.pauses:
            return "closed"
        return "paused" if now < self.until else "probing"

    def succeeded(self, now: float) -> bool:
        """It answered. True when that ends a pause."""
        self.failures = 0
        if not self.pauses:
            return False
        self.pauses, self.changed_at = 0, now
        return True

    def failed(
        self, reason: str, started: float, now: float, asked_seconds: float | None = None
    ) -> bool:
        """It did not answer, or not well. True when that begins a pause.

        Args:
            started: when the request was sent; what was sent before a pause says nothing of after.
            asked_seconds: the receiver itself asked to be left alone for so long.
        """
        self.failures += 1
        if self.pauses and started < self.until:
            return False
        if not self.pauses and asked_seconds is None and self.failures < self.patience.failures:
            return False
        self.pauses += 1
        growing = self.patience.first_seconds * 2.0 ** min(self.pauses - 1, 30)
        seconds = min(growing, self.patience.last_seconds)
        if asked_seconds is not None:
            seconds = asked_seconds if self.pauses == 1 else max(seconds, asked_seconds)
        self.until, self.reason, self.changed_at = now + seconds, reason, now
        return True

    def adopt(self, pauses: int, until: float) -> None:
        """What another process, or this one before it was started, has learnt."""
        self.pauses, self.until = pauses, until
        if not pauses:
            self.failures = 0
