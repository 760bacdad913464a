"""How often an endpoint may be sent to: never more than its number in any one second.

Pure; the caller gives the time. The same arithmetic shares a number between processes, see
`claim_slots` in `share`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

BURST_SHARE = 10
"""One part in so many of a second's requests may go at once."""


class Pace(NamedTuple):
    """Up to `burst` requests at once, the following ones `spacing` seconds apart."""

    spacing: float
    burst: int


def pace_of(per_second: int) -> Pace:
    """The pace that never has more than `per_second` requests in any second, burst included.

    A tenth of the spacing is kept in hand: requests do not arrive as evenly as they were sent.
    """
    burst = max(1, per_second // BURST_SHARE)
    return Pace(1.1 / (per_second - burst + 1), burst)


@dataclass(slots=True)
class Throttle:
    """One process's sendings to one endpoint (generic cell rate algorithm)."""

    per_second: int
    pace: Pace
    _next: float = 0.0

    @classmethod
    def of(cls, per_second: int) -> Throttle:
        """A throttle that has not sent yet."""
        return cls(per_second, pace_of(per_second))

    def delay(self, now: float) -> float:
        """Seconds until the next request may go; 0 when it may go now."""
        return max(0.0, self._next - (self.pace.burst - 1) * self.pace.spacing - now)

    def take(self, now: float) -> None:
        """A request goes now."""
        self._next = max(self._next, now) + self.pace.spacing
