"""What was refused, for the organisation that sent it: its newest, without body or values. Steps.

Kept are the place and the rule of each error, the type if it is one of ours, and the sender's own
source and id. However much an organisation sends, it has so many rows and no more.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text

from chassis.audit import write_audit
from chassis.database import Session
from services.intake.mend import mend_refusal
from services.intake.tables import Audit, Credential
from services.intake.views import ErrorShown, Rejection, Rejections

MOST_SWEPT = 1000
"""How many rows that are too old go at once."""


async def keep_rejections(
    session: Session, rows: Sequence[dict[str, Any]], most: int, before: datetime
) -> None:
    """Keep these, and of each organisation no more than its newest, none older than `before`."""
    if rows:
        await session.execute(_KEEP, {"rows": json.dumps(rows)})
        await session.execute(
            _BOUND, {"organisations": sorted({row["organisation"] for row in rows}), "most": most}
        )
    await session.execute(_SWEEP, {"before": before, "most": MOST_SWEPT})


async def list_rejections(
    session: Session,
    reader: Credential,
    purpose: str,
    *,
    since: datetime,
    limit: int,
    after: int | None,
) -> Rejections:
    """One page of what the reader's organisation sent and was refused, newest first."""
    about = {
        "organisation": reader.organisation, "sandbox": reader.sandbox, "since": since,
        "after": after, "limit": limit + 1,
    }  # fmt: skip
    rows = (await session.execute(_LIST, about)).all()
    await write_audit(
        session,
        Audit,
        actor=reader.organisation,
        credential=reader.id,
        operation="list-own-rejections",
        objects=[("own-rejections", None)],
        purpose=purpose,
    )
    page = rows[:limit]
    return Rejections(
        sandbox=reader.sandbox or None,
        rejections=tuple(_shown(row) for row in page),
        after=page[-1].line if len(rows) > limit else None,
    )


def _shown(row: Any) -> Rejection:
    return Rejection(
        at=row.at,
        status=row.status,
        code=row.code,
        type=row.type,
        source=row.source,
        id=row.sender_id,
        errors=tuple(ErrorShown(**error) for error in row.errors),
        more_errors=row.more_errors or None,
        mend=mend_refusal(row.code),
    )


_KEEP = text("""
    insert into intake.rejection
           (organisation, sandbox, at, status, code, type, source, sender_id, errors, more_errors)
    select organisation, sandbox, at, status, code, type, source, sender_id, errors, more_errors
      from json_to_recordset(cast(:rows as json))
           as r(organisation text, sandbox boolean, at timestamptz, status int, code text,
                type text, source text, sender_id text, errors jsonb, more_errors int)""")

_BOUND = text("""
    delete from intake.rejection r
     using unnest(cast(:organisations as text[])) o(name)
     cross join unnest(array[false, true]) s(sandbox) cross join lateral (
           select line from intake.rejection
            where organisation = o.name and sandbox = s.sandbox
            order by line desc offset :most limit 1) last
     where r.organisation = o.name and r.sandbox = s.sandbox and r.line <= last.line""")

_SWEEP = text("""
    with old as (
        select line from intake.rejection where at < :before order by at limit :most)
    delete from intake.rejection r using old where r.line = old.line""")

_LIST = text("""
    select line, at, status, code, type, source, sender_id, errors, more_errors
      from intake.rejection
     where organisation = :organisation and sandbox = :sandbox and at >= :since
       and (cast(:after as bigint) is null or line < cast(:after as bigint))
     order by line desc limit :limit""")
