"""One choice among many: relatives and the unregistered are candidates too."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from services.directory.matching.choose import Weights
from services.directory.matching.explain import explain, in_one_line
from services.directory.matching.frequencies import Frequencies
from services.directory.matching.judge import Judgement, judge, worth_showing
from services.directory.matching.model import Model, starting_model
from services.directory.matching.person import Person, make_person

MODEL = starting_model()
WEIGHTS = Weights.of(MODEL)
COMMON = Frequencies(people=50_000)


def person(ref: str, given: str, family: str = "Sampleworth", **more: Any) -> Person:
    values: dict[str, Any] = {
        "date_of_birth": "2014-05-12",
        "sex": "female",
        "address": "12 Mill Lane",
        "postcode": "ZZ9 1AA",
    }
    return make_person(ref, [(given, family)], **{**values, **more})


def ask(asked: Person, *found: Person, family: tuple[Person, ...] = ()) -> Judgement:
    return judge(asked, found, COMMON, WEIGHTS, family)


def test_a_child_is_recognised_among_brothers_and_sisters() -> None:
    own = person("own", "Ottilie")
    sister = person("sister", "Beatrix", date_of_birth="2011-02-03")
    judged = ask(person("q", "Otilie"), sister, own)
    assert judged.status == "match"
    assert judged.best is not None
    assert judged.best.person is own
    assert judged.margin > 0.99


def test_an_unregistered_twin_is_no_match_whatever_else_agrees() -> None:
    judged = ask(person("q", "Leopold", sex="male"), person("twin", "Ottilie"))
    assert judged.status != "match"
    assert judged.unknown > 0.5


def test_nobody_is_recognised_without_a_given_name_or_a_number() -> None:
    judged = ask(person("q", ""), person("one", "Ottilie"))
    assert judged.status in ("potential", "none")
    assert judged.best is not None
    assert judged.best.probability > 0.3


def test_two_of_one_name_and_birth_date_are_a_question() -> None:
    judged = ask(person("q", "Ottilie"), person("a", "Ottilie"), person("b", "Ottilie"))
    assert judged.status == "many"
    assert {one.person.ref for one in worth_showing(judged)} == {"a", "b"}


def test_a_number_that_name_and_birth_date_contradict_is_not_believed() -> None:
    other = person("other", "Rupert", "Else", date_of_birth="2009-11-30", nhs_number="9990000018")
    judged = ask(person("q", "Ottilie", nhs_number="9990000018"), other)
    assert judged.status != "match"


def test_a_brothers_number_on_her_form_does_not_hide_her() -> None:
    own = person("own", "Ottilie", nhs_number="9990000026", household="h")
    brother = person(
        "brother", "Rupert", nhs_number="9990000018", household="h", date_of_birth="2012-01-02"
    )
    judged = ask(person("q", "Ottilie", nhs_number="9990000018"), own, brother)
    assert judged.best is not None
    assert judged.best.person is own


def test_who_is_of_the_family_of_another_child_of_the_event_is_the_likelier() -> None:
    elder = person("elder", "Beatrix", household="h", date_of_birth="2011-02-03")
    own = person("own", "Ottilie", household="h", date_of_birth="2014-05-12")
    asked = person("q", "Otily", "Samplewert", date_of_birth="2014-08-12", address="", postcode="")
    alone, together = ask(asked, own), ask(asked, own, family=(elder,))
    assert alone.best is not None
    assert together.best is not None
    assert together.best.probability > alone.best.probability


def test_the_same_question_gets_the_same_answer_in_whatever_order() -> None:
    people = [person(f"p{at}", given) for at, given in enumerate(("Ada", "Otilia", "Otto"))]
    first = ask(person("q", "Ottilie"), *people)
    second = ask(person("q", "Ottilie"), *reversed(people))
    assert [(one.person.ref, round(one.probability, 12)) for one in first.candidates] == [
        (one.person.ref, round(one.probability, 12)) for one in second.candidates
    ]


def test_an_explanation_adds_up_and_holds_no_value() -> None:
    judged = ask(person("q", "Otilie"), person("own", "Ottilie"))
    assert judged.best is not None
    steps = explain(judged.best.comparison, WEIGHTS, COMMON.people)
    assert steps[-1].total == sum(step.bits for step in steps)
    said = in_one_line(steps)
    assert "birth date: the same" in said
    for value in ("Otil", "Sample", "2014", "Mill", "ZZ9"):
        assert value not in said


def test_a_model_is_the_same_after_a_journey_through_text() -> None:
    again = Model.from_json(MODEL.to_json())
    assert again.version == Model.from_json(again.to_json()).version
    assert replace(MODEL, registered=0.5).version != MODEL.version


def test_a_birth_date_that_is_far_off_needs_a_number_or_a_person() -> None:
    own = person("own", "Ottilie", nhs_number="9990000026", guardians=[("Wilma", "Else")])
    asked = person("q", "Ottilie", date_of_birth="2012-11-30", guardians=[("Wilma", "Else")])
    judged = ask(asked, own)
    assert (judged.status, judged.doubt) == ("potential", "birth-date-differs")
    assert ask(asked._replace(nhs_number="9990000026"), own).status == "match"


def test_names_alone_are_never_enough() -> None:
    """Neither birth date nor home agrees, and no number: a namesake's mother may be a namesake."""
    own = person("own", "Ottilie", guardians=[("Wilhelmina", "Else")])
    asked = person(
        "q",
        "Ottilie",
        date_of_birth="",
        address="",
        postcode="",
        guardians=[("Wilhelmina", "Else")],
    )
    judged = ask(asked, own)
    assert (judged.status, judged.doubt) == ("potential", "names-alone")
