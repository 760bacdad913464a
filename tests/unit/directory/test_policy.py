"""The policy table: one test per line, and the documentation says what the data says."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from schemas.catalogue import EVENT_TYPES
from schemas.facts import EventAccepted, Profile, Sender
from schemas.organisations import Organisation
from services.directory.allocations import Allocation
from services.directory.evaluate import evaluate
from services.directory.find_recipients import CONDITIONS, FINDERS
from services.directory.organisations import Organisations
from services.directory.policy import KINDS, Recipient, When, as_table, read_policy
from services.directory.register import RegisteredChild
from services.directory.settings import DirectorySettings
from services.directory.situation import Case, Enrolment, Situation

DOCS = Path(__file__).parents[3] / "docs" / "reference" / "who-is-told.md"
CHILD = UUID(int=1)
TODAY = date(2026, 3, 3)

AREA: tuple[dict[str, Any], ...] = (
    {"id": "mash", "kind": "social-care", "name": "MASH", "covers_postcodes": ("ZZ9",)},
    {"id": "far", "kind": "social-care", "name": "Far"},
    {
        "id": "school",
        "kind": "school",
        "name": "School",
        "nursing_provider": "nursing",
        "local_authority": "mash",
    },
    {"id": "nursing", "kind": "school-nursing", "name": "N", "local_authority": "mash"},
    {"id": "visiting", "kind": "health-visiting", "name": "V", "covers_postcodes": ("ZZ9",)},
    {
        "id": "hospital",
        "kind": "hospital",
        "name": "H",
        "local_authority": "mash",
        "emergency_department": True,
    },
    {"id": "nursery", "kind": "early-years", "name": "Nursery"},
    {"id": "practice", "kind": "general-practice", "name": "GP", "ods_code": "Y90001"},
    {"id": "team", "kind": "social-care", "name": "Team"},
)


@dataclass
class Scene:
    """What the register and the sender say; the default is a pupil of the area."""

    enrolments: list[tuple[str | None, str]] = field(
        default_factory=lambda: [("school", "registered")]
    )
    born: date | None = date(2014, 5, 14)
    postcode: str | None = "ZZ9 1AA"
    authority: str | None = "mash"
    responsible: str | None = None
    data: dict[str, Any] = field(default_factory=dict)
    sent: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    worker: str | None = None

    def at(self, event_type: str) -> Situation:
        """The situation of this scene in an event."""
        event = EventAccepted(
            receipt=UUID(int=2),
            event_type=event_type,
            key="key",
            sender=Sender(organisation="police", name="Police", kind="police"),
            occurred_at=datetime(2026, 3, 3, tzinfo=UTC),
            accepted_at=datetime(2026, 3, 3, tzinfo=UTC),
            data={"children": [{"child": self.sent}], **self.data},
        )
        child = RegisteredChild(
            CHILD, "Robin", "Example", [], self.born, None, None, False, None, self.postcode,
            self.authority, self.responsible, False,
        )  # fmt: skip
        known = Organisations(Organisation.model_validate(one) for one in AREA)
        enrolments = [Enrolment(CHILD, *one) for one in self.enrolments]
        settings = DirectorySettings.model_validate(self.settings)
        at = datetime(2026, 3, 1, tzinfo=UTC)
        workers = (
            (Allocation(UUID(int=3), CHILD, "mash", self.worker, "social-worker", at, at, at),)
            if self.worker
            else ()
        )
        return Situation(Case(event, 0, child), enrolments, known, settings, TODAY, workers=workers)


PUPIL = Scene()
AT_HOME = Scene(enrolments=[(None, "home-educated")])
TODDLER = Scene(enrolments=[], born=date(2023, 10, 1))
ELSEWHERE = Scene(postcode="YX1 1AA", authority="far")
IN_CARE = Scene(responsible="far")
SIGNED = {"agreements": {"nursery", "practice"}}
NURSERY = Scene(enrolments=[("nursery", "early-years")], born=date(2023, 10, 1), settings=SIGNED)
PATIENT = Scene(sent={"gp": {"odsCode": "Y90001"}}, settings=SIGNED)
GRADED = Scene(data={"grade": "high"})
TEAMED = Scene(settings={"exploitation_teams": {"mash": "team"}})

ALLOCATED = Scene(worker="team")
ELSEWHERE_ALLOCATED = Scene(worker="practice")

MISSING: dict[str, tuple[Scene, str, str, Scene]] = {
    "school": (PUPIL, "school", "school", AT_HOME),
    "school-nursing": (PUPIL, "nursing", "school-nursing", TODDLER),
    "health-visiting": (TODDLER, "visiting", "health-visiting", PUPIL),
    "mash": (PUPIL, "mash", "mash", ELSEWHERE),
    "exploitation-team": (TEAMED, "team", "exploitation-team", PUPIL),
    "other-area": (ELSEWHERE, "far", "other-area", PUPIL),
    "responsible-authority": (IN_CARE, "far", "responsible-authority", PUPIL),
    "worker": (ALLOCATED, "team", "allocated-worker", PUPIL),
    "emergency-department": (
        GRADED, "hospital", "emergency-department", Scene(data={"grade": "low"}),
    ),
}  # fmt: skip
"""The same people are told of a report and of an update of it."""

LINES: dict[str, tuple[Scene, str, str, Scene]] = {
    # line: where it applies, who is told as what, and where it does not apply
    "da-school": (PUPIL, "school", "school", AT_HOME),
    "da-education-officer": (AT_HOME, "mash", "education-officer", PUPIL),
    "da-school-nursing": (PUPIL, "nursing", "school-nursing", TODDLER),
    "da-health-visiting": (TODDLER, "visiting", "health-visiting", PUPIL),
    "da-mash": (PUPIL, "mash", "mash", ELSEWHERE),
    "da-other-area": (ELSEWHERE, "far", "other-area", PUPIL),
    "da-responsible-authority": (IN_CARE, "far", "responsible-authority", PUPIL),
    "da-worker": (ALLOCATED, "team", "allocated-worker", ELSEWHERE_ALLOCATED),
    "da-early-years": (NURSERY, "nursery", "early-years", Scene(NURSERY.enrolments)),
    "da-general-practice": (PATIENT, "practice", "general-practice", Scene(sent=PATIENT.sent)),
    **{f"mr-{who}": case for who, case in MISSING.items()},
    **{f"mu-{who}": case for who, case in MISSING.items()},
    "rs-mash": (PUPIL, "mash", "mash", ELSEWHERE),
    "rs-other-area": (ELSEWHERE, "far", "other-area", PUPIL),
    "rs-responsible-authority": (IN_CARE, "far", "responsible-authority", PUPIL),
    "rs-worker": (ALLOCATED, "team", "allocated-worker", PUPIL),
    "mf-worker": (ALLOCATED, "team", "allocated-worker", PUPIL),
}  # fmt: skip

BY_HISTORY = {
    "mu-told", "mf-told", "rs-receipt", "rt-referrer", "rd-referrer", "ac-referrer", "er-told",
    "co-told", "wa-worker", "rt-manager", "rd-manager", "ac-manager",
}  # fmt: skip
"""Found by what was told before: tested on a database, in tests/integration/directory."""


@pytest.mark.parametrize("line_id", LINES)
def test_a_line_tells_its_recipient_and_only_where_it_applies(line_id: str) -> None:
    policy = read_policy()
    (line,) = (one for one in policy.lines if one.id == line_id)
    applies, organisation, role, not_here = LINES[line_id]
    told = evaluate(policy, applies.at(line.event)).addressees
    (one,) = (one for one in told if one.rule == line_id)
    assert (one.organisation, one.role, one.profile) == (organisation, role, line.profile)
    elsewhere = evaluate(policy, not_here.at(line.event)).addressees
    assert line_id not in {one.rule for one in elsewhere}


def test_every_line_has_its_test() -> None:
    assert {line.id for line in read_policy().lines} == LINES.keys() | BY_HISTORY


def test_every_word_of_the_table_is_known_to_the_code() -> None:
    history = {Recipient.REFERRER, Recipient.MANAGER, Recipient.TOLD, Recipient.ASSIGNED}
    assert FINDERS.keys() | history == set(Recipient)
    later = {When.PROFESSIONAL, When.NO_LONGER_ENTITLED}
    assert CONDITIONS.keys() | later == set(When)
    events = {line.event for line in read_policy().lines}
    assert events - {"any correction"} <= EVENT_TYPES.keys()


def test_of_every_recipient_it_is_known_what_kinds_it_may_be() -> None:
    assert KINDS.keys() == set(Recipient)


def test_domestic_abuse_never_goes_to_hospitals() -> None:
    lines = read_policy().lines_for("domestic-abuse.recorded")
    assert Recipient.EMERGENCY_DEPARTMENTS not in {line.recipient for line in lines}


def test_health_gets_the_least() -> None:
    for line in read_policy().lines_for("domestic-abuse.recorded"):
        if line.recipient in (Recipient.SCHOOL_NURSING, Recipient.HEALTH_VISITING):
            assert line.profile is Profile.HEALTH_MINIMAL


def test_the_documentation_holds_the_table() -> None:
    assert as_table(read_policy().lines) in DOCS.read_text("utf-8")


def test_the_documentation_explains_every_word() -> None:
    text = DOCS.read_text("utf-8")
    assert [word for word in (*Recipient, *When) if f"**{word}**" not in text] == []


@pytest.mark.parametrize(
    "text",
    [
        '[[line]]\nid="da-x"\nevent="e"\nrecipient="the milkman"\nwhen="always"\n'
        'profile="school-full"\nif-nobody="nothing"',
        '[[line]]\nid="da-x"\nevent="e"\nrecipient="every school"\nwhen="always"\n'
        'profile="everything"\nif-nobody="nothing"',
        '[[line]]\nid="da-x"\nevent="e"\nrecipient="every school"\nwhen="always"\n'
        'profile="school-full"\nif-nobody="nothing"\nunless="x"',
    ],
)
def test_a_line_that_nobody_can_carry_out_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        read_policy(text)


def test_an_id_that_is_used_twice_is_refused() -> None:
    line = (
        '[[line]]\nid="da-x"\nevent="e"\nrecipient="every school"\nwhen="always"\n'
        'profile="school-full"\nif-nobody="nothing"\n'
    )
    with pytest.raises(ValueError, match="twice"):
        read_policy(line * 2)


@pytest.mark.parametrize(
    ("enrolments", "lacking"),
    [
        ([("school", "registered")], []),
        ([("school", "dual"), ("nowhere", "dual")], ["da-school"]),
        ([(None, "unknown")], ["da-school"]),
        ([(None, "none")], ["da-school"]),
        ([], ["da-school"]),
        ([(None, "other-provision")], ["da-school"]),
        ([(None, "home-educated")], []),
        ([(None, "missing-education")], []),
        ([(None, "unknown"), (None, "home-educated")], ["da-school"]),
    ],
)
def test_unknown_never_means_home_educated(
    enrolments: list[tuple[str | None, str]], lacking: list[str]
) -> None:
    outcome = evaluate(read_policy(), Scene(enrolments).at("domestic-abuse.recorded"))
    assert outcome.lacking == lacking
    assert "mash" in {one.organisation for one in outcome.told}
