"""The envelope: what a sender may state, and what may stand nowhere in an event."""

import copy
from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.catalogue import dataschema_of, judge_event
from schemas.envelope import find_forbidden_text, read_envelope
from schemas.errors import InvalidData
from schemas.examples import load

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def refused(raw: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(InvalidData) as refusal:
        read_envelope(raw, now=NOW)
    return {error.pointer: error.rule for error in refusal.value.errors}


@pytest.fixture
def raw() -> dict[str, Any]:
    return load("event.retracted")


def test_a_cloudevent_is_read(raw: dict[str, Any]) -> None:
    envelope = read_envelope(raw, now=NOW)
    assert (envelope.source, envelope.supersedes) == ("police.example", "incident-0001")


def test_unknown_extensions_are_ignored_and_null_means_absent(raw: dict[str, Any]) -> None:
    assert read_envelope({**raw, "partition9": 4, "traceparent": None}, now=NOW).traceparent is None


def test_attribute_names_are_lower_case_letters_and_digits(raw: dict[str, Any]) -> None:
    assert refused({**raw, "correlationId": "x"}) == {"/correlationId": "attribute-name"}


def test_a_sender_gives_no_subject(raw: dict[str, Any]) -> None:
    assert refused({**raw, "subject": "999 000 0018"}) == {"/subject": "not-allowed"}


def test_binary_data_is_refused(raw: dict[str, Any]) -> None:
    assert refused({**raw, "data_base64": "e30="}) == {"/data_base64": "not-allowed"}


def test_every_failing_attribute_is_named_at_once(raw: dict[str, Any]) -> None:
    del raw["id"]
    raw |= {"specversion": "0.3", "source": "a\nb", "time": "yesterday", "data": []}
    assert set(refused(raw)) == {"/id", "/specversion", "/source", "/time", "/data"}


@pytest.mark.parametrize(
    "time", ["2026-11-23T12:00:00", "1764000000", 1764000000, "2026-11-23", "2026-13-01T00:00:00Z"]
)
def test_a_time_without_an_offset_or_not_in_rfc_3339_is_refused(
    raw: dict[str, Any], time: object
) -> None:
    assert set(refused({**raw, "time": time})) == {"/time"}


def test_a_clock_may_be_five_minutes_ahead_and_no_more(raw: dict[str, Any]) -> None:
    read_envelope({**raw, "time": "2026-11-23T12:05:00Z"}, now=NOW)
    assert refused({**raw, "time": "2026-11-23T12:05:01Z"}) == {"/time": "time-in-future"}


def test_a_retraction_says_what_it_retracts(raw: dict[str, Any]) -> None:
    del raw["supersedes"]
    with pytest.raises(InvalidData) as refusal:
        judge_event(raw, now=NOW)
    assert [error.pointer for error in refusal.value.errors] == ["/supersedes"]


def test_envelope_and_data_are_judged_together() -> None:
    raw = load("referral.submitted")
    raw["subject"] = "x"
    raw["data"]["children"][0]["child"]["upn"] = "nonsense"
    del raw["data"]["reason"]
    with pytest.raises(InvalidData) as refusal:
        judge_event(raw, now=NOW)
    assert {error.pointer for error in refusal.value.errors} == {
        "/subject",
        "/data/reason",
        "/data/children/0/child/upn",
    }


@pytest.mark.parametrize(
    ("type_", "dataschema", "pointer"),
    [
        ("event.unheard-of", None, "/type"),
        ("event.retracted", dataschema_of("event.retracted", 9), "/dataschema"),
        ("event.retracted", dataschema_of("missing.found"), "/dataschema"),
        ("event.retracted", "elsewhere", "/dataschema"),
    ],
)  # fmt: skip
def test_types_and_versions_that_are_not_served_are_refused(
    raw: dict[str, Any], type_: str, dataschema: str | None, pointer: str
) -> None:
    raw |= {"type": type_, "dataschema": dataschema}
    with pytest.raises(InvalidData) as refusal:
        judge_event(raw, now=NOW)
    assert [error.pointer for error in refusal.value.errors] == [pointer]


def test_without_a_schema_the_first_version_is_meant(raw: dict[str, Any]) -> None:
    del raw["dataschema"]
    assert judge_event(raw, now=NOW).version == 1


@pytest.mark.parametrize(
    ("value", "pointer"),
    [
        ({"a": ["ok", "no\x00"]}, "/a/1"),
        ({"a/b": {"c~d": "\ud800"}}, "/a~1b/c~0d"),
        ({"a": {"k\x00": 1}}, "/a"),
        ({"a": float("inf")}, "/a"),
        ({"a": [0, float("nan")]}, "/a/1"),
        ({"a": 2**53}, "/a"),
        ("\x00", ""),
        ({"a": ["Zoë", "\U0001f600", 1.5, True, None, 2**53 - 1]}, None),
    ],
)
def test_text_and_numbers_that_cannot_be_kept_are_found(value: object, pointer: str | None) -> None:
    assert find_forbidden_text(value) == pointer


def test_depth_does_not_matter() -> None:
    nested: Any = "\x00"
    for _ in range(100_000):
        nested = [nested]
    assert find_forbidden_text(nested) == "/0" * 100_000


def test_forbidden_text_anywhere_refuses_the_event(raw: dict[str, Any]) -> None:
    raw = copy.deepcopy(raw)
    raw["data"]["contact"]["nobody knows"] = "\x00"
    with pytest.raises(InvalidData) as refusal:
        judge_event(raw, now=NOW)
    assert [error.rule for error in refusal.value.errors] == ["forbidden-text"]
