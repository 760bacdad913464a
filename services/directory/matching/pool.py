"""A register held in memory, and whom of it somebody of an event might be.

For files and training; the directory keeps the same keys in a table (`child_key`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from services.directory.matching.keys import asked_keys, keys_of
from services.directory.matching.person import Person

MOST_BEHIND_A_KEY = 150
"""A key with more people says too little, and asking for them all would take too long."""
MOST_CANDIDATES = 15
LEAST_WEIGHT = 0.05
"""Whoever's keys count less than this part of the best one's is not compared."""
KEY_WORTH = 0.05
"""What any shared key counts, however many stand behind it."""

Report = Callable[[int, int], None]


class Pool:
    """People and their keys, sorted for search. 12 bytes a key: 350 MB for a million people."""

    def __init__(self, people: Sequence[Person], report: Report | None = None) -> None:
        self.people = people
        sizes = np.zeros(len(people), dtype=np.int32)
        parts: list[NDArray[np.int64]] = []
        chunk: list[int] = []
        for at, person in enumerate(people):
            keys = keys_of(person)
            sizes[at] = len(keys)
            chunk.extend(keys)
            if len(chunk) > 1_000_000:
                parts.append(np.array(chunk, dtype=np.int64))
                chunk = []
                if report is not None:
                    report(at, len(people))
        parts.append(np.array(chunk, dtype=np.int64))
        keys_now = np.concatenate(parts)
        owners = np.repeat(np.arange(len(people), dtype=np.int32), sizes)
        order = np.argsort(keys_now, kind="stable")
        self._keys = keys_now[order]
        self._owners = owners[order]

    def find(self, asked: Person) -> list[int]:
        """Positions of the people who share the most telling keys, best first, bounded."""
        wanted = np.fromiter(sorted(asked_keys(asked)), dtype=np.int64)
        first = np.searchsorted(self._keys, wanted, side="left")
        last = np.searchsorted(self._keys, wanted, side="right")
        return rank(
            self._owners[begin:end].tolist()
            for begin, end in zip(first.tolist(), last.tolist(), strict=True)
            if begin < end <= begin + MOST_BEHIND_A_KEY
        )


def rank(behind_keys: Iterable[Sequence[int]]) -> list[int]:
    """Whom to compare: a key counts the more the fewer people stand behind it."""
    weights: dict[int, float] = {}
    for owners in behind_keys:
        weight = 1.0 / len(owners) + KEY_WORTH
        for owner in owners:
            weights[owner] = weights.get(owner, 0.0) + weight
    least = LEAST_WEIGHT * max(weights.values(), default=0.0)
    best = sorted(
        (item for item in weights.items() if item[1] >= least),
        key=lambda item: (-item[1], item[0]),
    )
    return [owner for owner, _ in best[:MOST_CANDIDATES]]
