"""Each type has an example that is a valid, plainly synthetic CloudEvent."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_structured_event
from cloudevents.core.formats.json import JSONFormat
from jsonschema import Draft202012Validator

import schemas.examples
from schemas.catalogue import EVENT_TYPES, judge_event
from schemas.examples import load
from schemas.generate import envelope_schema, event_schema
from schemas.identifiers import normalise_nhs_number

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_every_type_has_an_example_and_no_other_is_there() -> None:
    folder = Path(schemas.examples.__file__).parent
    assert {file.stem for file in folder.glob("*.json")} == EVENT_TYPES.keys()


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_an_example_is_accepted_by_the_models_and_by_the_json_schema(event_type: str) -> None:
    event = load(event_type)
    assert judge_event(event, now=NOW).envelope.type == event_type
    Draft202012Validator(envelope_schema()).validate(event)
    Draft202012Validator(event_schema(event_type)).validate(event["data"])


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_an_example_is_a_cloudevent_to_the_cloudevents_sdk(event_type: str) -> None:
    body = json.dumps(load(event_type)).encode()
    message = HTTPMessage({"content-type": "application/cloudevents+json"}, body)
    assert from_structured_event(message, JSONFormat()).get_type() == event_type


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_an_examples_nhs_numbers_are_of_the_range_kept_for_tests(event_type: str) -> None:
    numbers: list[str] = []
    stack: list[Any] = [load(event_type)]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            if "value" in item.get("nhsNumber", {}):
                numbers.append(item["nhsNumber"]["value"])
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
    assert all((normalise_nhs_number(number) or "").startswith("999") for number in numbers)
