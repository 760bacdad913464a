"""The facts that services tell each other over the bus.

Each class names its type and its topic, and gives the key that keeps its order. A key is opaque:
never a sender's id, never a name or an NHS number.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any, ClassVar, Literal
from uuid import UUID, uuid5

from pydantic import Field

from schemas.blocks import OrderInForce
from schemas.model import Model
from schemas.organisations import Organisation, RecipientRole

_NOTICE_NAMESPACE = UUID("8c1f7a0e-6f0b-5d0e-9a53-3f4b5f7d2c11")

TOPICS = ("events", "addressed", "notices", "organisations")
"""Every topic of the bus; made at deployment, never automatically."""


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
    WITHDRAWAL = "withdrawal"
    ALERT = "alert"


Owner = Literal["notifier", "health-broker"]
"""The service that delivers an obligation; exactly one owns each."""

Part = Literal["whole", "text"]
"""`whole` is the notice; `text` is free text released later, after a person looked at it."""


class Sender(Model):
    """The agency whose credential posted the event."""

    organisation: str
    name: str
    kind: str


class Flag(Model):
    """Something accepted although it is wrong, told back to the sender."""

    code: str
    pointer: str
    detail: str = ""


class Addressee(Model):
    """One who must know, why, and how much."""

    organisation: str
    name: str
    role: RecipientRole
    profile: Profile
    owner: Owner
    rule: str = Field(description="The line of the policy table that named this recipient.")
    withheld: str | None = Field(default=None, description="Why nothing is sent, if nothing is.")


class ChildIdentity(Model):
    """Who the register says the child is; the event's own words stay in `data`."""

    given_name: str
    family_name: str
    date_of_birth: date | None = None
    nhs_number: str | None = None
    nhs_verified: bool = False


class _Fact(Model):
    fact_type: ClassVar[str]
    topic: ClassVar[str]

    def bus_key(self) -> str:
        raise TypeError(f"{type(self).__name__} gives no key")


class _AboutEvent(_Fact):
    """What every fact about a sender's event repeats, so that no reader has to look it up."""

    receipt: UUID
    event_type: str
    version: int = 1
    key: str
    sender: Sender
    occurred_at: datetime
    accepted_at: datetime
    due_at: datetime | None = None
    supersedes: UUID | None = None


class EventAccepted(_AboutEvent):
    """An event is stored; `data` is the sender's, in canonical form."""

    fact_type: ClassVar[str] = "event.accepted"
    topic: ClassVar[str] = "events"

    flags: tuple[Flag, ...] = ()
    data: dict[str, Any]

    def bus_key(self) -> str:
        return self.key


class EventAddressed(_AboutEvent):
    """For one child of one event: who must know. One fact per (event, child, part)."""

    fact_type: ClassVar[str] = "event.addressed"
    topic: ClassVar[str] = "addressed"

    child_index: int = Field(ge=0, description="Position in `data.children`; a derived one: past.")
    child_id: UUID
    derived: bool = Field(default=False, description="Added by a known link; not named by sender.")
    identity: ChildIdentity | None = None
    orders: tuple[OrderInForce, ...] = ()
    part: Part = "whole"
    held: tuple[str, ...] = Field(
        default=(), description="JSON pointers into `data` of text that awaits a person."
    )
    recipients: tuple[Addressee, ...]
    closes: tuple[UUID, ...] = Field(
        default=(), description="Receipts whose open notices this event ends (found, decided)."
    )
    data: dict[str, Any]

    def bus_key(self) -> str:
        return str(self.child_id)


class ResolutionNeeded(_AboutEvent):
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


class ResolutionDecided(_Fact):
    """A person decided; what follows from it is published as `event.addressed`."""

    fact_type: ClassVar[str] = "resolution.decided"
    topic: ClassVar[str] = "addressed"

    resolution: UUID
    receipt: UUID
    key: str
    child_index: int | None = None
    decision: str
    decided_by: str
    decided_at: datetime

    def bus_key(self) -> str:
        return self.key


class ResolutionOverdue(_Fact):
    """Nobody decided in time; the next who can act are told."""

    fact_type: ClassVar[str] = "resolution.overdue"
    topic: ClassVar[str] = "addressed"

    resolution: UUID
    receipt: UUID
    key: str
    child_index: int | None = None
    reason: str
    decide_by: datetime
    recipients: tuple[Addressee, ...] = ()

    def bus_key(self) -> str:
        return self.key


class _ByKey(_Fact):
    key: str

    def bus_key(self) -> str:
        return self.key


class EventApplied(_ByKey):
    """An event that changes the directory itself (an enrolment, an organisation) took effect."""

    fact_type: ClassVar[str] = "event.applied"
    topic: ClassVar[str] = "addressed"

    receipt: UUID
    at: datetime
    outcome: str = "applied"


