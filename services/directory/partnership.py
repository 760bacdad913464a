"""What every step is given besides a session: the policy table, the partnership's choices, time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime

from chassis.clock import LONDON, now
from services.directory.matcher import Matcher
from services.directory.policy import Policy, read_policy
from services.directory.settings import DirectorySettings

SOURCE = "directory"
"""How this service signs its facts."""


@dataclass(frozen=True)
class Partnership:
    """Built once by the composition root."""

    policy: Policy = field(default_factory=read_policy)
    settings: DirectorySettings = field(default_factory=DirectorySettings)
    clock: Callable[[], datetime] = now
    matcher: Matcher = field(default_factory=Matcher)

    def today(self) -> date:
        """The day it is in England."""
        return self.clock().astimezone(LONDON).date()

    def may_share(self, sources: Iterable[str], receivers: Iterable[str]) -> bool:
        """Whether what one agency says may be used to tell another; each by id and by kind."""
        allowed: set[str] = set()
        for source in sources:
            allowed |= self.settings.link_sharing.get(source, frozenset())
        return not allowed.isdisjoint(receivers)
