"""The synthetic area: its organisations, its numbers, and how a sender writes its children."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

MASH = "la-exampleton"
POLICE = "police-example"
SCHOOL_A, SCHOOL_B = "urn-900001", "urn-900002"
NURSING, VISITING = "nursing-example", "visiting-example"
HOSPITAL = "ods-y90009"
OTHER_LA = "la-elsewhere"
FAR_MASH = "la-faraway"
TEAM_A, TEAM_B = "team-a-example", "team-b-example"
PROBATION, OFFICE = "probation-example", "probation-office-example"

AREA: tuple[dict[str, Any], ...] = (
    {"id": POLICE, "kind": "police", "name": "Example Police", "local_authority": MASH},
    {
        "id": MASH,
        "kind": "social-care",
        "name": "Exampleton MASH",
        "covers_postcodes": ("ZZ9",),
        "ladder": ({"organisation": MASH, "role": "duty-officer"},),
    },
    {
        "id": SCHOOL_A,
        "kind": "school",
        "name": "School A",
        "urn": "900001",
        "local_authority": MASH,
        "nursing_provider": NURSING,
        "channel": "webhook",
    },
    {
        "id": SCHOOL_B,
        "kind": "school",
        "name": "School B",
        "urn": "900002",
        "local_authority": MASH,
        "nursing_provider": NURSING,
    },
    {
        "id": NURSING,
        "kind": "school-nursing",
        "name": "Nursing",
        "local_authority": MASH,
        "covers_postcodes": ("ZZ9",),
        "channel": "fhir",
    },
    {
        "id": VISITING,
        "kind": "health-visiting",
        "name": "Visiting",
        "local_authority": MASH,
        "covers_postcodes": ("ZZ9",),
    },
    {
        "id": HOSPITAL,
        "kind": "hospital",
        "name": "Hospital",
        "local_authority": MASH,
        "emergency_department": True,
        "channel": "fhir",
    },
    {"id": OTHER_LA, "kind": "social-care", "name": "Elsewhere Social Care"},
    {
        "id": FAR_MASH,
        "kind": "social-care",
        "name": "Faraway MASH",
        "covers_postcodes": ("YY1",),
    },
    {"id": "nursery-example", "kind": "early-years", "name": "Nursery", "local_authority": MASH},
    {
        "id": "childminder-example",
        "kind": "early-years",
        "name": "Childminder",
        "local_authority": MASH,
    },
    {
        "id": "ods-y90001",
        "kind": "general-practice",
        "name": "Surgery",
        "ods_code": "Y90001",
        "local_authority": MASH,
    },
    {"id": "team-example", "kind": "social-care", "name": "Exploitation Team"},
    {"id": TEAM_A, "kind": "social-care", "name": "Team A", "local_authority": MASH},
    {"id": TEAM_B, "kind": "social-care", "name": "Team B", "local_authority": MASH},
    {"id": PROBATION, "kind": "probation", "name": "Probation", "local_authority": MASH},
    {"id": OFFICE, "kind": "probation", "name": "Probation Office", "local_authority": MASH},
)


def nhs_number(seed: int) -> str:
    """A number of the test range (999…) whose check digit holds; seeds nine apart differ."""
    while True:
        stem = f"999{seed:06d}"
        total = sum(
            weight * int(digit) for weight, digit in zip(range(10, 1, -1), stem, strict=True)
        )
        check = (11 - total % 11) % 11
        if check != 10:
            return f"{stem}{check}"
        seed += 1


def upn(seed: int) -> str:
    """A pupil number whose check letter holds."""
    body = f"999{seed:09d}"
    total = sum(weight * int(mark) for weight, mark in enumerate(body, start=2))
    return "ABCDEFGHJKLMNPQRTUVWXYZ"[total % 23] + body


@dataclass
class Pupil:
    """A child of the register, and how a sender would write it."""

    id: UUID
    given: str
    family: str
    born: date
    nhs: str | None
    upn: str | None
    postcode: str | None

    def sent(self, **changes: Any) -> dict[str, Any]:
        """The `child` block of an event."""
        block: dict[str, Any] = {
            "name": {"given": self.given, "family": self.family},
            "dateOfBirth": {"value": self.born.isoformat(), "precision": "exact"},
        }
        if self.nhs:
            block["nhsNumber"] = {"value": self.nhs, "status": "verified"}
        if self.postcode:
            block["address"] = {"lines": ["1 Sample Street"], "postcode": self.postcode}
        block.update(changes)
        return {key: value for key, value in block.items() if value is not None}
