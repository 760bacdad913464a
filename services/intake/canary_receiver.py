"""The canary's own receiver of webhooks: verifies the signature, notes the notice, answers 204.

It is what a school's system does at the least, with somebody else's library.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from fastapi import APIRouter, Request, Response
from sqlalchemy import text
from standardwebhooks import Webhook, WebhookVerificationError

from chassis.bodies import read_body
from chassis.clock import Clock
from chassis.database import Database
from chassis.problems import Problem

PATH = "/canary/receiver"
LIMIT_BYTES = 16_384

_NOTE = text("""
    insert into intake.canary_notice (notice, received_at) values (:notice, :at)
    on conflict do nothing""")


def canary_routes(secrets: Sequence[str], database: Database, clock: Clock) -> APIRouter:
    """`POST /canary/receiver`."""
    router = APIRouter()
    hooks = [Webhook(secret) for secret in secrets]

    @router.post(PATH, include_in_schema=False, status_code=204)
    async def receive(request: Request) -> Response:
        body = await read_body(request, LIMIT_BYTES)
        notice = _verified(hooks, body, dict(request.headers))
        if notice is None:
            raise Problem(401, "not-authenticated", "The signature is not right.")
        async with database.transaction() as session:
            await session.execute(_NOTE, {"notice": notice, "at": clock()})
        return Response(status_code=204)

    return router


def _verified(hooks: Sequence[Webhook], body: bytes, headers: dict[str, str]) -> UUID | None:
    """The notice of a webhook that one of the secrets has signed."""
    for hook in hooks:
        try:
            hook.verify(body, headers)
            return UUID(headers["webhook-id"])
        except (WebhookVerificationError, ValueError):
            continue
    return None
