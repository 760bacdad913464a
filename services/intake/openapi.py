"""What OpenAPI says of `POST /v1/events`, whose endpoint reads and writes HTTP itself."""

from __future__ import annotations

from typing import Any

from schemas.envelope import CloudEvent
from services.intake.read_events import BATCH_TYPE, BINARY_TYPE, MOST_IN_BATCH, STRUCTURED_TYPE

_EVENT: dict[str, Any] = CloudEvent.model_json_schema(by_alias=True)

_SANDBOX = {
    "type": "boolean",
    "description": "True: of the sandbox, and nothing of it is real. Otherwise absent.",
}

_ERROR = {
    "type": "object",
    "properties": {
        "pointer": {"type": "string", "description": "JSON pointer into the event"},
        "header": {"type": "string"},
        "parameter": {"type": "string"},
        "rule": {"type": "string"},
        "detail": {"type": "string"},
    },
    "required": ["rule", "detail"],
}

_PROBLEM = {
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {"type": "array", "items": _ERROR},
        "sandbox": _SANDBOX,
    },
    "required": ["type", "title", "status", "detail"],
}

_FLAGS = {
    "type": "array",
    "description": "What is wrong with the event although it was accepted.",
    "items": {
        "type": "object",
        "properties": {
            "code": {"type": "string"},
            "pointer": {"type": "string"},
            "detail": {"type": "string"},
        },
    },
}

_ACCEPTED = {
    "type": "object",
    "properties": {
        "receipt": {"type": "string", "format": "uuid"},
        "acceptedAt": {"type": "string", "format": "date-time"},
        "sandbox": _SANDBOX,
        "flags": _FLAGS,
    },
    "required": ["receipt", "acceptedAt", "flags"],
}

_ITEM = {
    "type": "object",
    "properties": {
        "status": {"type": "integer"},
        "receipt": {"type": "string", "format": "uuid"},
        "location": {"type": "string"},
        "replayed": {"type": "boolean"},
        "acceptedAt": {"type": "string", "format": "date-time"},
        "sandbox": _SANDBOX,
        "flags": _FLAGS,
        "problem": _PROBLEM,
    },
    "required": ["status"],
}

_ITEMS = {"application/json": {"schema": {"type": "array", "items": _ITEM}}}

_TEXT = {"schema": {"type": "string"}}


def _problem(description: str) -> dict[str, Any]:
    return {
        "description": description,
        "content": {"application/problem+json": {"schema": _PROBLEM}},
    }


POST_EVENTS: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            STRUCTURED_TYPE: {"schema": _EVENT},
            BATCH_TYPE: {
                "schema": {"type": "array", "maxItems": MOST_IN_BATCH, "items": _EVENT},
            },
            BINARY_TYPE: {
                "schema": {
                    "type": "object",
                    "description": "The event's `data`; its attributes are in ce-* headers.",
                }
            },
        },
    },
    "parameters": [
        {
            "name": f"ce-{name}",
            "in": "header",
            "required": False,
            "description": "Binary encoding only: the attribute, percent-encoded.",
            "schema": {"type": "string"},
        }
        for name in ("specversion", "id", "source", "type", "time", "dataschema", "correlationid")
    ],
}

POST_RESPONSES: dict[int | str, dict[str, Any]] = {
    202: {
        "description": "Committed. For a batch: every event is.",
        "headers": {
            "Location": {**_TEXT, "description": "The event's progress; not for a batch."},
            "Idempotent-Replayed": {**_TEXT, "description": "`true`: it was recorded before."},
        },
        "content": {
            "application/json": {
                "schema": {"oneOf": [_ACCEPTED, {"type": "array", "items": _ITEM}]}
            }
        },
    },
    207: {"description": "A batch of which some are committed.", "content": _ITEMS},
    400: _problem("Not JSON, or a broken header."),
    401: _problem("No valid key."),
    403: _problem("Another's source, or a type that this kind of agency may not send."),
    409: _problem("The id was used for another content."),
    413: _problem("Too large."),
    415: _problem("No encoding of CloudEvents that is taken."),
    422: {
        "description": "A rule is broken; each field is named. A batch: none was accepted.",
        "content": {"application/problem+json": {"schema": _PROBLEM}, **_ITEMS},
    },
    503: _problem("Storage is away or busy: send the same again after `Retry-After`."),
}

READ_RESPONSES: dict[int | str, dict[str, Any]] = {
    401: _problem("No valid key."),
    404: _problem("No event of the reader's has this receipt."),
    422: _problem("A parameter breaks a rule."),
    503: _problem("Storage is away."),
}
