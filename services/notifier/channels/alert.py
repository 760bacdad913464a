"""What an alert says, and how a try to send it may end; the same for every way it can go.

It says how many notices wait, where to sign in, and a reference. No personal data, not of what kind
the notices are, and not in which role they are told.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from schemas.profiles import Alert


@dataclass(frozen=True, slots=True)
class Message:
    """One alert, the same on every try. `at` is when it was closed."""

    alert: UUID
    address: str
    notices: int
    at: datetime
    link: str

    @property
    def content(self) -> Alert:
        """What it says, by its profile."""
        return Alert(receipt=self.alert, message=f"{self.headline}.", link=self.link)

    @property
    def headline(self) -> str:
        """`3 notices wait for you`."""
        return f"{self.notices} {'notice waits' if self.notices == 1 else 'notices wait'} for you"


@dataclass(frozen=True, slots=True)
class Accepted:
    """The relay, or Notify, has it. Not yet that it arrived."""

    code: str = "accepted"


@dataclass(frozen=True, slots=True)
class Later:
    """Not now; tried again."""

    code: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Not this way, ever. `address`: because the address itself is wrong."""

    code: str
    address: bool = False


Outcome = Accepted | Later | Refused
