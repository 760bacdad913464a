"""Domestic abuse that police attended (Operation Encompass; Domestic Abuse Act 2021 s.49A)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictBool

from schemas.blocks import Address, Adult, Basis, Child, Statement, Voice
from schemas.events.event import Event
from schemas.model import Model
from schemas.reading import LongText, Moment, Text


class ChildAtIncident(Model):
    """One child and what concerns this child alone: a text here is never about a sibling."""

    child: Child
    present: StrictBool | None = None
    where_in_incident: Text | None = Field(default=None, description="Where the child was.")
    welfare_check_done: StrictBool | None = None
    circumstances: Text | None = Field(default=None, description="Briefly, for this child.")
    voice: Voice | None = None


class DomesticAbuseRecorded(Event):
    """An incident, with its children; or without, while its text speaks of one.

    `narrative`, `statements`, `adults` and `place` are for the MASH alone.
    """

    police_reference: Annotated[str, Field(min_length=1, max_length=64)]
    attended_at: Moment
    recorded_at: Moment = Field(description="A late record must show.")
    place: Address | None = None
    children: Annotated[tuple[ChildAtIncident, ...], Field(max_length=50)] = ()
    text_speaks_of_child: StrictBool = Field(
        default=False, description="The text speaks of a child whom `children` does not list."
    )
    adults: Annotated[tuple[Adult, ...], Field(max_length=50)] = ()
    narrative: LongText | None = None
    statements: Annotated[tuple[Statement, ...], Field(max_length=200)] = ()
    grade: Literal["standard", "medium", "high"] | None = Field(
        default=None, description="The risk grade police gave."
    )
    basis: Basis | None = None
