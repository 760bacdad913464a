"""Which days count: England working days, and each school's own. Pure; Europe/London by the day.

Everything is reckoned on local dates and turned to UTC last, so that the two clock changes a year
move no opening.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

import holidays

from chassis.clock import LONDON
from schemas.organisations import DateRange

LONGEST_HOLIDAY_DAYS = 70
"""Terms that name no day this far ahead are out of date, and then count as unknown."""

_DAY = timedelta(days=1)


@lru_cache(maxsize=64)
def _bank_holidays(year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays("GB", subdiv="ENG", years=year))


def warm_up(today: date) -> None:
    """Bank holidays take a while to make (0.2 s): at the start, not on the way of an event."""
    _bank_holidays(today.year)
    _bank_holidays(today.year + 1)


def is_working_day(day: date) -> bool:
    """Monday to Friday, and no bank holiday in England."""
    return day.weekday() < 5 and day not in _bank_holidays(day.year)


def next_working_day(day: date) -> date:
    """The first working day after this one."""
    day += _DAY
    while not is_working_day(day):
        day += _DAY
    return day


def local_date(at: datetime) -> date:
    """The day on which something happened, for people in England."""
    return at.astimezone(LONDON).date()


def at_local(day: date, hour: time) -> datetime:
    """A local time of a day, in UTC."""
    return datetime.combine(day, hour, tzinfo=LONDON).astimezone(UTC)


def next_working_morning(after: datetime, hour: time) -> datetime:
    """The next time that it is that hour on a working day."""
    day = local_date(after)
    if not is_working_day(day) or at_local(day, hour) <= after:
        day = next_working_day(day)
    return at_local(day, hour)


def working_days_after(start: datetime, days: int) -> datetime:
    """The end of a limit of so many England working days.

    What arrives on a working day runs to the same local time; what arrives on another day counts
    from the next working day, and runs to the end of the last.
    """
    local = start.astimezone(LONDON)
    day = local.date()
    if is_working_day(day):
        for _ in range(days):
            day = next_working_day(day)
        return at_local(day, local.time())
    for _ in range(days):
        day = next_working_day(day)
    return at_local(day + _DAY, time(0))


@dataclass(frozen=True, slots=True)
class SchoolCalendar:
    """A school's own days. `terms` empty: unknown, so every England working day."""

    opens_at: time
    terms: tuple[DateRange, ...] = ()
    closures: tuple[DateRange, ...] = ()

    def is_school_day(self, day: date) -> bool:
        """A working day inside a term (if terms are known) and outside every closure."""
        if not is_working_day(day) or _inside(day, self.closures):
            return False
        return not self.terms or _inside(day, self.terms)

    def next_opening(self, after: datetime) -> datetime:
        """When the school next opens, strictly after a moment."""
        opening = self._opening(after)
        if opening is None:
            opening = SchoolCalendar(self.opens_at, (), self.closures)._opening(after)
        if opening is None:
            opening = SchoolCalendar(self.opens_at)._opening(after)
        if opening is None:
            raise ValueError("no working day within ten weeks")
        return opening

    def closed_days(self, after: datetime, opening: datetime) -> int:
        """Days without school from a moment's day to an opening."""
        first = local_date(after)
        days = (first + n * _DAY for n in range((local_date(opening) - first).days))
        return sum(not self.is_school_day(day) for day in days)

    def _opening(self, after: datetime) -> datetime | None:
        day = local_date(after)
        for _ in range(LONGEST_HOLIDAY_DAYS):
            if self.is_school_day(day) and (opening := at_local(day, self.opens_at)) > after:
                return opening
            day += _DAY
        return None


def _inside(day: date, ranges: tuple[DateRange, ...]) -> bool:
    return any(one.first <= day <= one.last for one in ranges)
