"""Going through rows of a moving window of time again and again, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(slots=True)
class Cycle:
    """How far one has come. A cycle that has ended begins anew, at the earliest `rest` after it
    began; what is younger than `age` or older than `window` is left alone."""

    window: timedelta
    age: timedelta
    rest: timedelta
    _after: datetime | None = None
    _begun_at: datetime | None = None

    def bounds(self, at: datetime) -> tuple[datetime, datetime] | None:
        """Between which times the next page lies (the first excluded); None while it rests."""
        if self._after is None:
            if self._begun_at is not None and at < self._begun_at + self.rest:
                return None
            self._begun_at = at
            self._after = at - self.window
        return self._after, at - self.age

    def move(self, last: datetime | None) -> None:
        """The page ended with this row; None: it was the last page."""
        self._after = last
