"""People of one list are different people."""

from __future__ import annotations

from typing import Any

import pytest

from services.directory.matching.apart import FITS_ANOTHER, tell_apart
from services.directory.matching.choose import Weights
from services.directory.matching.frequencies import Frequencies
from services.directory.matching.judge import Judgement, judge
from services.directory.matching.model import starting_model
from services.directory.matching.person import Person, make_person

WEIGHTS = Weights.of(starting_model())
COMMON = Frequencies(people=50_000)


def person(ref: str, given: str, born: str = "2014-05-12", **more: Any) -> Person:
    where = {"address": "12 Mill Lane", "postcode": "ZZ9 1AA", **more}
    return make_person(ref, [(given, "Sampleworth")], date_of_birth=born, **where)


def ask(asked: Person, *found: Person) -> Judgement:
    return judge(asked, found, COMMON, WEIGHTS)


def best(judged: Judgement) -> tuple[str, str | None]:
    return judged.status, judged.best.person.ref if judged.best else None


NOWHERE: dict[str, Any] = {"address": "", "postcode": ""}
MARTHA, MARTA = person("1", "Martha"), person("2", "Marta")


def test_who_fits_a_record_best_leaves_the_other_for_the_other() -> None:
    alone = [ask(person("q1", "Martha"), MARTHA, MARTA), ask(person("q2", "Mart"), MARTHA, MARTA)]
    assert alone[1].status != "match"
    told = tell_apart(alone)
    assert best(told[0]) == ("match", "1")
    assert told[1].best is not None
    assert told[1].best.person.ref == "2"
    assert told[1].best.probability > alone[1].best.probability  # type: ignore[union-attr]


def test_two_who_fit_one_record_alike_are_both_a_question() -> None:
    alone = [ask(person(ref, "Marthe", **NOWHERE), MARTHA) for ref in ("q1", "q2")]
    assert [one.status for one in alone] == ["match", "match"]
    told = tell_apart(alone)
    assert all(one.status != "match" for one in told)
    assert [one.doubt for one in told] == [FITS_ANOTHER, FITS_ANOTHER]
    assert [best(one) for one in told] == [("potential", "1"), ("potential", "1")]


def test_a_record_that_is_taken_for_certain_is_hardly_anybody_elses() -> None:
    alone = ask(person("q", "Marthe", **NOWHERE), MARTHA)
    (told,) = tell_apart([alone], {"1"})
    assert alone.status == "match"
    assert told.status != "match"


def test_what_speaks_loudly_enough_is_believed_though_said_twice() -> None:
    numbered = {"nhs_number": "9990000000", "upn": "A801200001001"}
    known = person("1", "Martha", **numbered)
    (told,) = tell_apart([ask(person("q", "Martha", **numbered), known)], {"1"})
    assert told.status == "match"


def test_where_nobody_competes_nothing_changes() -> None:
    alone = [
        ask(person("q1", "Martha"), MARTHA),
        ask(person("q2", "Leopold", "2012-01-01"), person("3", "Leopold", "2012-01-01")),
        ask(person("q3", "Leopold")),
    ]
    assert tell_apart(alone) == alone
    assert tell_apart([]) == []


@pytest.mark.parametrize("turned", [False, True])
def test_the_order_of_the_list_does_not_matter(turned: bool) -> None:
    asked = [person("q1", "Martha"), person("q2", "Mart"), person("q3", "Marta")]
    judged = [ask(one, MARTHA, MARTA) for one in asked]
    told = tell_apart(judged[::-1])[::-1] if turned else tell_apart(judged)
    assert [best(one)[1] for one in told] == [best(one)[1] for one in tell_apart(judged)]
    assert sum(one.best.probability for one in told if one.best) == pytest.approx(
        sum(one.best.probability for one in tell_apart(judged) if one.best)
    )
