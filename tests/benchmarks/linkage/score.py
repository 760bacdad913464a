"""How good a matcher's answers are, over every threshold it could have been given. Pure.

An answer is a query's best candidate and how sure the matcher is. Those equally sure come and go
together: no threshold can part them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

PRECISION = 0.999
"""Of a thousand answers given without asking a person, at most one may be wrong."""


@dataclass(frozen=True)
class Answer:
    """A matcher's best candidate for one query; `best` is "" where it has none."""

    query: str
    best: str
    certainty: float


@dataclass(frozen=True)
class Point:
    """What one threshold gives.

    Attributes:
        right: queries answered with the person who is meant.
        wrong: queries answered with another, whether or not the one meant is registered.
        registered: queries that mean somebody of the register.
    """

    threshold: float
    right: int
    wrong: int
    registered: int

    @property
    def precision(self) -> float:
        return self.right / (self.right + self.wrong)

    @property
    def recall(self) -> float:
        return self.right / self.registered

    @property
    def f1(self) -> float:
        """Twice the right ones of all that were given or should have been."""
        return 2 * self.right / (self.right + self.wrong + self.registered)


def sweep(answers: Iterable[Answer], truth: Mapping[str, str]) -> Iterator[Point]:
    """A point for each threshold at which the result changes, from the strictest down."""
    registered = sum(1 for identity in truth.values() if identity)
    given = [answer for answer in answers if answer.best]
    given.sort(key=lambda answer: answer.certainty, reverse=True)
    right = wrong = 0
    for certainty, block in groupby(given, key=lambda answer: answer.certainty):
        for answer in block:
            if truth[answer.query] == answer.best:
                right += 1
            else:
                wrong += 1
        yield Point(certainty, right, wrong, registered)


def best_f1(answers: Iterable[Answer], truth: Mapping[str, str]) -> float:
    """The highest F1 that any threshold gives; 0 without answers."""
    return max((point.f1 for point in sweep(answers, truth)), default=0.0)


def recall_at_precision(
    answers: Iterable[Answer], truth: Mapping[str, str], precision: float = PRECISION
) -> float:
    """The highest recall that a threshold with at least this precision gives; 0 without one."""
    return max(
        (point.recall for point in sweep(answers, truth) if point.precision >= precision),
        default=0.0,
    )
