"""For how long messages wait on Kafka, from where its partitions ended at earlier looks.

A partition tells how many messages are not committed, and not since when. What lies behind the
committed offset was there at the first look that saw the partition end beyond it. A process that
has just begun knows of no earlier look, so it says too little, never too much.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Hashable, Mapping

from bus.facts import Backlog

KEPT = 1_000


class Ends:
    """What one reader saw, look by look."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[Hashable, deque[tuple[float, int]]] = {}
        self._committed = -1
        self._moved_at = clock()
        self._answered_at = clock()

    def compare(
        self, group: str, ends: Mapping[Hashable, int], committed: Mapping[Hashable, int]
    ) -> Backlog:
        """The backlog at this look."""
        at = self._answered_at = self._clock()
        waiting, oldest = 0, at
        for place, end in ends.items():
            seen = self._seen.setdefault(place, deque(maxlen=KEPT))
            if not seen or seen[-1][1] != end:
                seen.append((at, end))
            done = committed.get(place, 0)
            while seen and seen[0][1] <= done:
                seen.popleft()
            if seen and end > done:
                waiting += end - done
                oldest = min(oldest, seen[0][0])
        total = sum(committed.values())
        if total != self._committed:
            self._committed, self._moved_at = total, at
        return Backlog(group, waiting, at - oldest, at - self._moved_at)

    def unknown(self, group: str) -> Backlog:
        """The broker does not answer, or the reader is not there: since the last answer."""
        silent = self._clock() - self._answered_at
        return Backlog(group, None, silent, silent)
