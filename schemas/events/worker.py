"""Who works with a child: an agency says which of its posts has the case, had it before, or closed.

A post is a role in an organisation of the directory; who the person is, is nobody's business here.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.blocks import Child
from schemas.events.event import Event
from schemas.model import Model
from schemas.reading import Moment, OrganisationId

WorkerRole = Literal[
    "social-worker",
    "family-worker",
    "early-help-worker",
    "health-worker",
    "youth-justice-worker",
    "probation-practitioner",
    "other",
]


class WorkerPost(Model):
    """A post: no name, telephone or e-mail, since people change and mailboxes stay."""

    role: WorkerRole
    organisation: OrganisationId = Field(
        description="Where it is told: a team, or the worker's own mailbox."
    )


class WorkerAssigned(Event):
    """From a time on, this post of the sender's has the child's case; or nobody has, any more."""

    child: Child
    reason: Annotated[
        Literal["allocated", "reallocated", "closed"],
        Field(description="`closed`: the agency has no worker for the child any more."),
    ]
    worker: WorkerPost | None = Field(default=None, description="Who has it now; not of a closure.")
    previous: WorkerPost | None = Field(
        default=None, description="Who had it before, where the sender knows."
    )
    assigned_at: Moment
