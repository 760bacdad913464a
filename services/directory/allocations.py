"""Who works with a child, per agency: every assignment is kept, the latest by its own time counts.

Made from the log alone: an assignment that comes late takes its place in the order of time, and one
that is taken back leaves the one before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text

from chassis.database import Session

_SPACE = 0x4449_5257
"""Advisory locks of a child's workers are in a space of their own (ASCII "DIRW")."""

_SHARE = text("""
    select pg_advisory_xact_lock_shared(:space, hashtext(c.child))
      from (select unnest(cast(:children as text[])) as child order by 1) c""")

_LOCK = text("select pg_advisory_xact_lock(:space, hashtext(:child))")

_COLUMNS = "receipt, child, agency, organisation, role, assigned_at, occurred_at, recorded_at"
_NEWEST = "assigned_at desc, occurred_at desc, receipt desc"

_WORKERS = text(f"""
    select distinct on (child, agency) {_COLUMNS} from directory.allocation
     where child = any(cast(:children as uuid[])) order by child, agency, {_NEWEST}""")

_HISTORY = text(f"""
    select {_COLUMNS} from directory.allocation
     where child = :child and agency = :agency order by {_NEWEST}""")

_RECORD = text(f"""
    insert into directory.allocation ({_COLUMNS})
    values (:receipt, :child, :agency, :organisation, :role, :assigned_at, :occurred_at,
            :recorded_at) on conflict do nothing""")

_FORGET = text("delete from directory.allocation where receipt = :receipt")


class Allocation(NamedTuple):
    """What one assignment says; without an organisation the agency has no worker any more."""

    receipt: UUID
    child: UUID
    agency: str
    organisation: str | None
    role: str | None
    assigned_at: datetime
    occurred_at: datetime
    recorded_at: datetime


async def share_workers(session: Session, children: Iterable[UUID]) -> None:
    """Nobody is assigned to these children until this transaction ends.

    Without it an event and an assignment that are heard at the same moment would not see each
    other, and the new worker would be told of the event neither by it nor by the digest.
    """
    names = sorted({str(child) for child in children})
    await session.execute(_SHARE, {"space": _SPACE, "children": names})


async def lock_workers(session: Session, child: UUID) -> None:
    """Wait for every other transaction that addresses events of this child, or assigns it."""
    await session.execute(_LOCK, {"space": _SPACE, "child": str(child)})


async def read_workers(
    session: Session, children: Iterable[UUID]
) -> dict[UUID, tuple[Allocation, ...]]:
    """Who has each child's case today, one of an agency at most; children of nobody left out."""
    found: dict[UUID, tuple[Allocation, ...]] = {}
    for row in await session.execute(_WORKERS, {"children": sorted(set(children))}):
        if row.organisation is not None:
            found[row.child] = (*found.get(row.child, ()), Allocation(*row))
    return found


async def read_history(session: Session, child: UUID, agency: str) -> Sequence[Allocation]:
    """What an agency said of a child, the latest first."""
    rows = await session.execute(_HISTORY, {"child": child, "agency": agency})
    return [Allocation(*row) for row in rows]


async def record_allocation(session: Session, one: Allocation) -> None:
    """Keep an assignment; the same again changes nothing."""
    await session.execute(_RECORD, one._asdict())


async def forget_allocation(session: Session, receipt: UUID) -> None:
    """What an event said of a worker no longer holds; what was so before holds again."""
    await session.execute(_FORGET, {"receipt": receipt})
