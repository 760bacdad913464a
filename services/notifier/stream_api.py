"""Server-sent events for a screen that somebody watches: heads of notices, as they come.

Nothing is held while it waits. It ends when the key does; a screen that was cut off comes back with
the last cursor it saw and misses nothing.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from typing import Annotated

from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse

import bus
from chassis.problems import FieldError, Problem
from schemas.permissions import Operation
from services.notifier.bells import wait
from services.notifier.channels.cursor import collect_after, newest_number
from services.notifier.channels.pulls import note_pull
from services.notifier.door import Door


def add_routes(router: APIRouter, door: Door) -> None:
    """`/v1/notices/stream`."""
    parts = door.parts

    @router.get("/stream", response_class=StreamingResponse, responses={401: {}, 403: {}, 422: {}})
    async def stream(
        authorization: Annotated[str | None, Header()] = None,
        last_event_id: Annotated[str | None, Header(max_length=20)] = None,
        after: Annotated[int | None, Query(ge=0, le=2**63 - 1)] = None,
    ) -> StreamingResponse:
        """Heads as they come, `id` being the cursor; without one, what was never listed by cursor
        and whatever follows. Listed is delivered."""
        credential = await door.allow(authorization, Operation.READ_NOTICES)
        if last_event_id is not None:
            after = _cursor(last_event_id)
        if after is None:
            async with parts.database.transaction() as session:
                after = await newest_number(session, credential.scopes)
        return StreamingResponse(
            stream_heads(door, authorization, after),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )


async def stream_heads(
    door: Door, authorization: str | None, after: int
) -> AsyncGenerator[str, None]:
    """The stream's text: events, and a comment where nothing was said for a while."""
    parts = door.parts
    settings = parts.settings.mailbox
    credential = await door.allow(authorization, Operation.READ_NOTICES)
    spoke_at = time.monotonic()
    with parts.bells.listening(credential.scopes) as bell:
        while True:
            try:
                credential = await door.allow(authorization, Operation.READ_NOTICES)
            except Problem:
                yield "event: end\ndata: {}\n\n"
                return
            async with parts.database.transaction() as session:
                at = parts.clock()
                await note_pull(session, credential.scopes, at)
                rows, facts = await collect_after(
                    session, credential.scopes, after, settings.page_size, at
                )
                await bus.append(session, *facts)
            if rows:
                after = rows[-1].number
                heads = [door.head(row) for row in rows]
                yield "".join(
                    f"id: {head.cursor}\nevent: notice\n"
                    f"data: {head.model_dump_json(by_alias=True, exclude_none=True)}\n\n"
                    for head in heads
                )
                spoke_at = time.monotonic()
                continue
            if time.monotonic() - spoke_at >= settings.heartbeat_seconds:
                yield ": still here\n\n"
                spoke_at = time.monotonic()
            await wait(bell, min(settings.poll_seconds, settings.heartbeat_seconds))


def _cursor(said: str) -> int:
    if said.isascii() and said.isdigit() and int(said) < 2**63:
        return int(said)
    raise Problem(
        422,
        "invalid-header",
        "A header breaks a rule.",
        [FieldError("Last-Event-ID", "cursor", "must be the id of an event", "header")],
    )
