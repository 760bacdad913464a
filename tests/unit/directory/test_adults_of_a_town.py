"""The synthetic generator's people as adults: most are found, and nobody is taken for another.

Its children stand for adults: brothers, sisters and twins at one address, six in a hundred in no
assertion, errors of their own making. Names, birth dates and postcodes only.
"""

from __future__ import annotations

from datetime import date

from services.directory.judge_adults import adult_person, judge_adult, weigh_adults
from services.directory.matching.frequencies import Frequencies
from services.directory.matching.model import starting_model
from services.directory.matching.person import make_person
from services.directory.matching.pool import Pool
from tests.support.synthetic_children.population import generate
from tests.support.synthetic_children.settings import GeneratorSettings


def test_most_are_found_and_nobody_is_taken_for_another() -> None:
    town = generate(GeneratorSettings(children=4_000, queries=1_000, seed=11))
    common = Frequencies()
    people = [
        adult_person(
            row.given_name, row.family_name, date.fromisoformat(row.date_of_birth), row.postcode
        )
        for row in town.register
        if row.date_of_birth
    ]
    ids = [row.id for row in town.register if row.date_of_birth]
    for person in people:
        common.add(person)
    common.guardian_names = common.given_names.copy()
    told = weigh_adults(starting_model(), common)
    pool = Pool(people)
    certain = likely = registered = wrong = 0
    for query, truth in zip(town.queries, town.truths, strict=True):
        if not (query.given_name and query.family_name):
            continue
        asked = make_person(
            "asked",
            [(query.given_name, query.family_name)],
            date_of_birth=query.date_of_birth,
            postcode=query.postcode,
        )
        registered += bool(truth.id)
        judged = {at: judge_adult(asked, people[at], told) for at in pool.find(asked)}
        alike = {at for at, one in judged.items() if one.likely}
        # As `find_adults` has it: where two who are named otherwise are likely, neither is certain.
        sure = {at for at in alike if judged[at].certain}
        if len({people[at].names for at in alike}) > 1:
            sure = set()
        likely += truth.id in {ids[at] for at in alike}
        certain += truth.id in {ids[at] for at in sure}
        wrong += len({ids[at] for at in sure} - {truth.id})
    assert wrong == 0
    assert certain / registered > 0.8
    assert likely / registered > 0.93
