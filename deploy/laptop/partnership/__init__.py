"""A plainly synthetic partnership, the same for the same seed, day and size; written as CSV.

Sixty schools in and out of the own area, three school-nursing providers, four hospitals, and a
register of children with the hard cases among them: siblings, twins, dual registration, home
education, children in care placed elsewhere, children under school age.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date
from pathlib import Path

from deploy.laptop.partnership.children import Register, RegisteredChild
from deploy.laptop.partnership.organisations import (
    CARE_HOME,
    DEMO_SCHOOL,
    DEMO_SECONDARY,
    FHIR_HOSPITAL,
    FHIR_NURSING,
    OWN_COUNCIL,
    OWN_MASH,
    OWN_NURSING,
    POLICE,
    SECOND_SCHOOL,
    make_agencies,
    make_schools,
)
from schemas.organisations import DateRange, Organisation

__all__ = [
    "CARE_HOME",
    "DEMO_SCHOOL",
    "DEMO_SECONDARY",
    "FHIR_HOSPITAL",
    "FHIR_NURSING",
    "OWN_COUNCIL",
    "OWN_MASH",
    "OWN_NURSING",
    "POLICE",
    "SECOND_SCHOOL",
    "Partnership",
    "RegisteredChild",
    "make_partnership",
    "make_schools",
    "write_partnership",
]

SEED = 2026
DEFAULT_CHILDREN = 20_000
FEWEST_CHILDREN = 6
"""The known few, whom the demonstration's events are about."""

ORGANISATION_COLUMNS = (
    "id", "kind", "name", "urn", "ukprn", "ods_code", "local_authority", "successor", "opens_at",
    "terms", "closures", "nursing_provider", "covers_postcodes", "emergency_department", "channel",
    "ladder",
)  # fmt: skip
CHILD_COLUMNS = (
    "register_ref", "given_name", "family_name", "alternative_names", "date_of_birth", "sex",
    "nhs_number", "nhs_verified", "upn", "address", "postcode", "local_authority", "household",
    "responsible_authority", "restricted", "enrolments",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Partnership:
    """Everyone in it. Children in the register's order, the known few first."""

    organisations: tuple[Organisation, ...]
    children: tuple[RegisteredChild, ...]


def make_partnership(
    today: date, children: int = DEFAULT_CHILDREN, seed: int = SEED
) -> Partnership:
    """The partnership as it stands on a day."""
    if children < FEWEST_CHILDREN:
        raise ValueError(f"at least {FEWEST_CHILDREN} children, whom the examples are about")
    schools = make_schools(today)
    organisations = (*make_agencies(), *(school.organisation for school in schools))
    return Partnership(organisations, tuple(Register(schools, seed, today).make(children)))


def write_partnership(partnership: Partnership, folder: Path) -> tuple[Path, Path]:
    """Write `organisations.csv` and `children.csv`, as `services.directory import` reads them."""
    folder.mkdir(parents=True, exist_ok=True)
    organisations, children = folder / "organisations.csv", folder / "children.csv"
    _write(organisations, ORGANISATION_COLUMNS, map(_organisation_row, partnership.organisations))
    _write(children, CHILD_COLUMNS, map(_child_row, partnership.children))
    return organisations, children


def _write(path: Path, columns: Sequence[str], rows: Iterable[dict[str, object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def _organisation_row(one: Organisation) -> dict[str, object]:
    return {
        "id": one.id,
        "kind": one.kind.value,
        "name": one.name,
        "urn": one.urn or "",
        "ukprn": one.ukprn or "",
        "ods_code": one.ods_code or "",
        "local_authority": one.local_authority or "",
        "successor": one.successor or "",
        "opens_at": one.opens_at.strftime("%H:%M") if one.opens_at else "",
        "terms": _ranges(one.terms),
        "closures": _ranges(one.closures),
        "nursing_provider": one.nursing_provider or "",
        "covers_postcodes": ";".join(one.covers_postcodes),
        "emergency_department": "true" if one.emergency_department else "false",
        "channel": one.channel,
        "ladder": ";".join(f"{rung.organisation}:{rung.role.value}" for rung in one.ladder),
    }


def _child_row(child: RegisteredChild) -> dict[str, object]:
    row = asdict(child)
    for field in fields(child):
        if isinstance(row[field.name], bool):
            row[field.name] = "true" if row[field.name] else "false"
    return row


def _ranges(ranges: Iterable[DateRange]) -> str:
    return ";".join(f"{one.first}/{one.last}" for one in ranges)
