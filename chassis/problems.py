"""Errors as `application/problem+json` (RFC 9457): field and rule are named, the value never."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from chassis.database import is_away
from chassis.telemetry import describe, logger

log = logger("chassis.problems")

MEDIA_TYPE = "application/problem+json"


class FieldError(dict[str, str]):
    """One thing wrong: where (`pointer`, `header` or `parameter`), which rule, and in words."""

    def __init__(self, where: str, rule: str, detail: str, kind: str = "pointer") -> None:
        super().__init__({kind: where, "rule": rule, "detail": detail})


class Problem(Exception):  # noqa: N818 - RFC 9457's own word
    """Raised by an entry to answer with a problem.

    Args:
        status: the HTTP status.
        code: a stable short name, the last part of the problem's `type`.
        detail: what is wrong and what to do, for a person.
        errors: one per field.
        headers: further answer headers, such as `Retry-After`.

    Members that a service adds to its problems (RFC 9457, 3.2) stand in `more`.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = errors
        self.headers = dict(headers or {})
        self.more: dict[str, Any] = {}

    def body(self) -> dict[str, Any]:
        """The problem as JSON."""
        body: dict[str, Any] = {
            "type": f"urn:safeguarding-bus:problem:{self.code}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors:
            body["errors"] = list(self.errors)
        return {**body, **self.more}

    def response(self) -> JSONResponse:
        """The problem as an answer."""
        return JSONResponse(
            self.body(), status_code=self.status, headers=self.headers, media_type=MEDIA_TYPE
        )


def away() -> Problem:
    """The database is away: nothing was stored, come back."""
    return Problem(
        503,
        "storage-away",
        "Storage does not answer. Whether this was stored is not known; send the same again.",
        headers={"Retry-After": "5"},
    )


def install(app: FastAPI) -> None:
    """Answer every error of the application with a problem."""

    async def on_problem(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, Problem)  # noqa: S101 - registered for this type only
        return error.response()

    async def on_invalid(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - the same
        errors = []
        for item in error.errors():
            place, *path = [str(part) for part in item["loc"]]
            kind = {"query": "parameter", "path": "parameter", "header": "header"}.get(place)
            where = path[0] if kind and path else "/" + "/".join(path)
            errors.append(FieldError(where, item["type"], item["msg"], kind or "pointer"))
        return Problem(422, "invalid", "The request breaks a rule.", errors).response()

    async def on_http(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)  # noqa: S101 - the same
        code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
        return Problem(
            error.status_code,
            code,
            HTTPStatus(error.status_code).description or code,
            headers=error.headers,
        ).response()

    async def on_unexpected(_: Request, error: Exception) -> JSONResponse:
        if is_away(error):
            return away().response()
        log.error("request_failed", **describe(error), next="answered 500; see the stack")
        return Problem(500, "unexpected", "Something failed here; nothing was changed.").response()

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(Exception, on_unexpected)
