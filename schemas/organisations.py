"""Organisations as every service knows them: who they are, when open, how much each may be told,
and whom to tell next."""

from __future__ import annotations

from datetime import date, time
from enum import StrEnum
from typing import Literal, Self

from pydantic import Field, model_validator

from schemas.model import Model


class OrganisationKind(StrEnum):
    """What an organisation is; decides what its credential may do and what it may be told."""

    POLICE = "police"
    SOCIAL_CARE = "social-care"
    LOCAL_AUTHORITY = "local-authority"
    SCHOOL = "school"
    SCHOOL_NURSING = "school-nursing"
    HEALTH_VISITING = "health-visiting"
    HOSPITAL = "hospital"
    MENTAL_HEALTH = "mental-health"
    GENERAL_PRACTICE = "general-practice"
    EARLY_YEARS = "early-years"
    CARE_PROVIDER = "care-provider"
    PROBATION = "probation"
    YOUTH_OFFENDING = "youth-offending"
    VOLUNTARY = "voluntary"
    COURT = "court"


class RecipientRole(StrEnum):
    """In which role an organisation is told."""

    SCHOOL = "school"
    SCHOOL_NURSING = "school-nursing"
    HEALTH_VISITING = "health-visiting"
    MASH = "mash"
    RESPONSIBLE_AUTHORITY = "responsible-authority"
    EXPLOITATION_TEAM = "exploitation-team"
    EDUCATION_OFFICER = "education-officer"
    EMERGENCY_DEPARTMENT = "emergency-department"
    EARLY_YEARS = "early-years"
    GENERAL_PRACTICE = "general-practice"
    REFERRER = "referrer"
    REFERRER_MANAGER = "referrer-manager"
    OTHER_AREA = "other-area"
    ALLOCATED_WORKER = "allocated-worker"
    REVIEWER = "reviewer"
    DESIGNATED_OFFICER = "designated-officer"
    DUTY_OFFICER = "duty-officer"
    DEPUTY = "deputy"
    TEAM = "team"


class Profile(StrEnum):
    """What a class of recipient may see (minimum necessary)."""

    SCHOOL_FULL = "school-full"
    HEALTH_MINIMAL = "health-minimal"
    EARLY_YEARS_MINIMAL = "early-years-minimal"
    MASH_INCIDENT = "mash-incident"
    LA_EDUCATION = "la-education"
    MISSING_ALERT = "missing-alert"
    MISSING_FOUND = "missing-found"
    REFERRER_OUTCOME = "referrer-outcome"
    HAND_OFF = "hand-off"
    RECEIPT = "receipt"
    WORKER_DIGEST = "worker-digest"
    WITHDRAWAL = "withdrawal"
    ALERT = "alert"


NARROWER: dict[Profile, frozenset[Profile]] = {
    Profile.SCHOOL_FULL: frozenset({Profile.EARLY_YEARS_MINIMAL}),
    Profile.LA_EDUCATION: frozenset({Profile.EARLY_YEARS_MINIMAL}),
    Profile.HEALTH_MINIMAL: frozenset({Profile.EARLY_YEARS_MINIMAL}),
}
"""Which profiles tell less of the same, beside `alert`, which tells less than any."""


def tells_no_more(profile: Profile, than: Profile) -> bool:
    """Whether whoever is told `profile` learns nothing that `than` does not tell."""
    return profile in (than, Profile.ALERT) or profile in NARROWER.get(than, ())


class DateRange(Model):
    """Two dates, both included."""

    first: date
    last: date


class Post(Model):
    """An organisation in a role: one that can be told."""

    organisation: str
    role: RecipientRole


