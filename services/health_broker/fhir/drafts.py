"""What each kind of message says of its profile's content, and with which resources.

No function here ever sees the event.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from chassis.clock import LONDON
from schemas.facts import Profile
from schemas.profiles import Content, HealthMinimal, MissingAlert, MissingFound, Withdrawal
from schemas.profiles.content import ChildOfHealth, EventContent, NamedChild
from services.health_broker.fhir import codes
from services.health_broker.fhir.envelope import Envelope
from services.health_broker.fhir.resources import (
    Resource,
    clean,
    instant,
    make_component,
    make_patient,
    present,
    reference,
    start,
)


@dataclass(slots=True)
class Draft:
    """What one kind of message decides; the rest is the same for all."""

    event: str
    reason: str
    sentences: list[str]
    priority: str
    concern: tuple[str, str] | None = None
    status: str = "completed"
    patient: Resource | None = None
    observation: Resource | None = None
    flags: list[Resource] = field(default_factory=list)
    verified: bool = False


def _tell_abuse(content: Content, envelope: Envelope) -> Draft:
    assert isinstance(content, HealthMinimal)  # noqa: S101 - the table below pairs them
    patient = make_patient(content.child, envelope.patient_id, envelope.composed_at)
    components = [
        make_component(code, display, valueBoolean=value)
        for code, display, value in (
            ("child-present", "Child present at the incident", content.present),
            ("welfare-check", "Welfare check on the child made", content.welfare_check_done),
            (
                "social-care-informed",
                "Children's social care informed",
                content.social_care_informed,
            ),
        )
        if value is not None
    ]
    return Draft(
        codes.DOMESTIC_ABUSE,
        _reason(content, envelope),
        [f"A domestic abuse incident on {_in_words(content.incident_at)} concerns this child."],
        priority="urgent",
        concern=codes.ABUSE_CONCERN,
        patient=patient,
        observation=_make_observation(
            envelope,
            patient,
            ("da-incident-context", "Domestic abuse incident - context for the child"),
            content.incident_at,
            components,
        ),
        verified=_is_verified(content.child),
    )


def _tell_missing(content: Content, envelope: Envelope) -> Draft:
    assert isinstance(content, MissingAlert)  # noqa: S101 - the table below pairs them
    patient = make_patient(content.child, envelope.patient_id, envelope.composed_at)
    grade = codes.GRADES[content.grade]
    seen = content.last_seen_at
    components = [
        make_component(
            "missing-risk-level",
            "Police risk grading",
            valueCodeableConcept=codes.concept(codes.MISSING_RISK, content.grade, grade),
        )
    ]
    if seen is not None:
        components.append(
            make_component("last-seen-time", "Last seen", valueDateTime=instant(seen))
        )
    components += [
        make_component(code, display, valueString=clean(value))
        for code, display, value in (
            ("last-seen-place", "Last seen at", content.last_seen_place),
            ("description", "Description", content.description),
            ("contact", "If seen, contact", content.if_seen),
        )
        if value is not None
    ]
    sentences = [f"Child reported missing, police risk grading: {grade.lower()}."]
    if seen is not None:
        sentences.append(f"Last seen on {_in_words(seen)}.")
    return Draft(
        codes.MISSING_CHILD,
        _reason(content, envelope),
        [*sentences, clean(content.if_seen)],
        priority="stat",
        concern=codes.MISSING_CONCERN,
        patient=patient,
        observation=_make_observation(
            envelope, patient, ("missing-context", "Missing child - context"), None, components
        ),
        flags=_make_flags(
            envelope, "active", reference(patient), {"start": instant(seen or envelope.composed_at)}
        ),
        verified=_is_verified(content.child),
    )


def _tell_found(content: Content, envelope: Envelope) -> Draft:
    assert isinstance(content, MissingFound)  # noqa: S101 - the table below pairs them
    patient = make_patient(content.child, envelope.patient_id, envelope.composed_at)
    # The profile does not tell when the child was found, so the alert ends when this is said.
    ended = {"end": instant(envelope.composed_at)}
    return Draft(
        codes.MISSING_CHILD,
        "update",
        [clean(content.instruction)],
        priority="stat",
        concern=codes.MISSING_CONCERN,
        patient=patient,
        flags=_make_flags(envelope, "inactive", reference(patient), ended),
        verified=_is_verified(content.child),
    )


def _withdraw(content: Content, envelope: Envelope) -> Draft:
    assert isinstance(content, Withdrawal)  # noqa: S101 - the table below pairs them
    subject = {
        "identifier": {"system": codes.SUBJECT_ID, "value": str(envelope.patient_id)},
        "type": "Patient",
    }
    flagged = envelope.withdrawn_event == codes.MISSING_CHILD
    return Draft(
        envelope.withdrawn_event or codes.WITHDRAWAL,
        "delete",
        [clean(content.instruction)],
        priority="urgent",
        status="entered-in-error",
        flags=_make_flags(envelope, "entered-in-error", subject, None) if flagged else [],
    )


DRAWN: dict[Profile, Callable[[Content, Envelope], Draft]] = {
    Profile.HEALTH_MINIMAL: _tell_abuse,
    Profile.MISSING_ALERT: _tell_missing,
    Profile.MISSING_FOUND: _tell_found,
    Profile.WITHDRAWAL: _withdraw,
}
"""Which profile has which message; any other is refused where it is composed."""


def _make_observation(
    envelope: Envelope,
    patient: Resource,
    code: tuple[str, str],
    effective_at: datetime | None,
    components: list[Resource],
) -> Resource:
    observation_id = envelope.resource_id("Observation", envelope.concerns[0])
    return {
        **start("Observation", observation_id, envelope.composed_at),
        "status": "final",
        "code": codes.concept(codes.CONTEXT, *code),
        **present(
            subject=reference(patient),
            effectiveDateTime=effective_at and instant(effective_at),
            component=components,
        ),
    }


def _make_flags(
    envelope: Envelope, status: str, subject: Resource, period: dict[str, str] | None
) -> list[Resource]:
    """One per concern: two reports of one episode are both ended by one found child."""
    return [
        {
            **start("Flag", envelope.resource_id("Flag", concern), envelope.composed_at),
            "identifier": [
                {"system": codes.CONCERN_ID, "value": str(envelope.concern_id(concern))}
            ],
            "status": status,
            "category": [codes.concept(codes.FLAG_CATEGORIES, "SG", "Safeguarding Concern")],
            "code": codes.concept(codes.CONCERNS, *codes.MISSING_CONCERN),
            "subject": subject,
            **present(period=period),
        }
        for concern in envelope.concerns
    ]


def _reason(content: EventContent, envelope: Envelope) -> str:
    """A restatement, or text that follows, changes what the receiver has; if it has it."""
    restates = content.corrects is not None or content.event_type == "missing.updated"
    follows = restates or content.part == "text"
    return "update" if follows and envelope.told_before else "new"


def _is_verified(child: NamedChild) -> bool:
    number = child.nhs_number if isinstance(child, ChildOfHealth) else None
    return number is not None and number.status == "verified"


def _in_words(at: datetime) -> str:
    """As people in England read it."""
    local = at.astimezone(LONDON)
    return f"{local.day} {local:%B %Y} at {local:%H:%M}"
