"""The resources of which messages are built: plain dictionaries, no null and no empty list.

Every clinical resource is labelled restricted and not to be shown to patient, family or carers.
None of them ever carries an address.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from schemas.profiles.content import ChildOfHealth, NamedChild
from services.health_broker.fhir import codes

Resource = dict[str, Any]

_NAMESPACE = UUID("5b0c8d52-3a0f-5a57-8d4e-7d0f6f1f2a63")
# FHIR forbids control characters in a string, other than tab and line ends.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Party:
    """One end of a message. `endpoint` is its `$process-message`."""

    name: str
    ods_code: str
    endpoint: str


def derive_id(*parts: object) -> UUID:
    """The id that always comes of these parts."""
    return uuid5(_NAMESPACE, "|".join(map(str, parts)))


def instant(at: datetime) -> str:
    """A time as FHIR writes it, in UTC."""
    return at.astimezone(UTC).isoformat()


def clean(text: str) -> str:
    """Text without what FHIR forbids in a string."""
    return _CONTROL.sub(" ", text)


def present(**elements: Any) -> dict[str, Any]:
    """Only those elements that say something: FHIR knows no null and no empty list."""
    return {name: value for name, value in elements.items() if value not in (None, [], {}, "")}


def reference(resource: Resource) -> dict[str, str]:
    """A reference to another resource of the same message."""
    return {"reference": f"urn:uuid:{resource['id']}", "type": resource["resourceType"]}


def start(kind: str, resource_id: UUID, at: datetime, *, clinical: bool = True) -> Resource:
    """What every resource begins with."""
    meta: dict[str, Any] = {
        "lastUpdated": instant(at),
        "profile": [f"https://fhir.hl7.org.uk/StructureDefinition/UKCore-{kind}"],
    }
    if clinical:
        meta["security"] = [codes.RESTRICTED, codes.NOT_TO_PATIENT]
    return {"resourceType": kind, "id": str(resource_id), "meta": meta}


def make_organization(party: Party, at: datetime) -> Resource:
    """An end of a message, by its ODS code."""
    return {
        **start("Organization", derive_id("Organization", party.ods_code), at, clinical=False),
        "identifier": [{"system": codes.ODS_CODE, "value": party.ods_code}],
        "name": clean(party.name),
    }


def make_patient(child: NamedChild, patient_id: UUID, at: datetime) -> Resource:
    """The child, by what the profile tells. At most one NHS number, always with its status."""
    birth = child.date_of_birth
    shown = None if birth is None else birth.value.isoformat()
    extent = None
    if birth is not None and birth.precision in ("month", "year"):
        shown = shown and shown[: 7 if birth.precision == "month" else 4]
    elif birth is not None and birth.precision == "estimated":
        extent = {"extension": [{"url": codes.BIRTH_PRECISION, "valueCode": "estimated"}]}
    due = child.expected_date_of_delivery
    name = child.name and present(
        use="official",
        family=child.name.family and clean(child.name.family),
        given=[clean(child.name.given)] if child.name.given else None,
    )
    identifiers: list[dict[str, Any]] = [{"system": codes.SUBJECT_ID, "value": str(patient_id)}]
    if isinstance(child, ChildOfHealth) and child.nhs_number is not None:
        status = codes.concept(codes.NHS_STATUS_CODES, *codes.NHS_STATUSES[child.nhs_number.status])
        identifiers.insert(
            0,
            {
                "extension": [{"url": codes.NHS_STATUS, "valueCodeableConcept": status}],
                "system": codes.NHS_NUMBER,
                "value": child.nhs_number.value,
            },
        )
    return {
        **start("Patient", patient_id, at),
        **present(
            extension=due and [{"url": codes.EXPECTED_DELIVERY, "valueDate": due.isoformat()}],
            identifier=identifiers,
            name=name and [name],
            birthDate=shown,
            _birthDate=extent,
        ),
    }


def make_component(code: str, display: str, **value: Any) -> Resource:
    """One thing that an observation says."""
    return {"code": codes.concept(codes.CONTEXT, code, display), **value}


def make_bundle(message_id: UUID, at: datetime, resources: list[Resource]) -> Resource:
    """The message; its first resource must be the MessageHeader."""
    return {
        "resourceType": "Bundle",
        "id": str(derive_id("Bundle", message_id)),
        "meta": {
            "lastUpdated": instant(at),
            "profile": ["https://fhir.hl7.org.uk/StructureDefinition/UKCore-Bundle"],
            "security": [codes.RESTRICTED],
        },
        "identifier": {
            "system": codes.RFC_4122,
            "value": str(derive_id("Bundle.identifier", message_id)),
        },
        "type": "message",
        "timestamp": instant(at),
        "entry": [
            {"fullUrl": f"urn:uuid:{resource['id']}", "resource": resource}
            for resource in resources
        ],
    }


def make_header(
    header_id: UUID,
    at: datetime,
    *,
    event: str,
    display: str | None,
    sender: tuple[Party, Resource],
    receiver: tuple[Party, Resource],
    **elements: Any,
) -> Resource:
    """A MessageHeader between two ends."""
    coding = {"system": codes.MESSAGE_EVENTS, "code": event}
    return {
        **start("MessageHeader", header_id, at, clinical=False),
        "eventCoding": coding if display is None else {**coding, "display": display},
        "destination": [{"endpoint": receiver[0].endpoint, "receiver": reference(receiver[1])}],
        "sender": reference(sender[1]),
        "source": {
            "name": clean(sender[0].name),
            "software": "safeguarding-bus health_broker",
            "endpoint": sender[0].endpoint,
        },
        **present(**elements),
    }
