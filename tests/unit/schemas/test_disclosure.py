"""Text that mentions somebody else of the event is found, however it is written."""

import copy
from typing import Any

import pytest

from schemas.disclosure import find_third_parties
from schemas.examples import load

WORDS = "/children/0/voice/words"


def event(text: str = "", **child: Any) -> dict[str, Any]:
    """Robin Example at 1 Sample Street, with Zoë O'Hare-Placeholder and others elsewhere."""
    own = {
        "name": {"given": "Robin", "family": "Example"},
        "dateOfBirth": {"value": "2016-05-14"},
        "address": {"lines": ["1 Sample Street", "Exampleton"], "postcode": "ZZ9 1AA"},
        **child,
    }
    other = {
        "name": {"given": "Zoë", "family": "O'Hare-Placeholder"},
        "alternativeNames": [{"given": "Zed"}],
        "dateOfBirth": {"value": "2012-03-04"},
        "address": {"lines": ["Flat 2", "12 Quoted Road", "Exampleton"], "postcode": "ZZ9 2BB"},
    }
    adult = {
        "name": {"given": "Mary Ann", "family": "de la Specimen"},
        "dateOfBirth": {"value": "1985-11-30"},
        "address": {"lines": ["1 Sample Street", "Exampleton"], "postcode": "ZZ9 1AA"},
    }
    return {
        "children": [{"child": own, "voice": {"words": text}}, {"child": other}],
        "adults": [adult],
        "place": {"lines": ["Mocked House", "Exampleton"], "postcode": "ZZ9 3CC"},
    }


@pytest.mark.parametrize(
    "text",
    [
        "Zoë cried.", "ZOE CRIED", "zoe's room", "Zoe’s room", "Zoes room", "with (Zoë)!",
        "Zo\u0308e? no: Zoe\u0308", "my sister zed", "Miss O'Hare-Placeholder", "O’Hare", "OHare",
        "o hare", "Placeholder", "Ohare Placeholder", "Mary", "ann", "Mary-Ann", "maryann",
        "Specimen", "zoe_and_me", "Zoe2", "Zoë'll come", "Z\u00adoe",
        "born 4/3/2012", "04.03.12", "2012-03-04", "4th of March 2012", "4 Mar 2012",
        "March 4, 2012", "March 4th 2012", "04032012", "20120304", "30-11-1985", "30 Nov ’85",
        "at 12 Quoted Road", "12, quoted rd.", "on Quoted Road", "ZZ9 2BB", "zz92bb",
        "near Mocked House",
        "ZZ9 3CC",
    ],
)  # fmt: skip
def test_another_person_is_found(text: str) -> None:
    assert find_third_parties(event(text), 0) == (WORDS,)


@pytest.mark.parametrize(
    "text",
    [
        "Robin Example was calm.", "Robin's room at 1 Sample Street, ZZ9 1AA, Exampleton.",
        "born 14/5/2016", "She hid; the van stood outside.", "la la la", "a man of 85",
        "The zoo, the annex and the marymass", "Flat 2 was dark", "at 11:30 on 4 March",
        "She lives in Exampleton.", "house", "12 roads", "",
    ],
)  # fmt: skip
def test_the_child_itself_and_ordinary_words_are_not(text: str) -> None:
    assert find_third_parties(event(text), 0) == ()


def test_a_family_name_that_is_shared_is_no_third_party() -> None:
    data = event("The Example family; Sam was out.")
    data["children"][1]["child"]["name"] = {"given": "Sam", "family": "Example"}
    assert find_third_parties(data, 0) == (WORDS,)
    data["children"][0]["voice"]["words"] = "The Example family."
    assert find_third_parties(data, 0) == ()


def test_a_twins_birth_date_is_shared() -> None:
    data = event("born 14/5/2016")
    data["children"][1]["child"]["dateOfBirth"] = {"value": "2016-05-14"}
    assert find_third_parties(data, 0) == ()


def test_a_withheld_address_is_found_even_if_it_is_the_childs_own() -> None:
    hidden = {"lines": ["1 Sample Street"], "postcode": "ZZ9 1AA", "withhold": True}
    assert find_third_parties(event("at 1 Sample St", address=hidden), 0) == (WORDS,)
    assert find_third_parties(event("at ZZ91AA", address=hidden), 0) == (WORDS,)


