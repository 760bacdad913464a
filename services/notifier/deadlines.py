"""By when somebody must have confirmed a notice, as `deadlines.toml` says. Pure.

A notice is sent at once whatever this says; a deadline governs escalation only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from services.notifier.calendars import (
    SchoolCalendar,
    ServiceCalendar,
    is_working_day,
    local_date,
    next_working_morning,
    working_days_after,
)
from services.notifier.rules import Calendar, Limit, Rule, Table


@dataclass(frozen=True, slots=True)
class Matter:
    """What a deadline depends on. `arrived_at` is when the bus had it, `now` when it is told."""

    event_type: str
    role: str
    profile: str
    arrived_at: datetime
    now: datetime
    calendar: SchoolCalendar
    service: ServiceCalendar = field(default_factory=ServiceCalendar)
    decide_by: datetime | None = None


class Due(NamedTuple):
    """By when a notice must be confirmed, whether it overtakes everything else, and when it is
    shown once more because nobody is at school until then."""

    deadline_at: datetime
    overtakes: bool = False
    show_again_at: datetime | None = None


def due_of(matter: Matter, rules: Table) -> Due:
    """When a notice is due: never less than its rule's grace after it arrived, and after `now`."""
    day = local_date(matter.arrived_at)
    rule = rules.rule_for(matter.event_type, matter.role, matter.profile, day)
    least = max(matter.arrived_at, matter.now) + timedelta(minutes=rule.grace_minutes)
    if rule.closed is not None:
        return _of_a_school(matter, rule, rules, least)
    return Due(max(least, _ends(matter, rule, rules)), rule.overtakes)


def recorded_late(happened_at: datetime, accepted_at: datetime, rules: Table) -> bool:
    """Whether an event reached the bus long after it happened; its readers must see that."""
    return accepted_at - happened_at > timedelta(hours=rules.defaults.recorded_late_after_hours)


def clock_due(name: str, started_at: datetime, rules: Table) -> datetime:
    """When a clock of the law or of local rules runs out (a referral's: Working Together)."""
    clock = rules.clock_for(name, local_date(started_at))
    if clock.calendar is Calendar.WORKING_DAYS and clock.until.kind == "working days":
        return working_days_after(started_at, clock.until.days)
    return started_at + clock.until.duration


def half_due(started_at: datetime, due_at: datetime, rules: Table) -> datetime:
    """When half of a limit is over; of one in working days never on a day that is none."""
    half = started_at + (due_at - started_at) / 2
    if due_at - started_at < timedelta(days=1) or is_working_day(local_date(half)):
        return half
    return min(next_working_morning(half, rules.defaults.working_morning_at), due_at)


def _of_a_school(matter: Matter, rule: Rule, rules: Table, least: datetime) -> Due:
    opening = _ends(matter, rule, rules)
    closed = rule.closed
    if closed is None or matter.calendar.closed_days(matter.arrived_at, opening) <= (
        closed.more_than_days
    ):
        return Due(max(least, opening), rule.overtakes)
    within = working_days_after(matter.arrived_at, closed.until.days)
    if within >= opening:
        return Due(max(least, opening), rule.overtakes)
    again = opening - timedelta(minutes=closed.shown_again_minutes)
    return Due(max(least, within), rule.overtakes, again)


def _ends(matter: Matter, rule: Rule, rules: Table) -> datetime:
    limit: Limit = rule.until
    arrived = matter.arrived_at
    of_a_team = rule.calendar is Calendar.SERVICE_HOURS
    match limit.kind:
        case "next opening":
            return (matter.service if of_a_team else matter.calendar).next_opening(arrived)
        case "next working morning":
            return next_working_morning(arrived, rules.defaults.working_morning_at)
        case "working days":
            return working_days_after(arrived, limit.days)
        case "duration":
            return (
                matter.service.later(arrived, limit.duration)
                if of_a_team
                else (arrived + limit.duration)
            )
        case "decide-by":
            return matter.decide_by or arrived
