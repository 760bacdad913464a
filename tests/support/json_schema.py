"""Data for tests, made by hypothesis from our own JSON Schemas.

Covers what those schemas use and refuses what they do not, so that a new keyword cannot be
overlooked.
"""

from __future__ import annotations

from datetime import UTC
from typing import Any

from hypothesis import strategies as st

_NOTES = {"title", "description", "default", "examples", "$defs", "$schema", "$id"}
_NUMBERS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_FORMATS: dict[str, st.SearchStrategy[str]] = {
    "date": st.dates().map(lambda day: day.isoformat()),
    "date-time": st.datetimes(timezones=st.just(UTC)).map(lambda at: at.isoformat()),
    "time": st.times().map(lambda at: at.isoformat()),
    "uuid": st.uuids().map(str),
}

_BEYOND: dict[Any, Any] = {
    "ServiceHours": lambda made: made["opens"] < made["closes"] or made["closes"] == "00:00:00",
}
"""By title, what a schema cannot say of an object: rules between two fields."""


def from_schema(schema: dict[str, Any], root: dict[str, Any] | None = None) -> Any:
    """A strategy for values that satisfy the schema."""
    root = schema if root is None else root
    rest = {name: value for name, value in schema.items() if name not in _NOTES}
    if "$ref" in rest:
        return from_schema(root["$defs"][rest["$ref"].removeprefix("#/$defs/")], root)
    if "const" in rest:
        return st.just(rest["const"])
    if "enum" in rest:
        return st.sampled_from(rest["enum"])
    if "anyOf" in rest and "type" not in rest:
        return st.one_of([from_schema(each, root) for each in rest["anyOf"]])
    kind = rest.pop("type", None)
    if kind == "object":
        rule = _BEYOND.get(schema.get("title"))
        return _objects(rest, root).filter(rule) if rule else _objects(rest, root)
    if kind == "array":
        items = from_schema(rest.pop("items"), root)
        least, most = rest.pop("minItems", 0), rest.pop("maxItems", 3)
        _expect_nothing(rest)
        return st.lists(items, min_size=least, max_size=min(most, least + 3))
    if kind == "string":
        return _texts(rest)
    if kind == "integer":
        bounds = {name: rest.pop(name) for name in _NUMBERS if name in rest}
        _expect_nothing(rest)
        least = bounds.get("minimum", bounds.get("exclusiveMinimum", -1_000_001) + 1)
        most = bounds.get("maximum", bounds.get("exclusiveMaximum", 1_000_001) - 1)
        return st.integers(least, most)
    _expect_nothing(rest)
    simple: dict[str | None, Any] = {"boolean": st.booleans(), "null": st.none(), None: _ANYTHING}
    return simple[kind]


def _objects(rest: dict[str, Any], root: dict[str, Any]) -> Any:
    properties = rest.pop("properties", {})
    required = set(rest.pop("required", ()))
    more = rest.pop("additionalProperties", False)
    choices = [set(choice["required"]) for choice in rest.pop("anyOf", [])] or [set[str]()]
    _expect_nothing(rest)
    if not properties and more:
        return st.dictionaries(st.text(max_size=5), _ANYTHING, max_size=3)
    strategies = {name: from_schema(inner, root) for name, inner in properties.items()}

    def pick(extra: set[str]) -> Any:
        always = required | extra
        return st.fixed_dictionaries(
            {name: made for name, made in strategies.items() if name in always},
            optional={name: made for name, made in strategies.items() if name not in always},
        )

    return st.one_of([pick(extra) for extra in choices])


def _texts(rest: dict[str, Any]) -> Any:
    least, most = rest.pop("minLength", 0), rest.pop("maxLength", 50)
    pattern, form = rest.pop("pattern", None), rest.pop("format", None)
    _expect_nothing(rest)
    if form is not None:
        return _FORMATS[form]
    if pattern is not None and pattern != r"\S":
        # `$` of Python would also let a newline follow.
        texts = st.from_regex(pattern.replace("$", r"\Z"), fullmatch=True)
        return texts.filter(lambda text: least <= len(text) <= most)
    letters = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
    texts = st.text(letters, min_size=least, max_size=min(most, least + 20))
    return texts.filter(lambda text: text.strip() != "") if pattern else texts


def _expect_nothing(rest: dict[str, Any]) -> None:
    if rest:
        raise ValueError(f"keywords that no strategy covers: {sorted(rest)}")


_ANYTHING = st.none() | st.booleans() | st.integers(-1000, 1000) | st.text(max_size=10)
