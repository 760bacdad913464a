"""What `GET /v1/status` answers: how each part of the bus does. No personal data, and no name of
an organisation but the asker's own."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from schemas.model import Model

State = Literal["ok", "slow", "behind", "paused", "stopped"]
"""From well to worst: late, very late, something waits for a person, nothing moves."""


class Part(Model):
    """One queue, reader or task."""

    service: str
    what: str
    state: State
    since: datetime
    count: int | None = Field(default=None, description="What waits.")
    oldest_seconds: float | None = Field(default=None, description="How long the oldest waits.")
    limit: float | None = Field(
        default=None, description="Beyond this it is not ok: seconds, or a count where none wait."
    )
    measured_at: datetime | None = None


class Status(Model):
    """Every part, the worst first; `state` is the worst of them."""

    state: State
    at: datetime
    parts: tuple[Part, ...]
