"""The time, as a parameter: everything that asks for the time is given a `Clock`."""

from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

LONDON = ZoneInfo("Europe/London")
"""Times are UTC inside; this zone is used only at the edge, where people read or set them."""

Clock = Callable[[], datetime]
"""Gives the present time, aware, in UTC."""


def now() -> datetime:
    """The present time in UTC."""
    return datetime.now(UTC)
