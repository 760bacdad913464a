"""Facts about the quality of an agency's own records: one shape, told until the agency answers.

None holds a value of the register or of another agency's record: a field, and how it agrees.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from schemas.facts.base import KeyedFact
from schemas.model import Model


class Evidence(Model):
    """One field, and how it agrees or contradicts: a code, never a value."""

    field: str = Field(description="given, family, birth, nhs-number, upn …")
    how: str = Field(description="A level of the matcher, `differs` or `of-another-child`.")


class Finding(KeyedFact):
    """What is found of an agency's own record; the agency answers with `record.answered`.

    Without an `agency` none may be told, and the partnership's reviewers see to it.
    """

    topic: ClassVar[str] = "addressed"

    finding: UUID
    agency: str | None = Field(
        default=None, description="Whose record it is, and who alone reads this."
    )
    state: Literal["open", "answered", "withdrawn"]
    at: datetime


class PersonLinkMissing(Finding):
    """An agency's record of an adult lacks a child that another source links; never which."""

    fact_type: ClassVar[str] = "person.link-missing"

    agency: str = Field(description="Whose record it is: it is told, by its event's progress.")
    receipt: UUID
    child_index: int
    adults: tuple[int, ...] = Field(description="Positions in the event's `adults`.")


class PersonDuplicateSuspected(Finding):
    """Two records of the register are taken for one person; nothing is ever merged."""

    fact_type: ClassVar[str] = "person.duplicate-suspected"

    records: tuple[str, ...] = Field(
        default=(), description="Which of the agency's own records, as the agency itself calls them"
    )
    evidence: tuple[Evidence, ...] = ()


class RecordContradicts(Finding):
    """What an agency's event says of a child contradicts the register on a hard identifier."""

    fact_type: ClassVar[str] = "record.contradicts"

    agency: str = Field(description="Who sent the event.")
    receipt: UUID
    child_index: int | None = Field(default=None, description="None: the event is about one child.")
    evidence: tuple[Evidence, ...] = ()


FINDING_FACTS: tuple[type[Finding], ...] = (
    PersonLinkMissing,
    PersonDuplicateSuspected,
    RecordContradicts,
)
