"""An organisation's deliveries over HTTP: how far each notice is, and what each attempt met.

Nothing here is a notice's content. What was sent is shown to whoever was given that right, and the
showing is recorded.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Query, Response
from pydantic import AwareDatetime, Field

from chassis.problems import FieldError, Problem
from schemas.model import Model
from schemas.permissions import Operation
from services.notifier.channels.webhook import Body
from services.notifier.deliveries import (
    Place,
    State,
    find_delivery,
    list_deliveries,
    read_attempts,
)
from services.notifier.door import Door, audit_notices, meant

PURPOSE = "mending the way of notices to a receiver"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class DeliveryHead(Model):
    """One notice on its way to its recipient's system. No personal data, and not of what kind."""

    notice: UUID
    organisation: str
    state: str
    reason: str | None = Field(default=None, description="Why it failed, or was superseded.")
    composed_at: datetime
    sent_at: datetime | None = None
    delivered_at: datetime | None = None
    opened_at: datetime | None = None
    acknowledged_at: datetime | None = None
    filed_at: datetime | None = None
    withdrawn_at: datetime | None = None
    endpoint: UUID | None = Field(default=None, description="None: it is pulled from the mailbox.")
    attempts: int = 0
    next_attempt_at: datetime | None = Field(
        default=None, description="It waits to be sent, from then on."
    )
    replayed_at: datetime | None = Field(default=None, description="Asked for again.")
    test: bool = Field(default=False, description="The organisation sent it to itself.")


class DeliveryList(Model):
    """Newest first. With `next` there may be more: ask again with it as `cursor`."""

    deliveries: list[DeliveryHead]
    next: str | None = None


class AttemptShown(Model):
    """One sending, and the answer; no body of it is kept."""

    number: int
    endpoint: UUID
    at: datetime
    milliseconds: int
    outcome: str
    status: int | None = None
    late: bool = Field(description="It ended too late to count; another attempt followed.")
    headers: dict[str, str] = Field(
        default_factory=dict, description="Of the answer, a short list of them."
    )


class AttemptList(DeliveryHead):
    """A delivery and its attempts, in order, as long as they are kept."""

    sendings: list[AttemptShown]
    body: str | None = Field(default=None, description="As it is sent, the same every time.")


def add_routes(router: APIRouter, door: Door) -> None:
    """`/v1/organisations/me/deliveries…`."""
    parts = door.parts

    @router.get(
        "/deliveries", response_model_exclude_none=True, responses={401: {}, 403: {}, 404: {}}
    )
    async def list_own_deliveries(
        response: Response,
        authorization: Annotated[str | None, Header()] = None,
        organisation: Annotated[str | None, Query(max_length=63)] = None,
        state: Annotated[State | None, Query()] = None,
        since: Annotated[AwareDatetime | None, Query()] = None,
        endpoint: Annotated[UUID | None, Query()] = None,
        cursor: Annotated[str | None, Query(max_length=80)] = None,
        limit: Annotated[int | None, Query(ge=1)] = None,
    ) -> DeliveryList:
        """What became of this organisation's notices, newest first. It is a list to look at:
        whoever must miss nothing reads notices by cursor."""
        credential = await door.allow(authorization, Operation.READ_DELIVERIES)
        name = meant(credential, organisation)
        settings = parts.settings.mailbox
        size = min(limit or settings.page_size, settings.page_limit)
        response.headers["Cache-Control"] = "no-store"
        async with parts.database.reading() as session:
            rows = await list_deliveries(
                session,
                name,
                state=state,
                since=since,
                endpoint=endpoint,
                before=read_cursor(cursor) if cursor else None,
                limit=size,
            )
        more = write_cursor(rows[-1]) if len(rows) == size else None
        return DeliveryList(deliveries=[DeliveryHead(**head(row)) for row in rows], next=more)

    @router.get(
        "/deliveries/{notice}/attempts",
        response_model_exclude_none=True,
        responses={401: {}, 403: {}, 404: {}},
    )
    async def list_attempts(
        notice: UUID,
        response: Response,
        authorization: Annotated[str | None, Header()] = None,
        organisation: Annotated[str | None, Query(max_length=63)] = None,
        bodies: Annotated[bool, Query(description="Show what is sent as well.")] = False,
        x_purpose: Annotated[str, Header(max_length=200)] = PURPOSE,
    ) -> AttemptList:
        """Every sending of a notice. With `bodies` what is sent is shown, and that is recorded."""
        operation = Operation.READ_DELIVERED_BODIES if bodies else Operation.READ_DELIVERIES
        credential = await door.allow(authorization, operation)
        name = meant(credential, organisation)
        response.headers["Cache-Control"] = "no-store"
        async with parts.database.transaction() as session:
            row = found(await find_delivery(session, name, notice))
            sendings = await read_attempts(session, notice)
            if bodies:
                await audit_notices(session, credential, operation, [row], x_purpose)
        shown = bodies and row.endpoint is not None
        body = Body(parts.notices_url).of(str(notice), row.composed_at, test=row.test)
        return AttemptList(
            **head(row),
            sendings=[_attempt(one) for one in sendings],
            body=body if shown else None,
        )


def found(row: Any) -> Any:
    """A found delivery, or `Problem` 404."""
    if row is None:
        raise Problem(404, "no-such-delivery", "There is no such delivery to this organisation.")
    return row


def head(row: Any) -> dict[str, Any]:
    """The fields of a `DeliveryHead`."""
    return {
        "notice": row.id,
        "organisation": row.organisation,
        "state": row.state,
        "reason": row.reason,
        "composed_at": row.composed_at,
        "sent_at": row.sent_at,
        "delivered_at": row.delivered_at,
        "opened_at": row.opened_at,
        "acknowledged_at": row.acknowledged_at,
        "filed_at": row.filed_at,
        "withdrawn_at": row.withdrawn_at,
        "endpoint": row.endpoint,
        "attempts": row.attempts,
        "next_attempt_at": row.due_at,
        "replayed_at": row.replayed_at,
        "test": row.test,
    }


def _attempt(row: Any) -> AttemptShown:
    return AttemptShown(
        number=row.number,
        endpoint=row.endpoint,
        at=row.at,
        milliseconds=row.milliseconds,
        outcome=row.outcome,
        status=row.status,
        late=row.late,
        headers=row.headers or {},
    )


def write_cursor(row: Any) -> str:
    """Where a listing goes on after a row, or a place."""
    since = row.composed_at - _EPOCH
    microseconds = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    return f"{microseconds}-{row.id.hex}"


def read_cursor(cursor: str) -> Place:
    """A place in a listing, as `write_cursor` writes it; `Problem` 422."""
    microseconds, _, notice = cursor.partition("-")
    try:
        if len(microseconds) > 16:
            raise ValueError
        return Place(
            datetime.fromtimestamp(int(microseconds) // 1_000_000, UTC).replace(
                microsecond=int(microseconds) % 1_000_000
            ),
            UUID(hex=notice),
        )
    except ValueError:
        raise Problem(
            422,
            "invalid",
            "Send the `next` of the answer before as it is.",
            [FieldError("cursor", "cursor", "is not one of ours", "parameter")],
        ) from None
