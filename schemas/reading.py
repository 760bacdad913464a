"""How values of JSON are read: dates and times as text only, and errors that repeat no value."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Annotated

from pydantic import (
    AwareDatetime,
    BeforeValidator,
    Field,
    StrictInt,
    StringConstraints,
    ValidationError,
)

from schemas.errors import FieldError, make_pointer

_Place = tuple[int | str, ...]
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_MOMENT = re.compile(
    r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})", re.ASCII | re.IGNORECASE
)


def _only_day(value: object) -> object:
    if isinstance(value, date) or (isinstance(value, str) and _DAY.fullmatch(value)):
        return value
    raise ValueError("must be a date: YYYY-MM-DD")


def _only_moment(value: object) -> object:
    if isinstance(value, date) or (isinstance(value, str) and _MOMENT.fullmatch(value)):
        return value
    raise ValueError("must be a time with an offset: YYYY-MM-DDThh:mm:ssZ (RFC 3339)")


Day = Annotated[date, BeforeValidator(_only_day)]
"""A calendar day. Numbers are refused, which pydantic alone would read as seconds since 1970."""

Moment = Annotated[AwareDatetime, BeforeValidator(_only_moment)]
"""An instant with an offset (RFC 3339)."""


def _text(most: int) -> StringConstraints:
    # The pattern tells readers of the JSON Schema too that spaces alone are no text.
    return StringConstraints(strip_whitespace=True, min_length=1, max_length=most, pattern=r"\S")


Words = Annotated[str, _text(200)]
"""A name, a title, a reference: not blank."""

Text = Annotated[str, _text(4_000)]
"""Free text about one child or one matter: not blank."""

LongText = Annotated[str, _text(50_000)]

Positions = Annotated[tuple[Annotated[StrictInt, Field(ge=0, lt=50)], ...], Field(max_length=50)]
"""Positions in an event's list of children."""
"""A whole narrative."""

OrganisationId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{1,62}$")]
"""The id of an organisation in the directory."""

_MESSAGES = {
    "missing": "is required",
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "tuple_type": "must be a list",
    "uuid_parsing": "must be a UUID",
    "uuid_type": "must be a UUID",
    "string_pattern_mismatch": "is not written in the form required",
    "date_from_datetime_parsing": "must be a date: YYYY-MM-DD",
    "date_parsing": "must be a date: YYYY-MM-DD",
    "datetime_parsing": "must be a time with an offset: YYYY-MM-DDThh:mm:ssZ (RFC 3339)",
    "timezone_aware": "must carry an offset, such as Z",
}


def read_errors(failure: ValidationError, *prefix: str | int) -> Iterator[FieldError]:
    """pydantic's complaints as field errors, in words that cannot hold what was sent."""
    complaints = failure.errors(include_url=False, include_input=False)
    places = [error["loc"] for error in complaints]
    for error in complaints:
        if error["type"] == "too_short" and _has_failing_items(error["loc"], places):
            continue
        context = error.get("ctx", {})
        kind = error["type"]
        if kind == "string_too_long":
            message = f"must have at most {context['max_length']} characters"
        elif kind == "string_too_short":
            message = "must not be blank"
        elif kind == "too_short":
            message = f"must have at least {context['min_length']} items"
        elif kind == "too_long":
            message = f"must have at most {context['max_length']} items"
        elif kind in ("literal_error", "enum"):
            message = f"must be {context['expected']}"
        elif kind == "value_error":
            message = str(context["error"])
        else:
            message = _MESSAGES.get(kind, "is not valid")
        yield FieldError(make_pointer(*prefix, *error["loc"]), kind.replace("_", "-"), message)


def _has_failing_items(place: _Place, places: Sequence[_Place]) -> bool:
    # pydantic counts only the items that are valid, and would call a list of bad ones too short.
    return any(len(other) > len(place) and other[: len(place)] == place for other in places)
