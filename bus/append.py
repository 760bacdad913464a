"""Writing to the log, inside the caller's transaction: a row and its fact cannot part.

A shared advisory lock is taken *before* a position is drawn and held until the transaction ends;
that is what lets a reader know when everything up to a position is settled (see `bus.log`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar
from weakref import WeakSet

from sqlalchemy import TextClause, text

from bus.facts import Fact
from chassis.database import Session, after_commit
from chassis.session import Rows

LOG_LOCK = 0x5347_4255_534C_4F47
"""The advisory lock of the log (a 63-bit constant, ASCII "SGBUSLOG")."""

_INSERT = text("""
    with settled as materialized (select pg_advisory_xact_lock_shared(:lock))
    insert into bus.log (id, type, topic, key, source, at, traceparent, payload)
    select f.id, f.type, f.topic, f.key, f.source, f.at, f.traceparent, f.payload
      from settled,
           unnest(cast(:ids as uuid[]), cast(:types as text[]), cast(:topics as text[]),
                  cast(:keys as text[]), cast(:sources as text[]),
                  cast(:ats as timestamptz[]), cast(:traces as text[]),
                  cast(:payloads as bytea[]))
           with ordinality f(id, type, topic, key, source, at, traceparent, payload, n)
     order by f.n""")


class Waker:
    """Told after each commit that appended; a road makes its readers look at once."""

    _all: ClassVar[WeakSet[Waker]] = WeakSet()

    def __init__(self, act: Callable[[], None]) -> None:
        self.act = act
        self._all.add(self)

    @classmethod
    def wake_all(cls) -> None:
        """Wake every road of this process."""
        for waker in list(cls._all):
            waker.act()


def appending(told: str) -> str:
    """The common table expressions by which a statement of the caller's appends by itself.

    For what is stored by the hundred, where making each fact in Python costs more than the rest.
    To be executed by `append_with`.

    Args:
        told: the name of the caller's expression with the columns `line` (the order of the
            facts), `id` (of `chassis.ids.new_id`), `type`, `topic`, `key`, `source`, `at` and
            `payload` (json).
    """
    return f"""
        log_lock as materialized (select pg_advisory_xact_lock_shared({LOG_LOCK})),
        logged as (
            insert into bus.log (id, type, topic, key, source, at, payload)
            select t.id, t.type, t.topic, t.key, t.source, t.at,
                   convert_to(t.payload::text, 'UTF8')
              from log_lock, {told} t order by t.line)"""


async def append_with(session: Session, statement: TextClause, parameters: Any) -> Rows:
    """Execute a statement that appends, and wake the readers once it is committed."""
    rows = await session.execute(statement, parameters)
    after_commit(session, "bus", Waker.wake_all)
    return rows


async def append(session: Session, *facts: Fact) -> None:
    """Append facts in the given order. Do it last in a transaction: readers wait for its end."""
    if not facts:
        return
    await append_with(
        session,
        _INSERT,
        {
            "lock": LOG_LOCK,
            "ids": [fact.id for fact in facts],
            "types": [fact.type for fact in facts],
            "topics": [fact.topic for fact in facts],
            "keys": [fact.key for fact in facts],
            "sources": [fact.source for fact in facts],
            "ats": [fact.at for fact in facts],
            "traces": [fact.traceparent for fact in facts],
            "payloads": [fact.payload for fact in facts],
        },
    )
