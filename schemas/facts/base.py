"""What facts have in common: how they are named, keyed, and whom they speak of."""

from __future__ import annotations

from datetime import date, datetime
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from schemas.model import Model
from schemas.organisations import Profile, RecipientRole

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
    assignment: UUID | None = Field(
        default=None, description="Of an allocated worker: the assignment by which it is told."
    )


class ChildIdentity(Model):
    """Who the register says the child is; the event's own words stay in `data`."""

    given_name: str
    family_name: str
    date_of_birth: date | None = None
    nhs_number: str | None = None
    nhs_verified: bool = False


class AnyFact(Model):
    fact_type: ClassVar[str]
    topic: ClassVar[str]

    def bus_key(self) -> str:
        raise TypeError(f"{type(self).__name__} gives no key")


class FactOfEvent(AnyFact):
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


class KeyedFact(AnyFact):
    key: str

    def bus_key(self) -> str:
        return self.key
