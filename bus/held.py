"""Messages in a group's custody: retrying, waiting behind one that retries, or parked.

They live in the consumer's database and change in the same transactions as its effects, so no
partition is ever paused and nothing is swallowed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from prometheus_client import Counter, Gauge
from sqlalchemy import text

from bus.facts import Fact
from chassis.database import Session

parked_total = Counter("bus_parked_total", "Messages parked for a person", ["group"])
parked_now = Gauge("bus_parked_messages", "Messages parked and not yet replayed", ["group"])
retrying_now = Gauge("bus_retrying_messages", "Messages retrying, or behind one", ["group"])

RETRYING, WAITING, PARKED = "retrying", "waiting", "parked"

_COLUMNS = "id, type, topic, key, payload, source, at, traceparent"


@dataclass(frozen=True, slots=True)
class Held:
    """A message in custody, with how it came there."""

    fact: Fact
    state: str
    attempts: int
    reason: str
    first_failed_at: datetime | None
    held_at: datetime


@dataclass(frozen=True, slots=True)
class Begun:
    """The beginning of a batch: which facts are new, and which keys a retry holds."""

    new: list[Fact]
    held_keys: frozenset[str]
    moved: bool


@dataclass(frozen=True, slots=True)
class Move:
    """A statement that moves a reader's mark, and its values; it must change one row."""

    statement: str
    values: dict[str, Any]


async def begin(
    session: Session, group: str, facts: Sequence[Fact], move: Move | None = None
) -> Begun:
    """Move the reader's mark, mark facts as this group's, and look which keys are held.

    One round trip, three statements in this order: the second waits for another consumer's open
    transaction that marks the same, and the third must see what that one committed.
    """
    async with session.driving() as driver, driver.pipeline():
        moving = await driver.execute(move.statement, move.values) if move else None
        marking = await driver.execute(_MARK_SEEN, (group, [fact.id for fact in facts]))
        looking = await driver.execute(_HELD_KEYS, (group, list({fact.key for fact in facts})))
    fresh = {row[0] for row in await marking.fetchall()}
    new: list[Fact] = []
    for fact in facts:
        if fact.id in fresh:
            fresh.discard(fact.id)
            new.append(fact)
    keys = frozenset(row[0] for row in await looking.fetchall())
    return Begun(new, keys, moving is None or moving.rowcount == 1)


_MARK_SEEN = """
    insert into bus.seen (group_name, id) select %s, unnest(%s::uuid[])
    on conflict do nothing returning id"""
_HELD_KEYS = """
    select distinct key from bus.held
     where group_name = %s and key = any(%s::text[]) and state in ('retrying', 'waiting')"""


async def hold(
    session: Session,
    group: str,
    fact: Fact,
    state: str,
    reason: str,
    due_in_seconds: float = 0.0,
) -> None:
    """Take a message into custody."""
    await session.execute(
        text(f"""insert into bus.held (group_name, {_COLUMNS}, state, attempts, reason, due_at,
                                      first_failed_at)
                values (:group, :id, :type, :topic, :key, :payload, :source, :at, :traceparent,
                        :state, :attempts, :reason,
                        clock_timestamp() + make_interval(secs => :due),
                        case when :failed then clock_timestamp() end)"""),
        {
            "group": group,
            "id": fact.id,
            "type": fact.type,
            "topic": fact.topic,
            "key": fact.key,
            "payload": fact.payload,
            "source": fact.source,
            "at": fact.at,
            "traceparent": fact.traceparent,
            "state": state,
            "attempts": 0 if state == WAITING else 1,
            "reason": reason,
            "due": due_in_seconds,
            "failed": state != WAITING,
        },
    )


async def claim_due(session: Session, group: str) -> Held | None:
    """Lock the next message to try again: the first of its key, due, not taken by another."""
    row = (
        await session.execute(
            text(f"""select {_COLUMNS}, state, attempts, reason, first_failed_at, held_at
                      from bus.held h
                     where group_name = :group
                       and (state = 'waiting'
                            or (state = 'retrying' and due_at <= clock_timestamp()))
                       and not exists (
                           select 1 from bus.held e
                            where e.group_name = h.group_name and e.key = h.key
                              and e.state in ('retrying', 'waiting') and e.line < h.line)
                     order by line limit 1 for update skip locked"""),
            {"group": group},
        )
    ).first()
    return _held(row) if row else None


async def release(session: Session, group: str, fact_id: UUID) -> None:
    """It was handled: out of custody."""
    await session.execute(
        text("delete from bus.held where group_name = :group and id = :id"),
        {"group": group, "id": fact_id},
    )


async def hold_on(
    session: Session, group: str, fact_id: UUID, state: str, reason: str, due_in_seconds: float
) -> None:
    """It failed again: later, or parked."""
    await session.execute(
        text("""update bus.held
                   set state = :state, reason = :reason, attempts = attempts + 1,
                       due_at = clock_timestamp() + make_interval(secs => :due),
                       first_failed_at = coalesce(first_failed_at, clock_timestamp())
                 where group_name = :group and id = :id"""),
        {"group": group, "id": fact_id, "state": state, "reason": reason, "due": due_in_seconds},
    )


async def list_parked(session: Session, group: str | None = None) -> list[tuple[str, Held]]:
    """Every parked message with its group, oldest first."""
    rows = await session.execute(
        text(f"""select group_name, {_COLUMNS}, state, attempts, reason, first_failed_at, held_at
                  from bus.held where state = 'parked'
                   and (cast(:group as text) is null or group_name = :group) order by line"""),
        {"group": group},
    )
    return [(row.group_name, _held(row)) for row in rows]


async def count_parked(session: Session, groups: Sequence[str]) -> tuple[int, float]:
    """How many messages of these groups are parked, and for how many seconds the oldest."""
    rows = await session.execute(
        text("""select count(*), coalesce(extract(epoch from clock_timestamp() - min(held_at)), 0)
                  from bus.held where group_name = any(:groups) and state = 'parked'"""),
        {"groups": list(groups)},
    )
    count, oldest = rows.one()
    return int(count), float(oldest)


async def replay(session: Session, group: str, fact_id: UUID | None = None) -> int:
    """Let parked messages go on, behind whatever of their key waits; returns how many."""
    done = await session.execute(
        text("""update bus.held
                   set state = 'retrying', due_at = clock_timestamp(), first_failed_at = null,
                       line = nextval(pg_get_serial_sequence('bus.held', 'line'))
                 where group_name = :group and state = 'parked'
                   and (cast(:id as uuid) is null or id = :id)"""),
        {"group": group, "id": fact_id},
    )
    return int(done.rowcount)


async def measure(session: Session, group: str) -> int:
    """Set the gauges of a group; returns how many retry or wait behind one."""
    rows = await session.execute(
        text("""select count(*) filter (where state = 'parked'),
                       count(*) filter (where state <> 'parked')
                  from bus.held where group_name = :group"""),
        {"group": group},
    )
    parked, retrying = rows.one()
    parked_now.labels(group).set(parked)
    retrying_now.labels(group).set(retrying)
    return int(retrying)


def _held(row: Any) -> Held:
    fact = Fact(row.id, row.type, row.topic, row.key, bytes(row.payload), row.source, row.at,
                row.traceparent)  # fmt: skip
    return Held(fact, row.state, row.attempts, row.reason, row.first_failed_at, row.held_at)
