"""The people of a made-up area, and the rows in which systems hold them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from tests.support.synthetic_children.origins import Names


class Person(NamedTuple):
    """An adult who cares for a child."""

    given: str
    family: str


@dataclass(slots=True)
class Home:
    """An address; `place` is the number of its postcode, near numbers lie near each other."""

    address: str
    postcode: str
    place: int
    household: str = ""


@dataclass(slots=True)
class Child:
    """A child as it truly is; `number` is its place in the register, -1 when it has none."""

    given: str
    second: str
    family: str
    sex: str
    born: date
    origin: str
    home: Home
    carers: tuple[Person, ...]
    school: str = ""
    nhs_number: str = ""
    upn: str = ""
    twin: bool = False
    registered: bool = True
    number: int = -1


@dataclass(slots=True)
class Family:
    """Children of the same parents or of one of them, oldest first."""

    origin: str
    given: dict[str, Names] | None = None
    """Given names of a people within the origin that has its own."""
    children: list[Child] = field(default_factory=list)


class RegisterRow(NamedTuple):
    """A line of REGISTER.csv; what is not known is empty."""

    id: str
    given_name: str
    family_name: str
    date_of_birth: str
    sex: str
    nhs_number: str
    upn: str
    address: str
    postcode: str
    school_urn: str
    household: str
    guardian_given_name: str
    guardian_family_name: str


@dataclass(slots=True)
class Query:
    """A line of QUERIES.csv; it is changed step by step while it is being recorded."""

    query: str
    given_name: str = ""
    family_name: str = ""
    date_of_birth: str = ""
    sex: str = ""
    nhs_number: str = ""
    upn: str = ""
    address: str = ""
    postcode: str = ""
    school_urn: str = ""
    guardian_given_name: str = ""
    guardian_family_name: str = ""


class Truth(NamedTuple):
    """A line of TRUTH.csv; `id` is empty for a child who is not on the register."""

    query: str
    id: str
    origin: str
    quality: str
    relation: str
    twin: str
