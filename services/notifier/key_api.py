"""The keys with which an organisation's webhooks are signed, over HTTP: another one, and the end of
the old one."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import Field

from chassis.database import Session
from chassis.webhook_keys import Kind
from schemas.model import Model
from services.notifier import endpoints
from services.notifier.door import Door, body_schema, read_model
from services.notifier.endpoint_change import (
    ANSWERS,
    BODY_LIMIT_BYTES,
    EndpointAdded,
    EndpointChanges,
    check_enabled,
    fields,
)
from services.notifier.endpoints import EndpointShown

MOST_HOURS = 30 * 24.0


class Rotation(Model):
    """A new key, of the same kind or another; the old one signs as well for so many hours."""

    kind: Kind | None = None
    overlap_hours: float = Field(default=endpoints.ROTATION_HOURS, ge=0, le=MOST_HOURS)


def add_routes(router: APIRouter, door: Door) -> None:
    """`/v1/organisations/me/endpoints/{endpoint}/keys…`."""
    changes = EndpointChanges(door)

    @router.post(
        "/endpoints/{endpoint}/keys",
        status_code=201,
        response_model_exclude_none=True,
        responses={**ANSWERS, 400: {}, 409: {}, 413: {}, 422: {}},
        openapi_extra=body_schema(Rotation),
    )
    async def rotate_key(
        endpoint: UUID,
        request: Request,
        response: Response,
        authorization: Annotated[str | None, Header()] = None,
        organisation: Annotated[str | None, Query(max_length=63)] = None,
    ) -> EndpointAdded:
        """A new key; both sign for a while, and a rotation that was still going on ends."""
        credential, name = await changes.allow(authorization, organisation)
        asked = await read_model(request, Rotation, BODY_LIMIT_BYTES)
        made: list[str] = []

        async def rotate(session: Session, before: EndpointShown | None) -> None:
            check_enabled(before)
            key = await endpoints.rotate_endpoint(session, name, asked.overlap_hours, asked.kind)
            made.append(key or "")

        _, after = await changes.change(credential, name, "rotate-key", rotate, endpoint)
        response.headers["Cache-Control"] = "no-store"
        return EndpointAdded(**fields(after), key=made[-1])

    @router.delete(
        "/endpoints/{endpoint}/keys/previous", status_code=204, responses={**ANSWERS, 409: {}}
    )
    async def end_previous_key(
        endpoint: UUID,
        authorization: Annotated[str | None, Header()] = None,
        organisation: Annotated[str | None, Query(max_length=63)] = None,
    ) -> None:
        """The old key of a rotation signs nothing any more once this is answered. The same again
        changes nothing."""
        credential, name = await changes.allow(authorization, organisation)

        async def end(session: Session, before: EndpointShown | None) -> None:
            check_enabled(before)
            await endpoints.end_previous_key(session, name)

        await changes.change(credential, name, "end-old-key", end, endpoint)
        await changes.in_force(name)
