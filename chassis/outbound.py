"""Claim → send → settle, for anything that leaves the process; domain-free, set-based.

Claiming and settling are short transactions and sending holds none. A claim carries a token and a
lease by the database's clock; settling counts only where the token still matches, so that a sender
that was paused past its lease is recorded and changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import DateTime, text
from sqlmodel import Field, SQLModel

from chassis.database import Session

MOST_COUNTED = 10_000

WAITING, CLAIMED, DONE, FAILED, CANCELLED = "waiting", "claimed", "done", "failed", "cancelled"
_WOKEN_AT_ONCE = 1000
"""How many rested rows one claim makes ready: each is an index entry, and a claim is short."""


class OutboundRow(SQLModel):
    """The columns of a queue of things to send. A service adds its own, and two indexes:

    - `(overtakes desc, turn_at) where settled_at is null and ready`: whose turn it is;
    - `(due_at) where settled_at is null and not ready`: what rests until it is tried again.

    A backlog is drained by turn: what `overtakes` before everything else, then the earliest
    `turn_at`. What rests stands in another index, so that a receiver that is away for hours does
    not make the claims of all others slow. A claim changes no column of either, so the claimed row
    stays on its page.
    """

    id: UUID = Field(primary_key=True)
    state: str = Field(default=WAITING)
    due_at: datetime = Field(sa_type=DateTime(timezone=True))
    overtakes: bool = False
    turn_at: datetime = Field(sa_type=DateTime(timezone=True))
    ready: bool = True
    attempts: int = 0
    claim_token: UUID | None = None
    claimed_until: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    settled_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))


@dataclass(frozen=True, slots=True)
class Claim:
    """What one claimer took: its token, and the rows as they are now (columns as attributes)."""

    token: UUID
    rows: Sequence[Any]


class Settlement(NamedTuple):
    """How one sending ended. `retry_in_seconds` only with state `waiting`."""

    id: UUID
    state: str
    retry_in_seconds: float = 0.0


async def claim(
    session: Session,
    table: type[OutboundRow],
    *,
    limit: int,
    lease_seconds: float,
    unless: str = "",
    values: Mapping[str, Any] | None = None,
    durable: bool = True,
    columns: str = "q.*",
) -> Claim:
    """Take up to `limit` rows whose turn it is, and those whose lease ran out, in order of turn.

    What rested long enough is made ready by the same statement, for the next claim to take.

    Args:
        lease_seconds: at least twice the total time-out of one sending.
        unless: an SQL condition on `q` (a constant of the code, its parameters in `values`) for
            rows to leave alone, such as those of a receiver that is at its limit.
        durable: False lets the commit return before it reaches the disk. A claim that a crash of
            the server undoes is a row that waits again, so nothing is lost; but nothing else may
            be written in that transaction.
        columns: what the sender needs of `q`, as SQL (a constant of the code).
    """
    token = uuid4()
    name = _name(table)
    # `clock_timestamp()` could not bound what is read of an index. A row that is ready is due as a
    # rule; one whose due time was put off by hand is left alone all the same.
    rows = await session.execute(
        text(f"""
            with how as materialized (
                select set_config('synchronous_commit',
                    case when :durable then current_setting('synchronous_commit')
                         else 'off' end, true)),
            rested as (
                select q.id from {name} q
                 where q.settled_at is null and not q.ready and q.due_at <= statement_timestamp()
                 order by q.due_at limit {_WOKEN_AT_ONCE} for update skip locked),
            woken as (
                update {name} q set ready = true from rested where q.id = rested.id),
            due as (
                select q.id from {name} q
                 where q.settled_at is null and q.ready and q.due_at <= statement_timestamp()
                   and (q.state = 'waiting' or q.claimed_until < statement_timestamp())
                   {f"and not ({unless})" if unless else ""}
                 order by q.overtakes desc, q.turn_at limit :limit for update skip locked)
            update {name} q
               set state = 'claimed', claim_token = :token, attempts = attempts + 1,
                   claimed_until = clock_timestamp() + make_interval(secs => :lease)
              from due, how where q.id = due.id
            returning {columns}"""),
        {
            **(values or {}),
            "limit": limit,
            "token": token,
            "lease": lease_seconds,
            "durable": durable,
        },
    )
    return Claim(token, rows.all())


async def settle(
    session: Session,
    table: type[OutboundRow],
    token: UUID,
    settlements: Sequence[Settlement],
) -> set[UUID]:
    """Settle what this token still holds; returns those ids. The others came too late."""
    if not settlements:
        return set()
    rows = await session.execute(
        text(f"""
            with s as (
                select u.*, cast(:token as uuid) as token
                  from unnest(cast(:ids as uuid[]), cast(:states as text[]),
                              cast(:retries as float8[])) u(id, state, retry))
            {settling(table, "s")} returning q.id"""),
        {
            "ids": [one.id for one in settlements],
            "states": [one.state for one in settlements],
            "retries": [one.retry_in_seconds for one in settlements],
            "token": token,
        },
    )
    return {row[0] for row in rows}


async def give_back(
    session: Session, table: type[OutboundRow], claims: Sequence[tuple[UUID, UUID]]
) -> None:
    """Let go of claimed rows that were not sent after all: (id, token). They are as before the
    claim: no attempt is counted, and they keep their place by their due time."""
    if claims:
        await session.execute(
            text(f"""
                with back as (
                    select q.id from {_name(table)} q
                      join unnest(cast(:ids as uuid[]), cast(:tokens as uuid[])) b(id, token)
                        on q.id = b.id and q.claim_token = b.token
                     order by q.id for update of q)
                update {_name(table)} q
                   set state = 'waiting', claim_token = null, claimed_until = null,
                       attempts = attempts - 1
                  from back where q.id = back.id"""),
            {"ids": [one for one, _ in claims], "tokens": [token for _, token in claims]},
        )


def settling(table: type[OutboundRow], rows: str) -> str:
    """The update that settles what a claim still holds, for a statement that does more besides.

    Args:
        rows: the name of the statement's expression with the columns `id`, `token`, `state` and
            `retry` (seconds; counts with state `waiting` only). The table is `q`, and the caller
            adds the `returning`.
    """
    return f"""
        update {_name(table)} q
           set state = {rows}.state, claim_token = null, claimed_until = null,
               due_at = clock_timestamp() + make_interval(secs => {rows}.retry),
               ready = {rows}.state <> 'waiting',
               settled_at = case when {rows}.state = 'waiting' then null
                                 else clock_timestamp() end
          from {rows} where q.id = {rows}.id and q.claim_token = {rows}.token"""


async def next_due_seconds(
    session: Session,
    table: type[OutboundRow],
    *,
    unless: str = "",
    values: Mapping[str, Any] | None = None,
) -> float | None:
    """Seconds until the next row is due (0 when one is), or None when nothing waits.

    `unless` and `values` as for `claim`.
    """
    but = f"and not ({unless})" if unless else ""
    found: Any = await session.execute(
        text(f"""
            select extract(epoch from least(
                (select min(case state when 'waiting' then due_at else claimed_until end)
                   from {_name(table)} q where settled_at is null and ready {but}),
                (select min(due_at)
                   from {_name(table)} q where settled_at is null and not ready {but}))
                - clock_timestamp())"""),
        dict(values or {}),
    )
    seconds = found.scalar()
    return None if seconds is None else max(0.0, float(seconds))


async def measure(
    session: Session, table: type[OutboundRow], *, unless: str = "false"
) -> tuple[int, float]:
    """How many are on the queue (at most some thousand are counted), and for how many seconds the
    first of them is due and taken by nobody. `unless`: an SQL condition (a constant of the code)
    for rows that do not count."""
    found: Any = await session.execute(
        text(f"""
            select count(*), coalesce(extract(epoch from clock_timestamp() - min(due)), 0)
              from (select case state when 'waiting' then due_at else claimed_until end as due
                      from {_name(table)} where settled_at is null and not ({unless})
                     order by due_at limit {MOST_COUNTED}) q""")
    )
    waiting, overdue = found.one()
    return int(waiting), max(0.0, float(overdue))


def _name(table: type[OutboundRow]) -> str:
    return str(table.__table__.fullname)  # type: ignore[attr-defined]
