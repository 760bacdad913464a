"""Every doubt has words, and each question of identity a doubt."""

from __future__ import annotations

from typing import Any

import pytest

from services.directory.doubts import IN_WORDS, doubt_of_judgement, note_doubt, noted_doubt
from services.directory.matching.choose import Weights
from services.directory.matching.frequencies import Frequencies
from services.directory.matching.judge import Judgement, judge
from services.directory.matching.model import starting_model
from services.directory.matching.person import Person, make_person
from services.directory.resolve import Unresolved
from services.directory.retract import IDENTITY_REASONS

WEIGHTS = Weights.of(starting_model())
COMMON = Frequencies(people=20_000)


def person(given: str, born: str = "2014-05-14", **more: Any) -> Person:
    return make_person("1", [(given, "Quartermaine")], date_of_birth=born, **more)


def judged(asked: Person, *found: Person) -> Judgement:
    return judge(asked, found, COMMON, WEIGHTS)


@pytest.mark.parametrize("reason", IDENTITY_REASONS)
def test_every_question_about_identity_has_words(reason: str) -> None:
    doubt = noted_doubt(reason, [])
    assert doubt == reason
    assert IN_WORDS[reason].endswith(".")


@pytest.mark.parametrize(
    ("asked", "found", "doubt"),
    [
        (person("Leopold"), [person("Wilhelmina")], "given-name-differs"),
        (person(""), [person("Wilhelmina", postcode="ZZ9 1AA")], "given-name-missing"),
        (person("Leopold", nhs_number="9990000000"),
         [person("Wilhelmina", nhs_number="9990000000")], "number-of-a-relative"),
        (person("Leopold", "2016-09-30", postcode="ZZ9 1AA"),
         [person("Wilhelmina", postcode="ZZ9 1AA")], "relative-likelier"),
        (person("Wilhelmina"), [person("Wilhelmina"), person("Wilhelmina")], "two-as-probable"),
        (person("Wilhelmina"), [], "nobody-probable"),
        (person("Wilhelmina"), [person("Wilhelmina")], None),
    ],
)  # fmt: skip
def test_a_judgement_that_is_no_match_says_why(
    asked: Person, found: list[Person], doubt: str | None
) -> None:
    said = doubt_of_judgement(judged(asked, *found))
    assert said == doubt
    assert said is None or said in IN_WORDS


def test_what_is_noted_beside_a_question_is_read_back() -> None:
    answer = Unresolved("possible-candidates", (), judged(person("Leopold"), person("Wilhelmina")))
    noted = note_doubt(answer)
    assert noted_doubt(answer.reason, ["/children/0/circumstances", *noted]) == "given-name-differs"
    assert note_doubt(Unresolved("no-candidate")) == []


def test_a_question_about_something_else_has_no_doubt() -> None:
    assert noted_doubt("text-names-others", ["/children/0/circumstances"]) is None
