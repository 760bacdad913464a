"""What agencies send: one module per family of events."""

from schemas.events.changes import EnrolmentChanged, EventRetracted, OrganisationChanged
from schemas.events.domestic_abuse import ChildAtIncident, DomesticAbuseRecorded
from schemas.events.event import Event
from schemas.events.links import (
    OrderedAdult,
    OrderRecorded,
    RecordAnswered,
    RelatedAdult,
    RelationshipAsserted,
    RelationshipKind,
)
from schemas.events.missing import (
    ChildFound,
    ChildMissing,
    MissingFound,
    MissingReported,
    MissingUpdated,
    ReturnInterviewCompleted,
    ReturnInterviewOffered,
)
from schemas.events.referral import (
    Action,
    AssessmentCompleted,
    ChildReferred,
    ReferralDecided,
    ReferralSubmitted,
    ReferralTriaged,
)
from schemas.events.worker import WorkerAssigned, WorkerPost

__all__ = [
    "Action",
    "AssessmentCompleted",
    "ChildAtIncident",
    "ChildFound",
    "ChildMissing",
    "ChildReferred",
    "DomesticAbuseRecorded",
    "EnrolmentChanged",
    "Event",
    "EventRetracted",
    "MissingFound",
    "MissingReported",
    "MissingUpdated",
    "OrderRecorded",
    "OrderedAdult",
    "OrganisationChanged",
    "RecordAnswered",
    "ReferralDecided",
    "ReferralSubmitted",
    "ReferralTriaged",
    "RelatedAdult",
    "RelationshipAsserted",
    "RelationshipKind",
    "ReturnInterviewCompleted",
    "ReturnInterviewOffered",
    "WorkerAssigned",
    "WorkerPost",
]
