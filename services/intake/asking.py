"""What every route of a sender does first, and how it ends: who asks, for what, about which thing.

A name of another's thing is as unknown as one that nobody has.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, TypeVar
from uuid import UUID

from fastapi import Header, Request, Security
from fastapi.security import HTTPBearer
from pydantic import BaseModel, ValidationError
from sqlalchemy.exc import SQLAlchemyError

from chassis.credentials import Credentials
from chassis.database import is_away
from chassis.problems import FieldError, Problem, away
from schemas.organisations import OrganisationKind
from schemas.permissions import Operation, may
from services.intake.tables import Credential

BEARER = Security(HTTPBearer(scheme_name="agency", auto_error=False))
"""For the documentation: keys are checked by `Credentials`."""

Said = TypeVar("Said", bound=BaseModel)

Purpose = Annotated[str, Header(max_length=200)]
"""Of a parameter `x_purpose`: what the sender asks for."""


@asynccontextmanager
async def answering(request: Request) -> AsyncIterator[None]:
    """Turns an absent database into a 503, and marks what the sandbox is refused."""
    try:
        yield
    except Problem as problem:
        raise mark(problem, sandbox=_of_sandbox(request)) from None
    except (SQLAlchemyError, OSError) as error:
        if is_away(error):
            raise mark(away(), sandbox=_of_sandbox(request)) from None
        raise


def _of_sandbox(request: Request) -> bool:
    return bool(getattr(request.state, "sandbox", False))


def mark(problem: Problem, *, sandbox: bool) -> Problem:
    """The problem, marked where it is the sandbox's."""
    if sandbox:
        problem.more["sandbox"] = True
    return problem


async def authenticate(
    credentials: Credentials[Credential], request: Request, operation: Operation
) -> Credential:
    """Who asks, or `Problem` 401; 403 where agencies of its kind may not do this."""
    credential = await credentials.authenticate(request.headers.get("authorization"))
    request.state.sandbox = credential.sandbox
    if not may(OrganisationKind(credential.kind), operation):
        raise Problem(403, "not-allowed", f"A {credential.kind} may not do this.")
    return credential


def read_purpose(text: str) -> str:
    """What for, or `Problem` 422."""
    if not text.isprintable():
        raise Problem(
            422,
            "invalid-header",
            "A header breaks a rule.",
            [FieldError("X-Purpose", "printable", "must be printable", "header")],
        )
    return text


def read_said(model: type[Said], value: Any, detail: str) -> Said:
    """A JSON value as a model; `Problem` 422 names fields and rules, never a value."""
    try:
        return model.model_validate(value, by_alias=True, by_name=False)
    except ValidationError as error:
        errors = [
            FieldError("/" + "/".join(map(str, one["loc"])), one["type"], one["msg"])
            for one in error.errors(include_input=False, include_url=False, include_context=False)
        ]
        raise Problem(422, "invalid", detail, errors) from None


def read_receipt(text: str) -> UUID:
    """A receipt as it stands in a path, or `Problem` 404."""
    try:
        return UUID(text)
    except ValueError:
        raise no_such_event() from None


def no_such_event() -> Problem:
    """It has no such event, or no such question of one."""
    return Problem(
        404,
        "no-such-event",
        "No event of yours has this receipt.",
        [FieldError("receipt", "unknown", "is no receipt of yours", "parameter")],
    )
