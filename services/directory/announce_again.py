"""Announces again what the notifier has not: the very fact, as it stands in this database's log.

Composing the same twice makes nothing twice. What goes missing again and again is announced later
each time and then no more: a person must look.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from bus import Fact, Subscription, append, read_said
from chassis.database import Session
from chassis.ids import new_id
from chassis.telemetry import logger
from schemas.facts import STATUS_FACTS, EventAddressed, LedgerGapFound
from services.directory.partnership import SOURCE, Partnership

log = logger("directory.ledger")

AROUND = timedelta(minutes=5)
"""A fact is stated within its transaction, which is short; clocks of two processes differ."""

WAIT = timedelta(minutes=15)
MOST_TIMES = 5


def hear_gaps(partnership: Partnership) -> Subscription:
    """The group that hears what is missing."""

    async def hear(session: Session, facts: Sequence[Fact]) -> None:
        for fact in facts:
            gap = LedgerGapFound.model_validate_json(fact.payload)
            if gap.kind == "not-composed" and gap.asked_by == SOURCE:
                missing = {(one.receipt, one.child_id) for one in gap.about}
                await announce_again(session, sorted(missing), partnership.clock())

    types = {one.fact_type for one in STATUS_FACTS}
    return Subscription(
        "directory-ledger",
        (LedgerGapFound.topic,),
        hear,
        known=frozenset(types),
        skips=frozenset(types - {LedgerGapFound.fact_type}),
    )


async def announce_again(
    session: Session, missing: Sequence[tuple[UUID, UUID]], at: datetime
) -> int:
    """Append once more what was said of these children of events; returns how many facts."""
    again: list[Fact] = []
    for receipt, child in missing:
        about = {"receipt": receipt, "child": child, "at": at, "before": at - WAIT}
        tried = (await session.execute(_NOTE, about)).first()
        if tried is None:
            continue  # Announced again a short while ago.
        told = {"receipt": str(receipt), "times": tried.times}
        if tried.times > MOST_TIMES:
            log.error(
                "addressed_is_missing_still", **told,
                next="a person must look: python -m bus parked, in the notifier's database",
            )  # fmt: skip
            continue
        facts = await _read(session, receipt, child)
        if not facts:
            log.error(
                "addressed_is_not_in_the_log", **told,
                next="nobody can announce it: tell the recipients by telephone",
            )  # fmt: skip
            continue
        log.error("addressed_is_announced_again", **told, facts=len(facts), next="composed anew")
        again += [fact._replace(id=new_id(), at=at) for fact in facts]
    await append(session, *again)
    return len(again)


async def _read(session: Session, receipt: UUID, child: UUID) -> list[Fact]:
    rows = await session.execute(_WHEN, {"receipt": receipt, "child": child})
    found: dict[UUID, Fact] = {}
    for row in rows:
        said = await read_said(
            session, EventAddressed.fact_type, str(child), row.at - AROUND, row.at + AROUND
        )
        for fact in said:
            if _receipt_of(fact) == str(receipt):
                found[fact.id] = fact
    return _distinct(found.values())


def _receipt_of(fact: Fact) -> Any:
    return json.loads(fact.payload)["receipt"]


def _distinct(facts: Any) -> list[Fact]:
    """Each once, though it was announced again before."""
    return list({fact.payload: fact for fact in facts}.values())


# Waits twice as long after each time.
_NOTE = text("""
    insert into directory.announced_again (receipt, child_id, times, announced_at)
    values (:receipt, :child, 1, :at)
        on conflict (receipt, child_id) do update
       set times = announced_again.times + 1, announced_at = excluded.announced_at
     where announced_again.announced_at
           <= :at - (cast(:at as timestamptz) - :before) * (2 ^ announced_again.times)
    returning times""")

_WHEN = text("""
    select distinct addressed_at as at from directory.addressed
     where receipt = :receipt and child_id = :child and withdrawn_at is null order by 1""")
