"""Reads one line of the project's own files, organisations or children, or says what is wrong.

Pure. A column that a file leaves out says nothing; an empty field says that there is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from schemas.blocks import EducationStatus
from schemas.identifiers import normalise_nhs_number, normalise_postcode, normalise_upn
from schemas.organisations import Organisation, ServiceDay
from services.directory.import_fields import (
    BadField,
    ChildLine,
    enrolment,
    read_day,
    read_items,
    read_normal,
    read_truth,
)

ORGANISATION_COLUMNS = (
    "id", "kind", "name", "urn", "ukprn", "ods_code", "local_authority", "successor",
    "successor_from", "split_into", "opens_at", "terms", "closures", "service_hours",
    "nursing_provider", "covers_postcodes", "emergency_department", "channel", "ladder",
    "manager",
)  # fmt: skip
CHILD_COLUMNS = (
    "register_ref", "given_name", "family_name", "alternative_names", "date_of_birth", "sex",
    "nhs_number", "nhs_verified", "upn", "address", "postcode", "local_authority", "household",
    "responsible_authority", "restricted", "enrolments", "guardian_given_name",
    "guardian_family_name",
)  # fmt: skip

_WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_STATUSES = frozenset(status.value for status in EducationStatus)
_PLAIN = ("sex", "address", "local_authority", "household", "responsible_authority",
          "guardian_given_name", "guardian_family_name")  # fmt: skip


def read_organisation(line: Mapping[str, str]) -> Organisation:
    """An organisation from its line; raises `BadField`."""
    values: dict[str, Any] = {name: line[name] for name in ORGANISATION_COLUMNS if line.get(name)}
    for name in ("terms", "closures"):
        values[name] = [
            dict(zip(("first", "last"), _pair(name, one, "/"), strict=True))
            for one in read_items(line, name)
        ]
    values["ladder"] = [
        dict(zip(("organisation", "role"), _pair("ladder", one, ":"), strict=True))
        for one in read_items(line, "ladder")
    ]
    values["service_hours"] = list(_service_hours(line))
    values["split_into"] = read_items(line, "split_into")
    values["covers_postcodes"] = [one.upper() for one in read_items(line, "covers_postcodes")]
    values["emergency_department"] = read_truth(line, "emergency_department") or False
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
    known: dict[str, Any] = {"given_name": given, "family_name": family}
    known |= {name: line[name] or None for name in _PLAIN if name in line}
    if "alternative_names" in line:
        known["alternative_names"] = list(_other_names(line))
    if "date_of_birth" in line:
        known["date_of_birth"] = read_day("date_of_birth", line["date_of_birth"])
    for name, normalise in (
        ("nhs_number", normalise_nhs_number),
        ("upn", normalise_upn),
        ("postcode", normalise_postcode),
    ):
        if name in line:
            known[name] = read_normal(line, name, normalise)
    if "nhs_number" in line or "nhs_verified" in line:
        verified = read_truth(line, "nhs_verified") or False
        known["nhs_verified"] = verified and known.get("nhs_number") is not None
    restricted = read_truth(line, "restricted")
    if restricted is not None:
        known["restricted"] = restricted
    enrolments = _enrolments(line) if "enrolments" in line else None
    return ChildLine("register", ref, known, enrolments=enrolments)


def _enrolments(line: Mapping[str, str]) -> list[dict[str, Any]]:
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for one in read_items(line, "enrolments"):
        parts = [part.strip() for part in one.split(":")]
        if len(parts) != 4:
            raise BadField("enrolments", "organisation:status:from:to")
        organisation, status, starts, ends = parts
        first, last = read_day("enrolments", starts), read_day("enrolments", ends)
        if status not in _STATUSES:
            raise BadField("enrolments", "status-unknown")
        if first is None or (last is not None and last < first):
            raise BadField("enrolments", "dates")
        place = None if organisation == "-" else organisation
        found[organisation, status, starts] = enrolment(status, first, last, organisation=place)
    return list(found.values())


def _other_names(line: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """ "Given Family;Given Family": the last word is the family name."""
    for one in read_items(line, "alternative_names"):
        given, _, family = one.rpartition(" ")
        yield {"given": given.strip(), "family": family}


def _service_hours(line: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """ "mon-fri 09:00-17:00;sat 10:00-12:00;bank-holiday 10:00-12:00"."""
    for one in read_items(line, "service_hours"):
        days, hours = _pair("service_hours", one, " ")
        opens, closes = _pair("service_hours", hours, "-")
        for day in _service_days(days):
            yield {"day": day, "opens": opens, "closes": closes}


def _service_days(said: str) -> list[str]:
    if said == ServiceDay.BANK_HOLIDAY:
        return [said]
    first, _, last = said.partition("-")
    if first not in _WEEK or (last or first) not in _WEEK:
        raise BadField("service_hours", "mon-fri 09:00-17:00")
    found = _WEEK[_WEEK.index(first) : _WEEK.index(last or first) + 1]
    if not found:
        raise BadField("service_hours", "days-in-order")
    return [day for day in ServiceDay if day[:3] in found]


def _pair(name: str, text: str, mark: str) -> tuple[str, str]:
    first, found, second = text.partition(mark)
    if not (first and found and second):
        raise BadField(name, f"two values with {mark} between")
    return first.strip(), second.strip()
