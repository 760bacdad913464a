"""Content profiles: what each class of recipient is told, and the projections that make it."""

from schemas.profiles.content import (
    HANDLING,
    Alert,
    Content,
    EarlyYearsMinimal,
    EventContent,
    HandOff,
    HealthMinimal,
    LaEducation,
    MashIncident,
    MissingAlert,
    MissingFound,
    ReferralReceipt,
    ReferrerOutcome,
    SchoolFull,
    Withdrawal,
    WorkerDigest,
)
from schemas.profiles.narrow import WouldWiden, narrow
from schemas.profiles.render import MODELS, NothingToRender, render

__all__ = [
    "HANDLING",
    "MODELS",
    "Alert",
    "Content",
    "EarlyYearsMinimal",
    "EventContent",
    "HandOff",
    "HealthMinimal",
    "LaEducation",
    "MashIncident",
    "MissingAlert",
    "MissingFound",
    "NothingToRender",
    "ReferralReceipt",
    "ReferrerOutcome",
    "SchoolFull",
    "Withdrawal",
    "WorkerDigest",
    "WouldWiden",
    "narrow",
    "render",
]
