"""The mailbox over HTTP: list, read, confirm. Entries own their transactions.

Every route authenticates, asks the table of permissions, and sees only the organisations that its
credential acts for. Reading a notice leaves an audit row in the same commit.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import Field, ValidationError

import bus
from chassis.audit import write_audit
from chassis.bodies import parse_json, read_body
from chassis.clock import Clock
from chassis.credentials import Credentials
from chassis.database import Database
from chassis.problems import FieldError, Problem
from schemas.model import Model
from schemas.organisations import OrganisationKind
from schemas.permissions import Operation, may
from services.notifier.bells import Bells, wait
from services.notifier.channels import mailbox
from services.notifier.deadlines import recorded_late
from services.notifier.rules import read_rules
from services.notifier.settings import NotifierGroup
from services.notifier.tables import Audit, Credential

BODY_LIMIT_BYTES = 16_384
PURPOSE = "safeguarding a child"
"""Why a notice is read, where the reader names no other purpose."""


class NoticeHead(Model):
    """That a notice waits: no personal data, and not of what kind."""

    id: UUID
    organisation: str
    state: str
    at: datetime
    deadline_at: datetime | None = None
    recorded_late: bool = Field(
        default=False, description="It reached the bus long after it happened (default: a day)."
    )
    shown_again: bool = Field(
        default=False, description="The school was closed; its holiday contact was told before."
    )
    stands_in_for: str | None = Field(
        default=None, description="The absent organisation for which this one is told."
    )
    url: str


class NoticeList(Model):
    """A missing child first, then by deadline. When it is full, there may be more: open these, and
    list again."""

    notices: list[NoticeHead]


class NoticeAnswer(NoticeHead):
    """A notice with what it says, rendered by its profile; when it happened, and when the bus heard
    of it."""

    happened_at: datetime
    recorded_at: datetime | None = None
    content: dict[str, Any]


class Receipt(Model):
    """What the recipient did. `by` is a role, not a name."""

    state: Literal["acknowledged", "filed"]
    by: str = Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")
    record_reference: str | None = Field(
        default=None, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$"
    )


class ReceiptAnswer(Model):
    """How far the notice is now."""

    id: UUID
    state: str
    delivered_at: datetime | None = None
    opened_at: datetime | None = None
    acknowledged_at: datetime | None = None
    filed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class MailboxParts:
    """What the routes need."""

    database: Database
    bells: Bells
    clock: Clock
    settings: NotifierGroup
    notices_url: str


def create_router(parts: MailboxParts) -> APIRouter:
    """`/v1/notices…`."""
    router = APIRouter(prefix="/v1/notices", tags=["notices"])
    credentials = Credentials(Credential, parts.database)

    async def allow(authorization: str | None, operation: Operation) -> Credential:
        credential = await credentials.authenticate(authorization)
        if not may(OrganisationKind(credential.kind), operation):
            raise Problem(403, "not-permitted", "This credential may not do that.")
        return credential

    @router.get("", response_model_exclude_none=True, responses={401: {}, 403: {}})
    async def list_notices(
        request: Request,
        response: Response,
        authorization: Annotated[str | None, Header()] = None,
        limit: Annotated[int | None, Query(ge=1)] = None,
        wait_seconds: Annotated[float, Query(alias="wait", ge=0)] = 0.0,
        state: Annotated[mailbox.Show, Query()] = "unopened",
    ) -> NoticeList:
        """What waits for this credential's organisations, most urgent first; listed is delivered.

        With `wait`, answers as soon as there is something, or when so many seconds are over.
        """
        credential = await allow(authorization, Operation.READ_NOTICES)
        settings = parts.settings.mailbox
        size = min(limit or settings.page_size, settings.page_limit)
        ends = time.monotonic() + min(wait_seconds, settings.wait_limit_seconds)
        rows: list[Any] = []
        response.headers["Cache-Control"] = "no-store"
        with parts.bells.listening(credential.scopes) as bell:
            while not await request.is_disconnected():
                async with parts.database.transaction() as session:
                    rows, facts = await mailbox.collect(
                        session, credential.scopes, state, size, parts.clock()
                    )
                    await bus.append(session, *facts)
                left = ends - time.monotonic()
                if rows or left <= 0:
                    break
                # Nothing is held while waiting: no connection, no transaction.
                await wait(bell, min(left, settings.poll_seconds))
                await asyncio.sleep(0)
        return NoticeList(notices=[_head(row, parts) for row in rows])

    @router.get("/{notice}", responses={401: {}, 403: {}, 404: {}, 410: {}})
    async def read_notice(
        notice: UUID,
        response: Response,
        authorization: Annotated[str | None, Header()] = None,
        x_purpose: Annotated[str, Header(max_length=200)] = PURPOSE,
    ) -> NoticeAnswer:
        """What a notice says; read once is opened. Every reading is recorded, with its purpose."""
        credential = await allow(authorization, Operation.READ_NOTICES)
        response.headers["Cache-Control"] = "no-store"
        async with parts.database.transaction() as session:
            row = await _find(session, notice, credential)
            content, facts = await mailbox.open_notice(session, row, parts.clock())
            await _audit(session, credential, "read-notice", row, x_purpose)
            await bus.append(session, *facts)
        opened = row.state in ("waiting", "failed", "delivered")
        head = _head(row, parts, "opened" if opened else row.state)
        return NoticeAnswer(
            **dict(head),
            happened_at=row.happened_at,
            recorded_at=row.accepted_at,
            content=content,
        )

    @router.post(
        "/{notice}/receipts",
        response_model_exclude_none=True,
        responses={400: {}, 401: {}, 403: {}, 404: {}, 410: {}, 413: {}, 422: {}},
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": Receipt.model_json_schema()}},
            }
        },
    )
    async def confirm_notice(
        notice: UUID,
        request: Request,
        authorization: Annotated[str | None, Header()] = None,
        x_purpose: Annotated[str, Header(max_length=200)] = PURPOSE,
    ) -> ReceiptAnswer:
        """A person acknowledged a notice, or filed it. The same again changes nothing."""
        credential = await allow(authorization, Operation.ACKNOWLEDGE_NOTICES)
        receipt = _read_receipt(parse_json(await read_body(request, BODY_LIMIT_BYTES)))
        async with parts.database.transaction() as session:
            row = await _find(session, notice, credential)
            facts = await mailbox.confirm(
                session, row, receipt.state, parts.clock(), receipt.by, receipt.record_reference
            )
            await _audit(session, credential, f"{receipt.state}-notice", row, x_purpose)
            after = await mailbox.find(session, notice, credential.scopes)
            await bus.append(session, *facts)
        return ReceiptAnswer.model_validate(after, from_attributes=True, by_name=True)

    return router


async def _find(session: Any, notice: UUID, credential: Credential) -> Any:
    row = await mailbox.find(session, notice, credential.scopes)
    if row is None:
        raise Problem(404, "no-such-notice", "There is no such notice for this credential.")
    if row.withdrawn_at is not None or row.state == "superseded":
        raise Problem(
            410,
            "notice-withdrawn",
            "A correction, a retraction or a later event took its place; list your notices.",
        )
    return row


async def _audit(
    session: Any, credential: Credential, operation: str, row: Any, purpose: str
) -> None:
    await write_audit(
        session,
        Audit,
        actor=credential.organisation,
        credential=credential.id,
        operation=operation,
        objects=[(str(row.id), str(row.child_id))],
        purpose=purpose,
    )


def _head(row: Any, parts: MailboxParts, state: str | None = None) -> NoticeHead:
    # What is listed is delivered, in the commit that listed it.
    listed = "delivered" if row.state in ("waiting", "failed") else row.state
    rules = read_rules(parts.settings.deadlines.table)
    late = row.accepted_at is not None and recorded_late(row.happened_at, row.accepted_at, rules)
    return NoticeHead(
        id=row.id,
        organisation=row.organisation,
        state=state or listed,
        at=row.composed_at,
        deadline_at=row.deadline_at,
        recorded_late=late,
        shown_again=row.again_of is not None,
        stands_in_for=row.stands_in_for,
        url=f"{parts.notices_url}/{row.id}",
    )


def _read_receipt(value: Any) -> Receipt:
    try:
        return Receipt.model_validate(value, by_alias=True, by_name=False)
    except ValidationError as error:
        errors = [
            FieldError("/" + "/".join(map(str, one["loc"])), one["type"], one["msg"])
            for one in error.errors(include_input=False, include_url=False)
        ]
        raise Problem(422, "invalid", "The receipt breaks a rule.", errors) from None
