"""What GOV.UK Notify says later of an alert: `POST /v1/notify/callbacks`.

It may come before our own record that Notify has the alert, twice, or in another order; a failure
stands whatever follows.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Request, Response
from prometheus_client import Counter
from pydantic import Field

from chassis.clock import Clock
from chassis.database import Database, after_commit
from chassis.problems import FieldError, Problem
from chassis.telemetry import logger
from schemas.model import Model
from services.notifier.bells import Bells
from services.notifier.door import body_schema, read_model
from services.notifier.fail_alert import (
    TECHNICAL,
    TEMPORARY,
    fail_alert,
    is_alert,
    note_arrival,
)
from services.notifier.settings import NotifySettings

log = logger("notifier.callbacks")

callbacks_total = Counter("notifier_notify_callbacks_total", "Notify's callbacks", ["status"])

BODY_LIMIT_BYTES = 16_384

_FAILURES = {"permanent-failure": True, TEMPORARY: False, TECHNICAL: False}
"""Each of Notify's final failures, and whether the address itself is wrong."""


class Callback(Model):
    """The part of Notify's callback that is used; the address in it is not read."""

    reference: str | None = Field(default=None, max_length=1000)
    status: str = Field(max_length=100)


@dataclass(frozen=True, slots=True)
class CallbackParts:
    """What the route needs."""

    database: Database
    bells: Bells
    clock: Clock
    settings: NotifySettings


def create_callback_router(parts: CallbackParts) -> APIRouter:
    """`/v1/notify/callbacks`."""
    router = APIRouter(prefix="/v1/notify", tags=["alerts"])

    @router.post(
        "/callbacks",
        status_code=204,
        responses={400: {}, 401: {}, 403: {}, 413: {}, 422: {}},
        openapi_extra=body_schema(Callback),
    )
    async def take_callback(
        request: Request, authorization: Annotated[str | None, Header()] = None
    ) -> Response:
        """What became of an alert that Notify took. An unknown reference is counted, not refused:
        Notify would only say it again."""
        _authenticate(authorization, parts.settings.callback_token.get_secret_value())
        callback = await read_model(request, Callback, BODY_LIMIT_BYTES)
        counted = await _record(callback, parts)
        callbacks_total.labels(counted).inc()
        return Response(status_code=204)

    return router


async def _record(callback: Callback, parts: CallbackParts) -> str:
    """Write it down; returns what it counts as."""
    alert = _alert(callback.reference)
    at = parts.clock()
    async with parts.database.transaction() as session:
        if alert is None or not await is_alert(session, alert):
            log.warning("callback_unmatched", next="nothing changes: it is no alert of ours")
            return "unknown-reference"
        if callback.status == "delivered":
            await note_arrival(session, alert, at)
        elif callback.status in _FAILURES:
            disables = _FAILURES[callback.status]
            failed = await fail_alert(
                session, alert, "failed", callback.status, at, disables=disables
            )
            if failed:
                after_commit(session, "escalate", parts.bells.escalate.set)
        else:
            log.warning(
                "callback_status_unknown",
                alert=str(alert),
                next="nothing changes here",
            )
            return "unknown-status"
    return callback.status


def _authenticate(authorization: str | None, token: str) -> None:
    if not token:
        raise Problem(403, "not-configured", "No token of callbacks is set here.")
    given = (authorization or "").encode()
    if not hmac.compare_digest(given, f"Bearer {token}".encode()):
        raise Problem(
            401,
            "not-authenticated",
            "The token is not the one of our callbacks.",
            [FieldError("Authorization", "unknown", "The token is not ours.", "header")],
            {"WWW-Authenticate": "Bearer"},
        )


def _alert(reference: str | None) -> UUID | None:
    try:
        return UUID(reference or "")
    except ValueError:
        return None
