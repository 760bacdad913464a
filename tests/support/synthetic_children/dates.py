"""How a birth date goes wrong: day and month turned, a digit, a year, the first of January."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random


def mistake_date(random: Random, born: date, latest: date) -> date:
    """Another date than `born` and not later than `latest`, as people get it wrong."""
    while True:
        found = _mistake(random, born)
        if found <= latest:
            return found


def _mistake(random: Random, born: date) -> date:
    chance = random.random()
    if chance < 0.25 and born.day <= 12 and born.day != born.month:
        return date(born.year, born.day, born.month)
    if chance < 0.37 and (born.month, born.day) != (1, 1):
        # Only the age was said, or only the year.
        return date(born.year + random.choice((0, 0, 0, -1, 1)), 1, 1)
    if chance < 0.6:
        return _in_year(born, born.year + random.choice((-1, 1)))
    if chance < 0.7:
        return born + timedelta(days=random.choice((-2, -1, 1, 2)))
    return _wrong_digit(random, born)


def _in_year(born: date, year: int) -> date:
    return date(year, born.month, min(born.day, 28) if born.month == 2 else born.day)


def _wrong_digit(random: Random, born: date) -> date:
    text = born.isoformat()
    while True:
        place = random.choice((3, 5, 6, 8, 9, 9))
        changed = text[:place] + random.choice("0123456789") + text[place + 1 :]
        try:
            found = date.fromisoformat(changed)
        except ValueError:
            continue
        if found != born:
            return found
