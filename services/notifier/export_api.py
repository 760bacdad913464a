"""The mailbox as a file, over HTTP."""

from __future__ import annotations

import json
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query
from starlette.responses import Response

import bus
from schemas.permissions import Operation
from services.notifier.channels.pulls import note_pull
from services.notifier.door import PURPOSE, Door, audit_notices
from services.notifier.export import BOM, as_csv, export_notices


def add_routes(router: APIRouter, door: Door) -> None:
    """`/v1/notices/export`."""
    parts = door.parts

    @router.get("/export", response_class=Response, responses={401: {}, 403: {}})
    async def export(
        authorization: Annotated[str | None, Header()] = None,
        form: Annotated[Literal["csv", "json"], Query()] = "csv",
        after: Annotated[int, Query(ge=0, le=2**63 - 1)] = 0,
        limit: Annotated[int | None, Query(ge=1)] = None,
        bom: Annotated[bool, Query()] = False,
        x_purpose: Annotated[str, Header(max_length=200)] = PURPOSE,
    ) -> Response:
        """Notices after a cursor with what they say, as a file; each is delivered and opened.

        `X-After` is the cursor of the next file; a file with as many rows as `limit` may not be the
        last. `bom`: for spreadsheets that need to be told that it is UTF-8.
        """
        credential = await door.allow(authorization, Operation.READ_NOTICES)
        size = min(limit or parts.settings.mailbox.page_limit, parts.settings.mailbox.page_limit)
        async with parts.database.transaction() as session:
            at = parts.clock()
            await note_pull(session, credential.scopes, at)
            page, facts = await export_notices(session, credential.scopes, after, size, at)
            read = [row for row in page.rows if row.content]
            await audit_notices(session, credential, "export-notice", read, x_purpose)
            await bus.append(session, *facts)
        headers = {
            "X-After": str(page.after),
            "Cache-Control": "no-store",
            "Content-Disposition": f'attachment; filename="notices-{page.after}.{form}"',
        }
        if form == "json":
            said = json.dumps({"notices": page.notices, "after": page.after}, ensure_ascii=False)
            return Response(said, headers=headers, media_type="application/json")
        written = (BOM if bom else "") + as_csv(page.notices)
        return Response(written, headers=headers, media_type="text/csv; charset=utf-8")
