"""Facts about what a person must decide, did decide, and took back."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from pydantic import Field

from schemas.facts.base import (
    Addressee,
    FactOfEvent,
    KeyedFact,
)


class ResolutionNeeded(FactOfEvent):
    """A person must look: who the child is, who must know, or whether a text may be sent.

    `recipients` are the people who can act; they get an `alert` that names nobody.
    """

    fact_type: ClassVar[str] = "resolution.needed"
    topic: ClassVar[str] = "addressed"

    resolution: UUID
    child_index: int | None = None
    child_id: UUID | None = None
    reason: str = Field(description="A code: several-candidates, no-candidate, text-names-others …")
    candidates: int = 0
    decide_by: datetime
    recipients: tuple[Addressee, ...] = ()

    def bus_key(self) -> str:
        return str(self.child_id) if self.child_id else self.key


class ResolutionDecided(KeyedFact):
    """A person decided; what follows from it is published as `event.addressed`."""

    fact_type: ClassVar[str] = "resolution.decided"
    topic: ClassVar[str] = "addressed"

    resolution: UUID
    receipt: UUID
    child_index: int | None = None
    decision: str
    decided_by: str
    decided_at: datetime


class ResolutionUndone(KeyedFact):
    """What a person or the directory had decided is taken back; `reopened` asks again.

    What was told because of it is withdrawn by `event.addressed`.
    """

    fact_type: ClassVar[str] = "resolution.undone"
    topic: ClassVar[str] = "addressed"

    resolution: UUID
    receipt: UUID
    child_index: int | None = None
    undone_by: str
    undone_at: datetime
    reopened: UUID | None = None


class ResolutionOverdue(KeyedFact):
    """Nobody decided in time; the next who can act are told."""

    fact_type: ClassVar[str] = "resolution.overdue"
    topic: ClassVar[str] = "addressed"

    resolution: UUID
    receipt: UUID
    child_index: int | None = None
    reason: str
    decide_by: datetime
    recipients: tuple[Addressee, ...] = ()
