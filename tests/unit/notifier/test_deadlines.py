"""By when somebody must have confirmed, for each class of recipient."""

from datetime import UTC, date, datetime, time, timedelta

import pytest

from schemas.organisations import DateRange
from services.notifier.calendars import SchoolCalendar
from services.notifier.deadlines import Matter, deadline_of, decision_due
from services.notifier.settings import DeadlineSettings

SETTINGS = DeadlineSettings()
SCHOOL = SchoolCalendar(time(8, 30))
SUMMER = SchoolCalendar(
    time(8, 30),
    terms=(
        DateRange(first=date(2026, 4, 13), last=date(2026, 7, 17)),
        DateRange(first=date(2026, 9, 2), last=date(2026, 12, 18)),
    ),
)


def utc(day: str) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("event", "role", "arrived", "deadline", "calendar"),
    [
        ("domestic-abuse.recorded", "school", "2026-03-02T22:40", "2026-03-03T08:30", SCHOOL),
        # Just before opening: thirty minutes' grace.
        ("domestic-abuse.recorded", "school", "2026-03-03T08:29", "2026-03-03T08:59", SCHOOL),
        # Closed for a weekend and a bank holiday: three days, so its own next opening.
        ("domestic-abuse.recorded", "school", "2026-05-01T16:00", "2026-05-05T07:30", SCHOOL),
        # Closed for the summer: one working day instead.
        ("domestic-abuse.recorded", "school", "2026-07-25T10:00", "2026-07-27T08:00", SUMMER),
        ("domestic-abuse.recorded", "mash", "2026-03-07T23:00", "2026-03-08T00:00", SCHOOL),
        ("referral.submitted", "mash", "2026-03-06T18:00", "2026-03-09T09:00", SCHOOL),
        ("referral.decided", "referrer", "2026-03-06T18:00", "2026-03-09T09:00", SCHOOL),
        ("missing.reported", "school", "2026-03-07T23:00", "2026-03-08T00:00", SCHOOL),
        ("domestic-abuse.recorded", "school-nursing", "2026-03-02T22:40", "2026-03-03T09:00",
         SCHOOL),
    ],
)  # fmt: skip
def test_deadlines(
    event: str, role: str, arrived: str, deadline: str, calendar: SchoolCalendar
) -> None:
    at = utc(arrived)
    assert deadline_of(Matter(event, role, at, at, calendar), SETTINGS) == utc(deadline)


def test_after_an_outage_there_is_still_the_grace() -> None:
    now = utc("2026-03-03T10:00")
    matter = Matter("domestic-abuse.recorded", "school", utc("2026-03-02T22:40"), now, SCHOOL)
    assert deadline_of(matter, SETTINGS) == now + timedelta(minutes=30)


def test_who_must_decide_is_given_until_the_decision_is_due() -> None:
    now = utc("2026-03-03T10:00")
    due = now + timedelta(hours=2)
    matter = Matter("resolution.needed", "reviewer", now, now, SCHOOL, due)
    assert deadline_of(matter, SETTINGS) == due


def test_a_referral_is_decided_within_one_working_day() -> None:
    assert decision_due(utc("2026-03-06T16:00"), SETTINGS) == utc("2026-03-09T16:00")
