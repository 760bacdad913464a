"""Request bodies: limited in size and parsed strictly, so that bad bytes end as a problem."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from pydantic_core import from_json

from chassis.problems import FieldError, Problem


async def read_body(request: Request, limit_bytes: int) -> bytes:
    """The body, or `Problem` 413 as soon as it exceeds the limit."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit_bytes:
        raise _too_large(limit_bytes)
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit_bytes:
            raise _too_large(limit_bytes)
        parts.append(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def parse_json(body: bytes) -> Any:
    """The JSON value, or `Problem` 400: not UTF-8, not JSON, NaN, nested too deeply."""
    try:
        return from_json(body, allow_inf_nan=False)
    except ValueError as error:
        # The parser's message gives line, column and kind, and quotes nothing of the body.
        raise Problem(
            400, "not-json", "The body is not valid JSON.", [FieldError("", "json", str(error))]
        ) from None


def _too_large(limit_bytes: int) -> Problem:
    return Problem(
        413,
        "too-large",
        f"The body is limited to {limit_bytes} bytes.",
        [FieldError("", "max-bytes", f"at most {limit_bytes} bytes")],
    )
