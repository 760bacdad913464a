"""By when a person must decide: minutes for urgent events, England working days for others."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import cache

import holidays

from chassis.clock import LONDON
from schemas.catalogue import EVENT_TYPES
from services.directory.settings import DirectorySettings


def decide_by(event_type: str, queued_at: datetime, settings: DirectorySettings) -> datetime:
    """The deadline of a question about an event of this type, in UTC."""
    described = EVENT_TYPES.get(event_type)
    if described is not None and described.urgent:
        return queued_at + timedelta(minutes=settings.urgent_minutes)
    return add_working_days(queued_at, settings.working_days)


def add_working_days(start: datetime, days: int) -> datetime:
    """The same time of day in England so many working days later (in UTC)."""
    local = start.astimezone(LONDON)
    day = local.date()
    while days > 0:
        day += timedelta(days=1)
        days -= is_working_day(day)
    return datetime.combine(day, local.time(), tzinfo=LONDON).astimezone(start.tzinfo)


def is_working_day(day: date) -> bool:
    """Neither a weekend nor a bank holiday in England."""
    return day.weekday() < 5 and day not in _bank_holidays()


@cache
def _bank_holidays() -> holidays.HolidayBase:
    return holidays.country_holidays("GB", subdiv="ENG")