class ServiceDay(StrEnum):
    """A day of the week that is no bank holiday in England, or any day that is one."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"
    BANK_HOLIDAY = "bank-holiday"


class ServiceHours(Model):
    """When a team is at work on such a day; a night across midnight is two of these."""

    day: ServiceDay
    opens: time = Field(description="Europe/London.")
    closes: time = Field(description="Europe/London; `00:00`: the end of the day.")

    @model_validator(mode="after")
    def _closes_after_it_opens(self) -> Self:
        opens, closes = (one.replace(tzinfo=None) for one in (self.opens, self.closes))
        if opens >= closes != time(0):
            raise ValueError("a team closes after it opens, on the same day")
        return self


class Rung(Post):
    """The next to be told when nobody confirms: one step of a ladder.

    It has `minutes`, or `until` the next working morning or the next opening, and never less than
    the partnership's least time; with neither, the partnership's usual time.
    """

    profile: Profile | None = Field(
        default=None, description="How much it is told; none: as much as the first."
    )
    minutes: int | None = Field(default=None, ge=1, le=7 * 24 * 60)
    until: Literal["working-morning", "opening"] | None = None
    calendar: str | None = Field(
        default=None,
        description="The id of the organisation whose opening is meant; none: the rung's own.",
    )


class Ladder(Model):
    """A ladder of its own for notices of some profiles; no rung is told more than they tell."""

    profiles: tuple[Profile, ...] = Field(min_length=1)
    rungs: tuple[Rung, ...]


QuietDay = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun", "bank-holiday"]


class QuietHours(Model):
    """When a role is not called unless it is urgent: Europe/London, on days when they start.

    They end on the next day where `ends` is not later than `starts`. A duty officer has none.
    """

    role: RecipientRole | None = Field(
        default=None, description="None: every role but the duty officer's."
    )
    starts: time
    ends: time
    days: tuple[QuietDay, ...] = Field(default=(), description="Empty: every day.")


class Absence(DateRange):
    """Days on which nobody answers, in one role or in any, and who stands in."""

    role: RecipientRole | None = None
    stand_in: Post


def ladder_for(
    ladder: tuple[Rung, ...], ladders: tuple[Ladder, ...], profile: str
) -> tuple[Rung, ...]:
    """Who is told next, of notices of a profile: its own ladder, else the common one."""
    own = (one.rungs for one in ladders if profile in one.profiles)
    return next(own, ladder)


class Organisation(Model):
    """One organisation. `id` is opaque to the bus and safe in logs, keys and URLs."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{1,62}$", examples=["urn-900001"])
    kind: OrganisationKind
    name: str = Field(min_length=1, max_length=200)
    urn: str | None = Field(default=None, pattern=r"^[0-9]{6}$")
    ukprn: str | None = Field(default=None, pattern=r"^[0-9]{8}$")
    ods_code: str | None = Field(default=None, pattern=r"^[A-Z0-9]{3,10}$")
    local_authority: str | None = Field(
        default=None, description="The id of the local authority in whose area it lies."
    )
    successor: str | None = Field(
        default=None, description="The id of the organisation that took its place."
    )
    successor_from: date | None = Field(
        default=None, description="From which day on; None: it has already."
    )
    split_into: tuple[str, ...] = Field(
        default=(),
        description="Ids of several that took its place: a person says which one a child is at. "
        "From `successorFrom` on.",
    )
    opens_at: time | None = Field(default=None, description="Europe/London; None: the default.")
    terms: tuple[DateRange, ...] = Field(default=(), description="School terms; empty: unknown.")
    closures: tuple[DateRange, ...] = Field(default=(), description="Inset days, half-terms.")
    service_hours: tuple[ServiceHours, ...] = Field(
        default=(),
        description="When a team (school nursing, health visiting) is at work; empty: unknown, so "
        "England working days from 09:00 to 17:00.",
    )
    nursing_provider: str | None = Field(
        default=None, description="For a school: the id of its school-nursing provider."
    )
    manager: str | None = Field(
        default=None,
        description="The id of the organisation (a manager's mailbox) that is told, beside this "
        "one, what becomes of its referrals.",
    )
    covers_postcodes: tuple[str, ...] = Field(
        default=(), description="Outward codes (B91) served or governed, for residence rules."
    )
    emergency_department: bool = False
    channel: Literal["webhook", "mailbox", "fhir", "none"] = "mailbox"
    ladder: tuple[Rung, ...] = Field(
        default=(), description="For notices of every profile that has no ladder of its own."
    )
    ladders: tuple[Ladder, ...] = Field(default=(), description="By profile.")
    quiet_hours: tuple[QuietHours, ...] = ()
    absences: tuple[Absence, ...] = ()
    holiday_contact: Post | None = Field(
        default=None, description="For a school: who is told while it is closed for long."
    )
