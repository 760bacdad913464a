"""Whether two adults are one: the errors that people make, and everybody who is only like one."""

from __future__ import annotations

from datetime import date

import pytest

from services.directory.judge_adults import (
    AdultWeights,
    Likeness,
    adult_person,
    explain_adult,
    judge_adult,
    weigh_adults,
)
from services.directory.matching.frequencies import Frequencies
from services.directory.matching.model import starting_model
from services.directory.matching.person import make_person

HOME = "ZZ9 1AA"
NAMES = {"sandy": 120, "steven": 400, "hassan": 300, "hussein": 300, "mohammed": 1200}


def learnt(*, parents: bool = True) -> AdultWeights:
    """Weights of a register of 20,000, with or without its parents' names."""
    common = Frequencies(people=20_000)
    common.family_names.update({"specimen": 6, "ali": 200})
    common.postcodes.update({"ZZ91AA": 20})
    if parents:
        common.guardian_names.update({**NAMES, "filler": 30_000})
    return weigh_adults(starting_model(), common)


TOLD = learnt()
KNOWN = ("Sandy", "Specimen", "1986-02-11", HOME)


def judged(
    asked: tuple[str, str, str, str],
    known: tuple[str, str, str, str] = KNOWN,
    told: AdultWeights = TOLD,
    precision: str = "exact",
) -> Likeness:
    given, family, born, postcode = asked
    sent = make_person(
        "asked", [(given, family)], date_of_birth=born, precision=precision, postcode=postcode
    )
    day = date.fromisoformat(known[2]) if known[2] else None
    return judge_adult(sent, adult_person(known[0], known[1], day, known[3] or None), told)


@pytest.mark.parametrize(
    "asked",
    [
        ("Sandi", "Specimen", "1986-02-11", ""),
        ("Sandy", "Specimin", "1986-02-11", ""),
        ("Sandi", "Specimin", "1986-02-11", ""),
        ("Specimen", "Sandy", "1986-02-11", ""),
        ("Alexander", "Specimen", "1986-02-11", HOME),
        ("Сэнди", "Specimen", "1986-02-11", HOME),
        ("Sandy", "Specimen-Sample", "1986-02-11", ""),
        ("Sandy", "Specimen", "1986-11-02", HOME),
        ("Sandy", "Specimen", "1986-02-12", HOME),
    ],
)
def test_slips_are_seen_through_where_name_and_birth_date_or_home_agree(
    asked: tuple[str, str, str, str],
) -> None:
    assert judged(asked).certain


@pytest.mark.parametrize(
    "asked",
    [
        ("Sandy", "Specimen", "1986-11-02", ""),
        ("Sandy", "Specimen", "1986-02-12", ""),
        ("Sandi", "Specimen", "1986-02-12", HOME),
        ("Sandi", "Specimen", "", HOME),
        ("S", "Specimen", "1986-02-11", ""),
        ("Sandy", "Otherwise", "1986-02-11", HOME),
        ("Sandy", "Specimen", "1966-02-11", HOME),
    ],
)
def test_what_two_people_may_share_is_a_question(asked: tuple[str, str, str, str]) -> None:
    found = judged(asked)
    assert (found.likely, found.certain) == (True, False)


@pytest.mark.parametrize(
    "asked",
    [
        ("Sandy", "Specimen", "1960-05-30", HOME),
        ("Sandy", "Specimen", "1962-02-11", HOME),
        ("Steven", "Specimen", "1988-07-19", HOME),
        ("Steven", "Specimen", "1986-02-11", HOME),
        ("Steven", "Specimen", "", HOME),
        ("Sandy", "Specimen", "", ""),
        ("", "Specimen", "1986-02-11", HOME),
        ("Sandy", "", "1986-02-11", HOME),
    ],
    ids=["father", "father born on that day", "brother", "twin", "brother without a birth date",
         "namesake", "no given name", "no family name"],
)  # fmt: skip
def test_the_family_and_namesakes_are_nobody(asked: tuple[str, str, str, str]) -> None:
    assert not judged(asked).likely


@pytest.mark.parametrize(
    ("value", "precision"),
    [("1986-01-01", "year"), ("1986-02-01", "month"), ("1987-06-01", "estimated")],
)
def test_a_birth_date_that_is_known_in_part_is_a_question(value: str, precision: str) -> None:
    found = judged(("Sandi", "Specimen", value, HOME), precision=precision)
    assert (found.likely, found.certain) == (True, False)


def test_twins_with_like_names_are_two_and_a_spelling_is_one() -> None:
    twins = judged(("Hassan", "Ali", "1986-02-11", HOME), ("Hussein", "Ali", "1986-02-11", HOME))
    assert (twins.likely, twins.certain) == (True, False)
    assert judged(
        ("Muhammad", "Ali", "1986-02-11", HOME), ("Mohammed", "Ali", "1986-02-11", HOME)
    ).certain


def test_brothers_who_bear_their_fathers_name_before_their_own_are_two() -> None:
    known = ("Mohammed Hassan", "Ali", "1986-02-11", HOME)
    assert not judged(("Mohammed Karim", "Ali", "1986-02-11", HOME), known).certain


def test_without_parents_names_a_like_given_name_is_a_question() -> None:
    told = learnt(parents=False)
    found = judged(("Sandi", "Specimen", "1986-02-11", HOME), told=told)
    assert (found.likely, found.certain) == (True, False)
    assert judged(("Sandy", "Specimin", "1986-02-11", HOME), told=told).certain


def test_how_common_a_day_is_among_children_says_nothing_of_adults() -> None:
    common = Frequencies(people=20_000)
    common.births.update({"19860211": 1})
    told = weigh_adults(starting_model(), common)
    asked = ("Sandy", "Specimen", "1986-02-11", "")
    assert judged(asked, told=told).comparison.others[2] == 0.0


def test_an_explanation_names_levels_and_no_value() -> None:
    steps = explain_adult(judged(("Sandi", "Specimen", "1986-02-11", HOME)), TOLD)
    said = " ".join(step.words for step in steps).lower()
    assert "given name: a slip of the hand apart" in said
    assert not [value for value in ("sand", "specimen", "1986", "zz9") if value in said]
