"""A small, plainly synthetic partnership for tests that run whole: who is where, and the events.

What must be told of an event is worked out here on its own, from the rows, so that a test compares
the product with something that is not the product.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from chassis.clock import now
from schemas.facts import Profile
from tests.support.identifiers import make_nhs_number

POLICE = "police-example"
MASH = "la-test-example"
NURSING = "nursing-test-example"
SOURCE = "police.example"
POSTCODE = "ZZ9"

ORGANISATION_COLUMNS = (
    *("id", "kind", "name", "urn", "ukprn", "ods_code", "local_authority", "successor"),
    *("opens_at", "terms", "closures", "nursing_provider", "covers_postcodes"),
    *("emergency_department", "channel", "ladder"),
)
CHILD_COLUMNS = (
    *("register_ref", "given_name", "family_name", "alternative_names", "date_of_birth", "sex"),
    *("nhs_number", "nhs_verified", "upn", "address", "postcode", "local_authority"),
    *("household", "responsible_authority", "restricted", "enrolments"),
)


@dataclass(frozen=True)
class Pupil:
    """One child of the register and the school."""

    number: int
    school: str

    @property
    def register_ref(self) -> str:
        return f"ref-{self.number:06d}"

    @property
    def given_name(self) -> str:
        return _syllables(self.number, 7, 3)

    @property
    def family_name(self) -> str:
        return _syllables(self.number, 11, 5) + "sample"

    @property
    def street(self) -> str:
        return f"{self.number + 1} Example Road"

    @property
    def postcode(self) -> str:
        return f"{POSTCODE} {self.number % 10}{'ABDEFGHJLN'[self.number // 10 % 10]}A"

    @property
    def born(self) -> date:
        return date(2012, 1, 1) + timedelta(days=self.number % 2500)

    @property
    def nhs_number(self) -> str:
        return make_nhs_number(self.number)


@dataclass(frozen=True)
class Partnership:
    """Schools, a nursing provider, a MASH, and pupils spread over the schools."""

    schools: tuple[str, ...]
    pupils: tuple[Pupil, ...]
    channel: str = "webhook"

    @classmethod
    def make(cls, schools: int, pupils: int, channel: str = "webhook") -> Partnership:
        """So many schools and pupils, the same ones each time."""
        names = tuple(f"urn-{900_001 + index}" for index in range(schools))
        return cls(names, tuple(Pupil(n, names[n % schools]) for n in range(pupils)), channel)

    @property
    def recipients(self) -> tuple[str, ...]:
        """Every organisation that may be told."""
        return (*self.schools, NURSING, MASH)

    def write(self, folder: Path) -> tuple[Path, Path]:
        """The two CSV files that the directory imports."""
        organisations = folder / "organisations.csv"
        children = folder / "children.csv"
        _write(
            organisations,
            ORGANISATION_COLUMNS,
            [
                {"id": POLICE, "kind": "police", "name": "Example Police", "channel": "mailbox"},
                {
                    "id": MASH,
                    "kind": "social-care",
                    "name": "Testshire Example MASH",
                    "local_authority": MASH,
                    "covers_postcodes": POSTCODE,
                    "channel": self.channel,
                },
                {
                    "id": NURSING,
                    "kind": "school-nursing",
                    "name": "Testshire Example School Nursing",
                    "local_authority": MASH,
                    "covers_postcodes": POSTCODE,
                    "channel": self.channel,
                },
                *(
                    {
                        "id": school,
                        "kind": "school",
                        "name": f"Example School {school[-3:]}",
                        "urn": school.removeprefix("urn-"),
                        "local_authority": MASH,
                        "nursing_provider": NURSING,
                        "channel": self.channel,
                    }
                    for school in self.schools
                ),
            ],
        )
        _write(
            children,
            CHILD_COLUMNS,
            [
                {
                    "register_ref": pupil.register_ref,
                    "given_name": pupil.given_name,
                    "family_name": pupil.family_name,
                    "date_of_birth": pupil.born.isoformat(),
                    "sex": "female",
                    "nhs_number": pupil.nhs_number,
                    "nhs_verified": "true",
                    "address": pupil.street,
                    "postcode": pupil.postcode,
                    "local_authority": MASH,
                    "household": f"house-{pupil.number}",
                    "restricted": "false",
                    "enrolments": f"{pupil.school}:registered:2020-09-01:",
                }
                for pupil in self.pupils
            ],
        )
        return organisations, children

    def expected(self, pupil: Pupil) -> set[tuple[str, Profile]]:
        """Who must be told of a domestic abuse incident with this child, and in which profile."""
        return {
            (pupil.school, Profile.SCHOOL_FULL),
            (NURSING, Profile.HEALTH_MINIMAL),
            (MASH, Profile.MASH_INCIDENT),
        }


def misspelt(pupil: Pupil, slip: int) -> dict[str, Any]:
    """The child as it is written down at night: no number, and a slip of the hand or two."""
    given, family = pupil.given_name, pupil.family_name
    at = 1 + slip % (len(given) - 2)
    born = pupil.born
    return {
        "name": {
            "given": given[:at] + given[at + 1 :] if slip % 2 else given[:at] + given[at - 1 :],
            "family": family.replace("sample", "sampel") if slip % 3 == 0 else family,
        },
        "dateOfBirth": {"value": born.isoformat(), "precision": "exact"},
        "address": {"lines": [pupil.street], "postcode": pupil.postcode},
    }


def incident(event_id: str, pupils: Sequence[Pupil], slip: int | None = None) -> dict[str, Any]:
    """A structured CloudEvent: a domestic abuse incident at which these children were.

    slip: the children are written down with slips of the hand, other ones for each number.
    """
    at = now() - timedelta(hours=2)
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": SOURCE,
        "type": "domestic-abuse.recorded",
        "time": (at + timedelta(hours=1)).isoformat(),
        "datacontenttype": "application/json",
        "data": {
            "policeReference": f"TEST-{event_id}",
            "attendedAt": at.isoformat(),
            "recordedAt": (at + timedelta(minutes=50)).isoformat(),
            "children": [
                {
                    "child": _block(pupil) if slip is None else misspelt(pupil, slip),
                    "present": True,
                    "whereInIncident": "Upstairs, in bed.",
                    "welfareCheckDone": True,
                    "circumstances": "Awake when officers came; plainly synthetic text.",
                    "voice": {
                        "captured": "spoken-to",
                        "words": "I heard it all.",
                        "observations": "Quiet and dressed.",
                        "by": "Officer Example",
                        "at": at.isoformat(),
                    },
                }
                for pupil in pupils
            ],
            "textSpeaksOfChild": False,
            "adults": [],
            "narrative": "Synthetic narrative of an incident that did not happen.",
            "basis": {
                "lawfulBasis": "legal-obligation",
                "familyInformed": False,
                "reasonNotInformed": "risk-of-harm",
            },
            "contact": {
                "name": "Officer Example",
                "role": "Domestic abuse desk",
                "agency": "Example Police",
                "phone": "0121 496 0101",
            },
        },
    }


def _block(pupil: Pupil) -> dict[str, Any]:
    return {
        "name": {"given": pupil.given_name, "family": pupil.family_name},
        "dateOfBirth": {"value": pupil.born.isoformat(), "precision": "exact"},
        "nhsNumber": {"value": pupil.nhs_number, "status": "verified"},
        "address": {"lines": [pupil.street], "postcode": pupil.postcode},
    }


_SYLLABLES = (
    "bal", "cor", "den", "fim", "gus", "hov", "jat", "kel", "lun", "mar", "nop", "pir", "quo",
    "ras", "ser", "tov", "urb", "vak", "wen",
)  # fmt: skip


def _syllables(number: int, step: int, start: int) -> str:
    """A plainly made-up name, another one for each number below 6859."""
    count = len(_SYLLABLES)
    mixed = (number * step + start) % count**3
    parts = (mixed % count, mixed // count % count, mixed // count**2)
    return "".join(_SYLLABLES[part] for part in parts).capitalize()


def _write(path: Path, columns: Sequence[str], rows: Sequence[dict[str, str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)
