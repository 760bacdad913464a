"""A sender's events that were accepted with flags, newest first, each flag with what to mend.

Without those that a later event of the sender restates or retracts: nothing is left to mend there.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from chassis.audit import write_audit
from chassis.database import Session
from services.intake.mend import mend_flag
from services.intake.own_events import EVENTS_OF, read_cursor, write_cursor
from services.intake.tables import Audit, Credential
from services.intake.views import FlaggedEvent, FlaggedEvents, FlagShown

_LIST = """
    select e.receipt, e.type, e.source, e.sender_id, e.occurred_at, e.accepted_at, e.flags
      from {events} e
     where e.organisation = :organisation and e.flags <> '[]'::jsonb
       and (cast(:at as timestamptz) is null
            or (e.accepted_at, e.receipt) < (:at, cast(:receipt as uuid)))
       and not exists (select from {events} later where later.supersedes = e.receipt)
     order by e.accepted_at desc, e.receipt desc limit :limit"""
_LISTS = {sandbox: text(_LIST.format(events=table)) for sandbox, table in EVENTS_OF.items()}


async def list_own_flagged(
    session: Session, reader: Credential, purpose: str, *, limit: int, after: str | None
) -> FlaggedEvents:
    """One page; `Problem` 422 for a cursor that was not given out."""
    accepted_at, receipt = read_cursor(after) if after is not None else (None, None)
    about = {
        "organisation": reader.organisation, "at": accepted_at, "receipt": receipt,
        "limit": limit + 1,
    }  # fmt: skip
    rows = (await session.execute(_LISTS[reader.sandbox], about)).all()
    await write_audit(
        session,
        Audit,
        actor=reader.organisation,
        credential=reader.id,
        operation="list-own-flagged",
        objects=[("own-events", None)],
        purpose=purpose,
    )
    page = rows[:limit]
    last = page[-1] if len(rows) > limit else None
    return FlaggedEvents(
        sandbox=reader.sandbox or None,
        events=tuple(_shown(row) for row in page),
        after=write_cursor(last.accepted_at, last.receipt) if last is not None else None,
    )


def _shown(row: Any) -> FlaggedEvent:
    return FlaggedEvent(
        receipt=row.receipt,
        type=row.type,
        source=row.source,
        id=row.sender_id,
        occurred_at=row.occurred_at,
        accepted_at=row.accepted_at,
        flags=tuple(_flag(flag) for flag in row.flags),
    )


def _flag(flag: dict[str, Any]) -> FlagShown:
    return FlagShown(
        code=flag["code"],
        pointer=flag["pointer"],
        detail=flag["detail"],
        mend=mend_flag(flag["code"]),
    )
