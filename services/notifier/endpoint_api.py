"""An organisation's own endpoints over HTTP: shown, added, changed, disabled, enabled.

A change is committed, and answered when it is in force everywhere: then nothing goes to what was
before. The steps are those of the command.
"""

from __future__ import annotations

import asyncio
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import Field

from chassis.addresses import SystemLookup
from chassis.database import Session
from chassis.problems import FieldError, Problem
from chassis.webhook_keys import Kind
from schemas.model import Model
from services.notifier import endpoints
from services.notifier.door import Door, body_schema, read_model
from services.notifier.endpoint_change import (
    ANSWERS,
    BODY_LIMIT_BYTES,
    EndpointAdded,
    EndpointAnswer,
    EndpointChanges,
    What,
    fields,
    unknown,
)
from services.notifier.endpoints import EndpointError, EndpointShown
from services.notifier.routes import read_channel
from services.notifier.settings import SendSettings

MOST_PER_SECOND = 10_000

Rate = Annotated[int, Field(ge=1, le=MOST_PER_SECOND)]
Address = Annotated[str, Field(min_length=1, max_length=2000, pattern=r"^[\x21-\x7e]+$")]


class EndpointList(Model):
    """The enabled one, and then those of before. `channel`: webhooks are sent only where it is
    `webhook`, which the organisation's record says."""

    organisation: str
    channel: str | None = None
    endpoints: list[EndpointAnswer]


class NewEndpoint(Model):
    """Where webhooks go from now on; it takes the place of an earlier one."""

    url: Address
    kind: Kind = "hmac"
    per_second: Rate | None = None


class EndpointChange(Model):
    """What is to be different; what is not named stays. `perSecond` null: as often
    as it can take."""

    url: Address | None = None
    per_second: Rate | None = None
    enabled: bool | None = Field(
        default=None,
        description="false: what waits fails at once, and escalates. true: takes a pause off too.",
    )


