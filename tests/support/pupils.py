"""Children of a journey's own, as the register and a sender write them, and events about them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

from chassis.clock import now
from deploy.laptop.agencies import AGENCIES
from deploy.laptop.partnership import OWN_COUNCIL, RegisteredChild
from deploy.laptop.partnership.invented import make_upn
from tests.support.identifiers import make_nhs_number

POSTCODE = "ZS1 4QX"
STREET = "7 Specimen Lane"
_CONTACT = {
    "name": "Sam Sampleton",
    "role": "Desk",
    "agency": "Example agency",
    "phone": "0121 496 0101",
}


@dataclass(frozen=True)
class Pupil:
    """A child of the register: lives in the own area, goes to one of `SCHOOLS`."""

    number: int
    given: str
    family: str
    school: str
    years: int = 9

    @property
    def born(self) -> date:
        return date(now().year - self.years, 3, 3) + timedelta(days=self.number)

    @property
    def nhs_number(self) -> str:
        return make_nhs_number(self.number)

    @property
    def upn(self) -> str:
        return make_upn(9001, now().year - 5, self.number)

    @property
    def marks(self) -> tuple[str, ...]:
        """By what this child, and no sibling, can be recognised; lower case."""
        spaced = f"{self.nhs_number[:3]} {self.nhs_number[3:6]} {self.nhs_number[6:]}"
        given, upn = self.given.casefold(), self.upn.casefold()
        return given, upn, self.born.isoformat(), self.nhs_number, spaced

    def registered(self) -> RegisteredChild:
        """As a line of the register."""
        return RegisteredChild(
            register_ref=f"ref-{self.number}",
            given_name=self.given,
            family_name=self.family,
            date_of_birth=self.born,
            sex="female",
            nhs_number=self.nhs_number,
            nhs_verified=True,
            upn=self.upn,
            address=f"{STREET}, Solihull Example",
            postcode=POSTCODE,
            local_authority=OWN_COUNCIL,
            household=f"household-{self.family.lower()}",
            enrolments=f"{self.school}:registered:{now().year - 4}-09-01:",
        )

    def sent(self, **changes: Any) -> dict[str, Any]:
        """The `child` block of an event; a change to None leaves the field out."""
        block = {
            "name": {"given": self.given, "family": self.family},
            "dateOfBirth": {"value": self.born.isoformat(), "precision": "exact"},
            "nhsNumber": {"value": self.nhs_number, "status": "verified"},
            "upn": self.upn,
            "address": {"lines": [STREET], "postcode": POSTCODE},
            **changes,
        }
        return {name: value for name, value in block.items() if value is not None}


def event(agency: str, event_type: str, data: dict[str, Any], **attributes: Any) -> dict[str, Any]:
    """A CloudEvent of an agency, with the contact that every event needs."""
    return {
        "specversion": "1.0",
        "id": f"journey-{uuid4()}",
        "source": AGENCIES[agency].source,
        "type": event_type,
        "time": now().isoformat(),
        "datacontenttype": "application/json",
        **attributes,
        "data": {"contact": _CONTACT, **data},
    }


def incident(*children: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The data of a domestic abuse incident; each of `children` is an item of its list."""
    at = now() - timedelta(hours=2)
    return {
        "policeReference": f"EX-{uuid4().hex[:8]}",
        "attendedAt": at.isoformat(),
        "recordedAt": (at + timedelta(minutes=50)).isoformat(),
        "children": list(children),
        "narrative": "Synthetic narrative, for the MASH alone.",
        "basis": {"lawfulBasis": "legal-obligation", "familyInformed": True},
        **changes,
    }
