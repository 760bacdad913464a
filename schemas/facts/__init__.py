"""The facts that services tell each other over the bus.

Each class names its type and its topic, and gives the key that keeps its order. A key is opaque:
never a sender's id, never a name or an NHS number.
"""

from __future__ import annotations

from schemas.facts.base import Addressee, AnyFact, ChildIdentity, Flag, Owner, Part, Sender
from schemas.facts.digest import Digest, DigestLine
from schemas.facts.events import (
    ClockMissed,
    EventAccepted,
    EventAddressed,
    EventApplied,
    EventRetracted,
    LadderUnconfirmed,
    OrganisationRecorded,
    PolicyLine,
    PolicyRecorded,
)
from schemas.facts.findings import (
    FINDING_FACTS,
    Evidence,
    Finding,
    PersonDuplicateSuspected,
    PersonLinkMissing,
    RecordContradicts,
)
from schemas.facts.notices import (
    NOTICE_FACTS,
    MailboxNotCollected,
    NoticeAcknowledged,
    NoticeDeclined,
    NoticeDelivered,
    NoticeEscalated,
    NoticeExhausted,
    NoticeFact,
    NoticeFailed,
    NoticeFiled,
    NoticeOpened,
    NoticeQuestioned,
    NoticeReminded,
    NoticeSuperseded,
    NoticeTelephoned,
    NoticeUndelivered,
    NoticeWithdrawn,
    NoticeWithheld,
    QuestionAnswered,
    notice_id,
)
from schemas.facts.resolutions import (
    ResolutionDecided,
    ResolutionNeeded,
    ResolutionOverdue,
    ResolutionUndone,
)
from schemas.facts.status import (
    STATUS_FACTS,
    AskedNotice,
    CanaryLate,
    CanaryReturned,
    LedgerAsked,
    LedgerGapFound,
    ServiceStateChanged,
    StatusFact,
)
from schemas.organisations import Profile

__all__ = [
    "FACTS",
    "FINDING_FACTS",
    "NOTICE_FACTS",
    "STATUS_FACTS",
    "TOPICS",
    "Addressee",
    "AnyFact",
    "AskedNotice",
    "CanaryLate",
    "CanaryReturned",
    "ChildIdentity",
    "ClockMissed",
    "Digest",
    "DigestLine",
    "EventAccepted",
    "EventAddressed",
    "EventApplied",
    "EventRetracted",
    "Evidence",
    "Finding",
    "Flag",
    "LadderUnconfirmed",
    "LedgerAsked",
    "LedgerGapFound",
    "MailboxNotCollected",
    "NoticeAcknowledged",
    "NoticeDeclined",
    "NoticeDelivered",
    "NoticeEscalated",
    "NoticeExhausted",
    "NoticeFact",
    "NoticeFailed",
    "NoticeFiled",
    "NoticeOpened",
    "NoticeQuestioned",
    "NoticeReminded",
    "NoticeSuperseded",
    "NoticeTelephoned",
    "NoticeUndelivered",
    "NoticeWithdrawn",
    "NoticeWithheld",
    "OrganisationRecorded",
    "Owner",
    "Part",
    "PersonDuplicateSuspected",
    "PersonLinkMissing",
    "PolicyLine",
    "PolicyRecorded",
    "Profile",
    "QuestionAnswered",
    "RecordContradicts",
    "ResolutionDecided",
    "ResolutionNeeded",
    "ResolutionOverdue",
    "ResolutionUndone",
    "Sender",
    "ServiceStateChanged",
    "StatusFact",
    "notice_id",
]

TOPICS = ("events", "addressed", "notices", "organisations", "status")
"""Every topic of the bus; made at deployment, never automatically."""

_ALL: tuple[type[AnyFact], ...] = (
    EventAccepted,
    EventAddressed,
    ResolutionNeeded,
    ResolutionDecided,
    ResolutionUndone,
    ResolutionOverdue,
    EventApplied,
    *FINDING_FACTS,
    EventRetracted,
    OrganisationRecorded,
    LadderUnconfirmed,
    PolicyRecorded,
    ClockMissed,
    *NOTICE_FACTS,
    *STATUS_FACTS,
    QuestionAnswered,
    MailboxNotCollected,
)

FACTS: dict[str, type[AnyFact]] = {fact.fact_type: fact for fact in _ALL}
"""Every fact type, with the model that reads it."""
