"""Who belongs to a child and who must keep away: relationships, orders, and answers about records.

What an agency asserts here is never told on as its own: a recipient learns that a link is known,
not from whom.
"""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StrictBool

from schemas.blocks import Address, Child, PartialDate, PersonName
from schemas.events.event import Event
from schemas.model import Model
from schemas.reading import Day, OrganisationId, Text, Words

RelationshipKind = Literal[
    "mother",
    "father",
    "step-parent",
    "partner-of-parent",
    "grandparent",
    "foster-carer",
    "sibling",
    "other",
]


class RelatedAdult(Model):
    """An adult as one agency knows it; found again by exact name and birth date."""

    name: PersonName
    date_of_birth: PartialDate | None = None
    address: Address | None = None
    works_at: OrganisationId | None = Field(
        default=None, description="Where this adult works: a recipient that is told by a person."
    )
    record_reference: Words | None = Field(
        default=None, description="The sender's own record of this adult; told to nobody."
    )


class RelationshipAsserted(Event):
    """An adult is linked to a child, as this agency knows it, between two days.

    The same agency's later assertion about the same adult and child takes its place.
    """

    adult: RelatedAdult
    child: Child
    kind: RelationshipKind
    parental_responsibility: StrictBool | None = None
    same_household: StrictBool | None = None
    starts_on: Day | None = None
    ends_on: Day | None = Field(default=None, description="The last day; none: still so.")


class OrderedAdult(Model):
    """Whom an order names."""

    name: PersonName
    date_of_birth: PartialDate | None = None


class OrderRecorded(Event):
    """A court's order: this adult must not collect or have contact with this child."""

    child: Child
    adult: OrderedAdult
    kind: Literal[
        "non-molestation", "prohibited-steps", "child-arrangements", "restraining", "other"
    ]
    starts_on: Day
    ends_on: Day | None = Field(default=None, description="The last day; none: until set aside.")


class RecordAnswered(Event):
    """The agency's answer to a finding about its own record: what it did about it."""

    finding: UUID = Field(description="The finding that is answered.")
    answer: Annotated[
        Literal["record-corrected", "known-already", "disputed"],
        Field(description="`disputed`: by its own knowledge its record is right."),
    ]
    detail: Text | None = None
