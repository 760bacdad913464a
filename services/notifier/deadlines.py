"""By when somebody must have confirmed a notice: one small table, first line that fits. Pure.

A notice is sent at once whatever this says; a deadline governs escalation only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas.organisations import RecipientRole as Role
from services.notifier.calendars import (
    SchoolCalendar,
    is_working_day,
    local_date,
    next_working_morning,
    working_days_after,
)
from services.notifier.settings import DeadlineSettings


@dataclass(frozen=True, slots=True)
class Matter:
    """What a deadline depends on. `arrived_at` is when the bus had it, `now` when it is told."""

    event_type: str
    role: str
    arrived_at: datetime
    now: datetime
    calendar: SchoolCalendar
    decide_by: datetime | None = None


Rule = Callable[[Matter, DeadlineSettings], datetime]


def _school_opens(matter: Matter, settings: DeadlineSettings) -> datetime:
    opening = matter.calendar.next_opening(matter.arrived_at)
    if matter.calendar.closed_days(matter.arrived_at, opening) > settings.closed_days:
        return min(opening, _working_morning(matter, settings))
    return opening


def _working_morning(matter: Matter, settings: DeadlineSettings) -> datetime:
    return next_working_morning(matter.arrived_at, settings.working_day_at)


def _missing(matter: Matter, settings: DeadlineSettings) -> datetime:
    return matter.now + timedelta(minutes=settings.missing_minutes)


def _mash(matter: Matter, settings: DeadlineSettings) -> datetime:
    return matter.now + timedelta(minutes=settings.mash_minutes)


def _decision(matter: Matter, settings: DeadlineSettings) -> datetime:
    return matter.decide_by or _working_morning(matter, settings)


URGENT = ("domestic-abuse.recorded", "missing.reported", "missing.updated")
MISSING = ("missing.reported", "missing.updated", "missing.found")

RULES: tuple[tuple[tuple[str, ...], tuple[Role, ...], Rule], ...] = (
    # of these events (none: any), to these roles (none: any), by when
    ((), (Role.REVIEWER,), _decision),
    (MISSING, (), _missing),
    (URGENT, (Role.MASH, Role.RESPONSIBLE_AUTHORITY, Role.OTHER_AREA), _mash),
    ((), (Role.SCHOOL, Role.EARLY_YEARS), _school_opens),
    ((), (), _working_morning),
)


def deadline_of(matter: Matter, settings: DeadlineSettings) -> datetime:
    """The deadline, never less than the grace after `now`."""
    least = matter.now + timedelta(minutes=settings.least_minutes)
    for events, roles, rule in RULES:
        if (not events or matter.event_type in events) and (not roles or matter.role in roles):
            return max(least, rule(matter, settings))
    raise AssertionError("the last rule fits everything")


def decision_due(accepted_at: datetime, settings: DeadlineSettings) -> datetime:
    """By when a referral must be decided and the referrer told (Working Together: one day)."""
    return working_days_after(accepted_at, settings.decision_working_days)


def grade_due(received_at: datetime, grade: str, settings: DeadlineSettings) -> datetime:
    """By when the MASH must have decided about a referral of a grade, from its receipt."""
    if grade == "red":
        return received_at + timedelta(hours=settings.red_hours)
    days = settings.amber_working_days if grade == "amber" else settings.green_working_days
    return working_days_after(received_at, days)


def half_due(started_at: datetime, due_at: datetime, settings: DeadlineSettings) -> datetime:
    """When half of a limit is over; of one in working days never on a day that is none."""
    half = started_at + (due_at - started_at) / 2
    if due_at - started_at < timedelta(days=1) or is_working_day(local_date(half)):
        return half
    return min(next_working_morning(half, settings.working_day_at), due_at)


def interview_due(found_at: datetime, settings: DeadlineSettings) -> datetime:
    """By when a found child must have had its return home interview: elapsed hours."""
    return found_at + timedelta(hours=settings.interview_hours)
