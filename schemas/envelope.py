"""The envelope that a sender posts: CloudEvents 1.0, and what no part of an event may contain.

First step of the way of an event. No error here repeats a value that was sent.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError

from schemas.errors import FieldError, InvalidData, make_pointer
from schemas.model import Model
from schemas.reading import Moment, read_errors

TRACE_ATTRIBUTES = frozenset({"traceparent", "tracestate"})
"""Attributes that differ between two sendings of one event: no part of its identity."""

CLOCK_SKEW = timedelta(minutes=5)
"""How far ahead of ours a sender's clock may be."""

_LARGEST_INTEGER = 2**53 - 1
_ATTRIBUTE_NAME = re.compile(r"[a-z0-9]{1,64}")


def _refuse_unprintable(value: object) -> object:
    if isinstance(value, str) and not value.isprintable():
        raise ValueError("must hold printable characters only")
    return value


Token = Annotated[str, BeforeValidator(_refuse_unprintable), Field(min_length=1, max_length=256)]


class CloudEvent(Model):
    """One event as its sender states it. A sender gives no `subject`: it cannot know our ids."""

    specversion: Literal["1.0"]
    id: Token = Field(description="The sender's own id; with `source` it is never re-used.")
    source: Token = Field(description="The sending system, bound to its credential.")
    type: Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[a-z][a-z0-9.-]*$")]
    time: Moment = Field(description="When the sender stated it; not in the future.")
    datacontenttype: Literal["application/json"] | None = Field(
        default="application/json", description="Null is as if it were absent."
    )
    dataschema: str | None = Field(default=None, max_length=256)
    correlationid: Token | None = Field(default=None, description="The sender's own case.")
    causationid: Token | None = Field(default=None, description="What led to this event.")
    duetime: Moment | None = Field(default=None, description="By when an answer is wanted.")
    supersedes: Token | None = Field(
        default=None,
        description="The sender's own id of the earlier event that this restates or retracts.",
    )
    traceparent: str | None = Field(default=None, max_length=128)
    tracestate: str | None = Field(default=None, max_length=512)
    data: dict[str, Any]


_READER = TypeAdapter(CloudEvent)


def read_envelope(raw: Mapping[str, Any], *, now: datetime) -> CloudEvent:
    """The envelope, or `InvalidData` naming every attribute that fails.

    Unknown extension attributes are allowed by CloudEvents and ignored; null means absent.
    """
    errors = [
        FieldError(make_pointer(name), "attribute-name", "must be lower-case letters and digits")
        for name in raw
        if name != "data_base64" and not _ATTRIBUTE_NAME.fullmatch(name)
    ]
    if raw.get("subject") is not None:
        errors.append(FieldError("/subject", "not-allowed", "a sender gives no subject"))
    if raw.get("data_base64") is not None:
        errors.append(FieldError("/data_base64", "not-allowed", "data must be JSON, in `data`"))
    event: CloudEvent | None = None
    try:
        event = _READER.validate_python(
            {name: value for name, value in raw.items() if value is not None}
        )
    except ValidationError as failure:
        errors.extend(read_errors(failure))
    if event is not None and event.time > now + CLOCK_SKEW:
        errors.append(FieldError("/time", "time-in-future", "is in the future"))
    if errors or event is None:
        raise InvalidData(errors)
    return event


def find_forbidden_text(value: object) -> str | None:
    """The JSON pointer of the first thing that cannot be stored or made canonical, or None.

    Forbidden: U+0000 and lone surrogates in any text or name (PostgreSQL refuses them), numbers
    that are not finite, integers that JSON readers do not keep (RFC 8785). Any depth is fine.
    """
    stack: list[tuple[object, tuple[Any, ...] | None]] = [(value, None)]
    while stack:
        item, path = stack.pop()
        if isinstance(item, str):
            if _is_forbidden(item):
                return _unroll(path)
        elif isinstance(item, dict):
            for name, inner in item.items():
                if _is_forbidden(name):
                    return _unroll(path)
                stack.append((inner, (name, path)))
        elif isinstance(item, list):
            stack.extend((inner, (position, path)) for position, inner in enumerate(item))
        elif isinstance(item, float):
            if not math.isfinite(item):
                return _unroll(path)
        elif isinstance(item, int) and abs(item) > _LARGEST_INTEGER:
            return _unroll(path)
    return None


def _is_forbidden(text: str) -> bool:
    if "\x00" in text:
        return True
    if text.isascii():
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _unroll(path: tuple[Any, ...] | None) -> str:
    parts: list[str | int] = []
    while path is not None:
        parts.append(path[0])
        path = path[1]
    return make_pointer(*reversed(parts))
