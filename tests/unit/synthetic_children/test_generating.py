"""The synthetic children: repeatable, numbered rightly, in the shares asked for."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest

from schemas.identifiers import normalise_nhs_number, normalise_postcode, normalise_upn
from tests.support.synthetic_children import (
    GeneratorSettings,
    Population,
    Query,
    RegisterRow,
    Truth,
    generate,
    write,
)
from tests.support.synthetic_children.births import SMALLEST_GAP_DAYS

SETTINGS = GeneratorSettings(
    children=6_000, queries=6_000, seed=5, off_register_share=0.0, unregistered_share=0.06
)


@pytest.fixture(scope="module")
def population() -> Population:
    return generate(SETTINGS)


def households(population: Population) -> list[list[RegisterRow]]:
    by_household = defaultdict(list)
    for row in population.register:
        if row.household:
            by_household[row.household].append(row)
    return list(by_household.values())


def about(population: Population, relation: str) -> list[tuple[Query, Truth]]:
    pairs = zip(population.queries, population.truths, strict=True)
    return [pair for pair in pairs if pair[1].relation == relation]


def test_equal_settings_give_equal_files_and_another_seed_others(tmp_path: Path) -> None:
    for name, seed in (("one", 1), ("same", 1), ("other", 2)):
        write(GeneratorSettings(children=300, seed=seed), tmp_path / name)
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert files == ["QUERIES.csv", "REGISTER.csv", "TRUTH.csv"]
    for file in files:
        one = (tmp_path / "one" / file).read_bytes()
        assert one == (tmp_path / "same" / file).read_bytes()
        assert one != (tmp_path / "other" / file).read_bytes()


def test_all_numbers_and_postcodes_are_valid_and_no_number_is_borne_twice(
    population: Population,
) -> None:
    for row in population.register:
        assert not row.nhs_number or normalise_nhs_number(row.nhs_number) == row.nhs_number
        assert not row.upn or normalise_upn(row.upn) == row.upn
        assert not row.postcode or normalise_postcode(row.postcode) == row.postcode
    for column in ("id", "nhs_number", "upn"):
        borne = [getattr(row, column) for row in population.register if getattr(row, column)]
        assert len(borne) == len(set(borne))


def test_the_register_is_nearly_whole(population: Population) -> None:
    rows = population.register
    assert len(rows) == SETTINGS.children
    for column, lowest, highest in (
        ("nhs_number", 0.02, 0.04),
        ("guardian_given_name", 0.04, 0.08),
    ):
        missing = sum(not getattr(row, column) for row in rows) / len(rows)
        assert lowest < missing < highest
    young = [row for row in rows if date.fromisoformat(row.date_of_birth) > date(2022, 9, 1)]
    wrong = [row for row in young if row.upn or row.school_urn]
    # A birth date that was written wrongly can make a pupil seem too young.
    assert len(wrong) < len(young) / 100


def test_siblings_are_born_together_or_nine_and_a_half_months_apart(
    population: Population,
) -> None:
    gaps = [
        (date.fromisoformat(later) - date.fromisoformat(earlier)).days
        for rows in households(population)
        for days in [sorted(row.date_of_birth for row in rows)]
        for earlier, later in pairwise(days)
    ]
    close = [gap for gap in gaps if 0 < gap < SMALLEST_GAP_DAYS]
    assert len(gaps) > 1_000
    # These are the birth dates that the register has wrong.
    assert len(close) < len(gaps) / 100


@pytest.mark.parametrize("share", [0.027, 0.3])
def test_as_many_children_are_twins_as_asked_for(share: float) -> None:
    made = generate(GeneratorSettings(children=6_000, queries=0, seed=8, twin_share=share))
    twins = 0
    for rows in households(made):
        days = Counter(row.date_of_birth for row in rows)
        twins += sum(count for count in days.values() if count > 1)
    assert twins / len(made.register) == pytest.approx(share, rel=0.25)


def test_qualities_and_relations_come_in_the_shares_asked_for(population: Population) -> None:
    count = len(population.truths)
    assert count == SETTINGS.queries
    qualities = Counter(truth.quality for truth in population.truths)
    assert qualities["good"] / count == pytest.approx(SETTINGS.good_share, abs=0.03)
    assert qualities["middling"] / count == pytest.approx(SETTINGS.middling_share, abs=0.03)
    absent = [truth for truth in population.truths if not truth.id]
    assert len(absent) / count == pytest.approx(SETTINGS.unregistered_share, abs=0.015)
    relations = Counter(truth.relation for truth in absent)
    assert set(relations) == {"unregistered-sibling", "unregistered-twin", "namesake", "stranger"}
    assert relations["stranger"] < len(absent) / 3
    origins = Counter(truth.origin for truth in population.truths)
    assert len(origins) == 5
    assert origins["british"] / count == pytest.approx(0.7, abs=0.06)


def test_children_off_the_register_are_asked_about_like_the_others() -> None:
    made = generate(GeneratorSettings(children=6_000, queries=6_000, seed=9, twin_share=0.3))
    assert len(made.register) / 6_000 == pytest.approx(0.94, abs=0.01)
    ids = {row.id for row in made.register}
    absent = [truth for truth in made.truths if not truth.id]
    assert len(absent) / 6_000 == pytest.approx(0.06, abs=0.01)
    assert all(truth.id in ids for truth in made.truths if truth.id)
    relations = Counter(truth.relation for truth in absent)
    assert set(relations) == {"unregistered-sibling", "unregistered-twin", "stranger"}


def test_the_truth_names_a_child_of_the_register_exactly_when_it_is_the_own(
    population: Population,
) -> None:
    ids = {row.id for row in population.register}
    for query, truth in zip(population.queries, population.truths, strict=True):
        assert query.query == truth.query
        assert (truth.id in ids) == (truth.relation == "own")
        assert (truth.id == "") == (truth.relation != "own")


def test_who_is_not_on_the_register_is_not_there_under_the_own_number(
    population: Population,
) -> None:
    strict = GeneratorSettings(
        children=3_000,
        queries=6_000,
        seed=6,
        number_mixups=0.0,
        off_register_share=0.0,
        unregistered_share=0.06,
    )
    made = generate(strict)
    registered = {row.nhs_number for row in made.register} - {""}
    pupils = {row.upn for row in made.register} - {""}
    absent = [
        query
        for relation in ("unregistered-sibling", "unregistered-twin", "namesake")
        for query, _ in about(made, relation)
    ]
    assert len(absent) > 150
    assert sum(query.nhs_number in registered for query in absent) == 0
    # A digit that was written wrongly makes somebody else's number at times.
    assert sum(query.upn in pupils for query in absent) <= 2


def test_an_unregistered_twin_shares_home_and_birth_date_with_a_registered_child(
    population: Population,
) -> None:
    known = {(row.address, row.date_of_birth) for row in population.register}
    good = [
        query
        for query, truth in about(population, "unregistered-twin")
        if truth.quality == "good" and query.address
    ]
    assert len(good) > 15
    assert sum((query.address, query.date_of_birth) in known for query in good) > len(good) / 3


def test_numbers_are_mixed_up_between_siblings_when_asked_for() -> None:
    made = generate(GeneratorSettings(children=2_000, queries=2_000, seed=7, number_mixups=1.0))
    holders = {row.nhs_number: row for row in made.register if row.nhs_number}
    found = [
        (holders[query.nhs_number], truth)
        for query, truth in about(made, "own")
        if query.nhs_number in holders
    ]
    mixed = [(holder, truth) for holder, truth in found if holder.id != truth.id]
    rows = {row.id: row for row in made.register}
    assert len(mixed) > len(found) / 3
    for holder, truth in mixed:
        own = rows[truth.id]
        assert not own.household or not holder.household or own.household == holder.household


def test_hardly_a_query_has_a_name_and_nothing_else(population: Population) -> None:
    distinguishing = ("date_of_birth", "nhs_number", "upn", "address", "postcode")
    bare = [
        query
        for query in population.queries
        if not any(getattr(query, column) for column in distinguishing)
    ]
    assert len(bare) < len(population.queries) / 100


def test_good_queries_agree_with_the_register_more_often_than_poor_ones(
    population: Population,
) -> None:
    rows = {row.id: row for row in population.register}
    agreeing = {}
    for quality in ("good", "middling", "poor"):
        named = [
            query.family_name.upper() == rows[truth.id].family_name.upper()
            for query, truth in about(population, "own")
            if truth.quality == quality
        ]
        agreeing[quality] = sum(named) / len(named)
    assert agreeing["good"] > 0.88 > agreeing["middling"] > agreeing["poor"] > 0.4
