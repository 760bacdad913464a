"""Events that change what the bus knows: enrolments, organisations, and taking an event back."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.blocks import Child, EducationStatus, SchoolReference
from schemas.events.event import Event
from schemas.organisations import Organisation
from schemas.reading import Day, OrganisationId, Text


class EnrolmentChanged(Event):
    """Where a child is educated from a day on, restated; several may hold at once."""

    child: Child
    organisation: OrganisationId | None = Field(
        default=None, description="The school or setting; for no school, the home authority."
    )
    school: SchoolReference | None = None
    status: EducationStatus
    starts_on: Day
    ends_on: Day | None = Field(default=None, description="The last day; none: still so.")


class OrganisationChanged(Event):
    """An organisation restated in full."""

    organisation: Organisation


class EventRetracted(Event):
    """An earlier event is taken back; the envelope's `supersedes` says which."""

    reason: Literal["sent-in-error", "wrong-child", "duplicate", "content-wrong", "other"]
    detail: Text | None = None
