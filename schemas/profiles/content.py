"""What each class of recipient is told: one model per profile, and nothing outside its fields.

The models are the allow-list: a block is read into a narrower one, and what that does not name
is gone. Adding a field here widens what somebody learns about a child.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from schemas.blocks import Contact, OrderInForce, PartialDate, PersonName
from schemas.events.missing import MissingGrade
from schemas.events.referral import AssessmentOutcome, ReferralOutcome
from schemas.facts import Part, Profile
from schemas.model import Model
from schemas.organisations import RecipientRole
from schemas.reading import Day

HANDLING = "Do not discuss with parents or carers."
"""Stands in every text that a person reads."""


class Content(Model):
    """What every notice says: its profile, our reference, and how to handle it."""

    profile: Profile
    receipt: UUID = Field(description="Our reference of the event; safe to quote.")
    handling: str = HANDLING

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values; what is not known or not told is absent, never null."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    def as_bytes(self) -> bytes:
        """The same as UTF-8 text."""
        return self.model_dump_json(by_alias=True, exclude_none=True).encode()


class EventContent(Content):
    """A notice that tells something of an event."""

    event_type: str
    part: Part = Field(default="whole", description="`text`: text released after a person looked.")
    derived: Literal[True] | None = Field(
        default=None,
        description="The sender did not name this child: it is known to be linked to an adult of "
        "the event.",
    )
    corrects: UUID | None = Field(
        default=None, description="The receipt of the earlier event that this replaces."
    )
    held_fields: tuple[str, ...] = Field(
        default=(), description="Names of fields that follow once a person has looked at them."
    )


class NamedChild(Model):
    """A child by name and birth date, and no more."""

    name: PersonName | None = None
    date_of_birth: PartialDate | None = None
    expected_date_of_delivery: Day | None = None


class ToldNhsNumber(Model):
    """An NHS number whose check digit holds; only a verified one may be filed by a machine."""

    value: Annotated[str, Field(pattern=r"^[0-9]{10}$")]
    status: Literal["verified", "unverified"]


class ChildOfHealth(NamedChild):
    """For health: the NHS number as well."""

    nhs_number: ToldNhsNumber | None = None


class ToldVoice(Model):
    """The child's voice, without who else was there and who asked."""

    captured: Literal["spoken-to", "observed-only", "not-attempted", "not-possible"]
    reason: str | None = None
    words: str | None = None
    observations: str | None = None
    at: datetime | None = None


class SchoolFull(EventContent):
    """To the designated safeguarding lead of a school."""

    profile: Literal[Profile.SCHOOL_FULL, Profile.LA_EDUCATION] = Profile.SCHOOL_FULL
    child: NamedChild
    police_reference: str
    attended_at: datetime
    recorded_at: datetime
    present: bool | None = None
    where_in_incident: str | None = None
    circumstances: str | None = None
    voice: ToldVoice | None = None
    must_not_collect: tuple[PersonName, ...] = Field(
        default=(), description="By an order in force these people must not collect this child."
    )
    contact: Contact


class LaEducation(SchoolFull):
    """To the officer for children educated at home or missing education: as to a school."""

    profile: Literal[Profile.LA_EDUCATION] = Profile.LA_EDUCATION


class HealthMinimal(EventContent):
    """To a school nurse or health visitor: that something happened, never who, where or what."""

    profile: Literal[Profile.HEALTH_MINIMAL] = Profile.HEALTH_MINIMAL
    child: ChildOfHealth
    incident_at: datetime
    present: bool | None = None
    welfare_check_done: bool | None = None
    social_care_informed: Literal[True] | None = Field(
        default=None, description="Absent until social care's own notice is delivered."
    )


class EarlyYearsMinimal(EventContent):
    """To a nursery or childminder: as to health, without the NHS number."""

    profile: Literal[Profile.EARLY_YEARS_MINIMAL] = Profile.EARLY_YEARS_MINIMAL
    child: NamedChild
    incident_at: datetime
    present: bool | None = None
    welfare_check_done: bool | None = None
    social_care_informed: Literal[True] | None = None


class MashIncident(EventContent):
    """To the MASH or the allocated worker: everything the sender sent."""

    profile: Literal[Profile.MASH_INCIDENT, Profile.HAND_OFF] = Profile.MASH_INCIDENT
    sender: str
    occurred_at: datetime
    child_index: int = Field(description="The child that this notice is about.")
    decision_due_at: datetime | None = None
    child: ChildOfHealth | None = Field(
        default=None, description="Who a derived child is, whom `data` does not name."
    )
    orders: tuple[OrderInForce, ...] = Field(
        default=(), description="Who must not collect, or have contact with, this child."
    )
    data: dict[str, Any]


