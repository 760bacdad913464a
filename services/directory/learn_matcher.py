"""Measures the register and learns the matcher's model from it, without ever seeing an answer.

Strangers and relatives are measured on the register, recording errors on the children of recent
events. Runs after large imports, when the register has grown, and by command; never on the hot way.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import NamedTuple

from sqlalchemy import text

from chassis.database import Database, Session
from chassis.only_one import only_one
from chassis.process import Task
from chassis.telemetry import logger
from services.directory.matcher import keep_learnt
from services.directory.measure_register import measure_register
from services.directory.partnership import Partnership
from services.directory.person_text import VERSION

log = logger("directory.matcher")

GROWN = 1.1
LOOK_SECONDS = 60.0
FIRST_LOOK_SECONDS = 5.0
"""While there is no matcher at all: another process may be about to have one."""

_ONE_LEARNS = 0x4449_524D
"""One process measures, the others read what it learnt (ASCII "DIRM")."""

_LOOK = text("""
    select (select coalesce(max(number), 0) from directory.child) as size,
           (select size from directory.matcher where version = :learnt) as learnt_at,
           not exists (select 1 from directory.keyed_child where version < :version)
       and not exists (select 1 from directory.keyed_child where version > :version) as whole,
           exists (select 1 from directory.keyed_child where not spread) as loading""")


class _Register(NamedTuple):
    size: int
    """Where its numbers end. What a file restates may leave gaps, so there are fewer children."""
    learnt_at: int | None
    """The same when the matcher in use was learnt."""
    whole: bool
    """Every child stands as this version of the code writes it."""
    loading: bool
    """A large file is being loaded, or its keys are spread."""


async def learn_matcher(database: Database, partnership: Partnership) -> str:
    """Measure, learn, store; returns the version. Reads in chunks, holds no transaction long."""
    async with database.reading() as session:
        size = (await _look(session, partnership)).size
    measured = await measure_register(database.settings.url.get_secret_value(), size)
    async with database.transaction() as session:
        version = await keep_learnt(session, measured, size, partnership.clock())
        await partnership.matcher.read_newest(session)
    log.info("matcher_learnt", version=version, people=measured.people, sampled=measured.sampled)
    return version


def learn_task(database: Database, partnership: Partnership) -> Task:
    """Keeps this process's matcher the newest, and learns anew when the register has grown."""
    return Task("directory-matcher", partial(_keep_learnt, database, partnership))


async def _keep_learnt(database: Database, partnership: Partnership) -> None:
    while True:
        await learn_if_due(database, partnership)
        known = partnership.matcher.learnt is not None
        await asyncio.sleep(LOOK_SECONDS if known else FIRST_LOOK_SECONDS)


async def learn_if_due(database: Database, partnership: Partnership) -> bool:
    """Read the newest; where that is of another register, learn, unless another process does."""
    async with database.reading() as session:
        if not await _is_due(session, partnership):
            return False
    async with only_one(database, _ONE_LEARNS) as session:
        # Whoever had the lock until now may have learnt what is wanted here.
        if session is None or not await _is_due(session, partnership):
            return False
        await learn_matcher(database, partnership)
    return True


async def _is_due(session: Session, partnership: Partnership) -> bool:
    await partnership.matcher.read_newest(session)
    register = await _look(session, partnership)
    if not (register.size and register.whole):
        return False
    if register.learnt_at is None:
        return True
    # While it grows by the minute, what is learnt would be of yesterday's register.
    return register.size > register.learnt_at * GROWN and not register.loading


async def _look(session: Session, partnership: Partnership) -> _Register:
    learnt = partnership.matcher.learnt
    values = {"version": VERSION, "learnt": learnt.version if learnt is not None else None}
    return _Register(*(await session.execute(_LOOK, values)).one())
