"""Whose credentials a laptop makes: one per agency, each good at every door it may use."""

from __future__ import annotations

from dataclasses import dataclass

from deploy.laptop.partnership import (
    CARE_HOME,
    DEMO_SCHOOL,
    FHIR_HOSPITAL,
    FHIR_NURSING,
    OWN_COUNCIL,
    OWN_MASH,
    OWN_NURSING,
    POLICE,
)
from schemas.organisations import OrganisationKind as Kind


@dataclass(frozen=True, slots=True)
class Agency:
    """One credential: whose, for what, and which `source` its events carry.

    `sandbox`: its events reach nobody, whatever they say.
    """

    organisation: str
    name: str
    kind: Kind
    role: str
    source: str = ""
    serves: tuple[str, ...] = ()
    sandbox: bool = False


AGENCIES: dict[str, Agency] = {
    "police": Agency(
        POLICE, "Example Police", Kind.POLICE, "sends incidents and missing children",
        "police.example",
    ),
    "police-sandbox": Agency(
        POLICE, "Example Police", Kind.POLICE, "tries out its own system: nothing of it is real",
        "police.example", sandbox=True,
    ),
    "social-care": Agency(
        OWN_MASH, "Solihull Example Children's Social Care (MASH)", Kind.SOCIAL_CARE,
        "decides referrals, reviews, reads its notices", "social-care.example",
    ),
    "council": Agency(
        OWN_COUNCIL, "Solihull Example Council", Kind.LOCAL_AUTHORITY,
        "restates schools; hears of children educated at home", "council.example",
    ),
    "school": Agency(
        DEMO_SCHOOL, "Solihull Example Primary School 1", Kind.SCHOOL,
        "refers, and reads what its webhooks announce", "school.example",
    ),
    "mis-vendor": Agency(
        "mis-vendor-example", "Example MIS vendor", Kind.SCHOOL,
        "reads the notices of many schools for them",
        serves=tuple(f"urn-{number}" for number in range(900001, 900031)),
    ),
    "school-nursing": Agency(
        OWN_NURSING, "Solihull Example School Nursing", Kind.SCHOOL_NURSING,
        "reads its notices from the mailbox", "school-nursing.example",
    ),
    "school-nursing-eastshire": Agency(
        "nursing-eastshire-example", "Eastshire Example School Nursing", Kind.SCHOOL_NURSING,
        "reads its notices from the mailbox", "school-nursing-eastshire.example",
    ),
    "school-nursing-northtown": Agency(
        FHIR_NURSING, "Northtown Example School Nursing", Kind.SCHOOL_NURSING,
        "is told by FHIR messages", "school-nursing-northtown.example",
    ),
    "hospital": Agency(
        FHIR_HOSPITAL, "Specimen Hospital 1", Kind.HOSPITAL,
        "is told by FHIR messages; refers", "hospital.example",
    ),
    "care-home": Agency(
        CARE_HOME, "Sample House Children's Home", Kind.CARE_PROVIDER,
        "reports missing children", "care-home.example",
    ),
}  # fmt: skip
"""By the name under which `.data/demo.json` has them."""