class HandOff(MashIncident):
    """To another area, whose child this is: everything but withheld addresses; please confirm."""

    profile: Literal[Profile.HAND_OFF] = Profile.HAND_OFF
    withheld_fields: tuple[str, ...] = ()
    instruction: str = "This child lives in your area. Please confirm that you have taken it on."


class MissingAlert(EventContent):
    """To schools and health: whom to look for, never why the child may be gone."""

    profile: Literal[Profile.MISSING_ALERT] = Profile.MISSING_ALERT
    child: ChildOfHealth
    grade: MissingGrade
    description: str | None = None
    last_seen_at: datetime | None = None
    last_seen_place: str | None = None
    updates: UUID | None = Field(
        default=None, description="The receipt of the report that this restates."
    )
    if_seen: str = "If you see this child, call 999."


class MissingFound(EventContent):
    """To everyone who was told that the child was missing; never where, with whom or why."""

    profile: Literal[Profile.MISSING_FOUND] = Profile.MISSING_FOUND
    child: NamedChild
    report: UUID | None = Field(default=None, description="The receipt of the report.")
    instruction: str = "This child has been found. Stop looking."


class ToldAction(Model):
    """An action and its date."""

    description: str | None = None
    due_on: Day


class ReferrerOutcome(EventContent):
    """To the professional who referred: how far it is, what was decided, nothing of anyone else."""

    profile: Literal[Profile.REFERRER_OUTCOME] = Profile.REFERRER_OUTCOME
    referral: UUID
    stage: Literal["triaged", "decided", "assessed"]
    outcome: ReferralOutcome | AssessmentOutcome | None = Field(
        default=None, description="Absent while it is only triaged."
    )
    triaged_at: datetime | None = None
    decided_at: datetime | None = None
    assessed_at: datetime | None = None
    rationale: str | None = None
    actions: tuple[ToldAction, ...] = ()
    contact: Contact


class DigestedEvent(Model):
    """One event about the child: a reference, times, classes and codes; whoever needs its text asks
    by the reference."""

    receipt: UUID
    event_type: str
    occurred_at: datetime
    told: tuple[RecipientRole, ...] = Field(description="Classes of recipients, never their names.")
    about: UUID | None = Field(
        default=None, description="The receipt of the referral or report that it speaks of."
    )
    said: str | None = Field(default=None, description="A code: the outcome or the grade.")
    follows: bool = Field(
        default=False, description="Nobody has confirmed it: it is with you as a notice of its own."
    )
    unconfirmed: tuple[RecipientRole, ...] = Field(
        default=(), description="Classes that were told and had not confirmed it."
    )


class WorkerDigest(EventContent):
    """To the worker who takes a child over: what was told about it, in references and codes."""

    profile: Literal[Profile.WORKER_DIGEST] = Profile.WORKER_DIGEST
    child: NamedChild
    assigned_at: datetime
    since: datetime = Field(description="Nothing older is in it.")
    events: tuple[DigestedEvent, ...] = ()
    withdrawn: tuple[UUID, ...] = Field(
        default=(), description="Receipts of events that were taken back; nothing else is said."
    )
    left_off: int = Field(default=0, description="Older events that found no place here.")
    instruction: str = "You work with this child now. Read what follows, and confirm this digest."
    contact: Contact


class ReferralReceipt(Content):
    """To whoever referred: that it was received; no outcome, no worker."""

    profile: Literal[Profile.RECEIPT] = Profile.RECEIPT
    message: str = "What you told us was received."


class Withdrawal(Content):
    """To one who is no longer entitled: destroy what came before. Carries nothing of it."""

    profile: Literal[Profile.WITHDRAWAL] = Profile.WITHDRAWAL
    withdraws: UUID | None = Field(default=None, description="The receipt that was told of before.")
    also: tuple[UUID, ...] = Field(
        default=(), description="Receipts that came with it, to a worker to whom it was mistaken."
    )
    part: Part = Field(
        default="whole", description="`text`: only the text that followed; the notice stands."
    )
    instruction: str = (
        "What you were sent under this reference was withdrawn. "
        "Destroy it, and confirm that you have."
    )


class Alert(Content):
    """By e-mail, text or calendar: that a notice waits. No personal data, and not of what kind."""

    profile: Literal[Profile.ALERT] = Profile.ALERT
    message: str = "A notice waits for you. Sign in to read it."
    link: str | None = Field(default=None, description="Where to read it, set by the channel.")
