"""`/v1/subscriptions`: a sender says where it wants to be told of progress, and sees how that goes.

The address is judged here and again at every sending; no name is looked up inside a transaction.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import Field

from chassis.addresses import AddressRefusedError, SystemLookup, check_url
from chassis.audit import write_audit
from chassis.bodies import parse_json, read_body
from chassis.clock import Clock
from chassis.credentials import Credentials
from chassis.database import Database, Session
from chassis.problems import FieldError, Problem
from schemas.model import Model
from schemas.permissions import Operation
from services.intake import openapi
from services.intake.asking import BEARER, answering, authenticate, read_said
from services.intake.keep_subscriptions import (
    add_subscription,
    enable_subscription,
    list_subscriptions,
    remove_subscription,
    rotate_secret,
)
from services.intake.settings import PushSettings
from services.intake.tables import Audit, Credential
from services.intake.views import (
    SecretMade,
    SubscriptionMade,
    Subscriptions,
    SubscriptionShown,
)

LIMIT_BYTES = 8_192
PURPOSE = "where the agency is told of progress"


class SubscriptionWanted(Model):
    """Where pushes go, and how they are signed."""

    url: str = Field(min_length=1, max_length=2_000, pattern=r"^[!-~]+$")
    signature: Literal["hmac", "ed25519"] = "hmac"


class RotationWanted(Model):
    """For how long the old secret signs beside the new one."""

    overlap_hours: float = Field(default=24.0, ge=0, le=7 * 24)


def subscription_routes(
    credentials: Credentials[Credential], database: Database, clock: Clock, settings: PushSettings
) -> APIRouter:
    """The routes of a sender that subscribes."""
    router = APIRouter(tags=["subscriptions"])

    async def authorise(request: Request) -> Credential:
        return await authenticate(credentials, request, Operation.SUBSCRIBE_TO_OWN_EVENTS)

    @router.post(
        "/v1/subscriptions",
        status_code=201,
        response_model_exclude_none=True,
        dependencies=[BEARER],
        summary="Be told of progress at an address of your own",
        responses=openapi.READ_RESPONSES,
    )
    async def post_subscription(request: Request, response: Response) -> SubscriptionMade:
        async with answering(request):
            sender = await authorise(request)
            wanted = read_said(
                SubscriptionWanted, await _body(request), "The subscription breaks a rule."
            )
            await _judge_address(wanted.url, settings)
            async with database.transaction() as session:
                made = await add_subscription(
                    session, sender, wanted.url, wanted.signature, settings.most_subscriptions,
                    clock(),
                )  # fmt: skip
                if made is None:
                    raise Problem(
                        409,
                        "too-many-subscriptions",
                        f"An organisation has at most {settings.most_subscriptions}; remove one.",
                    )
                await _note(session, sender, "add-subscription", made.subscription)
        response.headers["Cache-Control"] = "no-store"
        return SubscriptionMade(
            sandbox=sender.sandbox or None, subscription=made.subscription, secret=made.secret
        )

    @router.get(
        "/v1/subscriptions",
        response_model_exclude_none=True,
        dependencies=[BEARER],
        summary="Where you are told of progress, and how that goes",
        responses=openapi.READ_RESPONSES,
    )
    async def get_subscriptions(request: Request) -> Subscriptions:
        async with answering(request):
            sender = await authorise(request)
            async with database.reading() as session:
                found = await list_subscriptions(session, sender, clock())
        return Subscriptions(sandbox=sender.sandbox or None, subscriptions=found)

    @router.post(
        "/v1/subscriptions/{subscription}/secret",
        response_model_exclude_none=True,
        dependencies=[BEARER],
        summary="A new secret; both sign for a while",
        responses=openapi.READ_RESPONSES,
    )
    async def post_secret(request: Request, response: Response, subscription: UUID) -> SecretMade:
        async with answering(request):
            sender = await authorise(request)
            wanted = read_said(RotationWanted, await _body(request), "The rotation breaks a rule.")
            overlap, at = timedelta(hours=wanted.overlap_hours), clock()
            async with database.transaction() as session:
                secret = await rotate_secret(session, sender, subscription, overlap, at)
                if secret is None:
                    raise _no_such()
                await _note(session, sender, "rotate-subscription", subscription)
        response.headers["Cache-Control"] = "no-store"
        return SecretMade(
            sandbox=sender.sandbox or None, secret=secret, both_secrets_until=at + overlap
        )

    @router.post(
        "/v1/subscriptions/{subscription}/enable",
        response_model_exclude_none=True,
        dependencies=[BEARER],
        summary="Go on at once: what changed meanwhile is told, the latest of each event",
        responses=openapi.READ_RESPONSES,
    )
    async def enable(request: Request, subscription: UUID) -> SubscriptionShown:
        async with answering(request):
            sender = await authorise(request)
            async with database.transaction() as session:
                if not await enable_subscription(session, sender, subscription):
                    raise _no_such()
                await _note(session, sender, "enable-subscription", subscription)
                (found,) = await list_subscriptions(session, sender, clock(), subscription)
        return found

    @router.delete(
        "/v1/subscriptions/{subscription}",
        status_code=204,
        dependencies=[BEARER],
        summary="Be told no more there",
        responses=openapi.READ_RESPONSES,
    )
    async def delete_subscription(request: Request, subscription: UUID) -> Response:
        async with answering(request):
            sender = await authorise(request)
            async with database.transaction() as session:
                if not await remove_subscription(session, sender, subscription):
                    raise _no_such()
                await _note(session, sender, "remove-subscription", subscription)
        return Response(status_code=204)

    return router


async def _body(request: Request) -> Any:
    body = await read_body(request, LIMIT_BYTES)
    return parse_json(body) if body else {}


async def _judge_address(url: str, settings: PushSettings) -> None:
    """`Problem` 422 unless pushes may go there."""
    lookup = SystemLookup()
    try:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise _wrong("url", "is https://host[:port]/path, without user and password")
        await check_url(url, settings.allowed_networks, lookup)
    except AddressRefusedError as refused:
        raise _wrong("address-refused", str(refused.strerror)) from None
    except (OSError, ValueError):
        raise _wrong("address-unknown", "leads nowhere: its host's name is not known") from None
    finally:
        lookup.close()


def _wrong(rule: str, detail: str) -> Problem:
    return Problem(
        422, "invalid", "Pushes do not go to this address.", [FieldError("/url", rule, detail)]
    )


def _no_such() -> Problem:
    return Problem(
        404,
        "no-such-subscription",
        "No subscription of yours has this id.",
        [FieldError("subscription", "unknown", "is no subscription of yours", "parameter")],
    )


async def _note(session: Session, sender: Credential, operation: str, subscription: UUID) -> None:
    await write_audit(
        session,
        Audit,
        actor=sender.organisation,
        credential=sender.id,
        operation=operation,
        objects=[(str(subscription), None)],
        purpose=PURPOSE,
    )
