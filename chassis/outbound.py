"""Claim → send → settle, for anything that leaves the process; domain-free, set-based.

Claiming and settling are short transactions and sending holds none. A claim carries a token and a
lease by the database's clock; settling counts only where the token still matches, so that a sender
that was paused past its lease is recorded and changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import DateTime, RowMapping, text
from sqlmodel import Field, SQLModel

from chassis.database import Session

WAITING, CLAIMED, DONE, FAILED, CANCELLED = "waiting", "claimed", "done", "failed", "cancelled"


class OutboundRow(SQLModel):
    """The columns of a queue of things to send. A service adds its own and an index on
    `(due_at) where state in ('waiting', 'claimed')`."""

    id: UUID = Field(primary_key=True)
    state: str = Field(default=WAITING)
    due_at: datetime = Field(sa_type=DateTime(timezone=True))
    attempts: int = 0
    claim_token: UUID | None = None
    claimed_until: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    settled_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))


@dataclass(frozen=True, slots=True)
class Claim:
    """What one claimer took: its token and the rows, as they were when taken."""

    token: UUID
    rows: Sequence[RowMapping]


@dataclass(frozen=True, slots=True)
class Settlement:
    """How one sending ended. `retry_in_seconds` only with state `waiting`."""

    id: UUID
    state: str
    retry_in_seconds: float = 0.0


async def claim(
    session: Session, table: type[OutboundRow], *, limit: int, lease_seconds: float
) -> Claim:
    """Take up to `limit` due rows, the longest due first, and those whose lease ran out.

    `lease_seconds` must be at least twice the total time-out of one sending.
    """
    token = uuid4()
    name = _name(table)
    rows = await session.execute(
        text(f"""
            with due as (
                select id from {name}
                 where (state = 'waiting' and due_at <= clock_timestamp())
                    or (state = 'claimed' and claimed_until < clock_timestamp())
                 order by due_at limit :limit for update skip locked)
            update {name} q
               set state = 'claimed', claim_token = :token, attempts = attempts + 1,
                   claimed_until = clock_timestamp() + make_interval(secs => :lease)
              from due where q.id = due.id
            returning q.*"""),
        {"limit": limit, "token": token, "lease": lease_seconds},
    )
    return Claim(token, rows.mappings().all())


async def settle(
    session: Session, table: type[OutboundRow], token: UUID, settlements: Sequence[Settlement]
) -> set[UUID]:
    """Settle what this token still holds; returns those ids. The others came too late."""
    if not settlements:
        return set()
    rows = await session.execute(
        text(f"""
            update {_name(table)} q
               set state = s.state, claim_token = null, claimed_until = null,
                   due_at = clock_timestamp() + make_interval(secs => s.retry),
                   settled_at = case when s.state = 'waiting' then null else clock_timestamp() end
              from unnest(cast(:ids as uuid[]), cast(:states as text[]),
                          cast(:retries as float8[])) s(id, state, retry)
             where q.id = s.id and q.claim_token = :token
            returning q.id"""),
        {
            "ids": [one.id for one in settlements],
            "states": [one.state for one in settlements],
            "retries": [one.retry_in_seconds for one in settlements],
            "token": token,
        },
    )
    return {row[0] for row in rows}


async def next_due_seconds(session: Session, table: type[OutboundRow]) -> float | None:
    """Seconds until the next row is due (0 when one is), or None when nothing waits."""
    found: Any = await session.execute(
        text(f"""
            select extract(epoch from min(case state when 'waiting' then due_at
                                          else claimed_until end) - clock_timestamp())
              from {_name(table)} where state in ('waiting', 'claimed')""")
    )
    seconds = found.scalar()
    return None if seconds is None else max(0.0, float(seconds))


def _name(table: type[OutboundRow]) -> str:
    return str(table.__table__.fullname)  # type: ignore[attr-defined]