class PersonLinkMissing(_ByKey):
    """An agency's record of an adult lacks a child that another source links; never which."""

    fact_type: ClassVar[str] = "person.link-missing"
    topic: ClassVar[str] = "addressed"

    finding: UUID
    receipt: UUID
    agency: str = Field(description="Whose record it is: it is told, by its event's progress.")
    child_index: int
    adults: tuple[int, ...] = Field(description="Positions in the event's `adults`.")
    state: Literal["open", "answered", "withdrawn"]
    at: datetime


class EventRetracted(_ByKey):
    """An event must be told no further; `retracts` may not have arrived yet (a tombstone)."""

    fact_type: ClassVar[str] = "event.retracted"
    topic: ClassVar[str] = "addressed"

    receipt: UUID
    retracts: UUID
    at: datetime
    replaced_by: UUID | None = None


class OrganisationRecorded(_Fact):
    """The directory's present knowledge of one organisation, restated in full."""

    fact_type: ClassVar[str] = "organisation.recorded"
    topic: ClassVar[str] = "organisations"

    organisation: Organisation
    at: datetime

    def bus_key(self) -> str:
        return self.organisation.id


class NoticeFact(_Fact):
    """What happened to one notice; each subclass is one thing that can happen."""

    topic: ClassVar[str] = "notices"

    notice: UUID
    receipt: UUID
    child_index: int
    child_id: UUID
    part: Part = "whole"
    rung: int = 0
    organisation: str
    recipient_name: str
    role: RecipientRole
    profile: Profile
    owner: Owner
    at: datetime
    attempt: int | None = None
    reason: str | None = None

    def bus_key(self) -> str:
        return str(self.child_id)


class NoticeDelivered(NoticeFact):
    """The recipient's system has it (2xx, collected, message accepted)."""

    fact_type: ClassVar[str] = "notice.delivered"


class NoticeOpened(NoticeFact):
    """Its content was fetched."""

    fact_type: ClassVar[str] = "notice.opened"


class NoticeAcknowledged(NoticeFact):
    """A person at the recipient confirmed it."""

    fact_type: ClassVar[str] = "notice.acknowledged"


class NoticeFiled(NoticeFact):
    """It is in the recipient's own record."""

    fact_type: ClassVar[str] = "notice.filed"


class NoticeFailed(NoticeFact):
    """It cannot be delivered this way; a person is told and the ladder goes on."""

    fact_type: ClassVar[str] = "notice.failed"


class NoticeWithheld(NoticeFact):
    """Nothing is sent, with the reason."""

    fact_type: ClassVar[str] = "notice.withheld"


class NoticeSuperseded(NoticeFact):
    """A correction, retraction or found overtook it before it was sent."""

    fact_type: ClassVar[str] = "notice.superseded"


class NoticeUndelivered(NoticeFact):
    """Its deadline passed and nobody had confirmed it."""

    fact_type: ClassVar[str] = "notice.undelivered"


class NoticeEscalated(NoticeFact):
    """The next on the ladder is told; `next_notice` is a notice of its own."""

    fact_type: ClassVar[str] = "notice.escalated"

    next_notice: UUID
    next_organisation: str
    next_role: RecipientRole


class ClockMissed(_Fact):
    """A clock that the law or local rules set ran out (a referral undecided, say)."""

    fact_type: ClassVar[str] = "clock.missed"
    topic: ClassVar[str] = "notices"

    clock: str
    receipt: UUID
    key: str
    started_at: datetime
    due_at: datetime

    def bus_key(self) -> str:
        return self.key


NOTICE_FACTS: tuple[type[NoticeFact], ...] = (
    NoticeDelivered,
    NoticeOpened,
    NoticeAcknowledged,
    NoticeFiled,
    NoticeFailed,
    NoticeWithheld,
    NoticeSuperseded,
    NoticeUndelivered,
    NoticeEscalated,
)

_ALL: tuple[type[_Fact], ...] = (
    EventAccepted,
    EventAddressed,
    ResolutionNeeded,
    ResolutionDecided,
    ResolutionOverdue,
    EventApplied,
    PersonLinkMissing,
    EventRetracted,
    OrganisationRecorded,
    ClockMissed,
    *NOTICE_FACTS,
)

FACTS: dict[str, type[_Fact]] = {fact.fact_type: fact for fact in _ALL}
"""Every fact type, with the model that reads it."""


def notice_id(
    receipt: UUID, child_id: UUID, organisation: str, profile: str, part: str, rung: int
) -> UUID:
    """The id of an obligation: the same inputs give the same id, in whichever service."""
    return uuid5(_NOTICE_NAMESPACE, f"{receipt}|{child_id}|{organisation}|{profile}|{part}|{rung}")
