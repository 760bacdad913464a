"""A referral to children's social care, and what goes back to the referrer of its way."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StrictBool

from schemas.blocks import Adult, Basis, Child, Statement, Voice
from schemas.events.event import Event
from schemas.model import Model
from schemas.reading import Day, LongText, Moment, OrganisationId, Positions, Text, Words

ReferralSource = Literal[
    "1A", "1B", "1C", "1D", "2A", "2B", "3A", "3B", "3C", "3D", "3E", "3F",
    "4", "5A", "5B", "5C", "6", "7", "8", "9", "10",
]  # fmt: skip
"""Referral source codes of the DfE's children in need census (6 police, 2A schools …)."""

ReferralOutcome = Literal[
    "no-further-action",
    "advice-information-signpost",
    "step-down-early-help",
    "assessment",
    "strategy-discussion-s47",
    "other",
]


AssessmentOutcome = Literal[
    "no-further-action",
    "step-down-early-help",
    "child-in-need-plan",
    "child-protection-enquiry",
    "looked-after",
    "other",
]

ReferralGrade = Literal["red", "amber", "green"]
"""How soon the MASH must decide; what each is given is local (`docs/reference/clocks.md`)."""


class ChildReferred(Model):
    """One child of a referral."""

    child: Child
    circumstances: Text | None = None
    voice: Voice | None = None


class ReferralSubmitted(Event):
    """A concern that an agency, or a member of the public through one, brings to the MASH."""

    referral_source: ReferralSource
    reason: LongText
    statements: Annotated[tuple[Statement, ...], Field(max_length=200)] = ()
    children: Annotated[tuple[ChildReferred, ...], Field(min_length=1, max_length=50)]
    adults: Annotated[tuple[Adult, ...], Field(max_length=50)] = ()
    urgency: Literal["immediate", "urgent", "routine"] = "routine"
    basis: Basis | None = Field(
        default=None, description="Mandatory unless the referrer is a member of the public."
    )
    referrer_is_public: StrictBool = False
    referrer_manager: OrganisationId | None = Field(
        default=None,
        description="The mailbox of the referrer's manager, an organisation of the same agency: it "
        "is told what becomes of the referral as well. None: as the agency's record says.",
    )


class Action(Model):
    """Something to be done, by whom, by when: a due date is mandatory."""

    description: Text
    owner: Words | None = None
    due_on: Day


class AboutReferral(Event):
    """What every event about an earlier referral says of it."""

    referral: UUID = Field(description="The receipt of the referral.")
    child_positions: Positions = Field(
        default=(), description="Positions in the referral's children; empty: all of them."
    )


class ReferralTriaged(AboutReferral):
    """The MASH looked at a referral and graded it. Its clock runs on from when it was received."""

    grade: ReferralGrade
    triaged_at: Moment


class _Explained(AboutReferral):
    rationale_shareable: Text
    rationale_internal: LongText | None = None
    actions: Annotated[tuple[Action, ...], Field(max_length=100)] = ()


class ReferralDecided(_Explained):
    """What social care decided about a referral; `rationaleInternal` goes to nobody."""

    outcome: ReferralOutcome
    decided_at: Moment


class AssessmentCompleted(_Explained):
    """What came of the assessment that a referral led to; `rationaleInternal` goes to nobody."""

    outcome: AssessmentOutcome
    completed_at: Moment
