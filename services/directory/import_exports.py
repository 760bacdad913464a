"""Reads lines of what other systems export: a school census, a health register.

Column names are recognised however they are written (`Date of birth`, `DateOfBirth`,
`date_of_birth`); columns that are not needed are passed over. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from schemas.identifiers import normalise_nhs_number, normalise_postcode, normalise_upn
from services.directory.import_fields import (
    BadField,
    ChildLine,
    enrolment,
    known_only,
    read_any_day,
    read_normal,
    read_truth,
)

ALIASES = {
    "upn": ("upn", "uniquepupilnumber"),
    "nhs_number": ("nhsnumber", "nhsno"),
    "nhs_status": ("nhsnumberstatus", "nhsnumberstatusindicatorcode", "verifiedstatuscode",
                   "nhsnumberverificationstatus"),
    "given_name": ("forename", "givenname", "given", "legalforename", "firstname"),
    "family_name": ("surname", "familyname", "family", "legalsurname", "lastname"),
    "middle_names": ("middlenames", "middlename"),
    "former_surname": ("formersurname", "formerfamilyname"),
    "preferred_surname": ("preferredsurname",),
    "date_of_birth": ("dateofbirth", "dob", "birthdate"),
    "sex": ("sex", "gender", "legalsex"),
    "address_1": ("addressline1", "address1", "address"),
    "address_2": ("addressline2", "address2"),
    "address_3": ("addressline3", "address3"),
    "address_4": ("addressline4", "address4"),
    "address_5": ("addressline5", "address5"),
    "postcode": ("postcode",),
    "status": ("enrolmentstatus", "enrolstatus"),
    "entry_date": ("entrydate", "dateofentry"),
    "leaving_date": ("leavingdate", "dateofleaving"),
    "school": ("urn", "schoolurn", "school"),
    "restricted": ("restricted", "sensitive"),
    "guardian_given_name": ("guardianforename", "guardiangivenname", "parentforename"),
    "guardian_family_name": ("guardiansurname", "guardianfamilyname", "parentsurname"),
}  # fmt: skip
"""What a column is called here, and how exports write it once spaces and case are gone."""

CENSUS_NEEDS = frozenset({"upn", "given_name", "family_name", "date_of_birth"})
HEALTH_NEEDS = frozenset({"nhs_number", "given_name", "family_name", "date_of_birth"})

_NAMES = {written: name for name, several in ALIASES.items() for written in several}

_CENSUS_STATUSES = {
    "C": "registered",  # current, single registration
    "M": "dual",  # current main
    "S": "dual",  # current subsidiary
    "F": "registered",  # further education
    "G": "other-provision",  # guest
    "O": "other-provision",
    "P": "registered",  # previous: with the day of leaving
}
_SEXES = {"f": "female", "female": "female", "2": "female", "m": "male", "male": "male",
          "1": "male"}  # fmt: skip
_VERIFIED = frozenset({"01", "1", "number-present-and-verified", "verified"})


def columns_of(header: Iterable[str]) -> list[str]:
    """Each column under its name here; empty where it is not needed."""
    flat = ("".join(mark for mark in name.lower() if mark.isalnum()) for name in header)
    return [_NAMES.get(name, "") for name in flat]


def read_census_child(line: Mapping[str, str], school: str | None) -> ChildLine:
    """A pupil of a school census; `school`: the URN of a file that has no such column."""
    upn = read_normal(line, "upn", normalise_upn)
    if upn is None:
        raise BadField("upn", "required")
    known = _person(line)
    known["upn"] = upn
    number = line.get("school") or school
    if not number:
        raise BadField("school", "required")
    first = read_any_day("entry_date", line.get("entry_date") or "")
    last = read_any_day("leaving_date", line.get("leaving_date") or "")
    code = (line.get("status") or "C").upper()[:1]
    if code not in _CENSUS_STATUSES:
        raise BadField("status", "status-unknown")
    if first is None or (last is not None and last < first) or (code == "P" and last is None):
        raise BadField("entry_date" if first is None else "leaving_date", "dates")
    stated = enrolment(_CENSUS_STATUSES[code], first, last, number=number.strip())
    return ChildLine("census", upn, known, restates=False, enrolments=[stated], scope="place")


def read_health_child(line: Mapping[str, str], today: date) -> ChildLine:
    """A child of a health register; its school counts only where nothing else is known."""
    number = read_normal(line, "nhs_number", normalise_nhs_number)
    if number is None:
        raise BadField("nhs_number", "required")
    known = _person(line)
    known["nhs_number"] = number
    known["nhs_verified"] = (line.get("nhs_status") or "").strip().lower() in _VERIFIED
    school = (line.get("school") or "").strip()
    stated = [enrolment("registered", today, None, number=school)] if school else None
    ref = ref_of_number(number, known)
    return ChildLine("health", ref, known, restates=False, enrolments=stated, scope="unknown")


def ref_of_number(number: str, known: Mapping[str, Any]) -> str:
    """A number that is not verified may stand on two children: name and birth date beside it."""
    if known.get("nhs_verified"):
        return number
    names = (known.get("given_name"), known.get("family_name"), known.get("date_of_birth"))
    return "|".join([number, *(str(name or "").casefold() for name in names)])


def sex_of(value: str) -> str | None:
    """In our words; None where it is not known."""
    return _SEXES.get(value.strip().lower())


def _person(line: Mapping[str, str]) -> dict[str, Any]:
    given, family = line.get("given_name") or "", line.get("family_name") or ""
    if not (given or family):
        raise BadField("family_name", "required")
    middle = line.get("middle_names") or ""
    others = [(given, line.get("former_surname")), (given, line.get("preferred_surname"))]
    others += [(f"{given} {middle}".strip(), family)] if middle else []
    lines = [line.get(f"address_{number}") or "" for number in range(1, 6)]
    born = read_any_day("date_of_birth", line.get("date_of_birth") or "")
    known = known_only(
        {
            "given_name": given,
            "family_name": family,
            "alternative_names": [
                {"given": one, "family": other}
                for one, other in others
                if other and (one, other) != (given, family)
            ],
            "date_of_birth": born,
            "sex": sex_of(line.get("sex") or ""),
            "address": "\n".join(one for one in lines if one),
            "postcode": read_normal(line, "postcode", normalise_postcode),
            "guardian_given_name": line.get("guardian_given_name"),
            "guardian_family_name": line.get("guardian_family_name"),
        }
    )
    # A file may say that a child is restricted, never that one is not.
    if read_truth(line, "restricted"):
        known["restricted"] = True
    return known
