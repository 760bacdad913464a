"""Keeps events as they arrive, and says which of them are already taken back or restated.

An event and its retraction may be read at the same moment by two readers: both take the lock of
the receipts they name before they look, so one of them sees the other.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text

from chassis.database import Session
from schemas.facts import EventAccepted
from services.directory.partnership import Partnership

_LOCK = text("""
    select pg_advisory_xact_lock(:space, hashtext(r.receipt))
      from (select unnest(cast(:receipts as text[])) as receipt order by 1) r""")
_LOCK_SPACE = 0x4449_5245
"""Advisory locks of receipts are in a space of the directory's own (ASCII "DIRE")."""

_RECORD = text("""
    insert into directory.event (receipt, type, sender, occurred_at, supersedes, children, accepted,
        traceparent, recorded_at)
    select e.receipt, e.type, e.sender, e.occurred_at, e.supersedes, '{}', e.accepted,
           e.traceparent, :at
      from unnest(cast(:receipts as uuid[]), cast(:types as text[]), cast(:senders as text[]),
                  cast(:times as timestamptz[]), cast(:supersedes as uuid[]),
                  cast(:accepted as bytea[]), cast(:traces as text[]))
           e(receipt, type, sender, occurred_at, supersedes, accepted, traceparent)
        on conflict do nothing returning receipt""")

_ENDED = text("""
    select receipt from directory.tombstone where receipt = any(cast(:receipts as uuid[]))""")

_READ = text("""
    select children, accepted, traceparent from directory.event where receipt = :receipt""")

_CHILDREN = text("""
    update directory.event e set children = e.children || c.children
      from jsonb_to_recordset(cast(:rows as jsonb)) as c(receipt uuid, children jsonb)
     where e.receipt = c.receipt""")


_NOBODY = text("""
    update directory.event set children = children - cast(:position as text)
     where receipt = :receipt""")


class Arrived(NamedTuple):
    """An event as it came off the bus."""

    event: EventAccepted
    payload: bytes
    traceparent: str | None = None


class Recorded(NamedTuple):
    """An event that was kept, with the children that were resolved so far."""

    event: EventAccepted
    children: dict[int, UUID]
    traceparent: str | None


_RECEIPT = text("select receipt from directory.resolution where id = :id")

_LOCK_RESOLUTION = text("select * from directory.resolution where id = :id for update")


async def lock_resolution(session: Session, resolution: UUID) -> Any | None:
    """The row of a question, locked after its event, in the order of everybody; None if unknown."""
    receipt = (await session.execute(_RECEIPT, {"id": resolution})).scalar()
    if receipt is None:
        return None
    await lock_receipts(session, [receipt])
    return (await session.execute(_LOCK_RESOLUTION, {"id": resolution})).one()


async def lock_receipts(session: Session, receipts: Iterable[UUID]) -> None:
    """Wait for every other transaction that is about one of these events."""
    names = sorted({str(receipt) for receipt in receipts})
    await session.execute(_LOCK, {"space": _LOCK_SPACE, "receipts": names})


async def record_events(
    session: Session, partnership: Partnership, arrived: Sequence[Arrived]
) -> set[UUID]:
    """Keep events; returns those that were new: a repeat has no second effect."""
    events = [one.event for one in arrived]
    rows = await session.execute(
        _RECORD,
        {
            "at": partnership.clock(),
            "receipts": [event.receipt for event in events],
            "types": [event.event_type for event in events],
            "senders": [event.sender.organisation for event in events],
            "times": [event.occurred_at for event in events],
            "supersedes": [event.supersedes for event in events],
            "accepted": [one.payload for one in arrived],
            "traces": [one.traceparent for one in arrived],
        },
    )
    return {row.receipt for row in rows}


async def find_ended(session: Session, receipts: Iterable[UUID]) -> set[UUID]:
    """Which of these events must be told no further."""
    rows = await session.execute(_ENDED, {"receipts": list(receipts)})
    return {row.receipt for row in rows}


async def read_event(session: Session, receipt: UUID) -> Recorded | None:
    """An event that was kept."""
    row = (await session.execute(_READ, {"receipt": receipt})).first()
    if row is None:
        return None
    event = EventAccepted.model_validate_json(bytes(row.accepted))
    children = {int(position): UUID(child) for position, child in row.children.items()}
    return Recorded(event, children, row.traceparent)


async def record_children(session: Session, resolved: Mapping[UUID, Mapping[int, UUID]]) -> None:
    """Keep which child stands at which position of which event."""
    rows = [
        {
            "receipt": str(receipt),
            "children": {str(position): str(child) for position, child in children.items()},
        }
        for receipt, children in resolved.items()
        if children
    ]
    if rows:
        await session.execute(_CHILDREN, {"rows": json.dumps(rows)})


async def forget_child(session: Session, receipt: UUID, position: int) -> None:
    """Who stands at this position of an event is not known any more."""
    await session.execute(_NOBODY, {"receipt": receipt, "position": str(position)})