def add_routes(router: APIRouter, door: Door) -> None:
    """`/v1/organisations/me/endpoints…`."""
    parts = door.parts
    changes = EndpointChanges(door)

    @router.get("/endpoints", response_model_exclude_none=True, responses=ANSWERS)
    async def list_endpoints(
        response: Response,
        authorization: Annotated[str | None, Header()] = None,
        organisation: Annotated[str | None, Query(max_length=63)] = None,
    ) -> EndpointList:
        """Where this organisation takes webhooks, and how each endpoint is; no key is shown."""
        _, name = await changes.allow(authorization, organisation)
        response.headers["Cache-Control"] = "no-store"
        async with parts.database.reading() as session:
            found = await endpoints.list_own_endpoints(session, name)
            channel = await read_channel(session, name)
        return EndpointList(
            organisation=name,
            channel=channel,
            endpoints=[EndpointAnswer(**fields(one)) for one in found],
        )

    @router.post(
        "/endpoints",
        status_code=201,
        response_model_exclude_none=True,
        responses={**ANSWERS, 400: {}, 413: {}, 422: {}},
        openapi_extra=body_schema(NewEndpoint),
    )
    async def add_endpoint(
        request: Request,
        response: Response,
        authorization: Annotated[str | None, Header()] = None,
        organisation: Annotated[str | None, Query(max_length=63)] = None,
    ) -> EndpointAdded:
        """Take webhooks there from now on. What waits goes there; an earlier endpoint is disabled,
        and nothing goes to it any more once this is answered."""
        credential, name = await changes.allow(authorization, organisation)
        asked = await read_model(request, NewEndpoint, BODY_LIMIT_BYTES)
        await _judge(asked.url, parts.settings.send)
        made: list[str] = []

        async def add(session: Session, _: EndpointShown | None) -> None:
            key = await endpoints.add_endpoint(
                session, name, asked.url, kind=asked.kind, per_second=asked.per_second
            )
            made.append(key)

        before, after = await changes.change(credential, name, "add-endpoint", add)
        if before is not None and before.enabled:
            await changes.in_force(name)
            await changes.send_on(name, after.id)
        response.headers["Cache-Control"] = "no-store"
        return EndpointAdded(**fields(after), key=made[-1])

    @router.patch(
        "/endpoints/{endpoint}",
        response_model_exclude_none=True,
        responses={**ANSWERS, 400: {}, 409: {}, 413: {}, 422: {}},
        openapi_extra=body_schema(EndpointChange),
    )
    async def change_endpoint(
        endpoint: UUID,
        request: Request,
        authorization: Annotated[str | None, Header()] = None,
        organisation: Annotated[str | None, Query(max_length=63)] = None,
    ) -> EndpointAnswer:
        """Another address, another rate, disabled or enabled. It stays the same endpoint with the
        same keys. Once it is answered nothing goes to the old address, and whatever waited goes to
        the new one; that takes some seconds."""
        credential, name = await changes.allow(authorization, organisation)
        asked = await read_model(request, EndpointChange, BODY_LIMIT_BYTES)
        if asked.enabled is False and (asked.url or asked.per_second):
            raise Problem(
                422,
                "invalid",
                "An endpoint that is disabled is changed when it is enabled.",
                [FieldError("/enabled", "alone", "stands alone where it is false")],
            )
        if asked.url is not None:
            await _judge(asked.url, parts.settings.send)

        async def apply(session: Session, before: EndpointShown | None) -> None:
            if before is None:
                raise unknown()
            if asked.enabled is False:
                await endpoints.remove_endpoint(session, name, endpoint)
                return
            if asked.enabled and not await endpoints.enable_endpoint(session, name, endpoint):
                # Enabled and well already, or it cannot be.
                if not before.enabled:
                    raise Problem(
                        409, "endpoint-replaced", "Another endpoint took its place; add it anew."
                    )
            elif not before.enabled and not asked.enabled:
                raise Problem(409, "endpoint-disabled", "It is disabled: enable it as well.")
            if asked.url is not None:
                await endpoints.change_url(session, endpoint, asked.url)
            if "per_second" in asked.model_fields_set:
                await endpoints.change_rate(session, endpoint, asked.per_second)

        what: What = "change-endpoint"
        if asked.enabled is not None:
            what = "enable-endpoint" if asked.enabled else "disable-endpoint"
        _, after = await changes.change(credential, name, what, apply, endpoint)
        if asked.url is not None or asked.enabled is not None:
            # Also where nothing was changed: it may be the same again, after an answer that was
            # lost.
            await changes.in_force(name)
        if asked.url is not None:
            await changes.send_on(name, endpoint)
        return EndpointAnswer(**fields(after))

    @router.delete("/endpoints/{endpoint}", status_code=204, responses=ANSWERS)
    async def remove_endpoint(
        endpoint: UUID,
        authorization: Annotated[str | None, Header()] = None,
        organisation: Annotated[str | None, Query(max_length=63)] = None,
    ) -> None:
        """Send nothing there any more. What waits for it fails at once, and escalates. The same as
        `enabled: false`: it stays in the list, and can be enabled again."""
        credential, name = await changes.allow(authorization, organisation)

        async def remove(session: Session, before: EndpointShown | None) -> None:
            if before is None:
                raise unknown()
            await endpoints.remove_endpoint(session, name, endpoint)

        await changes.change(credential, name, "disable-endpoint", remove, endpoint)
        await changes.in_force(name)


async def _judge(url: str, settings: SendSettings) -> None:
    system = SystemLookup()
    try:
        async with asyncio.timeout(settings.timeout_seconds):
            await endpoints.judge_url(url, settings.allowed_networks, system)
    except EndpointError as error:
        raise _refused(str(error)) from None
    except TimeoutError:
        raise _refused("Its host's name cannot be looked up.") from None
    finally:
        system.close()


def _refused(why: str) -> Problem:
    return Problem(
        422, "address-refused", "Webhooks cannot go there.", [FieldError("/url", "address", why)]
    )
