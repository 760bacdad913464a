"""The sandbox: events of a sandbox credential, kept apart from everything real.

They are judged as all are and have rows of their own: none in `event`, none in progress, none on
the bus. So nobody is told of them but the sender's own test receiver. Their receipts are derived
from another secret, and never meet a real one.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from prometheus_client import Counter
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from chassis.clock import Clock
from chassis.database import Database, Session, is_away
from chassis.problems import Problem, away
from chassis.telemetry import logger
from services.intake.judge import Prepared
from services.intake.record import Conflict, Outcome, Recorded
from services.intake.settings import SandboxSettings

log = logger("intake.sandbox")

sandbox_events = Counter("intake_sandbox_events_total", "Sandbox events that were accepted")

MOST_AT_ONCE = 2
"""Transactions of the sandbox at a time: a loop of somebody's test takes no more of the pool."""
MOST_WAITING = 200


class SandboxRecorder:
    """Records sandbox events, one a transaction; `Problem` 503 when that is busy or away."""

    def __init__(
        self, database: Database, settings: SandboxSettings, gather_seconds: float, clock: Clock
    ) -> None:
        self._database = database
        self._settings = settings
        self._gather_seconds = gather_seconds
        self._clock = clock
        self._room = asyncio.Semaphore(MOST_AT_ONCE)
        self._waiting = 0

    async def record(self, prepared: Prepared) -> Outcome:
        """Committed when it returns; the same again is replayed, other content a conflict."""
        if self._waiting >= MOST_WAITING:
            raise Problem(
                503, "too-busy", "The sandbox is busy. Nothing was stored; send the same again.",
                headers={"Retry-After": "2"},
            )  # fmt: skip
        self._waiting += 1
        try:
            async with self._room, self._database.transaction() as session:
                return await self._write(session, prepared)
        except (SQLAlchemyError, OSError) as error:
            if is_away(error):
                raise away() from None
            raise
        finally:
            self._waiting -= 1

    async def _write(self, session: Session, prepared: Prepared) -> Outcome:
        at = self._clock()
        row = {**json.loads(prepared.row), "children": _count_children(prepared.data)}
        values = {"row": json.dumps(row), "at": at}
        if (await session.execute(_INSERT, values)).first() is None:
            found = (await session.execute(_KNOWN, {"receipt": prepared.receipt})).one()
            if bytes(found.content_hash) != prepared.content_hash:
                return Conflict()
            return Recorded(found.accepted_at, replayed=True)
        about = {
            "organisation": row["organisation"], "receipt": prepared.receipt, "at": at,
            "gather": self._gather_seconds, "most": self._settings.most,
            "before": at - timedelta(days=self._settings.days),
        }  # fmt: skip
        await session.execute(_MARK, about)
        await session.execute(_BOUND, about)
        sandbox_events.inc()
        log.info("sandbox_event_recorded", receipt=str(prepared.receipt))
        return Recorded(at, replayed=False)


async def load_sandbox(
    session: Session, receipts: Sequence[UUID], organisation: str
) -> dict[UUID, Any]:
    """The rows of these sandbox events of the organisation, by receipt."""
    about = {"receipts": list(receipts), "organisation": organisation}
    return {row.receipt: row for row in await session.execute(_EVENTS, about)}


def _count_children(data: bytes) -> int:
    """How many children the event names; what they are called is not kept."""
    stated = json.loads(data)
    children = stated.get("children") if isinstance(stated, dict) else None
    if isinstance(children, list):
        return len(children)
    return int(isinstance(stated, dict) and "child" in stated)


_INSERT = text("""
    insert into intake.sandbox_event
           (receipt, organisation, source, sender_id, type, version, occurred_at, accepted_at,
            due_at, content_hash, supersedes, flags, children)
    select receipt, organisation, source, sender_id, type, version, occurred_at, :at,
           due_at, content_hash, supersedes, flags, children
      from json_to_record(cast(:row as json))
           as r(receipt uuid, organisation text, source text, sender_id text, type text,
                version int, occurred_at timestamptz, due_at timestamptz, content_hash bytea,
                supersedes uuid, flags jsonb, children int)
        on conflict (receipt) do nothing
    returning receipt""")

_KNOWN = text("""
    select content_hash, accepted_at from intake.sandbox_event where receipt = :receipt""")

# What is real overtakes it.
_MARK = text("""
    insert into intake.push
           (id, subscription, receipt, version, changed_at, due_at, turn_at, ready, state,
            overtakes)
    select gen_random_uuid(), s.id, :receipt, 1, :at,
           clock_timestamp() + make_interval(secs => :gather), clock_timestamp(), false, 'waiting',
           false
      from intake.subscription s
     where s.organisation = :organisation and s.sandbox and s.disabled_at is null
        on conflict (receipt, subscription) do nothing""")

_BOUND = text("""
    with old as (
        select receipt from intake.sandbox_event
         where organisation = :organisation and accepted_at < :before
        union
        (select receipt from intake.sandbox_event where organisation = :organisation
          order by accepted_at desc, receipt desc offset :most)),
    idle as (
        select p.id from intake.push p join old on p.receipt = old.receipt
         order by p.receipt, p.subscription for update of p skip locked),
    forgotten as (
        delete from intake.push p using idle where p.id = idle.id)
    delete from intake.sandbox_event e using old where e.receipt = old.receipt""")

_EVENTS = text("""
    select receipt, type, version, occurred_at, accepted_at, due_at, supersedes, flags, children
      from intake.sandbox_event
     where receipt = any(cast(:receipts as uuid[])) and organisation = :organisation""")
