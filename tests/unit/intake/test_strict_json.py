"""Strict reading, and a canonical form that is that of RFC 8785."""

from __future__ import annotations

import json
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from chassis.problems import Problem
from schemas.envelope import find_forbidden_text
from services.intake.strict_json import MOST_DEPTH, is_repeated, parse_json, write_canonical

LARGEST = 2**53 - 1
texts = st.text(st.characters(exclude_categories=["Cs"]))
values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-LARGEST, LARGEST)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=20,
)


@given(values)
def test_the_canonical_form_is_that_of_rfc_8785(value: Any) -> None:
    assert write_canonical(value) == rfc8785.dumps(value)


@given(values)
def test_what_is_read_back_has_the_same_canonical_form(value: Any) -> None:
    for escaped in (True, False):
        body = json.dumps(value, ensure_ascii=escaped, indent=1).encode()
        read, clean = parse_json(body)
        assert write_canonical(read, clean=clean) == write_canonical(value)


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        (b"", "json"),
        (b"{", "json"),
        (b'{"a":01}', "json"),
        (b"\xef\xbb\xbf{}", "json"),
        (b'{"a":"\n"}', "json"),
        (b'"\xff"', "utf-8"),
        (b'"\xed\xa0\x80"', "utf-8"),
        (b"[" * 100_000, "depth"),
        (b"[" * 5000 + b"]" * 5000, "depth"),
        (b"[" * (MOST_DEPTH + 1) + b"]" * (MOST_DEPTH + 1), "depth"),
        (b'{"a":' * 70 + b"1" + b"}" * 70, "depth"),
    ],
)
def test_what_is_not_json_is_refused_without_repeating_it(body: bytes, rule: str) -> None:
    with pytest.raises(Problem) as refused:
        parse_json(body)
    assert refused.value.status == 400
    assert refused.value.errors[0]["rule"] == rule


@pytest.mark.parametrize("bad", ["1e999", "-1e999", "NaN", "-Infinity", "9" * 5000, "9" * 16])
def test_numbers_that_cannot_be_kept_are_found_at_their_place(bad: str) -> None:
    value, clean = parse_json(f'{{"a":[0,{bad}]}}'.encode())
    assert not clean
    assert find_forbidden_text(value) == "/a/1"
    assert not is_repeated(value, "/a/1")


def test_a_name_given_twice_is_found_at_its_place() -> None:
    value, clean = parse_json(b'{"a":[{"x/y":1,"x/y":1,"z":2}]}')
    assert not clean
    assert find_forbidden_text(value) == "/a/0/x~1y"
    assert is_repeated(value, "/a/0/x~1y")


def test_the_greatest_depth_allowed_is_read() -> None:
    body = b"[" * MOST_DEPTH + b"]" * MOST_DEPTH
    assert write_canonical(parse_json(body).value) == body


anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(anything, st.booleans())
def test_what_is_called_clean_holds_nothing_forbidden(value: Any, escaped: bool) -> None:
    body = json.dumps(value, ensure_ascii=escaped).encode("utf-8", "surrogatepass")
    try:
        read, clean = parse_json(body)
    except Problem:
        return
    if clean:
        assert find_forbidden_text(read) is None
        assert write_canonical(read, clean=True) == rfc8785.dumps(read)
