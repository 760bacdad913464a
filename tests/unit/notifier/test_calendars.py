"""Which days count, and when a school next opens: weekends, holidays, terms, both clock changes."""

from datetime import UTC, date, datetime, time

import pytest

from schemas.organisations import DateRange
from services.notifier.calendars import (
    SchoolCalendar,
    is_working_day,
    next_working_day,
    next_working_morning,
    working_days_after,
)

OPENS = time(8, 30)
UNKNOWN = SchoolCalendar(OPENS)
TERMS = SchoolCalendar(
    OPENS,
    terms=(
        DateRange(first=date(2026, 4, 13), last=date(2026, 7, 17)),
        DateRange(first=date(2026, 9, 1), last=date(2026, 12, 18)),
    ),
    closures=(
        DateRange(first=date(2026, 5, 25), last=date(2026, 5, 29)),
        DateRange(first=date(2026, 9, 1), last=date(2026, 9, 1)),
    ),
)


def utc(day: str) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "works"),
    [
        ("2026-03-02", True),
        ("2026-03-01", False),  # Sunday
        ("2026-04-03", False),  # Good Friday
        ("2026-04-06", False),  # Easter Monday
        ("2026-08-31", False),  # the late summer holiday of England, not of Scotland
        ("2026-08-03", True),  # Scotland's
        ("2026-12-28", False),  # in place of a Boxing Day on Saturday
    ],
)
def test_england_s_working_days(day: str, works: bool) -> None:
    assert is_working_day(date.fromisoformat(day)) is works


def test_the_next_working_day_steps_over_a_long_weekend() -> None:
    assert next_working_day(date(2026, 4, 2)) == date(2026, 4, 7)


@pytest.mark.parametrize(
    ("after", "opens"),
    [
        ("2026-03-02T22:40", "2026-03-03T08:30"),
        ("2026-03-03T08:29", "2026-03-03T08:30"),
        ("2026-03-03T08:30", "2026-03-04T08:30"),
        ("2026-03-03T23:59", "2026-03-04T08:30"),
        ("2026-03-06T16:00", "2026-03-09T08:30"),  # a weekend
        ("2026-03-27T16:00", "2026-03-30T07:30"),  # clocks go forward on the 29th
        ("2026-10-23T15:00", "2026-10-26T08:30"),  # clocks go back on the 25th
        ("2026-10-22T15:00", "2026-10-23T07:30"),  # still summer time
        ("2026-04-02T16:00", "2026-04-07T07:30"),  # Easter
    ],
)
def test_a_school_of_unknown_terms_opens_on_every_working_day(after: str, opens: str) -> None:
    assert UNKNOWN.next_opening(utc(after)) == utc(opens)


@pytest.mark.parametrize(
    ("after", "opens"),
    [
        ("2026-05-22T16:00", "2026-06-01T07:30"),  # half-term
        ("2026-07-17T16:00", "2026-09-02T07:30"),  # the summer, then an inset day
        ("2027-03-01T16:00", "2027-03-02T08:30"),  # terms that are out of date are unknown
    ],
)
def test_a_school_of_known_terms_keeps_its_own_days(after: str, opens: str) -> None:
    assert TERMS.next_opening(utc(after)) == utc(opens)


def test_a_school_has_its_own_opening_time() -> None:
    early = SchoolCalendar(time(7, 45))
    assert early.next_opening(utc("2026-06-01T05:00")) == utc("2026-06-01T06:45")


@pytest.mark.parametrize(
    ("after", "days"),
    [
        ("2026-03-06T16:00", 2),  # Saturday and Sunday
        ("2026-05-01T16:00", 3),  # and the May holiday
        ("2026-04-02T16:00", 4),  # Good Friday to Easter Monday
        ("2026-03-03T06:00", 0),
    ],
)
def test_closed_days_are_counted(after: str, days: int) -> None:
    at = utc(after)
    assert UNKNOWN.closed_days(at, UNKNOWN.next_opening(at)) == days


@pytest.mark.parametrize(
    ("start", "due"),
    [
        ("2026-03-02T10:00", "2026-03-03T10:00"),
        ("2026-03-06T16:00", "2026-03-09T16:00"),
        ("2026-03-07T10:00", "2026-03-10T00:00"),  # Saturday counts from Monday, to its end
        ("2026-03-27T16:00", "2026-03-30T15:00"),  # the same local time after the clock change
        ("2026-04-02T12:00", "2026-04-07T12:00"),
    ],
)
def test_one_working_day_after(start: str, due: str) -> None:
    assert working_days_after(utc(start), 1) == utc(due)


@pytest.mark.parametrize(
    ("after", "morning"),
    [
        ("2026-03-02T02:00", "2026-03-02T09:00"),
        ("2026-03-02T09:00", "2026-03-03T09:00"),
        ("2026-03-06T18:00", "2026-03-09T09:00"),
    ],
)
def test_the_next_working_morning(after: str, morning: str) -> None:
    assert next_working_morning(utc(after), time(9)) == utc(morning)
