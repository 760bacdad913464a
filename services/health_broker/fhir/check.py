"""Whether a message is valid: `fhir.resources` first, then what it wrongly lets pass.

A fault names a place and a rule, never a value: it goes into answers and logs.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fhir.resources.R4B.bundle import Bundle
from pydantic import ValidationError

from schemas.identifiers import normalise_nhs_number
from services.health_broker.fhir import codes
from services.health_broker.fhir.resources import (
    Party,
    make_bundle,
    make_header,
    make_organization,
)

_STATUSES: dict[tuple[str, str], frozenset[str]] = {
    (kind, element): frozenset(values.split())
    for kind, element, values in (
        ("Bundle", "type", "message"),
        (
            "Communication",
            "status",
            "preparation in-progress not-done on-hold stopped completed entered-in-error unknown",
        ),
        ("Communication", "priority", "routine urgent asap stat"),
        ("Flag", "status", "active inactive entered-in-error"),
        (
            "Observation",
            "status",
            "registered preliminary final amended corrected cancelled entered-in-error unknown",
        ),
        ("Patient", "gender", "male female other unknown"),
        (
            "Task",
            "status",
            "draft requested received accepted rejected ready cancelled in-progress on-hold failed"
            " completed entered-in-error",
        ),
    )
}
"""Required code lists of R4 (hl7.org/fhir/R4) for what our messages and their answers hold."""
_RESPONSE_CODES = frozenset({"ok", "transient-error", "fatal-error"})


def find_faults(message: Any) -> list[str]:
    """Every fault of a message Bundle; an empty list says that it may be sent, or taken."""
    try:
        Bundle.model_validate(message)
    except ValidationError as failure:
        errors = failure.errors(include_url=False, include_input=False, include_context=False)
        return [f"{'.'.join(map(str, one['loc']))}: {one['type']}" for one in errors[:20]]
    except (LookupError, TypeError, AttributeError, ValueError):
        # So it answers, instead of refusing, a resource type that is none of FHIR's.
        return ["Bundle: not readable as FHIR R4"]
    return [*_find_gaps(message, "Bundle"), *_find_breaches(message)]


def warm_up() -> None:
    """Validate one message, because the first takes a hundred times as long as the others."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    ours = Party("Warm-up", "EXAMPLE", "http://localhost/")
    organization = make_organization(ours, at)
    header = make_header(
        UUID(int=0),
        at,
        event=codes.WITHDRAWAL,
        display=None,
        sender=(ours, organization),
        receiver=(ours, organization),
    )
    find_faults(make_bundle(UUID(int=0), at, [header, organization]))


def _find_gaps(value: Any, path: str) -> Iterator[str]:
    """Nulls, empty lists and empty objects, which FHIR's JSON does not know."""
    if value is None or value == [] or value == {}:
        yield f"{path}: empty"
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _find_gaps(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            # A null may stand in a list of primitives for one that has only extensions.
            if inner is not None:
                yield from _find_gaps(inner, f"{path}[{position}]")


def _find_breaches(message: dict[str, Any]) -> Iterator[str]:
    entries = message.get("entry") or []
    resources = [entry.get("resource") or {} for entry in entries]
    kinds = [resource.get("resourceType") for resource in resources]
    if kinds[:1] != ["MessageHeader"] or kinds.count("MessageHeader") != 1:
        yield "Bundle.entry[0]: the one MessageHeader must be first"
    known = {entry.get("fullUrl") for entry in entries}
    if len(known) != len(entries):
        yield "Bundle.entry: fullUrl must be there, and unique"
    if any(url not in known for url in _find_references(resources)):
        yield "Bundle.entry: a urn:uuid reference resolves nowhere"
    for position, resource in enumerate([message, *resources]):
        place = f"Bundle.entry[{position - 1}]" if position else "Bundle"
        for (kind, element), allowed in _STATUSES.items():
            found = resource.get(element) if resource.get("resourceType") == kind else None
            if found is not None and found not in allowed:
                yield f"{place}.{element}: not a code of FHIR R4"
        response = resource.get("response")
        if isinstance(response, dict) and response.get("code") not in _RESPONSE_CODES:
            yield f"{place}.response.code: not a code of FHIR R4"
        if resource.get("resourceType") == "Patient":
            yield from _find_bad_numbers(resource, place)


def _find_references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        target = value.get("reference")
        if isinstance(target, str) and target.startswith("urn:uuid:"):
            yield target
        for inner in value.values():
            yield from _find_references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _find_references(inner)


def _find_bad_numbers(patient: dict[str, Any], place: str) -> Iterator[str]:
    numbers = [
        one for one in patient.get("identifier") or () if one.get("system") == codes.NHS_NUMBER
    ]
    if len(numbers) > 1:
        yield f"{place}.identifier: more than one NHS number"
    for one in numbers:
        value = one.get("value")
        if not isinstance(value, str) or normalise_nhs_number(value) != value:
            yield f"{place}.identifier: the NHS number's check digit does not hold"
        if codes.NHS_STATUS not in {each.get("url") for each in one.get("extension") or ()}:
            yield f"{place}.identifier: an NHS number without its verification status"
