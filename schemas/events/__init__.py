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
from schemas.events.missing import ChildFound, ChildMissing, MissingFound, MissingReported
from schemas.events.referral import Action, ChildReferred, ReferralDecided, ReferralSubmitted

__all__ = [
    "Action",
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
    "OrderRecorded",
    "OrderedAdult",
    "OrganisationChanged",
    "RecordAnswered",
    "ReferralDecided",
    "ReferralSubmitted",
    "RelatedAdult",
    "RelationshipAsserted",
    "RelationshipKind",
]
