"""Reads one line of an import file into a row, or says which field breaks which rule.

Pure. A value is never repeated: what is wrong with a child's line must not leak into a terminal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any, NamedTuple
from uuid import uuid4

from pydantic import ValidationError

from schemas.blocks import EducationStatus
from schemas.identifiers import normalise_nhs_number, normalise_postcode, normalise_upn
from schemas.organisations import Organisation
from services.directory.register import keys_of

ORGANISATION_COLUMNS = (
    "id", "kind", "name", "urn", "ukprn", "ods_code", "local_authority", "successor",
    "successor_from", "split_into", "opens_at", "terms", "closures", "nursing_provider",
    "covers_postcodes", "emergency_department", "channel", "ladder",
)  # fmt: skip
CHILD_COLUMNS = (
    "register_ref", "given_name", "family_name", "alternative_names", "date_of_birth", "sex",
    "nhs_number", "nhs_verified", "upn", "address", "postcode", "local_authority", "household",
    "responsible_authority", "restricted", "enrolments",
)  # fmt: skip

_STATUSES = frozenset(status.value for status in EducationStatus)
_YES = frozenset({"1", "true", "yes", "y"})
_NO = frozenset({"", "0", "false", "no", "n"})


class BadField(Exception):  # noqa: N818 - a value that is raised from deep inside a line
    """A field of a line and the rule that it breaks."""

    def __init__(self, field: str, rule: str) -> None:
        super().__init__(field)
        self.field = field
        self.rule = rule


class ChildLine(NamedTuple):
    """A child of the register, its keys, and its enrolments (None: the file has none)."""

    row: dict[str, Any]
    keys: list[str]
    enrolments: list[dict[str, Any]] | None


def read_organisation(line: Mapping[str, str]) -> Organisation:
    """An organisation from its line; raises `BadField`."""
    values: dict[str, Any] = {name: line[name] for name in ORGANISATION_COLUMNS if line.get(name)}
    for name in ("terms", "closures"):
        values[name] = [
            dict(zip(("first", "last"), _pair(name, one, "/"), strict=True))
            for one in _items(line, name)
        ]
    values["ladder"] = [
        dict(zip(("organisation", "role"), _pair("ladder", one, ":"), strict=True))
        for one in _items(line, "ladder")
    ]
    values["split_into"] = _items(line, "split_into")
    values["covers_postcodes"] = [one.upper() for one in _items(line, "covers_postcodes")]
    values["emergency_department"] = _truth(line, "emergency_department")
    try:
        return Organisation.model_validate(values)
    except ValidationError as failure:
        first = failure.errors(include_url=False, include_input=False)[0]
        raise BadField(str(first["loc"][0]), first["type"].replace("_", "-")) from None


def read_child(line: Mapping[str, str]) -> ChildLine:
    """A child from its line; raises `BadField`."""
    ref = line.get("register_ref") or ""
    if not ref:
        raise BadField("register_ref", "required")
    given, family = line.get("given_name") or "", line.get("family_name") or ""
    if not (given or family):
        raise BadField("family_name", "required")
    restricted = _truth(line, "restricted")
    born = _day("date_of_birth", line.get("date_of_birth") or "")
    postcode = _normal(line, "postcode", normalise_postcode)
    others = list(_other_names(line))
    names = [(given, family), *((one["given"], one["family"]) for one in others)]
    number = _normal(line, "nhs_number", normalise_nhs_number)
    row = {
        "id": str(uuid4()),
        "register_ref": ref,
        "given_name": given,
        "family_name": family,
        "alternative_names": others,
        "date_of_birth": born.isoformat() if born else None,
        "sex": line.get("sex") or None,
        "nhs_number": number,
        "nhs_verified": number is not None and _truth(line, "nhs_verified"),
        "upn": _normal(line, "upn", normalise_upn),
        "address": line.get("address") or None,
        "postcode": postcode,
        "local_authority": line.get("local_authority") or None,
        "household": line.get("household") or None,
        "responsible_authority": line.get("responsible_authority") or None,
        "restricted": restricted,
    }
    keys = [] if restricted else [str(key) for key in keys_of(names, born, postcode)]
    return ChildLine(row, keys, _enrolments(line) if "enrolments" in line else None)


def _enrolments(line: Mapping[str, str]) -> list[dict[str, Any]]:
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for one in _items(line, "enrolments"):
        parts = [part.strip() for part in one.split(":")]
        if len(parts) != 4:
            raise BadField("enrolments", "organisation:status:from:to")
        organisation, status, starts, ends = parts
        first, last = _day("enrolments", starts), _day("enrolments", ends)
        if status not in _STATUSES:
            raise BadField("enrolments", "status-unknown")
        if first is None or (last is not None and last < first):
            raise BadField("enrolments", "dates")
        found[organisation, status, starts] = {
            "organisation": None if organisation == "-" else organisation,
            "status": status,
            "from_date": first.isoformat(),
            "to_date": last.isoformat() if last else None,
        }
    return list(found.values())


def _other_names(line: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """ "Given Family;Given Family": the last word is the family name."""
    for one in _items(line, "alternative_names"):
        given, _, family = one.rpartition(" ")
        yield {"given": given.strip(), "family": family}


def _items(line: Mapping[str, str], name: str) -> list[str]:
    return [one.strip() for one in (line.get(name) or "").split(";") if one.strip()]


def _pair(name: str, text: str, mark: str) -> tuple[str, str]:
    first, found, second = text.partition(mark)
    if not (first and found and second):
        raise BadField(name, f"two values with {mark} between")
    return first.strip(), second.strip()


def _truth(line: Mapping[str, str], name: str) -> bool:
    value = (line.get(name) or "").strip().lower()
    if value not in _YES | _NO:
        raise BadField(name, "true-or-false")
    return value in _YES


def _day(name: str, value: str) -> date | None:
    if not value:
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise BadField(name, "date-yyyy-mm-dd") from None


def _normal(
    line: Mapping[str, str], name: str, normalise: Callable[[str], str | None]
) -> str | None:
    value = line.get(name)
    if not value:
        return None
    normal = normalise(value)
    if normal is None:
        raise BadField(name, "check-digit-or-form")
    return normal
