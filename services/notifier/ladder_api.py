"""An organisation's own ladder over HTTP: shown, and confirmed; those unconfirmed, for the
partnership's staff. Nothing here is about a child."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from pydantic import Field, ValidationError

from chassis.audit import write_audit
from chassis.bodies import parse_json, read_body
from chassis.clock import Clock
from chassis.credentials import Credentials
from chassis.database import Database
from chassis.problems import FieldError, Problem
from schemas.model import Model
from schemas.organisations import (
    Absence,
    Ladder,
    OrganisationKind,
    Post,
    QuietHours,
    Rung,
)
from schemas.permissions import Operation, may
from schemas.reading import read_errors
from services.notifier.door import body_schema, meant
from services.notifier.keep_ladders import Kept, confirm_ladder, list_unconfirmed, read_kept
from services.notifier.settings import LadderSettings
from services.notifier.tables import Audit, Credential

BODY_LIMIT_BYTES = 4_096
PURPOSE = "who is told, and who next"


class LadderHead(Model):
    """How an organisation's ladder is looked after. `confirmBy`: by when again, or since when."""

    organisation: str
    name: str
    confirmed_at: datetime | None = None
    confirmed_by: str | None = None
    confirm_by: datetime
    defects: tuple[str, ...] = Field(
        default=(), description="no-ladder, loops, unknown-organisation, stands-in-for-itself …"
    )


class LadderAnswer(LadderHead):
    """An organisation's ladders, as they are climbed."""

    ladder: tuple[Rung, ...] = ()
    ladders: tuple[Ladder, ...] = ()
    quiet_hours: tuple[QuietHours, ...] = ()
    absences: tuple[Absence, ...] = ()
    holiday_contact: Post | None = None


class UnconfirmedList(Model):
    """By organisation. When it is full, there may be more: ask again with `after`."""

    organisations: list[LadderHead]


class Confirmation(Model):
    """Who is told, and who next, is right. `by` is a role, not a name."""

    by: str = Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")


@dataclass(frozen=True, slots=True)
class LadderParts:
    """What the routes need."""

    database: Database
    clock: Clock
    settings: LadderSettings


def create_ladder_router(parts: LadderParts) -> APIRouter:
    """`/v1/organisations/me/ladder…` and `/v1/ladders/unconfirmed`."""
    router = APIRouter(prefix="/v1", tags=["ladders"])
    credentials = Credentials(Credential, parts.database)

    async def allow(authorization: str | None, operation: Operation) -> Credential:
        credential = await credentials.authenticate(authorization)
        if not may(OrganisationKind(credential.kind), operation):
            raise Problem(403, "not-permitted", "This credential may not do that.")
        return credential

    @router.get(
        "/organisations/me/ladder",
        response_model_exclude_none=True,
        responses={401: {}, 403: {}, 404: {}},
    )
    async def read_ladder(
        authorization: Annotated[str | None, Header()] = None,
        organisation: Annotated[str | None, Query(max_length=63)] = None,
    ) -> LadderAnswer:
        """Who is told here, and who next, as the directory says. `organisation`: one of those that
        the credential acts for; without it, its own."""
        credential = await allow(authorization, Operation.CONFIRM_LADDER)
        name = meant(credential, organisation)
        async with parts.database.reading() as session:
            kept = await read_kept(session, name, parts.settings)
        if kept is None:
            raise _unknown()
        return _answer(kept)

    @router.post(
        "/organisations/me/ladder/confirmation",
        response_model_exclude_none=True,
        responses={400: {}, 401: {}, 403: {}, 404: {}, 413: {}, 422: {}},
        openapi_extra=body_schema(Confirmation),
    )
    async def confirm(
        request: Request,
        authorization: Annotated[str | None, Header()] = None,
        organisation: Annotated[str | None, Query(max_length=63)] = None,
    ) -> LadderAnswer:
        """Somebody at the organisation has looked, and it is right; good until `confirmBy`."""
        credential = await allow(authorization, Operation.CONFIRM_LADDER)
        name = meant(credential, organisation)
        said = _read(parse_json(await read_body(request, BODY_LIMIT_BYTES)))
        async with parts.database.transaction() as session:
            if not await confirm_ladder(session, name, said.by, parts.clock()):
                raise _unknown()
            await write_audit(
                session,
                Audit,
                actor=credential.organisation,
                credential=credential.id,
                operation="confirm-ladder",
                objects=[(name, None)],
                purpose=PURPOSE,
            )
            kept = await read_kept(session, name, parts.settings)
        if kept is None:
            raise _unknown()
        return _answer(kept)

    @router.get(
        "/ladders/unconfirmed",
        response_model_exclude_none=True,
        responses={401: {}, 403: {}},
    )
    async def list_ladders(
        authorization: Annotated[str | None, Header()] = None,
        after: Annotated[str, Query(max_length=63)] = "",
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> UnconfirmedList:
        """The organisations of the partnership whose ladder nobody confirmed in time, or that has
        a defect."""
        await allow(authorization, Operation.WATCH_LADDERS)
        async with parts.database.reading() as session:
            found = await list_unconfirmed(session, parts.clock(), parts.settings, after, limit)
        return UnconfirmedList(organisations=[LadderHead(**_head(one)) for one in found])

    return router


def _unknown() -> Problem:
    return Problem(
        404, "no-such-organisation", "This credential acts for no such organisation with a ladder."
    )


def _answer(kept: Kept) -> LadderAnswer:
    one = kept.organisation
    return LadderAnswer(
        **_head(kept), ladder=one.ladder, ladders=one.ladders, quiet_hours=one.quiet_hours,
        absences=one.absences, holiday_contact=one.holiday_contact,
    )  # fmt: skip


def _head(kept: Kept) -> dict[str, object]:
    return {
        "organisation": kept.organisation.id,
        "name": kept.organisation.name,
        "confirmed_at": kept.confirmed_at,
        "confirmed_by": kept.confirmed_by,
        "confirm_by": kept.confirm_by,
        "defects": kept.defects,
    }


def _read(value: object) -> Confirmation:
    try:
        return Confirmation.model_validate(value, by_alias=True, by_name=False)
    except ValidationError as failure:
        errors = [FieldError(one.pointer, one.rule, one.message) for one in read_errors(failure)]
        raise Problem(
            422, "invalid-confirmation", "It does not say who confirms.", errors
        ) from None
