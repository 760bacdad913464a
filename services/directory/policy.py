"""Reads the policy table: who is told of what, when, and how much (step 4).

The table is data (`policy.toml`); this module knows its words and refuses any other, so that a
line which nobody can carry out never waits for a child to find that out.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from importlib.resources import files
from typing import Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter

from schemas.facts import Profile
from schemas.model import Model
from schemas.organisations import OrganisationKind as Kind


class Recipient(StrEnum):
    """Whom a line may name."""

    SCHOOLS = "every school"
    EDUCATION_OFFICER = "education officer of the home authority"
    SCHOOL_NURSING = "school nursing"
    HEALTH_VISITING = "health visiting"
    MASH = "MASH of residence"
    OTHER_AREA = "social care of another area"
    RESPONSIBLE_AUTHORITY = "responsible authority"
    EXPLOITATION_TEAM = "exploitation team"
    EMERGENCY_DEPARTMENTS = "listed emergency departments"
    EARLY_YEARS = "early years setting"
    GENERAL_PRACTICE = "general practice"
    WORKER = "allocated worker of social care"
    ASSIGNED = "whoever is assigned"
    REFERRER = "referrer"
    MANAGER = "referrer's manager"
    TOLD = "everyone who was told"


_ANY = frozenset(Kind)

KINDS: dict[Recipient, frozenset[Kind]] = {
    Recipient.SCHOOLS: frozenset({Kind.SCHOOL}),
    Recipient.EDUCATION_OFFICER: frozenset({Kind.LOCAL_AUTHORITY, Kind.SOCIAL_CARE}),
    Recipient.SCHOOL_NURSING: frozenset({Kind.SCHOOL_NURSING}),
    Recipient.HEALTH_VISITING: frozenset({Kind.HEALTH_VISITING}),
    Recipient.MASH: frozenset({Kind.SOCIAL_CARE}),
    Recipient.OTHER_AREA: frozenset({Kind.SOCIAL_CARE}),
    Recipient.RESPONSIBLE_AUTHORITY: frozenset({Kind.SOCIAL_CARE}),
    Recipient.EXPLOITATION_TEAM: frozenset(
        {Kind.SOCIAL_CARE, Kind.LOCAL_AUTHORITY, Kind.POLICE, Kind.YOUTH_OFFENDING, Kind.VOLUNTARY}
    ),
    Recipient.EMERGENCY_DEPARTMENTS: frozenset({Kind.HOSPITAL}),
    Recipient.EARLY_YEARS: frozenset({Kind.EARLY_YEARS}),
    Recipient.GENERAL_PRACTICE: frozenset({Kind.GENERAL_PRACTICE}),
    Recipient.WORKER: frozenset({Kind.SOCIAL_CARE, Kind.LOCAL_AUTHORITY}),
    Recipient.ASSIGNED: _ANY,
    Recipient.REFERRER: _ANY,
    Recipient.MANAGER: _ANY,
    Recipient.TOLD: _ANY,
}
"""Organisations of which kinds a recipient's name may stand for."""


class When(StrEnum):
    """Under which condition."""

    ALWAYS = "always"
    SCHOOL_EXPECTED = "a school is expected"
    HOME_EDUCATED = "home-educated or missing education"
    SCHOOL_AGE = "of school age"
    UNDER_SCHOOL_ENTRY = "under school entry"
    OTHER_AREA = "lives in another area"
    NOT_OTHER_AREA = "unless living in another area"
    IN_CARE = "in care"
    GRADED = "grade medium or high"
    AGREEMENT = "an agreement is signed"
    ALLOCATED = "a worker is allocated"
    OWN_TEAM = "the area has one of its own"
    PROFESSIONAL = "a professional referred"
    NO_LONGER_ENTITLED = "no longer entitled"


class Line(Model):
    """One line of the table."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(pattern=r"^[a-z]{2}-[a-z-]+$")
    event: str
    recipient: Recipient
    when: When
    profile: Profile
    if_nobody: Literal["a person is asked", "nothing"] = Field(alias="if-nobody")

    @property
    def asks(self) -> bool:
        """Whether a person is asked where the recipient cannot be told."""
        return self.if_nobody == "a person is asked"


@dataclass(frozen=True)
class Policy:
    """The whole table."""

    lines: tuple[Line, ...]
    _by_event: dict[str, tuple[Line, ...]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if len({line.id for line in self.lines}) < len(self.lines):
            raise ValueError("the policy table uses an id twice")
        by_event: dict[str, tuple[Line, ...]] = {}
        for line in self.lines:
            by_event[line.event] = (*by_event.get(line.event, ()), line)
        object.__setattr__(self, "_by_event", by_event)

    def lines_for(self, event: str) -> tuple[Line, ...]:
        """The lines of one type of event, in the table's order."""
        return self._by_event.get(event, ())


def read_policy(text: str | None = None) -> Policy:
    """The table from TOML text, by default from the file beside this module.

    Raises `pydantic.ValidationError` naming each line that it does not understand.
    """
    if text is None:
        text = files("services.directory").joinpath("policy.toml").read_text("utf-8")
    lines: Any = tomllib.loads(text)["line"]
    return Policy(TypeAdapter(tuple[Line, ...]).validate_python(lines))


def as_table(lines: Iterable[Line]) -> str:
    """The lines as the Markdown table of the documentation."""
    rows = [
        "| Line | Event | Recipient | When | Profile | If nobody can be told |",
        "|---|---|---|---|---|---|",
    ]
    rows += [
        f"| {one.id} | {one.event} | {one.recipient} | {one.when} | {one.profile}"
        f" | {one.if_nobody} |"
        for one in lines
    ]
    return "\n".join(rows)
