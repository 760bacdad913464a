"""Facts about notices: one for each thing that can become of what a recipient is told."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from uuid import UUID, uuid5

from pydantic import Field

from schemas.facts.base import AnyFact, Owner, Part
from schemas.organisations import Profile, RecipientRole
from schemas.receipts import Speaker

_NOTICE_NAMESPACE = UUID("8c1f7a0e-6f0b-5d0e-9a53-3f4b5f7d2c11")


class NoticeFact(AnyFact):
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
    deadline_at: datetime | None = None
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


class NoticeTelephoned(NoticeFact):
    """Somebody told the recipient by telephone, `at` that time; it counts as acknowledged."""

    fact_type: ClassVar[str] = "notice.telephoned"

    told_by: Speaker
    told_to: Speaker


class NoticeDeclined(NoticeFact):
    """The recipient does not take it on; `reason` is a code, and the ladder goes on at once."""

    fact_type: ClassVar[str] = "notice.declined"


class NoticeReminded(NoticeFact):
    """It was acknowledged and is not filed after some working days: it is asked for, once."""

    fact_type: ClassVar[str] = "notice.reminded"


class NoticeQuestioned(NoticeFact):
    """The recipient asks the sender. The text is personal data: it is in no log and no key."""

    fact_type: ClassVar[str] = "notice.questioned"

    question: UUID
    text: str


class QuestionAnswered(AnyFact):
    """The sender answered a recipient's question. The text is personal data."""

    fact_type: ClassVar[str] = "question.answered"
    topic: ClassVar[str] = "notices"

    answer: UUID
    question: UUID
    notice: UUID
    receipt: UUID
    child_id: UUID
    text: str
    answered_by: str
    at: datetime

    def bus_key(self) -> str:
        return str(self.child_id)


class MailboxNotCollected(AnyFact):
    """A system has not pulled for the interval that it stated; what waits for it climbs."""

    fact_type: ClassVar[str] = "mailbox.not-collected"
    topic: ClassVar[str] = "notices"

    organisation: str
    last_pulled_at: datetime
    interval_minutes: int
    waiting: int
    at: datetime

    def bus_key(self) -> str:
        return self.organisation


class NoticeFailed(NoticeFact):
    """It cannot be delivered this way; a person is told and the ladder goes on."""

    fact_type: ClassVar[str] = "notice.failed"


class NoticeWithheld(NoticeFact):
    """Nothing is sent, with the reason."""

    fact_type: ClassVar[str] = "notice.withheld"


class NoticeSuperseded(NoticeFact):
    """A correction, retraction or found overtook it before it was sent."""

    fact_type: ClassVar[str] = "notice.superseded"


class NoticeWithdrawn(NoticeFact):
    """It was told and is taken back: the recipient gets a withdrawal of it."""

    fact_type: ClassVar[str] = "notice.withdrawn"


class NoticeUndelivered(NoticeFact):
    """Its deadline passed and nobody had confirmed it."""

    fact_type: ClassVar[str] = "notice.undelivered"


class NoticeEscalated(NoticeFact):
    """The next on the ladder is told; `next_notice` is a notice of its own.

    Nobody was silent where the reason is `absent` (it is handed over to who stands in) or
    `reallocated` (to the child's new worker, and the former's ladder has ended).
    """

    fact_type: ClassVar[str] = "notice.escalated"

    next_notice: UUID
    next_organisation: str
    next_role: RecipientRole
    stands_in_for: str | None = Field(
        default=None, description="The absent organisation for which the next one is told."
    )


class NoticeExhausted(NoticeFact):
    """Nobody is left on its ladder: a person must telephone."""

    fact_type: ClassVar[str] = "notice.exhausted"


NOTICE_FACTS: tuple[type[NoticeFact], ...] = (
    NoticeDelivered,
    NoticeOpened,
    NoticeAcknowledged,
    NoticeFiled,
    NoticeTelephoned,
    NoticeDeclined,
    NoticeReminded,
    NoticeQuestioned,
    NoticeFailed,
    NoticeWithheld,
    NoticeSuperseded,
    NoticeWithdrawn,
    NoticeUndelivered,
    NoticeEscalated,
    NoticeExhausted,
)


def notice_id(
    receipt: UUID,
    child_id: UUID,
    organisation: str,
    profile: str,
    part: str,
    rung: int,
    edition: int = 0,
) -> UUID:
    """The id of an obligation: the same inputs give the same id, in whichever service."""
    said = f"{receipt}|{child_id}|{organisation}|{profile}|{part}|{rung}"
    return uuid5(_NOTICE_NAMESPACE, f"{said}|{edition}" if edition else said)
