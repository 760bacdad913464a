"""Two persons side by side: what counts as the same, nearly the same, missing, and different."""

from __future__ import annotations

from math import log
from typing import Any

import pytest

from services.directory.matching.compare import compare
from services.directory.matching.fields import AT_PLACE, FIELDS, MISSING
from services.directory.matching.frequencies import Frequencies, count
from services.directory.matching.keys import asked_keys, keys_of
from services.directory.matching.names import read_name, skeleton
from services.directory.matching.person import Person, make_person, read_birth, read_home

NOBODY = Frequencies()


def person(given: str = "", family: str = "", **more: Any) -> Person:
    return make_person("x", [(given, family)], **more)


def level(field: str, first: Person, second: Person) -> str:
    at = next(place for place, one in enumerate(FIELDS) if one.name == field)
    found = compare(first, second, NOBODY).levels[at]
    return "missing" if found == MISSING else FIELDS[at].levels[found].name


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Muhammad", "Mohammed"),
        ("Zainab", "Zeynab"),
        ("Krzysztof", "Kristof"),
        ("Philip", "Filip"),
        ("Yusuf", "Youssef"),
        ("Aisha", "Ayesha"),
        ("Michał", "Michal"),
        ("Szymon", "Shimon"),
    ],
)
def test_spellings_of_one_name_share_a_skeleton_or_nearly(one: str, other: str) -> None:
    first, second = person(one, "Example"), person(other, "Example")
    assert level("given", first, second) in ("same", "close", "sound")


def test_a_skeleton_is_never_empty_and_keeps_short_names_apart() -> None:
    assert skeleton("leo")
    assert skeleton("leo") != skeleton("lia")
    assert read_name("---") is None


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("Jordan", "Jordan", "same"),
        ("Anne-Marie", "annemarie", "same"),
        ("Emily Rose", "Emily", "same"),
        ("Mohammed Ali", "Ali Mohammed", "same"),
        ("Emily Rose", "Emily Grace", "first-only"),
        ("Rose", "Emily Rose", "other-part"),
        ("Beth", "Elizabeth", "familiar"),
        ("Jordon", "Jordan", "close"),
        ("Jrodan", "Jordan", "close"),
        ("Jasper", "Jordan", "same-initial"),
        ("Wanda", "Jordan", "different"),
        ("", "Jordan", "missing"),
    ],
)
def test_given_names(one: str, other: str, expected: str) -> None:
    assert level("given", person(one, "Example"), person(other, "Example")) == expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("O'Sample", "OSAMPLE", "same"),
        ("Sample-Smythe", "Sample", "part"),
        ("Kowalska", "Kowalski", "close"),
        ("Sampel", "Sample", "close"),
        ("Different", "Sample", "different"),
    ],
)
def test_family_names(one: str, other: str, expected: str) -> None:
    assert level("family", person("Robin", one), person("Robin", other)) == expected


def test_names_turned_round_are_seen_and_weighed_by_how_likely_that_is() -> None:
    known = person("Lachlan", "Nguyen")
    found = compare(person("Nguyen", "Lachlan"), known, count([known] * 50))
    assert [found.levels[at] for at in (0, 1)] == [0, 0]
    assert 0.0 < found.straight < 0.1
    straight = compare(person("Lachlan", "Nguyen"), known, NOBODY)
    assert straight.straight == 0.0


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("2014-05-12", "2014-05-12", "same"),
        ("2014-12-05", "2014-05-12", "turned"),
        ("2014-05-13", "2014-05-12", "one-off"),
        ("2014-50-12", "2014-05-12", "one-off"),
        ("2009-05-12", "2010-05-12", "day-month"),
        ("2014-01-01", "2014-07-23", "placeholder"),
        ("2014-05-31", "2014-05-12", "month-year"),
        ("2003-11-29", "2014-05-12", "different"),
        ("2014-05", "2014-05-12", "known-part"),
        ("2014", "2014-05-12", "known-part"),
        ("", "2014-05-12", "missing"),
    ],
)
def test_birth_dates(one: str, other: str, expected: str) -> None:
    first, second = person(date_of_birth=one), person(date_of_birth=other)
    assert level("birth", first, second) == expected
    assert level("birth", second, first) == expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (("12 Mill Lane", "ZZ9 1AA"), ("12 Mill Ln", "zz91aa"), "same-home"),
        (("", "ZZ9 1AA"), ("12 Mill Lane", "ZZ9 1AA"), "same-postcode"),
        (("14 Mill Lane", "ZZ9 1AA"), ("12 Mill Lane", "ZZ9 1AA"), "neighbour"),
        (("12 Mill Lane", ""), ("12 Mill Lane", "ZZ9 1AA"), "same-address"),
        (("", "ZZ9 1AB"), ("", "ZZ9 1AA"), "near-postcode"),
        (("", "ZZ9 7XY"), ("", "ZZ9 1AA"), "same-district"),
        (("", "ZZ4 7XY"), ("", "ZZ9 1AA"), "different"),
        (("", "ZZ4 7XY"), ("3 High Street", ""), "missing"),
    ],
)
def test_homes(one: tuple[str, str], other: tuple[str, str], expected: str) -> None:
    first = person(address=one[0], postcode=one[1])
    second = person(address=other[0], postcode=other[1])
    assert level("place", first, second) == expected


