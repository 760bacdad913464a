"""From an addressed event to what one recipient is told: pure projections, one per profile.

Part of composing a notice (step 5). Takes from the event only what the profile's model names; a
text that is held, or a field that is not told, never reaches it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from schemas.facts import EventAddressed, Profile
from schemas.model import Model
from schemas.profiles import content
from schemas.profiles.content import Content
from schemas.profiles.told import Told
from schemas.profiles.withheld import without_withheld_addresses


class NothingToRender(LookupError):  # noqa: N818 — said as the caller would say it.
    """A profile that has no content for this type of event: a mistake in the policy table."""


def render(
    profile: Profile,
    addressed: EventAddressed,
    *,
    social_care_informed: bool = False,
    decision_due_at: datetime | None = None,
    for_health: bool = False,
) -> Content:
    """What a recipient of this profile is told of this child of this event.

    `social_care_informed`: only once that obligation is delivered. `decision_due_at`: when the
    MASH must have decided. `for_health`: a missing alert then carries the NHS number, by which a
    health system finds its patient; nobody else needs it. Raises `NothingToRender`.
    """
    projection = _PROJECTIONS.get(profile)
    types = _TYPES.get(profile)
    if projection is None or (types is not None and addressed.event_type not in types):
        raise NothingToRender(f"{profile} tells nothing of {addressed.event_type}")
    told = Told(addressed)
    fields = projection(told)
    if social_care_informed and profile in _MINIMAL:
        fields["socialCareInformed"] = True
    if decision_due_at is not None and profile in (Profile.MASH_INCIDENT, Profile.HAND_OFF):
        fields["decisionDueAt"] = decision_due_at
    if profile is Profile.MISSING_ALERT and for_health:
        fields["child"]["nhsNumber"] = told.nhs_number()
    fields["receipt"] = addressed.receipt
    fields["eventType"] = addressed.event_type
    fields["part"] = addressed.part
    fields["derived"] = addressed.derived or None
    fields["corrects"] = addressed.supersedes
    fields["heldFields"] = tuple(told.held_fields)
    # Senders write aliases only, so a Python name among what they sent is no field of ours.
    return MODELS[profile].model_validate(fields, by_alias=True, by_name=False)


MODELS: dict[Profile, type[Content]] = {
    Profile.SCHOOL_FULL: content.SchoolFull,
    Profile.LA_EDUCATION: content.LaEducation,
    Profile.HEALTH_MINIMAL: content.HealthMinimal,
    Profile.EARLY_YEARS_MINIMAL: content.EarlyYearsMinimal,
    Profile.MASH_INCIDENT: content.MashIncident,
    Profile.HAND_OFF: content.HandOff,
    Profile.MISSING_ALERT: content.MissingAlert,
    Profile.MISSING_FOUND: content.MissingFound,
    Profile.REFERRER_OUTCOME: content.ReferrerOutcome,
    Profile.RECEIPT: content.ReferralReceipt,
    Profile.WORKER_DIGEST: content.WorkerDigest,
    Profile.WITHDRAWAL: content.Withdrawal,
    Profile.ALERT: content.Alert,
}
"""The content model of each profile."""


def _tell_school(told: Told) -> dict[str, Any]:
    voice = told.item.get("voice")
    if voice is not None:
        voice = {
            "captured": voice["captured"],
            "at": voice.get("at"),
            "reason": told.text("voice", "reason"),
            "words": told.text("voice", "words"),
            "observations": told.text("voice", "observations"),
        }
    return {
        "child": told.child(),
        "policeReference": told.data["policeReference"],
        "attendedAt": told.data["attendedAt"],
        "recordedAt": told.data["recordedAt"],
        "present": told.item.get("present"),
        "whereInIncident": told.text("whereInIncident"),
        "circumstances": told.text("circumstances"),
        "voice": voice,
        "mustNotCollect": [_plain(order.person) for order in told.addressed.orders],
        "contact": told.data["contact"],
    }


def _tell_early_years(told: Told) -> dict[str, Any]:
    return {
        "child": told.child(),
        "incidentAt": told.data["attendedAt"],
        "present": told.item.get("present"),
        "welfareCheckDone": told.item.get("welfareCheckDone"),
    }


def _tell_health(told: Told) -> dict[str, Any]:
    fields = _tell_early_years(told)
    fields["child"]["nhsNumber"] = told.nhs_number()
    return fields


def _tell_mash(told: Told) -> dict[str, Any]:
    fields = {
        "sender": told.addressed.sender.name,
        "occurredAt": told.addressed.occurred_at,
        "childIndex": told.addressed.child_index,
        "orders": [_plain(order) for order in told.addressed.orders],
        "data": told.data,
    }
    if told.addressed.derived:
        fields["child"] = {**told.child(), "nhsNumber": told.nhs_number()}
    return fields


def _plain(block: Model) -> dict[str, Any]:
    return block.model_dump(by_alias=True, exclude_none=True)


def _hand_off(told: Told) -> dict[str, Any]:
    fields = _tell_mash(told)
    fields["data"], fields["withheldFields"] = without_withheld_addresses(told.data)
    return fields


def _tell_missing(told: Told) -> dict[str, Any]:
    fields = {
        "child": told.child(),
        "grade": told.data["grade"],
        "description": told.text("description"),
        "lastSeenAt": told.item.get("lastSeenAt"),
        "lastSeenPlace": told.text("lastSeenPlace"),
        "updates": told.data.get("report"),
    }
    if_seen = told.text("ifSeen")
    if if_seen is not None:
        fields["ifSeen"] = if_seen
    return fields


def _tell_found(told: Told) -> dict[str, Any]:
    return {"child": told.child(), "report": told.data.get("report")}


def _tell_referrer(told: Told) -> dict[str, Any]:
    data = told.data
    stage, at = _STAGES[told.addressed.event_type]
    return {
        "referral": data["referral"],
        "stage": stage,
        "outcome": data.get("outcome"),
        f"{stage}At": data[at],
        "rationale": told.event_text(data.get("rationaleShareable"), "rationaleShareable"),
        "actions": [
            {
                "description": told.event_text(
                    action["description"], "actions", position, "description"
                ),
                "dueOn": action["dueOn"],
            }
            for position, action in enumerate(data.get("actions") or ())
        ],
        "contact": data["contact"],
    }


_STAGES = {
    "referral.triaged": ("triaged", "triagedAt"),
    "referral.decided": ("decided", "decidedAt"),
    "assessment.completed": ("assessed", "completedAt"),
}
"""By type of event: how far the referral is, and where it says when."""


def _withdraw(told: Told) -> dict[str, Any]:
    same = bool(told.addressed.withdraws)
    return {
        "withdraws": told.addressed.receipt if same else told.addressed.supersedes,
        "also": told.addressed.regards,
    }


def _tell_digest(told: Told) -> dict[str, Any]:
    digest = told.addressed.digest
    if digest is None:
        raise NothingToRender("nothing was gathered for a digest")
    return {
        "child": told.child(),
        "assignedAt": told.data["assignedAt"],
        "since": digest.since,
        "events": [_plain(one) for one in digest.lines],
        "withdrawn": digest.withdrawn,
        "leftOff": digest.left_off,
        "contact": told.data["contact"],
    }


def _tell_nothing(_told: Told) -> dict[str, Any]:
    return {}


_MINIMAL = (Profile.HEALTH_MINIMAL, Profile.EARLY_YEARS_MINIMAL)

_PROJECTIONS: dict[Profile, Callable[[Told], dict[str, Any]]] = {
    Profile.SCHOOL_FULL: _tell_school,
    Profile.LA_EDUCATION: _tell_school,
    Profile.HEALTH_MINIMAL: _tell_health,
    Profile.EARLY_YEARS_MINIMAL: _tell_early_years,
    Profile.MASH_INCIDENT: _tell_mash,
    Profile.HAND_OFF: _hand_off,
    Profile.MISSING_ALERT: _tell_missing,
    Profile.MISSING_FOUND: _tell_found,
    Profile.REFERRER_OUTCOME: _tell_referrer,
    Profile.RECEIPT: _tell_nothing,
    Profile.WORKER_DIGEST: _tell_digest,
    Profile.WITHDRAWAL: _withdraw,
    Profile.ALERT: _tell_nothing,
}

_TYPES: dict[Profile, frozenset[str]] = {
    Profile.SCHOOL_FULL: frozenset({"domestic-abuse.recorded"}),
    Profile.LA_EDUCATION: frozenset({"domestic-abuse.recorded"}),
    Profile.HEALTH_MINIMAL: frozenset({"domestic-abuse.recorded"}),
    Profile.EARLY_YEARS_MINIMAL: frozenset({"domestic-abuse.recorded"}),
    Profile.MISSING_ALERT: frozenset({"missing.reported", "missing.updated"}),
    Profile.MISSING_FOUND: frozenset({"missing.found"}),
    Profile.REFERRER_OUTCOME: frozenset(_STAGES),
    Profile.WORKER_DIGEST: frozenset({"worker.assigned"}),
}
"""Profiles that tell of certain types only; the others tell of any."""
