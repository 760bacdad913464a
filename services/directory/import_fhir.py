"""Reads FHIR R4 patients into children of the register: a Bundle of them, or one a line (NDJSON).

Takes what it needs and passes over the rest. Pure; a value is never repeated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from schemas.identifiers import normalise_nhs_number, normalise_postcode
from services.directory.import_exports import ref_of_number, sex_of
from services.directory.import_fields import BadField, ChildLine, check_text, known_only, read_day

NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
VERIFICATION = "NHSNumberVerificationStatus"
"""How the url of the extension ends, of the UK Core and of its predecessors."""

_VERIFIED = frozenset({"01", "number-present-and-verified"})
_RESTRICTED = frozenset({"R", "V"})
_PRESENT = ("official", "usual")


def patients_of(resource: Any) -> Iterator[Any]:
    """The patients of a bundle, or the one that a line is."""
    if not isinstance(resource, Mapping):
        raise BadField("resourceType", "patient-or-bundle")
    if resource.get("resourceType") == "Bundle":
        for entry in _list(resource, "entry"):
            inner = entry.get("resource") if isinstance(entry, Mapping) else None
            # A bundle of a search has outcomes beside what was found.
            if not isinstance(inner, Mapping) or inner.get("resourceType") == "Patient":
                yield inner
    else:
        yield resource


def read_patient(patient: Any) -> ChildLine:
    """A child from a Patient; raises `BadField`."""
    if not isinstance(patient, Mapping) or patient.get("resourceType") != "Patient":
        raise BadField("resourceType", "patient")
    check_text(_texts(patient))
    number, verified = _nhs_number(patient)
    ref = number or _text(patient, "id")
    if ref is None:
        raise BadField("id", "required")
    names = list(_names(patient))
    if not names:
        raise BadField("name", "required")
    present, others = names[0], names[1:]
    known = known_only(
        {
            "given_name": present["given"],
            "family_name": present["family"],
            "alternative_names": [one for one in others if one != present],
            "date_of_birth": _birth_date(patient),
            "sex": sex_of(_text(patient, "gender") or ""),
            "nhs_number": number,
            **_address(patient),
        }
    )
    if number is not None:
        known["nhs_verified"] = verified
    # Said as a security label, or not at all: no label never lifts a restriction.
    if _is_restricted(patient):
        known["restricted"] = True
    if number is None:
        return ChildLine("fhir", ref, known, restates=False)
    return ChildLine("health", ref_of_number(number, known), known, restates=False)


def _nhs_number(patient: Mapping[str, Any]) -> tuple[str | None, bool]:
    for identifier in _list(patient, "identifier"):
        value = identifier.get("value")
        if identifier.get("system") != NHS_NUMBER or not isinstance(value, str):
            continue
        number = normalise_nhs_number(value)
        if number is None:
            raise BadField("identifier", "check-digit-or-form")
        codes = {
            coding.get("code")
            for extension in _list(identifier, "extension")
            if str(extension.get("url")).endswith(VERIFICATION)
            for coding in _list(extension.get("valueCodeableConcept") or {}, "coding")
        }
        return number, bool(codes & _VERIFIED)
    return None, False


def _names(patient: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """Every name once, the present one first: official, else usual, else the first that holds."""
    names = _list(patient, "name")

    def rank(name: Mapping[str, Any]) -> int:
        use = name.get("use")
        if use == "old" or (name.get("period") or {}).get("end"):
            return 9
        return _PRESENT.index(use) if use in _PRESENT else 5

    seen: list[dict[str, str]] = []
    for name in sorted(names, key=rank):
        given = name.get("given")
        parts = [one for one in given if isinstance(one, str)] if isinstance(given, list) else []
        family = name.get("family")
        for words in ([*parts[:1]], parts):
            one = {
                "given": " ".join(words).strip(),
                "family": family.strip() if isinstance(family, str) else "",
            }
            if (one["given"] or one["family"]) and one not in seen:
                seen.append(one)
                yield one


def _birth_date(patient: Mapping[str, Any]) -> date | None:
    """A day; a month or a year alone says too little for the register."""
    said = _text(patient, "birthDate") or ""
    if len(said) in (4, 7):
        read_day("birthDate", f"{said}-01-01"[:10] if len(said) == 4 else f"{said}-01")
        return None
    return read_day("birthDate", said)


def _address(patient: Mapping[str, Any]) -> dict[str, str | None]:
    addresses = [
        one
        for one in _list(patient, "address")
        if one.get("use") != "old" and not (one.get("period") or {}).get("end")
    ]
    addresses.sort(key=lambda one: one.get("use") != "home")
    if not addresses:
        return {}
    found = addresses[0]
    lines = found.get("line")
    lines = [one for one in lines if isinstance(one, str)] if isinstance(lines, list) else []
    code = _text(found, "postalCode")
    postcode = normalise_postcode(code) if code else None
    if code and postcode is None:
        raise BadField("address", "check-digit-or-form")
    city = _text(found, "city")
    return {"address": "\n".join([*lines, *([city] if city else [])]), "postcode": postcode}


def _is_restricted(patient: Mapping[str, Any]) -> bool:
    meta = patient.get("meta")
    labels = _list(meta, "security") if isinstance(meta, Mapping) else []
    return any(label.get("code") in _RESTRICTED for label in labels)


def _list(holder: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    found = holder.get(name) if isinstance(holder, Mapping) else None
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def _text(holder: Mapping[str, Any], name: str) -> str | None:
    found = holder.get(name)
    return found.strip() or None if isinstance(found, str) else None


def _texts(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _texts(inner, name or str(key))
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner, name)
