"""The statements of a group's transaction: rows inserted where they are new, and their facts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from bus import Fact
from chassis.database import Session
from chassis.ids import new_id
from schemas.facts import EventAccepted
from services.intake.judge import Prepared

SOURCE = "intake"

# One parameter that PostgreSQL takes apart costs less than an array a column.
_INSERT = text("""
    insert into intake.event (receipt, organisation, credential, source, sender_id, type, version,
                              occurred_at, accepted_at, due_at, content_hash, key, supersedes,
                              flags)
    select receipt, organisation, credential, source, sender_id, type, version,
           occurred_at, :accepted_at, due_at, content_hash, key, supersedes, flags
      from json_to_recordset(cast(:rows as json))
           as r(receipt uuid, organisation text, credential text, source text, sender_id text,
                type text, version int, occurred_at timestamptz, due_at timestamptz,
                content_hash bytea, key text, supersedes uuid, flags jsonb)
     order by receipt
    on conflict (receipt) do nothing
    returning receipt""")

_FIND = text("""
    select receipt, content_hash, accepted_at from intake.event
     where receipt = any(cast(:receipts as uuid[]))""")


async def insert_events(
    session: Session, events: Iterable[Prepared], accepted_at: datetime
) -> set[UUID]:
    """Insert the rows; returns the receipts of those that were not there."""
    rows = f"[{','.join(event.row for event in events)}]"
    found = await session.execute(_INSERT, {"rows": rows, "accepted_at": accepted_at})
    return {row[0] for row in found}


async def find_recorded(
    session: Session, receipts: Iterable[UUID]
) -> dict[UUID, tuple[bytes, datetime]]:
    """The content hash and time of events that are recorded."""
    found = await session.execute(_FIND, {"receipts": list(receipts)})
    return {row[0]: (bytes(row[1]), row[2]) for row in found}


def accepted_fact(event: Prepared, accepted_at: datetime) -> Fact:
    """`event.accepted`, with the sender's data as the bytes that were hashed."""
    return Fact(
        id=new_id(),
        type=EventAccepted.fact_type,
        topic=EventAccepted.topic,
        key=event.key,
        payload=b'%b,"acceptedAt":"%b","data":%b}'
        % (event.head[:-1], accepted_at.isoformat().encode(), event.data),
        source=SOURCE,
        at=accepted_at,
        traceparent=event.traceparent,
    )
