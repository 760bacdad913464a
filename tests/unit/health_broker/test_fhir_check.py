"""What `fhir.resources` lets pass is found, and nothing makes the check itself fail."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.facts import Profile
from services.health_broker.fhir import codes, find_faults
from tests.unit.health_broker.samples import addressed, resource, write

_, _VALID = write(Profile.MISSING_ALERT, addressed("missing.reported"))


def _patient(message: Any) -> Any:
    return resource(message, "Patient")


def _swap(message: Any) -> None:
    message["entry"].reverse()


def _dangle(message: Any) -> None:
    resource(message, "Flag")["subject"]["reference"] = (
        "urn:uuid:00000000-0000-4000-8000-000000000000"
    )


def _nothing(message: Any) -> None:
    resource(message, "Communication")["note"] = []


def _null(message: Any) -> None:
    resource(message, "Flag")["encounter"] = None


def _wrong_digit(message: Any) -> None:
    _patient(message)["identifier"][0]["value"] = "9990000019"


def _two_numbers(message: Any) -> None:
    numbers = _patient(message)["identifier"]
    numbers.append(copy.deepcopy(numbers[0]))


def _no_status(message: Any) -> None:
    del _patient(message)["identifier"][0]["extension"]


def _bad_status(message: Any) -> None:
    resource(message, "Flag")["status"] = "on"


def _bad_priority(message: Any) -> None:
    resource(message, "Communication")["priority"] = "now"


def _bad_response(message: Any) -> None:
    resource(message, "MessageHeader")["response"] = {"identifier": "x", "code": "fine"}


def _not_a_message(message: Any) -> None:
    message["type"] = "collection"


def _extra(message: Any) -> None:
    resource(message, "Flag")["colour"] = "red"


@pytest.mark.parametrize(
    "spoil",
    [
        _swap, _dangle, _nothing, _null, _wrong_digit, _two_numbers, _no_status, _bad_status,
        _bad_priority, _bad_response, _not_a_message, _extra,
    ],
)  # fmt: skip
def test_a_fault_is_found_and_told_without_a_value(spoil: Callable[[Any], None]) -> None:
    message = copy.deepcopy(_VALID.bundle)
    assert find_faults(message) == []
    spoil(message)
    faults = find_faults(message)
    assert faults
    assert not any(word in " ".join(faults) for word in ("Sample", "Jane", "999000"))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


def _places(value: Any) -> list[tuple[Any, Any]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    found: list[tuple[Any, Any]] = []
    for name, inner in pairs:
        found.append((value, name))
        if isinstance(inner, (dict, list)):
            found += _places(inner)
    return found


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_whatever_a_message_holds_the_check_gives_an_answer(data: st.DataObject) -> None:
    message = copy.deepcopy(_VALID.bundle)
    places = _places(message)
    holder, name = places[data.draw(st.integers(0, len(places) - 1))]
    holder[name] = data.draw(_JSON)
    assert isinstance(find_faults(message), list)


@pytest.mark.parametrize("value", [None, 1, "x", [], {}, {"resourceType": "Bundle"}])
def test_what_is_no_message_has_faults(value: Any) -> None:
    assert find_faults(value)


def test_an_nhs_number_is_told_apart_by_its_system() -> None:
    message = copy.deepcopy(_VALID.bundle)
    _patient(message)["identifier"].append({"system": codes.SUBJECT_ID, "value": "another"})
    assert find_faults(message) == []
