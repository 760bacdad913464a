"""The blocks that events share: children, adults, voice, basis, statements, contact.

They say what a field is and how it is written; what only makes sense at a certain time, or is
weighed differently in an emergency, is in `schemas.rules`.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StrictBool

from schemas.identifiers import normalise_nhs_number, normalise_postcode, normalise_upn
from schemas.model import Model
from schemas.organisations import RecipientRole
from schemas.reading import Day, LongText, Moment, OrganisationId, Text, Words


class PersonName(Model):
    """What a person is called; at least one part."""

    given: Words | None = None
    family: Words | None = None


class PartialDate(Model):
    """A date and how exactly it is known; with `month` or `year` the rest of it means nothing."""

    value: Day
    precision: Literal["exact", "month", "year", "estimated"] = "exact"


class IdentifiedNhsNumber(Model):
    """The NHS number and how sure the sender is of it, or a code saying why there is none."""

    value: Annotated[str, Field(max_length=32)] | None = None
    status: Literal["verified", "unverified"] | None = None
    reason_absent: (
        Literal["not-known", "not-traced", "not-registered", "overseas", "unborn", "restricted"]
        | None
    ) = None

    @property
    def digits(self) -> str | None:
        """Ten digits if the check digit holds; otherwise None, and it is used for nothing."""
        return normalise_nhs_number(self.value) if self.value is not None else None


class Address(Model):
    """Where somebody lives; `withhold` keeps it from everyone but the MASH."""

    lines: Annotated[tuple[Words, ...], Field(max_length=8)] = ()
    postcode: Annotated[str, Field(max_length=16)] | None = None
    withhold: StrictBool = False

    @property
    def normal_postcode(self) -> str | None:
        return normalise_postcode(self.postcode) if self.postcode is not None else None


class SchoolReference(Model):
    """A school by its number (URN; UKPRN for a college; a Welsh school's number), else by name."""

    urn: Annotated[str, Field(max_length=32)] | None = None
    ukprn: Annotated[str, Field(max_length=32)] | None = None
    welsh_number: Annotated[str, Field(max_length=32)] | None = None
    name: Words | None = None


class EducationStatus(StrEnum):
    """How a child is educated. `unknown` never means home-educated: a person must look."""

    REGISTERED = "registered"
    DUAL = "dual"
    HOME_EDUCATED = "home-educated"
    MISSING_EDUCATION = "missing-education"
    OTHER_PROVISION = "other-provision"
    EARLY_YEARS = "early-years"
    NONE = "none"
    UNKNOWN = "unknown"


class Practice(Model):
    """A general practice."""

    ods_code: Annotated[str, Field(max_length=16)] | None = None
    name: Words | None = None


class PlacementAddress(Address):
    """Where a child in care is placed: withheld unless the sender says otherwise."""

    withhold: StrictBool = True


class InCare(Model):
    """Who is responsible for a child in care, wherever the child is placed."""

    responsible_authority: OrganisationId
    worker_name: Words | None = None
    worker_phone: Words | None = None
    worker_email: Words | None = None
    reviewing_officer_name: Words | None = None
    reviewing_officer_phone: Words | None = None
    reviewing_officer_email: Words | None = None
    placement_address: PlacementAddress | None = None


Ethnicity = Literal[
    "WBRI", "WIRI", "WIRT", "WROM", "WOTH", "MWBC", "MWBA", "MWAS", "MOTH", "AIND",
    "APKN", "ABAN", "AOTH", "BCRB", "BAFR", "BOTH", "CHNE", "OOTH", "REFU", "NOBT",
]  # fmt: skip
"""Ethnicity codes of the DfE's Common Basic Data Set."""

Disability = Literal[
    "NONE", "MOB", "HAND", "PC", "INC", "COMM", "LD", "HEAR", "VIS", "BEH", "CON", "AUT", "DDA"
]
"""Disability codes of the DfE's children in need census."""


class Child(Model):
    """A child as the sender knows it: born, or expected."""

    name: PersonName | None = None
    alternative_names: Annotated[tuple[PersonName, ...], Field(max_length=20)] = ()
    date_of_birth: PartialDate | None = None
    expected_date_of_delivery: Day | None = None
    sex: Literal["female", "male", "not-known"] | None = None
    ethnicity: Ethnicity | None = None
    language: Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")] | None = Field(
        default=None, description="First language, as a language tag (BCP 47)."
    )
    interpreter: StrictBool | None = Field(default=None, description="An interpreter is needed.")
    nhs_number: IdentifiedNhsNumber | None = None
    upn: Annotated[str, Field(max_length=32)] | None = None
    address: Address | None = None
    school: SchoolReference | None = None
    education_status: EducationStatus | None = None
    gp: Practice | None = None
    disability: Annotated[tuple[Disability, ...], Field(max_length=13)] = ()
    in_care: InCare | None = None

    @property
    def valid_upn(self) -> str | None:
        """The UPN if its check letter holds; otherwise None, and it is used for nothing."""
        return normalise_upn(self.upn) if self.upn is not None else None

    @property
    def valid_nhs_number(self) -> str | None:
        return self.nhs_number.digits if self.nhs_number is not None else None

    @property
    def exact_date_of_birth(self) -> date | None:
        """The birth date where it is exactly known: the only one that may identify."""
        birth = self.date_of_birth
        return birth.value if birth is not None and birth.precision == "exact" else None


class Adult(Model):
    """An adult of the event: whose parent, and in which role."""

    name: PersonName | None = None
    date_of_birth: PartialDate | None = None
    relationship: Words | None = Field(default=None, description="To the children: mother …")
    role_in_event: Literal["victim", "alleged-perpetrator", "carer", "other"] = "other"
    parental_responsibility: StrictBool | None = None
    address: Address | None = None
    works_at: OrganisationId | None = Field(
        default=None, description="The organisation where this adult works, if it may be told."
    )


class OrderInForce(Model):
    """An order that holds for a child today: who must keep away, and under what."""

    person: PersonName
    kind: str
    starts_on: Day
    ends_on: Day | None = None


class Voice(Model):
    """What the child said and how it seemed, or why nobody asked."""

    captured: Literal["spoken-to", "observed-only", "not-attempted", "not-possible"]
    reason: Text | None = None
    words: Text | None = Field(default=None, description="The child's own words.")
    observations: Text | None = None
    others_present: Text | None = Field(default=None, description="Who else was in the room.")
    by: Words | None = None
    at: Moment | None = None


class Basis(Model):
    """Why this may lawfully be shared, and whether the family knows (consent is seldom it)."""

    lawful_basis: Literal[
        "legal-obligation", "public-task", "vital-interests", "legitimate-interests", "consent"
    ]
    family_informed: StrictBool | None = None
    reason_not_informed: (
        Literal["risk-of-harm", "injury-to-another", "obstructing-police", "unjustified-delay"]
        | None
    ) = None


class Statement(Model):
    """One thing stated: fact can be told from opinion, and each has its source."""

    kind: Literal["fact", "reported", "opinion"]
    text: LongText
    source: Words


class Contact(Model):
    """Whom to ask about this event; at least a telephone number or an e-mail address."""

    model_config = ConfigDict(
        json_schema_extra={"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}
    )

    name: Words
    role: Words
    agency: Words
    phone: Words | None = None
    email: Words | None = None


class Withhold(Model):
    """Somebody who must not be told of this event, and why; an organisation, a role or both."""

    organisation: OrganisationId | None = None
    role: RecipientRole | None = None
    reason: Words
