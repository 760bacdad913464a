"""What an alert says, and how a try to send it may end; the same for every way it can go.

It says how many notices wait, where to sign in, and a reference. No personal data, not of what kind
the notices are, and not in which role they are told.
"""

from __future__ import annotations

import re
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
    """Not now; tried again. `ours`: because of how we are set up, so that every alert would end so,
    and the whole channel rests for a while."""

    code: str
    ours: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """Not this way, ever. `address`: because the address itself is wrong."""

    code: str
    address: bool = False


Outcome = Accepted | Later | Refused


_OF_ADDRESS = re.compile(r"5\.(1\.\d+|2\.1|4\.[14])")
"""RFC 3463: a bad address, a disabled mailbox; and 5.4.1 and 5.4.4, by which large providers say
that they know no such recipient or domain."""


def is_of_address(status: str) -> bool:
    """Whether an enhanced mail status such as `5.1.1` says that the address itself is wrong.

    Others may be the fault of the relay, or of a mailbox that is full: the address is kept.
    """
    return _OF_ADDRESS.fullmatch(status) is not None
