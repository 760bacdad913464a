"""Addressed events from the published examples, and what is rendered of them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

from schemas.examples import load
from schemas.facts import Addressee, ChildIdentity, EventAddressed, Profile, Sender
from schemas.organisations import RecipientRole
from schemas.profiles import Content, render
from services.health_broker.fhir import Envelope, Party, Rendered, codes, render_message

HOSPITAL = "ods-rxx01"
AT = datetime(2026, 3, 6, 21, 12, tzinfo=UTC)
OURS = Party("Safeguarding information bus", "EXAMPLE-LA", "https://bus.example/fhir")
THEIRS = Party("Example Children's Hospital", "RXX01", "https://hospital.example/fhir")
JANE = ChildIdentity(
    given_name="Jane",
    family_name="Sample",
    date_of_birth=date(2014, 5, 22),
    nhs_number="9990000018",
    nhs_verified=True,
)


def addressee(profile: Profile, **changes: Any) -> Addressee:
    """A recipient of ours."""
    fields: dict[str, Any] = {
        "organisation": HOSPITAL,
        "name": THEIRS.name,
        "role": RecipientRole.SCHOOL_NURSING,
        "profile": profile,
        "owner": "health-broker",
        "rule": "test",
    }
    return Addressee(**{**fields, **changes})


def addressed(event_type: str, *recipients: Addressee, **changes: Any) -> EventAddressed:
    """The published example of a type, addressed for its first child."""
    example = load(event_type)
    fields: dict[str, Any] = {
        "receipt": uuid4(),
        "event_type": event_type,
        "key": f"case-{uuid4()}",
        "sender": Sender(organisation="police-example", name="MARKPOLICE", kind="police"),
        "occurred_at": AT,
        "accepted_at": AT,
        "child_index": 0,
        "child_id": uuid4(),
        "identity": JANE,
        "recipients": recipients,
        "data": example["data"],
    }
    return EventAddressed(**{**fields, **changes})


def envelope(event: EventAddressed, **changes: Any) -> Envelope:
    """What goes around a message about it."""
    fields: dict[str, Any] = {
        "notice": UUID("6b1f0ad2-5b6e-5c9f-8a75-0c1b7f3f0001"),
        "child_id": event.child_id,
        "organisation": HOSPITAL,
        "composed_at": AT,
        "sender": OURS,
        "receiver": THEIRS,
        "concerns": (event.receipt,),
    }
    return Envelope(**{**fields, **changes})


def write(
    profile: Profile, event: EventAddressed, *, informed: bool = False, **changes: Any
) -> tuple[Content, Rendered]:
    """The content of a profile, and the message that tells it."""
    content = render(profile, event, social_care_informed=informed, for_health=True)
    rendered = render_message(content, envelope(event, **changes))
    assert rendered is not None
    return content, rendered


def resource(message: Any, kind: str) -> dict[str, Any]:
    """The one resource of a kind."""
    found = resources(message, kind)
    assert len(found) == 1, f"{len(found)} {kind}"
    return found[0]


def resources(message: Any, kind: str) -> list[dict[str, Any]]:
    """Every resource of a kind, in order."""
    all_of_them = [entry["resource"] for entry in message["entry"]]
    return [one for one in all_of_them if one["resourceType"] == kind]


def components(observation: dict[str, Any]) -> dict[str, Any]:
    """What an observation says, by code."""
    return {
        one["code"]["coding"][0]["code"]: next(
            value for name, value in one.items() if name.startswith("value")
        )
        for one in observation["component"]
    }


def text_of(communication: dict[str, Any]) -> str:
    """The words for a person."""
    return str(communication["payload"][0]["contentString"])


def read_child(patient: dict[str, Any]) -> dict[str, Any]:
    """What a patient resource tells of a child."""
    name = patient["name"][0]
    told: dict[str, Any] = {
        "family": name["family"],
        "given": " ".join(name["given"]),
        "birth": patient["birthDate"],
    }
    for one in patient["identifier"]:
        if one["system"] == codes.NHS_NUMBER:
            told["number"] = one["value"]
            status = one["extension"][0]["valueCodeableConcept"]
            told["status"] = status["coding"][0]["code"]
    return told
