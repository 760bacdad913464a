"""JSON read strictly and written canonically (RFC 8785), so that equal content has equal bytes.

Refused on reading: not UTF-8, not JSON, a name given twice in one object, nesting that a later
reader could not follow. Nothing here repeats what was sent.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from typing import Any, NamedTuple

import rfc8785

from chassis.problems import FieldError, Problem

MOST_DEPTH = 64
"""Deeper than any schema, and well below what every reader of the log can follow (200)."""

_LONGEST_SAFE_INTEGER = 16
_LONGEST_INTEGER = 17


class Parsed(NamedTuple):
    """A value that was read. `clean`: it certainly holds nothing that
    `schemas.envelope.find_forbidden_text` looks for, and no number with a fraction."""

    value: Any
    clean: bool


class _Twice(float):
    """Stands for the value of a name given twice: two readers could read two different things."""


_TWICE = _Twice("inf")


def parse_json(body: bytes) -> Parsed:
    """The value, or `Problem` 400.

    A number that cannot be kept becomes infinite, and so does the value of a name given twice, to
    be refused where the field can be named (`schemas.envelope.find_forbidden_text`).
    """
    try:
        parsed = _READER.read(body.decode())
    except UnicodeDecodeError:
        raise _not_json("utf-8", "must be UTF-8") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno} column {error.colno}"
        raise _not_json("json", f"{error.msg.rstrip(': ')} at {place}") from None
    except RecursionError:
        raise _too_deep() from None
    # An object or list needs a bracket, so few brackets prove that nothing is deep.
    if body.count(b"{") + body.count(b"[") > MOST_DEPTH and _is_deep(parsed.value):
        raise _too_deep()
    return parsed


def is_repeated(value: Any, pointer: str) -> bool:
    """Whether the name at a JSON pointer of a parsed value was given twice."""
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        value = value[int(name)] if isinstance(value, list) else value[name]
    return value is _TWICE


def write_canonical(value: Any, *, clean: bool = False) -> bytes:
    """The canonical form (RFC 8785) of a value without infinite numbers or lone surrogates."""
    text = _ENCODER.encode(value)
    # json writes the canonical form itself, much faster than rfc8785, except for fractions and
    # for names beyond the first plane, which it orders by code point and not by UTF-16.
    if clean or _FRACTION.search(text) is None:
        if text.isascii():
            return text.encode("ascii")
        if _ASTRAL.search(text) is None:
            return text.encode()
    canonical: bytes = rfc8785.dumps(value)
    return canonical


class _Reader:
    """Reads one text at a time, and notes whether anything in it needs a closer look."""

    def __init__(self) -> None:
        self._odd = False
        self._decoder = json.JSONDecoder(
            object_pairs_hook=self._read_object,
            parse_int=self._read_integer,
            parse_float=self._read_fraction,
            parse_constant=self._read_fraction,
        )

    def read(self, text: str) -> Parsed:
        self._odd = False
        value = self._decoder.decode(text)
        # Only an escape can bring in U+0000 or half a surrogate pair: as they are, JSON forbids
        # the one and UTF-8 the other.
        return Parsed(value, clean=not self._odd and "\\u" not in text)

    def _read_object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        read = dict(pairs)
        if len(read) != len(pairs):
            self._odd = True
            times = Counter(name for name, _ in pairs)
            read.update({name: _TWICE for name, count in times.items() if count > 1})
        return read

    def _read_integer(self, digits: str) -> int | float:
        if len(digits) < _LONGEST_SAFE_INTEGER:
            return int(digits)
        self._odd = True
        return int(digits) if len(digits) <= _LONGEST_INTEGER else math.inf

    def _read_fraction(self, digits: str) -> float:
        self._odd = True
        return float(digits)


_READER = _Reader()
_ENCODER = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), check_circular=False
)
# A number with a fraction or exponent can only come first or after one of these; the same inside
# a text merely takes the slower way.
_FRACTION = re.compile(r"(?:^|[\[:,])-?\d+[.eE]", re.ASCII)
_ASTRAL = re.compile("[\U00010000-\U0010ffff]")


def _is_deep(value: object) -> bool:
    level = [value]
    for _ in range(MOST_DEPTH):
        level = [
            inner
            for item in level
            if isinstance(item, dict | list)
            for inner in (item.values() if isinstance(item, dict) else item)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def _not_json(rule: str, detail: str) -> Problem:
    return Problem(400, "not-json", "The body is not valid JSON.", [FieldError("", rule, detail)])


def _too_deep() -> Problem:
    return _not_json("depth", f"is nested more than {MOST_DEPTH} deep")
