"""What an organisation sends itself to see that its receiver works: a notice that is nobody's.

It is no profile of an event: no policy can name it, and no ladder.
"""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from schemas.model import Model

PROFILE = "test"
"""Stands where a notice has its profile; whatever counts notices of children leaves these out."""

EVENT_TYPE = "notice.test"
"""Stands where a notice has its event's type, and as the type of its webhook."""

CHILD: dict[str, Any] = {
    "name": {"given": "Test", "family": "Nobody-Synthetic"},
    "dateOfBirth": {"value": "2016-05-14", "precision": "exact"},
}
"""Plainly nobody."""


class SelfTest(Model):
    """The content of a test notice, in the form of any other."""

    profile: Literal["test"] = "test"
    receipt: UUID = Field(description="Of no event; it leads nowhere.")
    handling: str = "This is a test."
    event_type: Literal["notice.test"] = "notice.test"
    message: str = "A test that your organisation sent to itself. It is about nobody."
    child: dict[str, Any] = Field(default_factory=lambda: dict(CHILD))
