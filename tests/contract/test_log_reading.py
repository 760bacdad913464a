"""The race that breaks cursors over rows which commit concurrently, run against three readers.

The product's reader misses nothing and turns no key round. The two usual ones are kept here, broken
as they are, to show that this test would notice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from bus import BusSettings, append
from bus.log import LogWatch, read_log
from chassis.database import Database
from tests.support.bus_harness import make_fact, number_of
from tests.support.postgres import open_database

WRITERS = 12
TRANSACTIONS = 150

Connection = psycopg.AsyncConnection[tuple[object, ...]]


@dataclass
class Seen:
    """What one reader saw, in its order."""

    facts: list[tuple[str, int]] = field(default_factory=list)

    def missed(self) -> int:
        """How many facts never came."""
        return WRITERS * TRANSACTIONS - len(set(self.facts))

    def turned(self) -> int:
        """How many facts came after a later one of their key."""
        latest: dict[str, int] = {}
        count = 0
        for key, number in self.facts:
            count += number < latest.get(key, -1)
            latest[key] = max(number, latest.get(key, -1))
        return count


class SafeReader:
    """The product's own: look, then read up to the safe position."""

    def __init__(self, database: Database) -> None:
        self._watch = LogWatch(database, BusSettings())
        self._database = database
        self._cursor = 0

    async def read(self, connection: Connection, seen: Seen) -> None:
        await self._watch.look(connection)
        async with self._database.reading() as session:
            for position, fact in await read_log(
                session, ("events",), self._cursor, self._watch.safe, 1000
            ):
                self._cursor = position
                seen.facts.append((fact.key, number_of(fact)))


class PlainCursor:
    """Broken: everything after my cursor. Misses what commits late."""

    WHERE = "position > %s"
    ORDER = "position"

    def __init__(self, _: Database) -> None:
        self._cursor: object = 0

    async def read(self, connection: Connection, seen: Seen) -> None:
        rows = await connection.execute(
            f"select position, key, convert_from(payload, 'UTF8')::json->>'number' from bus.log"
            f" where {self.WHERE} order by {self.ORDER}",
            (self._cursor,),
        )
        for position, key, number in await rows.fetchall():
            self._cursor = position
            seen.facts.append((str(key), int(str(number))))


class BelowSnapshotXmin(PlainCursor):
    """Broken: only transactions that are over for every snapshot, ordered by position. A position
    drawn early and committed late is passed by the cursor before it may be read."""

    WHERE = (
        "position > %s and xmin::text::bigint"
        " < pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
    )


async def _write(database: Database, writer: int) -> None:
    """A key of its own; transactions that stay open for unequal times after drawing a position."""
    for number in range(TRANSACTIONS):
        async with database.transaction() as session:
            if (writer + number) % 3 == 0:
                # A transaction id drawn well before the position: what xmin is judged by.
                await session.execute(text("select pg_current_xact_id()"))
                await asyncio.sleep(0.001 * (writer % 4))
            await append(session, make_fact(number, f"writer-{writer}"))
            if (writer * 7 + number) % 4 == 0:
                await asyncio.sleep(0.002 * (number % 3))


async def _race(url: str, make_reader: Callable[[Database], object]) -> Seen:
    seen = Seen()
    conninfo = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    async with (
        open_database(url, pool_size=WRITERS + 2) as database,
        await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection,
    ):
        reader = make_reader(database)
        read: Callable[[Connection, Seen], Awaitable[None]] = reader.read  # type: ignore[attr-defined]
        writing = asyncio.gather(*(_write(database, writer) for writer in range(WRITERS)))
        while not writing.done():
            await read(connection, seen)
            await asyncio.sleep(0)
        await writing
        for _ in range(3):
            await read(connection, seen)
    return seen


async def test_the_reader_misses_nothing_and_turns_nothing_round(database_url: str) -> None:
    seen = await _race(database_url, SafeReader)
    assert (seen.missed(), seen.turned()) == (0, 0)
    assert len(seen.facts) == WRITERS * TRANSACTIONS


@pytest.mark.parametrize("broken", [PlainCursor, BelowSnapshotXmin])
async def test_the_race_shows_what_the_usual_readers_miss(
    database_url: str, broken: type[PlainCursor]
) -> None:
    seen = await _race(database_url, broken)
    print(f"{broken.__name__}: missed {seen.missed()} of {WRITERS * TRANSACTIONS}")
    assert seen.missed() > 0
