"""The mailbox over HTTP: list and read. Entries own their transactions.

Every route authenticates, asks the table of permissions, and sees only the organisations that its
credential acts for. Reading a notice leaves an audit row in the same commit.
"""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response

import bus
from chassis.problems import FieldError, Problem
from schemas.model import Model
from schemas.permissions import Operation
from services.notifier import export_api, question_api, receipt_api, stream_api
from services.notifier.bells import wait
from services.notifier.channels import mailbox
from services.notifier.channels.cursor import collect_after
from services.notifier.channels.pulls import note_pull
from services.notifier.door import PURPOSE, Door, NoticeHead, audit_notices
from services.notifier.policy_lines import How, how_of, read_lines, say_why


class NoticeList(Model):
    """A missing child first, then by deadline. When it is full, there may be more: open these, and
    list again.

    Of a listing by cursor, `after` is what the next one asks with.
    """

    notices: list[NoticeHead]
    after: int | None = None


class Because(Model):
    """Why its recipient has a notice: by which line of the policy, which way, and in words."""

    rule: str
    how: How
    words: str


class NoticeAnswer(NoticeHead):
    """A notice with what it says, rendered by its profile; when it happened, and when the bus heard
    of it; and why it was told."""

    happened_at: datetime
    recorded_at: datetime | None = None
    why: Because
    content: dict[str, Any]


def create_router(door: Door) -> APIRouter:
    """`/v1/notices…`."""
    router = APIRouter(prefix="/v1/notices", tags=["notices"])
    parts = door.parts
    # Before `/{notice}`, which would take their names for ids.
    export_api.add_routes(router, door)
    stream_api.add_routes(router, door)
    receipt_api.add_routes(router, door)
    question_api.add_routes(router, door)

    @router.get("", response_model_exclude_none=True, responses={401: {}, 403: {}})
    async def list_notices(
        request: Request,
        response: Response,
        authorization: Annotated[str | None, Header()] = None,
        limit: Annotated[int | None, Query(ge=1)] = None,
        wait_seconds: Annotated[float, Query(alias="wait", ge=0)] = 0.0,
        state: Annotated[mailbox.Show | None, Query()] = None,
        after: Annotated[int | None, Query(ge=0, le=2**63 - 1)] = None,
    ) -> NoticeList:
        """What waits for this credential's organisations, most urgent first; listed is delivered.

        With `after`, every notice once, in the order of its cursor. With `wait`, answers as soon as
        there is something, or when so many seconds are over.
        """
        credential = await door.allow(authorization, Operation.READ_NOTICES)
        if after is not None and state is not None:
            raise Problem(
                422,
                "invalid",
                "Ask by cursor or by state.",
                [FieldError("state", "alone", "may not stand beside after", "parameter")],
            )
        settings = parts.settings.mailbox
        size = min(limit or settings.page_size, settings.page_limit)
        ends = time.monotonic() + min(wait_seconds, settings.wait_limit_seconds)
        rows: list[Any] = []
        response.headers["Cache-Control"] = "no-store"
        with parts.bells.listening(credential.scopes) as bell:
            while not await request.is_disconnected():
                async with parts.database.transaction() as session:
                    at = parts.clock()
                    await note_pull(session, credential.scopes, at)
                    if after is None:
                        rows, facts = await mailbox.collect(
                            session, credential.scopes, state or "unopened", size, at
                        )
                    else:
                        rows, facts = await collect_after(
                            session, credential.scopes, after, size, at
                        )
                    await bus.append(session, *facts)
                left = ends - time.monotonic()
                if rows or left <= 0:
                    break
                # Nothing is held while waiting: no connection, no transaction.
                await wait(bell, min(left, settings.poll_seconds))
                await asyncio.sleep(0)
        if after is not None and rows:
            after = rows[-1].number
        return NoticeList(notices=[door.head(row) for row in rows], after=after)

    @router.get("/{notice}", responses={401: {}, 403: {}, 404: {}, 410: {}})
    async def read_notice(
        notice: UUID,
        response: Response,
        authorization: Annotated[str | None, Header()] = None,
        x_purpose: Annotated[str, Header(max_length=200)] = PURPOSE,
    ) -> NoticeAnswer:
        """What a notice says; read once is opened. Every reading is recorded, with its purpose."""
        credential = await door.allow(authorization, Operation.READ_NOTICES)
        response.headers["Cache-Control"] = "no-store"
        async with parts.database.transaction() as session:
            row = await door.find(session, notice, credential)
            [content], facts = await mailbox.open_notices(session, [row], parts.clock())
            lines = await read_lines(session, [row.rule])
            await audit_notices(session, credential, "read-notice", [row], x_purpose)
            await bus.append(session, *facts)
        opened = row.state in ("waiting", "failed", "delivered")
        head = door.head(row, "opened" if opened else row.state)
        return NoticeAnswer(
            **dict(head),
            happened_at=row.happened_at,
            recorded_at=row.accepted_at,
            why=Because(
                rule=row.rule,
                how=how_of(row),
                words=say_why(row.rule, lines.get(row.rule), how_of(row)),
            ),
            content=content,
        )

    return router
