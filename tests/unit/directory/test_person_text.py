"""A child in one line is the same person as the one made from the register's columns."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from services.directory.matching.keys import keys_of
from services.directory.matching.person import Person, make_person, person_of_row
from services.directory.person_text import read_person, write_person
from tests.support.synthetic_children import GeneratorSettings, generate


def test_every_synthetic_child_comes_back_as_it_was() -> None:
    rows = generate(GeneratorSettings(children=2_000, queries=1, seed=11)).register
    for row in rows:
        person = person_of_row(row._asdict(), row.id)
        assert read_person(row.id, write_person(person)) == person


def test_what_a_sender_writes_comes_back_too() -> None:
    queries = generate(GeneratorSettings(children=500, queries=400, seed=12)).queries
    for query in queries:
        person = person_of_row(asdict(query), query.query)
        if person.birth is None or person.birth.known == 8:
            assert read_person(query.query, write_person(person)) == person


@pytest.mark.parametrize(
    "person",
    [
        make_person("1", []),
        make_person("1", [("", "Only")], guardians=[("Only", "")]),
        make_person("1", [("Only", ""), ("Former|;Name", "O'Ne\til; |")]),
        make_person("1", [("Zoë Ānya", "Łęcka-Öz"), ("محمد", "علي")], date_of_birth="2014-05-14"),
        make_person("1", [("A", "B")], address="Flat 2|3; 14 Mill\tLane", postcode="ZZ9 1AA"),
        make_person("1", [("A", "B")], address="", postcode="zz91aa", household="h|1;2"),
        make_person("1", [("A", "B")], address="The Old House"),
        make_person("1", [("A", "B")], sex="f", nhs_number="9", upn="U", school="900001"),
    ],
)
def test_marks_within_a_value_part_nothing(person: Person) -> None:
    back = read_person("1", write_person(person))
    assert back == person
    assert keys_of(back) == keys_of(person)


def test_a_mark_in_a_number_cannot_shift_the_fields_behind_it() -> None:
    person = make_person("1", [("A", "B")], household="one\ttwo\nthree", school="9\t1")
    back = read_person("1", write_person(person))
    assert (back.school, back.household) == ("9 1", "one two three")
