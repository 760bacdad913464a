"""Pure rules: school entry, birth dates, deadlines, matching without a database."""

from __future__ import annotations

from datetime import UTC, date, datetime
from uuid import UUID

import pytest

from schemas.blocks import Child, PartialDate
from schemas.catalogue import EVENT_TYPES
from services.directory.deadlines import add_working_days, decide_by
from services.directory.decide import Decision, possible_decisions
from services.directory.find_candidates import Candidates
from services.directory.register import RegisteredChild, exact_key, same_name
from services.directory.resolve import Match, contradicts, match_child
from services.directory.retract import IDENTITY_REASONS
from services.directory.settings import DirectorySettings
from services.directory.situation import school_entry


@pytest.mark.parametrize(
    ("born", "entry"),
    [
        (date(2020, 8, 31), date(2024, 9, 1)),
        (date(2020, 9, 1), date(2025, 9, 1)),
        (date(2021, 1, 1), date(2025, 9, 1)),
    ],
)
def test_school_entry_is_a_september_not_a_birthday(born: date, entry: date) -> None:
    assert school_entry(born) == entry


@pytest.mark.parametrize(
    ("value", "precision", "contradicting"),
    [
        ("2014-05-14", "exact", False),
        ("2014-05-15", "exact", True),
        ("2014-05-01", "month", False),
        ("2014-06-14", "month", True),
        ("2014-01-01", "year", False),
        ("2015-05-14", "year", True),
        ("2012-06-01", "estimated", False),
        ("2011-05-01", "estimated", True),
    ],
)
def test_a_birth_date_contradicts_as_exactly_as_it_is_known(
    value: str, precision: str, contradicting: bool
) -> None:
    sent = PartialDate.model_validate({"value": value, "precision": precision})
    assert contradicts(sent, date(2014, 5, 14)) is contradicting


@pytest.mark.parametrize(
    ("queued", "due"),
    [
        # Easter 2026: Friday 3 and Monday 6 April are bank holidays; the clocks changed before.
        (datetime(2026, 4, 2, 9, 0, tzinfo=UTC), datetime(2026, 4, 7, 9, 0, tzinfo=UTC)),
        (datetime(2026, 3, 27, 9, 0, tzinfo=UTC), datetime(2026, 3, 30, 8, 0, tzinfo=UTC)),
        (datetime(2026, 3, 3, 9, 0, tzinfo=UTC), datetime(2026, 3, 4, 9, 0, tzinfo=UTC)),
        (datetime(2026, 10, 24, 8, 0, tzinfo=UTC), datetime(2026, 10, 26, 9, 0, tzinfo=UTC)),
    ],
)
def test_a_working_day_is_england_s(queued: datetime, due: datetime) -> None:
    assert add_working_days(queued, 1) == due


def test_urgent_questions_have_minutes_others_a_working_day() -> None:
    queued = datetime(2026, 3, 6, 12, 0, tzinfo=UTC)
    settings = DirectorySettings()
    for name, described in EVENT_TYPES.items():
        hours = (decide_by(name, queued, settings) - queued).total_seconds() / 3600
        assert hours == (0.5 if described.urgent else 72)


def test_every_question_has_an_answer() -> None:
    for reason in (*IDENTITY_REASONS, "text-names-others", "no-route-school", "anything-else"):
        assert possible_decisions(reason)
    assert Decision.THIS_CHILD not in possible_decisions("text-names-others")


def test_names_are_one_apart_from_how_they_are_written() -> None:
    assert same_name("Zoë-Ann", "ZOE ANN")
    assert same_name("O’Brien", "OBRIEN")
    assert not same_name("Ann", "Anne")
    assert not same_name("", "")
    first = exact_key("Zoë", "O’Brien", date(2014, 5, 14), "ZZ9 1AA")
    assert first == exact_key("ZOE", "OBrien", date(2014, 5, 14), "ZZ9 1AA")


def test_the_same_input_always_gives_the_same_answer() -> None:
    row = RegisteredChild(
        UUID(int=1), "Robin", "Example", [], date(2014, 5, 14), None, None, False, None,
        "ZZ9 1AA", None, None, False,
    )  # fmt: skip
    found = Candidates()
    found.add(row)
    asked = Child.model_validate(
        {
            "name": {"given": "ROBIN", "family": "Example"},
            "dateOfBirth": {"value": "2014-05-14"},
            "address": {"postcode": "zz91aa"},
        }
    )
    assert [match_child(asked, found) for _ in range(3)] == [Match(row, "name")] * 3
