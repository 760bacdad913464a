"""Facts about the bus's own parts: what is paused, slow or behind, the canary, and the ledger."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from schemas.facts.base import AnyFact
from schemas.model import Model
from schemas.status import State


class StatusFact(AnyFact):
    """Said by a service of itself; in order per service."""

    topic: ClassVar[str] = "status"

    service: str

    def bus_key(self) -> str:
        return self.service


class ServiceStateChanged(StatusFact):
    """A part of a service is in another state than before; told once per change."""

    fact_type: ClassVar[str] = "service.state-changed"

    what: str = Field(description="The part: a queue, a reader, a task.")
    state: State
    since: datetime
    limit: float | None = Field(default=None, description="What was used to judge it.")


class CanaryLate(StatusFact):
    """A synthetic incident did not come back in time: the way is not walked, or slowly."""

    fact_type: ClassVar[str] = "canary.late"

    since: datetime
    limit_seconds: float
    reached: Literal["nothing", "accepted", "delivered", "acknowledged"] = Field(
        description="How far the late one came; the leg after it is where to look."
    )


class CanaryReturned(StatusFact):
    """The canary is back in time again, or for the first time."""

    fact_type: ClassVar[str] = "canary.returned"

    since: datetime
    seconds: float = Field(description="The round trip that said so.")


class AskedNotice(Model):
    """One notice that somebody asks about, and what is known of it there."""

    notice: UUID
    receipt: UUID
    child_id: UUID
    known: tuple[str, ...] = Field(default=(), description="The states that the asker was told.")


class LedgerAsked(StatusFact):
    """A service asks the notifier whether it has these notices, and in these states.

    Only differences are answered: by `ledger.gap-found`, or by telling again what was missed.
    """

    fact_type: ClassVar[str] = "ledger.asked"

    at: datetime
    notices: tuple[AskedNotice, ...]


class LedgerGapFound(StatusFact):
    """Something was missed between addressing and the sender. `notices` are what it is about."""

    fact_type: ClassVar[str] = "ledger.gap-found"

    kind: Literal["not-composed", "not-sent", "not-settled", "not-told"]
    at: datetime
    asked_by: str | None = None
    notices: tuple[UUID, ...]
    about: tuple[AskedNotice, ...] = Field(
        default=(), description="The same as they were asked about, where somebody asked."
    )


STATUS_FACTS: tuple[type[StatusFact], ...] = (
    ServiceStateChanged,
    CanaryLate,
    CanaryReturned,
    LedgerAsked,
    LedgerGapFound,
)
