"""What a sender reads of its event's progress, as JSON. No name of a child, no words of anybody."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from schemas.facts import Evidence, Flag
from schemas.model import Model

SANDBOX: Any = Field(default=None, description="True: of the sandbox, and nothing of it is real.")


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

    line: str = Field(description="Opaque: which recipient it is, as pushes of progress name it.")
    rung: int = Field(description="0: the first to be told; above: told because nobody confirmed.")
    state: str
    reason: str | None = None
    times: dict[str, datetime]
    told_by: str | None = Field(default=None, description="By telephone: who rang, by role.")
    told_to: str | None = Field(default=None, description="By telephone: who answered, by role.")


class Outstanding(Named):
    """One who has not got the notice, or has it and nobody confirmed; and what is done about it."""

    rung: int
    has: str = Field(description="not-delivered, or unconfirmed: its system has it, no person")
    doing: str = Field(
        description="waiting-for-deadline (`until`), climbing (the next is told at once), "
        "next-told, confirmed-on-its-ladder, person-must-telephone, withheld"
    )
    reason: str | None = Field(default=None, description="Why: a code.")
    until: datetime | None = Field(
        default=None, description="Absent while nothing has come of the notice yet."
    )
    next_role: str | None = None
    next_organisation: str | None = None


class Counts(Model):
    """Of every notice of the event: how many have it, and how far."""

    notices: int
    confirmed: int = Field(description="A person there has it.")
    unconfirmed: int = Field(description="Its system has it; nobody confirmed.")
    not_delivered: int
    ended: int = Field(description="Superseded or withdrawn.")


class AnswerShown(Model):
    """What you answered."""

    text: str
    by: str
    at: datetime


class QuestionShown(Model):
    """What a recipient asks you; while nobody answered, how long it waits."""

    question: UUID
    child_index: int
    role: str
    organisation: str | None = None
    name: str | None = None
    text: str | None = Field(
        default=None,
        description="Absent where a recipient is shown by its role only: its words may name it.",
    )
    asked_at: datetime
    waiting_minutes: int | None = None
    answers: tuple[AnswerShown, ...] = ()


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
    outstanding: tuple[Outstanding, ...] = Field(default=(), description="Who has not got this.")


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

    sandbox: Literal[True] | None = SANDBOX
    findings: tuple[FindingShown, ...]
    after: UUID | None = None


class ErrorShown(Model):
    """One thing that was wrong: where, and which rule."""

    pointer: str | None = None
    header: str | None = None
    parameter: str | None = None
    rule: str


class Rejection(Model):
    """One event, or one request, that was refused. Nothing of it was stored but this."""

    at: datetime
    status: int
    code: str = Field(description="The last part of the problem's `type`.")
    type: str | None = Field(default=None, description="Where it was a type of this bus.")
    source: str | None = Field(default=None, description="Where it was yours.")
    id: str | None = Field(default=None, description="Your own id of it, where it could be read.")
    errors: tuple[ErrorShown, ...]
    more_errors: int | None = None
    mend: str


class Rejections(Model):
    """One page, newest first; `after` gives the next."""

    sandbox: Literal[True] | None = SANDBOX
    rejections: tuple[Rejection, ...]
    after: int | None = None


class FlagShown(Flag):
    """What is wrong with an event that was accepted, and what to do about it."""

    mend: str


class FlaggedEvent(Model):
    """One event that was accepted although something is wrong with it."""

    receipt: UUID
    type: str
    source: str
    id: str = Field(description="Your own id of it.")
    occurred_at: datetime
    accepted_at: datetime
    flags: tuple[FlagShown, ...]


class FlaggedEvents(Model):
    """One page, newest first; `after` gives the next."""

    sandbox: Literal[True] | None = SANDBOX
    events: tuple[FlaggedEvent, ...]
    after: str | None = None


class SubscriptionShown(Model):
    """Where you take pushes of progress, and how that goes."""

    sandbox: Literal[True] | None = SANDBOX
    subscription: UUID
    url: str
    signature: Literal["hmac", "ed25519"]
    state: str = Field(
        description="well, failing (tried again), paused (left alone until `pausedUntil`), probing "
        "(tried with one push), disabled"
    )
    added_at: datetime
    pushed_at: datetime | None = Field(default=None, description="When one last arrived.")
    failing_since: datetime | None = None
    last_outcome: str | None = Field(default=None, description="What came of the last: a code.")
    last_status: int | None = None
    paused_until: datetime | None = None
    disabled_at: datetime | None = None
    disabled_reason: str | None = Field(
        default=None, description="endpoint-gone (you answered 410), failing (for too long)"
    )
    both_secrets_until: datetime | None = Field(
        default=None, description="The secret before the last signs too until then."
    )
    waiting: int = Field(description="Events whose change you have not been told; 1000 at most.")
    waiting_since: datetime | None = None


class Subscriptions(Model):
    """Every subscription of yours."""

    sandbox: Literal[True] | None = SANDBOX
    subscriptions: tuple[SubscriptionShown, ...]


class SubscriptionMade(Model):
    """The secret is shown this once."""

    sandbox: Literal[True] | None = SANDBOX
    subscription: UUID
    secret: str = Field(description="whsec_…, or whpk_…: what you verify signatures with.")


class SecretMade(Model):
    """The new secret, shown this once; both sign until then."""

    sandbox: Literal[True] | None = SANDBOX
    secret: str
    both_secrets_until: datetime


class Progress(Model):
    """Everything that its sender may know of an event."""

    sandbox: Literal[True] | None = SANDBOX
    receipt: UUID
    type: str
    version: int
    state: str = Field(
        description="accepted, needs-person, addressed, applied or retracted: the event as a whole"
    )
    occurred_at: datetime
    accepted_at: datetime
    recorded_late: bool | None = Field(
        default=None, description="True: it reached the bus more than a day after it happened."
    )
    due_at: datetime | None = None
    supersedes: UUID | None = None
    flags: tuple[Flag, ...]
    children: tuple[Child, ...]
    resolutions: tuple[Resolution, ...]
    counts: Counts
    asked: int | None = Field(
        default=None,
        description="How often you asked while something was still to come: `outstanding` says "
        "what, and a subscription tells you.",
    )
    questions: tuple[QuestionShown, ...] = ()
    escalations: tuple[Escalation, ...]
    clocks: tuple[MissedClock, ...]
    links_missing: tuple[LinkMissing, ...] = ()
    contradictions: tuple[Contradiction, ...] = ()
    applied: Applied | None = None
    retracted: Retracted | None = None
