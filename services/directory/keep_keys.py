"""Keeps keys in step with what changes beside a child: its school, its parents, the day, the code.

Children of a large file that was cut short are spread here, too. Any number of processes may do
this at once; none does what another is doing.
"""

from __future__ import annotations

import asyncio
from functools import partial

from sqlalchemy import text

from chassis.database import Database
from chassis.only_one import only_one
from chassis.process import Task
from chassis.telemetry import logger
from services.directory.partnership import Partnership
from services.directory.person_text import VERSION
from services.directory.spread_keys import ONE_SPREADS, spread_keys
from services.directory.write_keys import refresh_keys

log = logger("directory.keys")

MOST = 100
"""A transaction of some ten milliseconds: the first of September moves nearly everybody."""
LOOK_SECONDS = 1.0
LOOKS_UNTIL_ALL = 60
"""What waits for long or comes with the day is looked for once a minute."""

_CLAIM_DUE = text("""
    with claimed as (
        select line from directory.key_due order by line limit :most for update skip locked)
    delete from directory.key_due d using claimed c where d.line = c.line
    returning d.child as id""")

_STALE = text("""
    select c.id from directory.keyed_child k join directory.child c on c.number = k.number
     where k.stale_on <= :today order by k.stale_on limit :most for update of k skip locked""")

_OTHER_VERSIONS = tuple(
    text(f"""
        select c.id from directory.keyed_child k join directory.child c on c.number = k.number
         where k.version {sign} :version order by k.version, k.number limit :most
           for update of k skip locked""")
    for sign in ("<", ">")
)

_IS_WAITING = text("select exists (select 1 from directory.keyed_child where not spread)")


def keys_task(database: Database, partnership: Partnership) -> Task:
    """Follows changes within seconds, and the day within minutes."""
    return Task("directory-keys", partial(_keep_for_ever, database, partnership))


async def _keep_for_ever(database: Database, partnership: Partnership) -> None:
    while True:
        await keep_keys(database, partnership)
        for _ in range(LOOKS_UNTIL_ALL):
            while await refresh_due(database, partnership):
                pass
            await asyncio.sleep(LOOK_SECONDS)


async def keep_keys(database: Database, partnership: Partnership) -> None:
    """Whatever is out of step: changed, of another day, of another version, not yet spread."""
    while await refresh_due(database, partnership):
        pass
    refreshed = 0
    while some := await _refresh_old(database, partnership):
        refreshed += some
    if refreshed:
        log.info("keys_refreshed", children=refreshed)
    async with database.reading() as session:
        waiting = (await session.execute(_IS_WAITING)).scalar_one()
    if waiting:
        async with only_one(database, ONE_SPREADS) as mine:
            if mine is not None:
                await spread_keys(database, mine)


async def refresh_due(database: Database, partnership: Partnership) -> bool:
    """Make the keys of some children anew that were noted; False when there were none."""
    async with database.transaction() as session:
        rows = await session.execute(_CLAIM_DUE, {"most": MOST})
        due = sorted({row.id for row in rows})
        await refresh_keys(session, due, partnership.today())
    return bool(due)


async def _refresh_old(database: Database, partnership: Partnership) -> int:
    values = {"today": partnership.today(), "version": VERSION, "most": MOST}
    async with database.transaction() as session:
        for statement in (_STALE, *_OTHER_VERSIONS):
            old = [row.id for row in await session.execute(statement, values)]
            if old:
                await refresh_keys(session, old, partnership.today())
                return len(old)
    return 0
