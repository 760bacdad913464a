"""Spreads the keys of very many new children at once, in order: what a large file leaves to do.

Keys are hashes, so the next child's thirty fall on thirty pages of a large index; sorted by the
hundred thousand, they fall on each page once. Until then the children are found by their numbers.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import TextClause, text
from sqlalchemy.exc import IntegrityError

from chassis.database import Database, Session
from chassis.telemetry import logger

log = logger("directory.keys")

FEWEST = 250_000
"""At least so many children at a time; more on a register that has more: a slice goes through all
of the index, so that the work grows with the register and not with its square."""

ONE_SPREADS = 0x4449_524B
"""The lock of whoever spreads, taken by `only_one` (ASCII "DIRK")."""

_WAITING = text("""
    select count(*) as waiting, (select coalesce(max(number), 0) from directory.child) as size
      from directory.keyed_child where not spread""")

_UNHURRIED = text("""
    select set_config('statement_timeout', '0', :here), set_config('work_mem', '256MB', :here)""")
_HURRIED = (text("reset statement_timeout"), text("reset work_mem"))

_TAKE = """
    create temporary table spreading on commit drop as
    select number, keys from directory.keyed_child where not spread order by number limit {most}"""

_STAND = text("""
    insert into directory.match_key (key, child)
    select u.key, s.number from spreading s cross join unnest(s.keys) u(key)
     order by u.key, s.number""")

# Twice as dear as the other, and never needed unless somebody else wrote keys.
_STAND_AGAIN = text(f"{_STAND.text} on conflict do nothing")

# A child that was changed meanwhile waits for the next slice.
_SETTLE = text("""
    update directory.keyed_child k set spread = true
      from spreading s where k.number = s.number and k.keys = s.keys""")

_TAKE_BACK = text("""
    delete from directory.match_key m
     using (select s.number, unnest(s.keys) as key from spreading s
             where not exists (select 1 from directory.keyed_child k
                                where k.number = s.number and k.spread)) g
     where m.key = g.key and m.child = g.number""")

_TIDY = tuple(
    text(f"vacuum (analyze) directory.{table}")
    for table in ("match_key", "known_person", "keyed_child", "child", "enrolment")
)


async def spread_keys(
    database: Database, session: Session, report: Callable[[int], None] = lambda _: None
) -> int:
    """Spread whatever waits; returns how many children. `report` is told how many still wait.

    session: of the only one who spreads. A slice is one transaction: if it is killed, it
    is done again.
    """
    waiting, size = (await session.execute(_WAITING)).one()
    all_of_them = waiting
    while waiting:
        report(waiting)
        most = max(FEWEST, (size - waiting) // 2)
        try:
            await _spread_slice(database, most, _STAND)
        except IntegrityError:
            log.warning("keys_were_there", next="they are passed over")
            await _spread_slice(database, most, _STAND_AGAIN)
        waiting, size = (await session.execute(_WAITING)).one()
    report(0)
    if all_of_them:
        log.info("keys_spread", children=all_of_them)
    if all_of_them >= FEWEST:
        await _tidy(session)
    return int(all_of_them)


async def _spread_slice(database: Database, most: int, stand: TextClause) -> None:
    async with database.transaction() as session:
        await session.execute(_UNHURRIED, {"here": True})
        await session.execute(text(_TAKE.format(most=most)))
        for statement in (stand, _SETTLE, _TAKE_BACK):
            await session.execute(statement)


async def _tidy(session: Session) -> None:
    """So that plans are right and keys are read from the index alone from the first question on.

    PostgreSQL leaves out, with a warning, the tables of another owner: its own vacuum follows.
    """
    await session.execute(_UNHURRIED, {"here": False})
    try:
        for statement in _TIDY:
            await session.execute(statement)
    finally:
        for statement in _HURRIED:
            await session.execute(statement)
