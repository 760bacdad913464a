"""Notices sent again because their recipient asks for it, over HTTP: one, or all of a time."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request
from pydantic import AwareDatetime, Field

from chassis.audit import write_audit
from chassis.database import Session, after_commit
from chassis.problems import FieldError, Problem
from chassis.telemetry import logger
from schemas.model import Model
from schemas.permissions import Operation
from services.notifier.delivery_api import found, read_cursor, write_cursor
from services.notifier.door import Door, body_schema, meant, read_model
from services.notifier.replay import AT_ONCE, Replayed, replay_one, replay_since
from services.notifier.tables import Audit, Credential

log = logger("notifier.replay")

BODY_LIMIT_BYTES = 4_096
MOST_AT_ONCE = 10_000
PURPOSE = "its receiver had lost them"


class ReplayAsked(Model):
    """Everything composed in this time, both included. `until`: now, if it is not said."""

    since: AwareDatetime
    until: AwareDatetime | None = None
    cursor: str | None = Field(
        default=None, max_length=80, description="The `next` of the answer before."
    )


class ReplayAnswer(Model):
    """How many are sent again, after everything that is new, and how many are not, by reason:
    withdrawn, superseded (something took their place), waiting (on their way already),
    not-by-webhook, no-endpoint, without-content. With `next` there is more: ask again with it."""

    replayed: int
    not_sent: dict[str, int]
    until: datetime
    next: str | None = None


def add_routes(router: APIRouter, door: Door) -> None:
    """`/v1/organisations/me/deliveries/{notice}/replay` and `…/replays`."""
    parts = door.parts

    @router.post(
        "/deliveries/{notice}/replay",
        status_code=202,
        response_model_exclude_none=True,
        responses={401: {}, 403: {}, 404: {}},
    )
    async def replay_notice(
        notice: UUID,
        authorization: Annotated[str | None, Header()] = None,
        organisation: Annotated[str | None, Query(max_length=63)] = None,
        x_purpose: Annotated[str, Header(max_length=200)] = PURPOSE,
    ) -> ReplayAnswer:
        """Send a notice again, with the same id. It changes neither its state nor any deadline."""
        credential = await door.allow(authorization, Operation.REPLAY_NOTICES)
        name = meant(credential, organisation)
        at = parts.clock()
        async with parts.database.transaction() as session:
            done: Replayed = found(await replay_one(session, name, notice, at))
            await _audit(session, credential, str(notice), x_purpose)
            after_commit(session, "deliver", parts.bells.deliver.set)
        return _answer(name, done, at)

    @router.post(
        "/replays",
        status_code=202,
        response_model_exclude_none=True,
        responses={400: {}, 401: {}, 403: {}, 404: {}, 413: {}, 422: {}},
        openapi_extra=body_schema(ReplayAsked),
    )
    async def replay_notices(
        request: Request,
        authorization: Annotated[str | None, Header()] = None,
        organisation: Annotated[str | None, Query(max_length=63)] = None,
        x_purpose: Annotated[str, Header(max_length=200)] = PURPOSE,
    ) -> ReplayAnswer:
        """Send again what was composed in a time, in its order and at the endpoint's own rate, up
        to 10,000. The same again changes nothing while it waits."""
        credential = await door.allow(authorization, Operation.REPLAY_NOTICES)
        name = meant(credential, organisation)
        asked = await read_model(request, ReplayAsked, BODY_LIMIT_BYTES)
        at = parts.clock()
        until = min(asked.until or at, at)
        if asked.since > until:
            raise Problem(
                422,
                "invalid",
                "The body breaks a rule.",
                [FieldError("/since", "time", "lies before until, and not in the future")],
            )
        total = Replayed(after=read_cursor(asked.cursor) if asked.cursor else None)
        for number in range(MOST_AT_ONCE // AT_ONCE):
            async with parts.database.transaction() as session:
                done = await replay_since(session, name, asked.since, until, total.after, at)
                if number == 0:
                    await _audit(session, credential, name, x_purpose)
                after_commit(session, "deliver", parts.bells.deliver.set)
            total.replayed += done.replayed
            total.not_sent += done.not_sent
            total.after = done.after
            if total.after is None:
                break
        return _answer(name, total, until)


async def _audit(session: Session, credential: Credential, thing: str, purpose: str) -> None:
    await write_audit(
        session,
        Audit,
        actor=credential.organisation,
        credential=credential.id,
        operation=Operation.REPLAY_NOTICES,
        objects=[(thing, None)],
        purpose=purpose,
    )


def _answer(organisation: str, done: Replayed, until: datetime) -> ReplayAnswer:
    log.info(
        "notices_replayed",
        organisation=organisation,
        replayed=done.replayed,
        not_sent=sum(done.not_sent.values()),
        next="sent after everything that is new, with the same ids",
    )
    return ReplayAnswer(
        replayed=done.replayed,
        not_sent=dict(done.not_sent),
        until=until,
        next=write_cursor(done.after) if done.after else None,
    )
