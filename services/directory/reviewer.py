"""Who decides: social care's reviewers, what each may see, and the audit of what they did."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, TypeVar
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from pydantic import ValidationError

from chassis.audit import write_audit
from chassis.bodies import parse_json, read_body
from chassis.credentials import Credentials
from chassis.database import Session
from chassis.problems import FieldError, Problem
from schemas.model import Model
from schemas.organisations import OrganisationKind
from schemas.permissions import Operation, may
from schemas.reading import read_errors
from services.directory.partnership import Partnership
from services.directory.tables import Audit, Credential

PURPOSE = "review of a safeguarding event"

LONGEST_PAGE = 200
BODY_LIMIT_BYTES = 16 * 1024

Authorization = Annotated[str | None, Header()]
Purpose = Annotated[str | None, Header(alias="X-Purpose", max_length=200)]
After = Annotated[UUID | None, Query()]
Limit = Annotated[int, Query(ge=1, le=LONGEST_PAGE)]


def review_router(prefix: str = "") -> APIRouter:
    """A router whose answers nobody keeps."""
    return APIRouter(prefix=prefix, tags=["review"], dependencies=[Depends(_is_not_kept)])


def _is_not_kept(response: Response) -> None:
    response.headers["Cache-Control"] = "no-store"


async def authenticate(
    credentials: Credentials[Credential], authorization: str | None
) -> Credential:
    """The reviewer whose key this is; raises the problem that says why not."""
    row = await credentials.authenticate(authorization)
    if not may(OrganisationKind(row.kind), Operation.RESOLVE):
        raise Problem(403, "not-permitted", "This key may not decide about children.")
    return row


def name_of(who: Credential) -> str:
    """Who decided, as it is kept beside the decision."""
    return f"{who.organisation}/{who.name}"


Body = TypeVar("Body", bound=Model)


async def read_body_of(
    request: Request, model: type[Body], limit_bytes: int = BODY_LIMIT_BYTES
) -> Body:
    """The request's body as this model; raises the problem that names each field and its rule."""
    raw = parse_json(await read_body(request, limit_bytes))
    try:
        return model.model_validate(raw, by_alias=True, by_name=False)
    except ValidationError as failure:
        errors = [
            FieldError(error.pointer, error.rule, error.message) for error in read_errors(failure)
        ]
        raise Problem(422, "invalid", "The request breaks a rule.", errors) from None


def visible_to(who: Credential, partnership: Partnership) -> dict[str, object]:
    """Which questions a reviewer sees: those put to its organisation; the default one, all."""
    organisations = [who.organisation, *who.scopes]
    return {
        "organisations": organisations,
        "all": partnership.settings.default_reviewer in organisations,
    }


async def audit(
    session: Session,
    who: Credential,
    operation: str,
    objects: Sequence[tuple[str, str | None]],
    purpose: str | None,
) -> None:
    """Leave a row for each thing that was read or decided, and whose it is."""
    await write_audit(
        session,
        Audit,
        actor=who.organisation,
        credential=who.id,
        operation=operation,
        objects=list(objects),
        purpose=purpose or PURPOSE,
    )
