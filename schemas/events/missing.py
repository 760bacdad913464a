"""A child reported missing, regraded, found, and heard afterwards."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from schemas.blocks import Adult, Basis, Child, Statement
from schemas.events.event import Event
from schemas.model import Model
from schemas.reading import LongText, Moment, Positions, Text, Words

MissingGrade = Literal["no-apparent", "low", "medium", "high"]


class ChildMissing(Model):
    """One missing child; `circumstances` and `exploitationMarkers` are for the MASH alone."""

    child: Child
    description: Text | None = Field(default=None, description="Appearance, clothes.")
    last_seen_at: Moment | None = None
    last_seen_place: Text | None = None
    if_seen: Text | None = Field(default=None, description="What to do if the child is seen.")
    circumstances: Text | None = None
    exploitation_markers: Annotated[tuple[Words, ...], Field(max_length=50)] = ()


class _Missing(Event):
    police_reference: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    grade: MissingGrade
    children: Annotated[tuple[ChildMissing, ...], Field(min_length=1, max_length=50)]
    adults: Annotated[tuple[Adult, ...], Field(max_length=50)] = ()
    narrative: LongText | None = None
    statements: Annotated[tuple[Statement, ...], Field(max_length=200)] = ()
    basis: Basis | None = None


class MissingReported(_Missing):
    """One or more children missing together, with the grade that police gave."""

    reported_at: Moment


class MissingUpdated(_Missing):
    """The same children are still missing and what is known has changed, the grade perhaps.

    Restates the report in full: whoever was told of the report is told this instead.
    """

    report: UUID | None = Field(
        default=None, description="The receipt of the report, where the sender knows it."
    )
    updated_at: Moment


class ChildFound(Model):
    """One child found; where, with whom and in what condition is told to nobody by this event."""

    child: Child
    where_found: Text | None = None
    with_whom: Text | None = None
    condition: Text | None = None


class MissingFound(Event):
    """Stop looking: everyone who was told that the child is missing is told that it is found."""

    report: UUID | None = Field(
        default=None, description="The receipt of the report, where the sender knows it."
    )
    police_reference: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    found_at: Moment
    children: Annotated[tuple[ChildFound, ...], Field(min_length=1, max_length=50)]
    basis: Basis | None = None


InterviewOffer = Literal[
    "accepted", "declined", "missing-again", "not-contactable", "other-provider", "not-offered"
]


class AboutFound(Event):
    """What every event about a return interview says of the child that was found."""

    found: UUID = Field(description="The receipt of the `missing.found`.")
    child_positions: Positions = Field(
        default=(), description="Positions in its children; empty: all of them."
    )


class ReturnInterviewOffered(AboutFound):
    """A return home interview was offered, and what the child answered, or why it was not."""

    offered_at: Moment
    outcome: InterviewOffer


class ReturnInterviewCompleted(AboutFound):
    """The return home interview took place. What was said is told to nobody by this event."""

    completed_at: Moment
