"""One event is one event, whichever way it is written."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest

from schemas import examples
from schemas.envelope import read_envelope
from services.intake.identify import Identifier, Identity
from services.intake.read_events import read_events, read_headers

NOW = datetime(2026, 6, 1, tzinfo=UTC)
IDENTIFIER = Identifier("a secret of the tests, thirty-two or more")


def event(**attributes: Any) -> dict[str, Any]:
    return {**examples.load("domestic-abuse.recorded"), **attributes}


def identify(raw: dict[str, Any]) -> Identity:
    return IDENTIFIER.identify(raw, read_envelope(raw, now=NOW))


def structured(raw: dict[str, Any]) -> dict[str, Any]:
    submission = read_headers([(b"content-type", b"application/cloudevents+json")])
    return dict(read_events(submission, json.dumps(raw).encode()).events[0])


def batched(raw: dict[str, Any]) -> dict[str, Any]:
    submission = read_headers([(b"content-type", b"application/cloudevents-batch+json")])
    return dict(read_events(submission, json.dumps([raw]).encode()).events[0])


def binary(raw: dict[str, Any]) -> dict[str, Any]:
    def written(value: object) -> bytes:
        text = str(value).lower() if isinstance(value, bool) else str(value)
        return quote(text, safe=":/").encode()

    headers = [
        (f"ce-{name}".encode(), written(value))
        for name, value in raw.items()
        if name not in ("data", "datacontenttype") and value is not None
    ]
    submission = read_headers([(b"content-type", b"application/json; charset=utf-8"), *headers])
    return dict(read_events(submission, json.dumps(raw["data"], indent=2).encode()).events[0])


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"id": 'é % "quoted" \U0001f600'},
        {"priority": 5, "flagged": True, "absent": None},
        {"duetime": "2026-03-03T10:00:00+01:00"},
    ],
)
def test_the_three_encodings_have_one_identity(attributes: dict[str, Any]) -> None:
    raw = event(**attributes)
    assert identify(structured(raw)) == identify(binary(raw)) == identify(batched(raw))


@pytest.mark.parametrize(
    "attributes",
    [
        {"time": "2026-03-02T22:40:00.000Z"},
        {"time": "2026-03-02t23:40:00+01:00"},
        {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
        {"tracestate": "a=b"},
        {"causationid": None},
    ],
)
def test_what_only_differs_in_writing_is_the_same(attributes: dict[str, Any]) -> None:
    assert identify(event(**attributes)) == identify(event())


@pytest.mark.parametrize(
    "attributes",
    [
        {"time": "2026-03-02T22:40:01Z"},
        {"type": "missing.reported"},
        {"correlationid": "case-0002"},
        {"causationid": "x"},
        {"supersedes": "x"},
        {"duetime": "2026-03-03T10:00:00Z"},
        {"extension": "x"},
        {"data": {}},
    ],
)
def test_other_content_has_the_same_receipt_and_another_hash(attributes: dict[str, Any]) -> None:
    one, other = identify(event()), identify(event(**attributes))
    assert one.receipt == other.receipt
    assert one.content_hash != other.content_hash


def test_the_receipt_is_a_version_8_uuid_that_an_earlier_id_names_too() -> None:
    first = identify(event(id="first"))
    assert (first.receipt.version, first.receipt.variant) == (8, "specified in RFC 4122")
    assert identify(event(id="second", supersedes="first")).supersedes == first.receipt
    assert identify(event(id="second")).receipt != first.receipt
    other = Identifier("another secret, as long as the first one")
    assert other.receipt_of("police.example", "first") != first.receipt
    assert other.mark != IDENTIFIER.mark


def test_events_of_one_case_share_a_key_that_says_nothing() -> None:
    one, other = identify(event(id="1")), identify(event(id="2"))
    assert one.key == other.key
    assert len(bytes.fromhex(one.key)) == 16
    alone = identify({name: value for name, value in event().items() if name != "correlationid"})
    assert alone.key == IDENTIFIER.key_of("police.example", "incident-0001") != one.key
