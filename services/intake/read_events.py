"""The three encodings of CloudEvents over HTTP, read into one shape: structured, binary, batch.

First step of the way of an event. Reads form only; what an event says is judged in `judge`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

from chassis.problems import FieldError, Problem
from services.intake.strict_json import parse_json

STRUCTURED_TYPE = "application/cloudevents+json"
BATCH_TYPE = "application/cloudevents-batch+json"
BINARY_TYPE = "application/json"
MOST_BYTES = 1024 * 1024
MOST_BATCH_BYTES = 8 * 1024 * 1024
MOST_IN_BATCH = 1_000

Headers = Iterable[tuple[bytes, bytes]]
"""As ASGI gives them: names in lower case."""


class Encoding(Enum):
    """How the event is carried; the value is how many bytes a body may have."""

    STRUCTURED = (STRUCTURED_TYPE, MOST_BYTES)
    BINARY = (BINARY_TYPE, MOST_BYTES)
    BATCH = (BATCH_TYPE, MOST_BATCH_BYTES)

    @property
    def most_bytes(self) -> int:
        return self.value[1]


class Submission(NamedTuple):
    """What a request carries: its encoding, its attributes in headers, its own trace."""

    encoding: Encoding
    attributes: dict[str, str]
    authorization: str | None
    traceparent: str | None


class Read(NamedTuple):
    """Events as they were read; `clean`: see `strict_json.Parsed`."""

    events: list[Any]
    clean: bool


def read_headers(headers: Headers) -> Submission:
    """What the headers say, or `Problem`: 415 for another type, 400 for a header that is broken."""
    content_type = ""
    authorization = traceparent = None
    found: list[tuple[str, bytes]] = []
    for name, value in headers:
        if name == b"content-type":
            content_type = value.decode("latin-1")
        elif name == b"authorization":
            authorization = value.decode("latin-1")
        elif name == b"traceparent":
            traceparent = value.decode("latin-1")
        elif name.startswith(b"ce-"):
            found.append((name[3:].decode("latin-1"), value))
        elif name == b"content-encoding" and value.strip().lower() != b"identity":
            raise Problem(
                415,
                "encoding-not-taken",
                "Send the body as it is, not compressed.",
                [FieldError("Content-Encoding", "identity", "is not taken", "header")],
            )
    encoding = _choose(content_type, bool(found))
    attributes = _read_attributes(found) if encoding is Encoding.BINARY else {}
    return Submission(encoding, attributes, authorization, traceparent)


def read_events(submission: Submission, body: bytes) -> Read:
    """The events, not yet judged: each should be an object, and may be anything. `Problem` 400."""
    value, clean = parse_json(body)
    if submission.encoding is Encoding.BATCH:
        if not isinstance(value, list) or not value:
            raise Problem(
                422,
                "invalid-batch",
                "A batch is a list of events.",
                [FieldError("", "list", "must be a list of at least one event")],
            )
        if len(value) > MOST_IN_BATCH:
            raise Problem(
                413,
                "too-many",
                f"A batch holds at most {MOST_IN_BATCH} events.",
                [FieldError("", "max-items", f"at most {MOST_IN_BATCH} events")],
            )
        return Read(value, clean)
    if submission.encoding is Encoding.BINARY:
        attributes = submission.attributes
        printable = all(text.isprintable() for text in attributes.values())
        return Read([{**attributes, "data": value}], clean and printable)
    return Read([value], clean)


def is_json(media_type: str) -> bool:
    """Whether a media type is JSON in UTF-8, as it is read here."""
    name, *parameters = media_type.lower().split(";")
    return name.strip() == BINARY_TYPE and _in_utf_8(parameters)


def _choose(content_type: str, has_attributes: bool) -> Encoding:
    name, *parameters = content_type.lower().split(";")
    name = name.strip()
    if _in_utf_8(parameters):
        if name == STRUCTURED_TYPE:
            return Encoding.STRUCTURED
        if name == BATCH_TYPE:
            return Encoding.BATCH
        # Attributes in headers and no type at all: CloudEvents data is JSON by default.
        if has_attributes and name in (BINARY_TYPE, ""):
            return Encoding.BINARY
    raise Problem(
        415,
        "type-not-taken",
        f"Send {STRUCTURED_TYPE}, {BATCH_TYPE}, or {BINARY_TYPE} with the attributes in ce-* "
        "headers; in UTF-8.",
        [FieldError("Content-Type", "media-type", "is not taken", "header")],
    )


def _in_utf_8(parameters: Iterable[str]) -> bool:
    return all(
        value.strip().strip('"') == "utf-8"
        for name, _, value in (parameter.partition("=") for parameter in parameters)
        if name.strip() == "charset"
    )


def _read_attributes(found: Iterable[tuple[str, bytes]]) -> dict[str, str]:
    attributes: dict[str, str] = {}
    for name, value in found:
        if name in attributes:
            raise _broken(name, "repeated", "is given twice")
        if name in ("data", "data_base64", "datacontenttype"):
            raise _broken(name, "not-allowed", "is no header: it is the body or its type")
        attributes[name] = _decode(name, value)
    return attributes


def _decode(name: str, value: bytes) -> str:
    """A header's value as text (CloudEvents HTTP binding 3.1.3.2): quoted, then percent-encoded."""
    if value.startswith(b'"') and value.endswith(b'"') and len(value) > 1:
        value = _QUOTED_PAIR.sub(rb"\1", value[1:-1])
    if b"%" in value:
        if _BAD_PERCENT.search(value):
            raise _broken(name, "percent-encoding", "has a % that begins no %XX")
        value = unquote_to_bytes(value)
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise _broken(name, "utf-8", "must be UTF-8, percent-encoded") from None


_QUOTED_PAIR = re.compile(rb"\\(.)", re.DOTALL)
_BAD_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_PLAIN_HEADER = re.compile(r"[a-z0-9_]{1,64}")


def _broken(name: str, rule: str, detail: str) -> Problem:
    where = f"ce-{name}" if _PLAIN_HEADER.fullmatch(name) else "ce-*"
    return Problem(
        400, "broken-header", "A header is broken.", [FieldError(where, rule, detail, "header")]
    )
