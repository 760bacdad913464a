"""Generated contracts: the same every time, valid, and never behind the models."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from jsonschema import Draft202012Validator

from deploy.contracts import all_contracts
from schemas.catalogue import EVENT_TYPES, read_data
from schemas.facts import FACTS, TOPICS
from schemas.generate import asyncapi, contracts, event_schema, find_drift, json_schemas, run, write
from tests.support.json_schema import from_schema


def test_the_committed_files_are_those_of_the_models() -> None:
    assert list(find_drift(all_contracts())) == []


def test_writing_twice_gives_the_same_text() -> None:
    assert contracts() == contracts()


def test_every_event_and_fact_has_a_valid_schema() -> None:
    written = json_schemas()
    assert {f"events/{name}.1.json" for name in EVENT_TYPES} <= written.keys()
    assert {f"facts/{name}.json" for name in FACTS} <= written.keys()
    for text in written.values():
        Draft202012Validator.check_schema(json.loads(text))


def test_a_drifted_a_missing_and_a_foreign_file_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = {"a.json": "1\n", "b/c.json": "2\n"}
    write(wanted, tmp_path)
    assert run(wanted, ["--check"], tmp_path) == 0
    (tmp_path / "a.json").write_text("3\n")
    (tmp_path / "b" / "c.json").unlink()
    (tmp_path / "b" / "d.json").write_text("4\n")
    assert run(wanted, ["--check"], tmp_path) == 1
    named = [line.split()[0] for line in capsys.readouterr().err.splitlines()]
    assert named == ["a.json", "b/c.json", "b/d.json"]
    assert run(wanted, [], tmp_path) == 0
    assert run(wanted, ["--check"], tmp_path) == 0


def test_asyncapi_has_a_channel_per_topic_and_a_message_per_fact() -> None:
    document: dict[str, Any] = json.loads(asyncapi())
    assert document["channels"].keys() == set(TOPICS)
    carried = [name for channel in document["channels"].values() for name in channel["messages"]]
    assert sorted(carried) == sorted(FACTS)
    assert document["components"]["messages"].keys() == FACTS.keys()


def test_every_reference_of_asyncapi_resolves() -> None:
    document: Any = json.loads(asyncapi())
    stack: list[Any] = [document]
    found = 0
    while stack:
        item = stack.pop()
        if isinstance(item, list):
            stack.extend(item)
        elif isinstance(item, dict):
            stack.extend(item.values())
            if isinstance(item.get("$ref"), str):
                target = document
                for part in item["$ref"].removeprefix("#/").split("/"):
                    target = target[part]
                found += 1
    assert found > 50


@pytest.mark.parametrize("event_type", sorted(EVENT_TYPES))
def test_data_made_from_a_json_schema_is_read_by_the_model(event_type: str) -> None:
    @settings(
        max_examples=50, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    @given(from_schema(event_schema(event_type)))
    def try_one(data: dict[str, Any]) -> None:
        Draft202012Validator(event_schema(event_type)).validate(data)
        read = read_data(event_type, 1, data)
        assert isinstance(read, EVENT_TYPES[event_type].models[1])

    try_one()
