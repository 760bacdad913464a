"""Looks for questions that nobody answered in time, and tells the next who can act: once each; for
children who moved, so that their school is told of recent events; and for links asserted late.

A clock is a row: a sweep that was missed is made up by the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from pydantic_core import from_json
from sqlalchemy import text

from chassis.database import Database, Session
from chassis.process import Task
from chassis.telemetry import logger
from schemas.facts import Addressee, Profile, ResolutionOverdue
from schemas.organisations import RecipientRole, Rung, ladder_for
from services.directory.ask import REVIEWER_RULE, address
from services.directory.listen import publish
from services.directory.organisations import Needs, read_organisations
from services.directory.partnership import Partnership
from services.directory.reach_back import claim_link, reach_back
from services.directory.readdress import claim_mover, readdress_mover

log = logger("directory.sweep")

MOST = 100
"""Questions in one transaction; the others follow at once."""

_CLAIM = text("""
    update directory.resolution r set overdue_at = :now
      from (select id from directory.resolution
             where state = 'open' and overdue_at is null and decide_by <= :now
             order by decide_by limit :most for update skip locked) due,
           directory.event e
     where r.id = due.id and e.receipt = r.receipt
    returning r.id, r.receipt, r.child_index, r.reason, r.decide_by, r.recipients,
              e.accepted, e.traceparent""")


def sweep_tasks(database: Database, partnership: Partnership) -> list[Task]:
    """The sweeps as tasks of the process, each with failures of its own."""
    return [
        Task(f"directory-{name}", partial(_for_ever, once, database, partnership))
        for name, once in (
            ("sweep", tell_overdue_once),
            ("readdress", readdress_one),
            ("reach-back", reach_back_once),
        )
    ]


async def _for_ever(
    once: Callable[[Database, Partnership], Awaitable[bool]],
    database: Database,
    partnership: Partnership,
) -> None:
    """Again at once while there is more, then after a rest."""
    while True:
        while await once(database, partnership):
            pass
        await asyncio.sleep(partnership.settings.sweep_seconds)


async def tell_overdue_once(database: Database, partnership: Partnership) -> bool:
    """Tell of the next questions past their deadline; False when these were the last."""
    async with database.transaction() as session:
        return await tell_overdue(session, partnership) == MOST


async def readdress_one(database: Database, partnership: Partnership) -> bool:
    """Address the recent events of one child that moved; False when there is none."""
    async with database.transaction() as session:
        mover = await claim_mover(session, partnership)
    if mover is not None:
        async with database.transaction() as session:
            await publish(session, await readdress_mover(session, partnership, mover), {})
    return mover is not None


async def reach_back_once(database: Database, partnership: Partnership) -> bool:
    """Let one link that was asserted late reach back; False when there is none."""
    async with database.transaction() as session:
        link = await claim_link(session, partnership)
    if link is not None:
        async with database.transaction() as session:
            await publish(session, await reach_back(session, partnership, link), {})
    return link is not None


async def tell_overdue(session: Session, partnership: Partnership) -> int:
    """Publish `resolution.overdue` for questions past their deadline; returns how many."""
    values = {"now": partnership.clock(), "most": MOST}
    rows = list(await session.execute(_CLAIM, values))
    if not rows:
        return 0
    told = {row.id: [Addressee.model_validate(one) for one in row.recipients] for row in rows}
    ids = {one.organisation for addressees in told.values() for one in addressees}
    known = await read_organisations(session, Needs(ids=ids), partnership.today())
    rungs = {
        name: ladder_for(one.ladder, one.ladders, Profile.ALERT)[:1]
        or (Rung(organisation=name, role=RecipientRole.DUTY_OFFICER),)
        for name, one in known.by_id.items()
        if name in ids
    }
    upper = await read_organisations(
        session, Needs(ids={rung.organisation for ladder in rungs.values() for rung in ladder})
    )
    facts = []
    for row in rows:
        nexts = [rung for one in told[row.id] for rung in rungs.get(one.organisation, ())]
        recipients = tuple(
            address(upper.by_id[rung.organisation], rung.role, Profile.ALERT, REVIEWER_RULE)
            for rung in nexts
            if rung.organisation in upper.by_id
        )
        facts.append(
            ResolutionOverdue(
                resolution=row.id,
                receipt=row.receipt,
                key=_key_of(row.accepted),
                child_index=row.child_index,
                reason=row.reason,
                decide_by=row.decide_by,
                recipients=recipients,
            )
        )
        log.warning(
            "resolution_overdue",
            resolution=str(row.id),
            receipt=str(row.receipt),
            reason=row.reason,
            told=len(recipients),
            next="decide by the review API",
        )
    await publish(session, facts, {row.receipt: row.traceparent for row in rows})
    return len(rows)


def _key_of(accepted: bytes) -> str:
    return str(from_json(bytes(accepted))["key"])
