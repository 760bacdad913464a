"""Facts about events and what they change: accepted, addressed, applied, retracted."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from pydantic import Field

from schemas.blocks import OrderInForce
from schemas.facts.base import (
    Addressee,
    AnyFact,
    ChildIdentity,
    FactOfEvent,
    Flag,
    KeyedFact,
    Part,
)
from schemas.facts.digest import Digest
from schemas.model import Model
from schemas.organisations import Organisation, OrganisationKind, Profile


class EventAccepted(FactOfEvent):
    """An event is stored; `data` is the sender's, in canonical form."""

    fact_type: ClassVar[str] = "event.accepted"
    topic: ClassVar[str] = "events"

    flags: tuple[Flag, ...] = ()
    data: dict[str, Any]

    def bus_key(self) -> str:
        return self.key


class EventAddressed(FactOfEvent):
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
    regards: tuple[UUID, ...] = Field(
        default=(),
        description="Receipts of the referral, or of the found, that this event speaks of without "
        "ending them (triaged; a return interview).",
    )
    withdraws: tuple[UUID, ...] = Field(
        default=(), description="Notices of this same event and child that are taken back."
    )
    edition: int = Field(
        default=0,
        ge=0,
        description="How often notices of this event and child were taken back before: a notice "
        "of a later edition is another one, even to the same recipient.",
    )
    digest: Digest | None = Field(
        default=None,
        description="For the worker who takes the child over; open notices go with it.",
    )
    data: dict[str, Any]

    def bus_key(self) -> str:
        return str(self.child_id)


class EventApplied(KeyedFact):
    """An event that changes the directory itself (an enrolment, an organisation) took effect."""

    fact_type: ClassVar[str] = "event.applied"
    topic: ClassVar[str] = "addressed"

    receipt: UUID
    at: datetime
    outcome: str = "applied"


class EventRetracted(KeyedFact):
    """An event must be told no further; `retracts` may not have arrived yet (a tombstone)."""

    fact_type: ClassVar[str] = "event.retracted"
    topic: ClassVar[str] = "addressed"

    receipt: UUID
    retracts: UUID
    at: datetime
    replaced_by: UUID | None = None


class OrganisationRecorded(AnyFact):
    """The directory's present knowledge of one organisation, restated in full."""

    fact_type: ClassVar[str] = "organisation.recorded"
    topic: ClassVar[str] = "organisations"

    organisation: Organisation
    at: datetime

    def bus_key(self) -> str:
        return self.organisation.id


class LadderUnconfirmed(AnyFact):
    """Nobody at an organisation has confirmed for too long who is told there, and who next.

    Said once each time that a confirmation lapses.
    """

    fact_type: ClassVar[str] = "ladder.unconfirmed"
    topic: ClassVar[str] = "organisations"

    organisation: str
    confirmed_at: datetime | None = Field(default=None, description="None: never.")
    lapsed_at: datetime
    at: datetime

    def bus_key(self) -> str:
        return self.organisation


class PolicyLine(Model):
    """One line of the partnership's policy table, in its own words."""

    rule: str = Field(description="Its id, as it stands with every notice that it causes.")
    event_type: str
    recipient: str
    when: str
    profile: Profile
    kinds: tuple[OrganisationKind, ...] = Field(
        description="Organisations of which kinds the recipient's name may stand for."
    )


class PolicyRecorded(AnyFact):
    """The policy table as it is in force, whole: who is told of what, when, and how much.

    Said when a directory starts, and once a day; the newest counts.
    """

    fact_type: ClassVar[str] = "policy.recorded"
    topic: ClassVar[str] = "organisations"

    lines: tuple[PolicyLine, ...]
    at: datetime

    def bus_key(self) -> str:
        return "policy"


class ClockMissed(KeyedFact):
    """A clock that the law or local rules set ran out (a referral undecided, say)."""

    fact_type: ClassVar[str] = "clock.missed"
    topic: ClassVar[str] = "notices"

    clock: str
    receipt: UUID
    started_at: datetime
    due_at: datetime
