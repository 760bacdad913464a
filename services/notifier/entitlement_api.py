"""Which events an organisation is told of, how much, and why, over HTTP."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Header, Query

from schemas.model import Model
from schemas.permissions import Operation
from services.notifier.door import Door, meant
from services.notifier.entitlements import read_entitlements
from services.notifier.policy_lines import How, say_why

DAYS = 90


class Entitled(Model):
    """A line of the policy table that may name this organisation."""

    rule: str
    event_type: str
    recipient: str
    when: str
    profile: str
    words: str


class WasTold(Model):
    """What this organisation was told by a rule, since a time."""

    rule: str
    event_type: str
    profile: str
    how: How
    count: int
    last_at: datetime
    words: str


class EntitlementList(Model):
    """What it may be told, and what it was told since then."""

    organisation: str
    entitled: list[Entitled]
    since: datetime
    was_told: list[WasTold]


def add_routes(router: APIRouter, door: Door) -> None:
    """`/v1/organisations/me/entitlements`."""
    parts = door.parts

    @router.get("/entitlements", responses={401: {}, 403: {}, 404: {}})
    async def list_entitlements(
        authorization: Annotated[str | None, Header()] = None,
        organisation: Annotated[str | None, Query(max_length=63)] = None,
    ) -> EntitlementList:
        """The lines of the policy that may name this organisation, and those by which it was told
        something in the last 90 days. How much each profile tells is in its schema."""
        credential = await door.allow(authorization, Operation.READ_DELIVERIES)
        name = meant(credential, organisation)
        since = parts.clock() - timedelta(days=DAYS)
        async with parts.database.reading() as session:
            found = await read_entitlements(session, name, since)
        return EntitlementList(
            organisation=name,
            entitled=[
                Entitled(
                    rule=one.rule,
                    event_type=one.event_type,
                    recipient=one.recipient,
                    when=one.condition,
                    profile=one.profile,
                    words=say_why(one.rule, one, "addressed"),
                )
                for one in found.may
            ],
            since=since,
            was_told=[
                WasTold(
                    rule=one.rule,
                    event_type=one.event_type,
                    profile=one.profile,
                    how=one.how,
                    count=one.count,
                    last_at=one.last_at,
                    words=say_why(one.rule, found.lines.get(one.rule), one.how),
                )
                for one in found.was
            ],
        )
