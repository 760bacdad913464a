"""When the children of a family are born, over eighteen years, with the seasons and the week."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import NamedTuple

from tests.support.synthetic_children.settings import GeneratorSettings

SMALLEST_GAP_DAYS = 290
"""Nine and a half months lie between two births of one mother."""

_SIZES = (1, 2, 3, 4, 5)
_SIZE_WEIGHTS = (34, 41, 16, 6, 3)
# Births a day by month: most in late summer, fewest in winter.
_MONTHS = (0.95, 0.96, 0.97, 0.97, 1.0, 1.0, 1.03, 1.02, 1.06, 1.03, 0.99, 0.98)
# Planned births keep off the weekend.
_WEEKDAYS = (1.0, 1.06, 1.05, 1.05, 1.03, 0.9, 0.86)
_HIGHEST = max(_MONTHS) * max(_WEEKDAYS)
_WAITING_DAYS = 8 * 365


class Birth(NamedTuple):
    day: date
    twins: bool


class Calendar:
    """Draws birth dates between the day 18 years before the reference day and that day."""

    def __init__(self, settings: GeneratorSettings) -> None:
        self.last = settings.reference_day
        # One day later than the birthday of 18 years, and never 29 February.
        day = min(self.last.day, 28)
        self.first = self.last.replace(year=self.last.year - 18, day=day) + timedelta(days=4)
        # A share of children is another share of births, because a birth of twins has two.
        self._twins = settings.twin_share / (2 - settings.twin_share)

    def plan_births(self, random: Random) -> list[Birth]:
        """A family's births within the window, oldest first; empty if none falls within it."""
        size = random.choices(_SIZES, _SIZE_WEIGHTS)[0]
        earliest = self.first - timedelta(days=_WAITING_DAYS)
        day = self._seasonal(random, earliest, (self.last - earliest).days)
        births = []
        for _ in range(size):
            if day > self.last:
                break
            twins = random.random() < self._twins
            if day >= self.first:
                births.append(Birth(day, twins))
            day = self._later(random, day)
        return births

    def find_day(self, random: Random) -> date:
        """Any day of the window."""
        return self._seasonal(random, self.first, (self.last - self.first).days)

    def fit_between(self, random: Random, days: list[date]) -> date | None:
        """A day that keeps its distance from all of `days`; None if none was found."""
        for _ in range(20):
            day = self.find_day(random)
            if all(abs((day - other).days) >= SMALLEST_GAP_DAYS for other in days):
                return day
        return None

    def _seasonal(self, random: Random, first: date, span: int) -> date:
        while True:
            day = first + timedelta(days=random.randint(0, span))
            if _is_likely(random, day):
                return day

    def _later(self, random: Random, day: date) -> date:
        while True:
            gap = SMALLEST_GAP_DAYS + int(random.gammavariate(1.7, 430))
            later = day + timedelta(days=gap)
            if _is_likely(random, later):
                return later


def _is_likely(random: Random, day: date) -> bool:
    return random.random() * _HIGHEST < _MONTHS[day.month - 1] * _WEEKDAYS[day.weekday()]
