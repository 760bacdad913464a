"""Whatever is posted, the answer is a problem that names what is wrong, and nothing is stored."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from schemas import examples
from schemas.catalogue import EVENT_TYPES
from schemas.generate import envelope_schema, event_schema
from tests.integration.intake.conftest import BATCH, Intake, event

DEEP = b"[" * 5000 + b"]" * 5000
NUMBERS = (b"1e999", b"-1e999", b"NaN", b"Infinity", b"9007199254740993", b"9" * 5000)
BROKEN_TEXT = (b'"\\u0000"', b'"\\ud800"', b'"\xff"', b'"\n"', b'"\xed\xa0\x80"')

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document."""
    found = [path] if path else []
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for name, inner in items:
            found.extend(places(inner, (*path, name)))
    return found


def change(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """The document with another value at a place; with `...` nothing is there."""
    if not path:
        return new
    changed = value.copy()
    if new is ... and len(path) == 1:
        del changed[path[0]]
    else:
        changed[path[0]] = change(value[path[0]], path[1:], new)
    return changed


ENVELOPE = Draft202012Validator(envelope_schema())
DATA = {name: Draft202012Validator(event_schema(name)) for name in EVENT_TYPES}


@st.composite
def malformed(draw: st.DrawFn) -> bytes:
    """An example that its JSON Schema does not allow, or whose bytes are broken."""
    name = draw(st.sampled_from(sorted(EVENT_TYPES)))
    whole = {**examples.load(name), "source": "police.example"}
    path = draw(st.sampled_from(places(whole)))
    how = draw(st.sampled_from(("value", "value", "value", "missing", "bytes", "cut", "twice")))
    if how in ("value", "missing"):
        new = ... if how == "missing" else draw(json_values)
        broken = change(whole, path, new)
        valid = ENVELOPE.is_valid(broken) and DATA[name].is_valid(broken.get("data"))
        assume(not valid)
        return json.dumps(broken).encode("utf-8", "surrogatepass")
    mark = json.dumps(change(whole, path, "the-mark")).encode()
    if how == "bytes":
        bad = draw(st.sampled_from((*NUMBERS, *BROKEN_TEXT, DEEP)))
        return mark.replace(b'"the-mark"', bad)
    if how == "cut":
        return mark[: draw(st.integers(0, len(mark) - 1))]
    return b'{"id":"first",' + mark[1:]


@settings(
    max_examples=200,
    deadline=None,
    database=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.filter_too_much,
        HealthCheck.too_slow,
    ],
)
@given(body=malformed(), batch=st.booleans())
async def test_malformed_events_are_problems_and_nothing_is_stored(
    intake: Intake, body: bytes, batch: bool
) -> None:
    answer = await intake.post(b"[" + body + b"]", BATCH) if batch else await intake.post(body)
    assert 400 <= answer.status_code < 500, (answer.status_code, body)
    if answer.headers["content-type"] == "application/problem+json":
        assert answer.json()["errors"], body
    else:
        assert all(item["problem"]["errors"] for item in answer.json())
    assert await intake.count("intake.event") == await intake.count("bus.log") == 0


@pytest.mark.parametrize("bad", [*NUMBERS, *BROKEN_TEXT, DEEP, b'{"a":1,"a":2}'])
@pytest.mark.parametrize("place", ["narrative", "anything"])
async def test_what_cannot_be_kept_is_refused_wherever_it_stands(
    intake: Intake, bad: bytes, place: str
) -> None:
    raw = event()
    raw["data"][place] = "the-mark"
    answer = await intake.post(json.dumps(raw).encode().replace(b'"the-mark"', bad))
    assert answer.status_code in (400, 422)
    error = answer.json()["errors"][0]
    assert error["rule"]
    if answer.status_code == 422:
        assert error["pointer"].startswith(f"/data/{place}")
    assert await intake.count("bus.log") == 0


async def test_broken_headers_are_named(intake: Intake) -> None:
    raw = event()
    good = {f"ce-{name}": str(value) for name, value in raw.items() if name not in (
        "data", "datacontenttype")}  # fmt: skip
    body = json.dumps(raw["data"]).encode()
    for name, value, rule in (
        ("ce-id", "%zz", "percent-encoding"),
        ("ce-id", "%ff", "utf-8"),
        ("ce-data", "x", "not-allowed"),
        ("ce-id", "%00", "forbidden-text"),
        ("ce-time", "yesterday", "value-error"),
    ):
        answer = await intake.post(body, "application/json", headers={**good, name: value})
        assert answer.status_code in (400, 422), (name, value)
        assert answer.json()["errors"][0]["rule"] == rule
    assert (await intake.post(body, "application/json", headers=good)).status_code == 202


@pytest.mark.parametrize("name", ["datacontenttype", "dataschema", "correlationid", "duetime"])
async def test_an_attribute_that_is_null_is_absent_and_the_schema_says_so(
    intake: Intake, name: str
) -> None:
    raw = {**event(), name: None}
    assert ENVELOPE.is_valid(raw)
    answer = await intake.post(json.dumps(raw).encode())
    assert answer.status_code == 202
