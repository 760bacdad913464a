"""JSON read strictly and written canonically (RFC 8785), so that equal content has equal bytes.

Refused on reading: not UTF-8, not JSON, a name given twice in one object, nesting that a later
reader could not follow. Nothing here repeats what was sent.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from typing import Any

import rfc8785

from chassis.problems import FieldError, Problem

MOST_DEPTH = 64
"""Deeper than any schema, and well below what every reader of the log can follow (200)."""

_LONGEST_INTEGER = 17


class _Twice(float):
    """Stands for the value of a name given twice: two readers could read two different things."""


_TWICE = _Twice("inf")


def parse_json(body: bytes) -> Any:
    """The value, or `Problem` 400.

    A number that cannot be kept becomes infinite, and so does the value of a name given twice, to
    be refused where the field can be named (`schemas.envelope.find_forbidden_text`).
    """
    try:
        value = _DECODER.decode(body.decode())
    except UnicodeDecodeError:
        raise _not_json("utf-8", "must be UTF-8") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno} column {error.colno}"
        raise _not_json("json", f"{error.msg.rstrip(': ')} at {place}") from None
    except RecursionError:
        raise _too_deep() from None
    # An object or list needs a bracket, so few brackets prove that nothing is deep.
    if body.count(b"{") + body.count(b"[") > MOST_DEPTH and _is_deep(value):
        raise _too_deep()
    return value


def is_repeated(value: Any, pointer: str) -> bool:
    """Whether the name at a JSON pointer of a parsed value was given twice."""
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        value = value[int(name)] if isinstance(value, list) else value[name]
    return value is _TWICE


def write_canonical(value: Any) -> bytes:
    """The canonical form (RFC 8785) of a value without infinite numbers or lone surrogates."""
    text = _ENCODER.encode(value)
    # json writes the canonical form itself, much faster than rfc8785, except for fractions and
    # for names beyond the first plane, which it orders by code point and not by UTF-16.
    if _FRACTION.search(text) is None and (text.isascii() or _ASTRAL.search(text) is None):
        return text.encode()
    canonical: bytes = rfc8785.dumps(value)
    return canonical


def _read_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) != len(pairs):
        times = Counter(name for name, _ in pairs)
        read.update({name: _TWICE for name, count in times.items() if count > 1})
    return read


def _read_integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _LONGEST_INTEGER else math.inf


_DECODER = json.JSONDecoder(
    object_pairs_hook=_read_object, parse_int=_read_integer, parse_constant=float
)
_ENCODER = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), check_circular=False
)
# A number with a fraction or exponent can only follow one of these; the same inside a text merely
# takes the slower way.
_FRACTION = re.compile(r"[\[:,]-?\d+[.eE]", re.ASCII)
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
