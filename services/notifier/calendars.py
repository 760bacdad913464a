"""Which time counts: England working days, each school's own days, a team's hours at work. Pure.

Everything is reckoned on local dates (Europe/London) and turned to UTC last, so that the two clock
changes a year move no opening.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

import holidays

from chassis.clock import LONDON
from schemas.organisations import DateRange, ServiceDay, ServiceHours

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
        return self._known_at(after)[1]

    def closed_days(self, after: datetime, opening: datetime) -> int:
        """Days without school from a moment's day to an opening."""
        calendar, _ = self._known_at(after)
        first = local_date(after)
        days = (first + n * _DAY for n in range((local_date(opening) - first).days))
        return sum(not calendar.is_school_day(day) for day in days)

    def _known_at(self, after: datetime) -> tuple[SchoolCalendar, datetime]:
        """What can be believed of it: terms that are over are unknown, and so are closures that
        never end."""
        for calendar in (self, SchoolCalendar(self.opens_at, (), self.closures)):
            opening = calendar._opening(after)
            if opening is not None:
                return calendar, opening
        calendar = SchoolCalendar(self.opens_at)
        opening = calendar._opening(after)
        if opening is None:
            raise ValueError("no working day within ten weeks")
        return calendar, opening

    def _opening(self, after: datetime) -> datetime | None:
        day = local_date(after)
        for _ in range(LONGEST_HOLIDAY_DAYS):
            if self.is_school_day(day) and (opening := at_local(day, self.opens_at)) > after:
                return opening
            day += _DAY
        return None


_USUAL_HOURS = tuple(
    ServiceHours(day=day, opens=time(9), closes=time(17)) for day in tuple(ServiceDay)[:5]
)


@dataclass(frozen=True, slots=True)
class ServiceCalendar:
    """When a team is at work. `hours` empty: unknown, so 09:00 to 17:00 of England working days."""

    hours: tuple[ServiceHours, ...] = ()
    closures: tuple[DateRange, ...] = ()

    def next_opening(self, after: datetime) -> datetime:
        """When the team next starts work, strictly after a moment."""
        return next(start for start, _ in self._shifts(after) if start > after)

    def later(self, start: datetime, wanted: timedelta) -> datetime:
        """When so much of its working time has gone by since a moment."""
        left = wanted
        for opens, closes in self._shifts(start):
            begins = max(opens, start)
            if closes - begins >= left:
                return begins + left
            left -= closes - begins
        raise AssertionError("shifts go on without an end")

    def _shifts(self, after: datetime) -> Iterator[tuple[datetime, datetime]]:
        """What is left of its working time from a moment on, in UTC, without an end: hours that
        name no shift for ten weeks count as unknown from there on."""
        day, idle = local_date(after), 0
        known = self
        while True:
            found = [one for one in known._of_day(day) if one[1] > after]
            yield from found
            idle = 0 if found else idle + 1
            if idle > LONGEST_HOLIDAY_DAYS:
                known = ServiceCalendar()
            day += _DAY

    def _of_day(self, day: date) -> Iterator[tuple[datetime, datetime]]:
        """The shifts of a day, in order; those that meet are one."""
        if _inside(day, self.closures):
            return
        holiday = day in _bank_holidays(day.year)
        name = ServiceDay.BANK_HOLIDAY if holiday else tuple(ServiceDay)[day.weekday()]
        shifts = sorted(
            (at_local(day, one.opens), at_local(*_closing(day, one.closes)))
            for one in self.hours or _USUAL_HOURS
            if one.day is name
        )
        last: tuple[datetime, datetime] | None = None
        for opens, closes in shifts:
            if last is not None and opens <= last[1]:
                last = last[0], max(last[1], closes)
            # A clock change may leave nothing of a shift.
            elif closes > opens:
                if last is not None:
                    yield last
                last = opens, closes
        if last is not None:
            yield last


def _closing(day: date, closes: time) -> tuple[date, time]:
    return (day + _DAY, closes) if closes.replace(tzinfo=None) == time(0) else (day, closes)


def _inside(day: date, ranges: tuple[DateRange, ...]) -> bool:
    return any(one.first <= day <= one.last for one in ranges)