def test_a_rare_mistaken_name_says_more_than_two_common_names_that_look_alike() -> None:
    people = [person("Sophia", "Sample")] * 40 + [person("Sophie", "Sample")] * 40
    people += [person("Patryk", "Sample")] + [person("Ada", "Sample")] * 920
    common = count(people)
    two_names = compare(person("Sophie", "Sample"), person("Sophia", "Sample"), common)
    one_name = compare(person("Pathrym", "Sample"), person("Patryk", "Sample"), common)
    assert one_name.others[0] < -6.0
    assert two_names.others[0] > one_name.others[0] + 3.0


def test_an_initial_says_as_much_as_its_letter() -> None:
    people = [person("Jordan", "Sample")] * 3 + [person("Ada", "Sample")] * 97
    found = compare(person("J", "Sample"), person("Jordan", "Sample"), count(people))
    assert found.levels[0] == MISSING
    assert found.others[0] == pytest.approx(log(0.03), abs=0.01)
    assert level("given", person("X", "Sample"), person("Jordan", "Sample")) == "different"


def test_two_flats_of_one_house_are_two_homes() -> None:
    first = person(address="Flat 24, 64 Foundry Close", postcode="ZZ9 1AA")
    second = person(address="Flat 30, 64 Foundry Close", postcode="ZZ9 1AA")
    house = person(address="64 Foundry Close", postcode="ZZ9 1AA")
    assert level("place", first, second) == "neighbour"
    assert level("place", first, house) == "same-home"


def test_what_cannot_be_read_is_missing() -> None:
    assert read_birth("soon") is None
    assert read_home("", "") is None
    assert make_person("x", [("", "")]).names == ()


def test_frequencies_are_the_same_after_a_journey_through_text() -> None:
    common = count([person("Ada", "Sample-Smythe", postcode="ZZ9 1AA", school="900001")] * 3)
    again = Frequencies.from_json(common.to_json())
    assert again.version == common.version
    assert again.given("ada") == common.given("ada")


@pytest.mark.parametrize("said", ["Baby", "Baby Boy", "UNKNOWN", "Not Known", "Twin One"])
def test_what_says_only_that_a_name_is_wanting_never_disagrees(said: str) -> None:
    assert level("given", person(said, "Sample"), person("Robin", "Sample")) == "missing"
    assert level("family", person("Robin", said), person("Robin", "Sample")) == "missing"
    assert level("given", person(said, "Sample"), person(said, "Sample")) == "same"


def test_not_applicable_is_no_name() -> None:
    assert read_name("N/A") is None


def test_figures_and_marks_within_a_name_are_slips() -> None:
    for written in ("R0bin", "Rob:in", "Rob1n", "rob|n"):
        found = level("given", person(written, "Sample"), person("Robin", "Sample"))
        assert found in ("same", "close"), written


def test_letters_that_look_like_figures_are_read_as_a_date() -> None:
    known = person("Robin", "Sample", date_of_birth="2015-10-18")
    for written in ("Z015-1O-18", "2o15-10-l8", "18/10/2015", "2015-10-18", "20151018"):
        asked = person("Robin", "Sample", date_of_birth=written)
        assert level("birth", asked, known) == "same", written


def test_a_figure_too_many_in_a_date_is_one_slip() -> None:
    known = person("Robin", "Sample", date_of_birth="2015-10-18")
    for written in ("22015-10-18", "2015-010-18", "2015-10-118"):
        asked = person("Robin", "Sample", date_of_birth=written)
        assert level("birth", asked, known) == "one-off", written
        assert asked_keys(asked) & keys_of(known._replace(names=())), written


def test_a_house_number_alone_is_not_a_house_where_many_share_the_code() -> None:
    """A town with one postcode: 103 Lexington Road is not 103 Madison Lane."""
    asked = person("Robin", "Sample", address="103 Lexington Road", postcode="ZX1 1AA")
    known = person("Robin", "Sample", address="103 Madison Lane", postcode="ZX1 1AA")
    town = [known._replace(ref=str(at)) for at in range(2_000)]
    told = [person("R", "S", address=f"{at} Mill Lane", postcode="ZX1 1AA") for at in range(2_000)]
    common = count([*town[:1], *told])
    same = compare(known, known, common).others[AT_PLACE]
    assert compare(asked, known, common).others[AT_PLACE] > same + 3.0


def test_a_street_that_is_called_by_its_number_has_no_house_number() -> None:
    asked = person("Robin", "Sample", address="616 57th Street", postcode="ZX1 1AA")
    assert asked.home is not None
    assert asked.home.numbers == ("616",)


def test_of_values_that_are_nearly_all_single_one_is_rarer_than_its_count() -> None:
    """Good and Turing: of 4,000 birth dates most are single, and so each is rarer than that."""
    dates = [
        f"19{10 + at // 336:02d}{1 + at // 28 % 12:02d}{1 + at % 28:02d}" for at in range(4_000)
    ]
    people = [person("Robin", "Sample", date_of_birth=date) for date in dates]
    people += [person("Robin", "Sample", date_of_birth=dates[at]) for at in range(400)]
    counted = count(people)
    assert counted.birth(dates[-1]) < -log(4_400) - 1.0
    assert counted.given("robin") == pytest.approx(0.0)