def test_a_placement_is_withheld_by_default() -> None:
    care = {"placementAddress": {"lines": ["5 Placed Lane"], "postcode": "ZZ9 4DD"}}
    assert find_third_parties(event("to 5 Placed Ln", inCare=care), 0) == (WORDS,)


def test_the_childs_own_other_names_are_found() -> None:
    other = [{"given": "Former", "family": "Example"}]
    assert find_third_parties(event("was Former", alternativeNames=other), 0) == (WORDS,)


def test_names_that_the_register_knows_are_found_and_its_present_name_is_not() -> None:
    data = event("Robin said that Kit called.")
    assert find_third_parties(data, 0) == ()
    assert find_third_parties(data, 0, ["Kit Sibling"]) == (WORDS,)
    assert find_third_parties(data, 0, ["Robin Formerly"], own_name="Alex Now") == (WORDS,)


def test_texts_are_judged_per_child() -> None:
    data = event("Zoe hid.")
    data["children"][1] |= {"circumstances": "Zoë hid.", "voice": {"words": "Robin hid."}}
    assert find_third_parties(data, 0) == (WORDS,)
    assert find_third_parties(data, 1) == ("/children/1/voice/words",)


def test_only_text_that_somebody_is_told_is_searched() -> None:
    data = event("")
    data["children"][0] |= {
        "circumstances": "Zoe", "description": "Zoe", "whereInIncident": "Zoe",
        "lastSeenPlace": "Zoe", "ifSeen": "Zoe", "exploitationMarkers": ["Zoe"],
        "voice": {
            "words": "Zoe", "observations": "Zoe", "reason": "Zoe",
            "othersPresent": "Zoe", "by": "Zoe",
        },
    }  # fmt: skip
    data["narrative"] = "Zoe"
    item = "/children/0/"
    assert find_third_parties(data, 0, event_type="domestic-abuse.recorded") == (
        item + "whereInIncident", item + "circumstances", item + "voice/reason",
        item + "voice/words", item + "voice/observations",
    )  # fmt: skip
    assert find_third_parties(data, 0, event_type="missing.reported") == (
        item + "description", item + "lastSeenPlace", item + "ifSeen",
    )  # fmt: skip
    assert len(find_third_parties(data, 0)) == 8


def test_a_shared_rationale_is_searched_for_names_that_the_register_knows() -> None:
    data = load("referral.decided")["data"]
    data["actions"][0]["description"] = "Meet Kit at school."
    assert find_third_parties(data, 0, ["Kit Sibling"]) == ("/actions/0/description",)


@pytest.mark.parametrize(
    ("given", "text"),
    [("Łukasz", "lukasz"), ("Øyvind", "oyvind"), ("Ангел", "АНГЕЛ пришёл"),
     ("陈伟", "他和陈伟说"),
     ("지수", "지수가 왔다"), ("Mohammed-Ali", "Ali"), ("D'Arcy", "Darcy"), ("Weiß", "Weiss")],
)  # fmt: skip
def test_names_of_other_scripts_and_spellings_are_found(given: str, text: str) -> None:
    data = event(text)
    data["children"][1]["child"]["name"] = {"given": given}
    assert find_third_parties(data, 0) == (WORDS,)


def test_a_single_letter_is_no_name() -> None:
    data = event("a J at the end")
    data["children"][1]["child"]["name"] = {"given": "J"}
    assert find_third_parties(data, 0) == ()


@pytest.mark.parametrize(
    "event_type", ["domestic-abuse.recorded", "missing.reported", "referral.submitted"]
)
def test_the_examples_name_nobody_else(event_type: str) -> None:
    data = load(event_type)["data"]
    for index in range(len(data["children"])):
        assert find_third_parties(data, index, event_type=event_type) == ()


def test_odd_shapes_are_read_without_a_fault() -> None:
    odd: dict[str, Any] = {"children": [None, {"child": []}], "adults": {"name": 1}, "place": "x"}
    assert find_third_parties(copy.deepcopy(odd), 0) == ()
    assert find_third_parties({}, 5) == ()
