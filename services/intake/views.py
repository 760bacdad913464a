"""What a sender reads of its event's progress, as JSON. No name of a child, no words of anybody."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from schemas.facts import Evidence, Flag
from schemas.model import Model


class Named(Model):
    """Who is told what, named as far as the sender may know it."""

    role: str
    organisation: str | None = Field(
        default=None, description="Absent where only the class of recipient may be shown."
    )
    name: str | None = None
    profile: str
    part: str


class Recipient(Named):
    """One who must know, and how far the notice came; `times` has every state it was in."""

    rung: int = Field(description="0: the first to be told; above: told because nobody confirmed.")
    state: str
    reason: str | None = None
    times: dict[str, datetime]


Doing = Literal[
    "being-delivered",
    "waiting-for-confirmation",
    "next-is-told",
    "person-must-telephone",
    "nothing-more",
]


class Waited(Named):
    """One recipient from whom a confirmation is still to come, or who will not be told."""

    child_index: int
    has_it: bool = Field(description="Its system has the notice. Not yet that a person knows.")
    state: str
    reason: str | None = None
    since: datetime
    doing: Doing = Field(
        description="being-delivered: it is sent, again and again where need be; "
        "waiting-for-confirmation: until its deadline, then the next on its ladder is told; "
        "next-is-told: `nextRole` has been told instead; person-must-telephone: nobody is left on "
        "the ladder; nothing-more: withheld."
    )
    next_role: str | None = None
    next_organisation: str | None = None


class Outstanding(Model):
    """Who has not got it. A recipient of two profiles or parts counts for each."""

    confirmed: int = Field(description="Somebody confirmed, the recipient or one further up.")
    has_it: int = Field(description="Has it, and nobody has confirmed.")
    has_not_got_it: int
    withheld: int
    ended: int = Field(description="Taken back, restated, or overtaken before it was sent.")
    waited_for: tuple[Waited, ...] = ()


class Escalation(Model):
    """Nobody confirmed in time, so the next was told."""

    child_index: int
    from_role: str
    from_organisation: str | None = None
    to_role: str
    to_organisation: str | None = None
    at: datetime
    reason: str | None = None


class Resolution(Model):
    """A person must look, or looked: who the child is, or whether a text may be sent."""

    child_index: int | None = None
    state: str = Field(description="waiting, overdue, decided or undone")
    reason: str | None = None
    since: datetime | None = None
    decide_by: datetime | None = None
    overdue_at: datetime | None = None
    decided_at: datetime | None = None
    undone_at: datetime | None = None
    decision: str | None = None


class Child(Model):
    """One child, by its position in the event's `data.children`."""

    index: int
    derived: Literal[True] | None = Field(
        default=None,
        description="You did not list this child: it is known to be linked to an adult you named.",
    )
    state: str = Field(description="addressed, or needs-person")
    addressed_at: datetime | None = None
    recipients: tuple[Recipient, ...] = ()


class Applied(Model):
    """The event changed the directory itself."""

    at: datetime
    outcome: str | None = None


class Retracted(Model):
    """A later event took this one back, or restated it."""

    at: datetime
    by_receipt: UUID
    replaced_by: UUID | None = None


class MissedClock(Model):
    """A clock that ran out."""

    clock: str
    started_at: datetime
    due_at: datetime
    missed_at: datetime


class LinkMissing(Model):
    """Your record of an adult lacks a link to a child; answer with `record.answered`."""

    finding: UUID
    child_index: int
    adults: tuple[int, ...] = Field(description="Positions in your event's `adults`.")
    state: str = Field(description="open, answered or withdrawn")
    raised_at: datetime | None = None
    answered_at: datetime | None = None
    withdrawn_at: datetime | None = None


class Contradiction(Model):
    """Your event contradicts the register about a child; answer with `record.answered`."""

    finding: UUID
    child_index: int | None = None
    evidence: tuple[Evidence, ...] = Field(description="Which fields, and how. None: withdrawn.")
    state: str = Field(description="open, answered or withdrawn")
    raised_at: datetime | None = None
    answered_at: datetime | None = None
    withdrawn_at: datetime | None = None


class FindingShown(Model):
    """What was found of your own records, by its kind; answer with `record.answered`."""

    finding: UUID
    kind: str = Field(description="person.link-missing, person.duplicate-suspected …")
    state: str = Field(description="open, answered or withdrawn")
    receipt: UUID | None = Field(default=None, description="Your event, if it is of one.")
    child_index: int | None = None
    adults: tuple[int, ...] = Field(default=(), description="Positions in your event's `adults`.")
    records: tuple[str, ...] = Field(
        default=(), description="Your own records, as `source:reference`."
    )
    evidence: tuple[Evidence, ...] = ()
    raised_at: datetime | None = None
    answered_at: datetime | None = None
    withdrawn_at: datetime | None = None


class Findings(Model):
    """One page, oldest first; `after` gives the next."""

    findings: tuple[FindingShown, ...]
    after: UUID | None = None


class Progress(Model):
    """Everything that its sender may know of an event."""

    receipt: UUID
    type: str
    version: int
    state: str = Field(
        description="accepted, needs-person, addressed, applied or retracted: the event as a whole"
    )
    occurred_at: datetime
    accepted_at: datetime
    due_at: datetime | None = None
    supersedes: UUID | None = None
    flags: tuple[Flag, ...]
    children: tuple[Child, ...]
    outstanding: Outstanding
    resolutions: tuple[Resolution, ...]
    escalations: tuple[Escalation, ...]
    clocks: tuple[MissedClock, ...]
    links_missing: tuple[LinkMissing, ...] = ()
    contradictions: tuple[Contradiction, ...] = ()
    applied: Applied | None = None
    retracted: Retracted | None = None
