"""What a step is given: rows by name and position, and SQLAlchemy's own errors."""

from __future__ import annotations

from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError, MultipleResultsFound, NoResultFound

from chassis.database import Database, is_away
from tests.support.postgres import Cluster, open_database


async def test_rows_are_read_by_name_by_position_and_as_dictionaries(database: Database) -> None:
    async with database.reading() as session:
        rows = await session.execute(text("select 1 as one, 'a' as letter, '50%' as share"))
        row = rows.one()
        assert (row.one, row[1], row.share) == (1, "a", "50%")
        assert rows.mappings().one() == {"one": 1, "letter": "a", "share": "50%"}
        assert rows.scalars().all() == [1]
        twice = await session.execute(text("select 1, 2 where :yes"), {"yes": True})
        assert tuple(twice.one()) == (1, 2)


async def test_how_many_rows_there_must_be_is_kept_to(database: Database) -> None:
    async with database.reading() as session:
        none = await session.execute(text("select 1 where false"))
        assert (none.first(), none.scalar(), none.one_or_none()) == (None, None, None)
        with pytest.raises(NoResultFound):
            none.one()
        two = await session.execute(text("select generate_series(1, 2)"))
        with pytest.raises(MultipleResultsFound):
            two.scalar_one()


async def test_a_transaction_that_raises_leaves_nothing(database: Database) -> None:
    group = uuid4().hex
    statement = text("insert into bus.cursors (reader) values (:reader)")
    with pytest.raises(IntegrityError):
        await _insert_twice(database, group)
    async with database.transaction() as session:
        assert (await session.execute(statement, {"reader": group})).rowcount == 1


async def _insert_twice(database: Database, group: str) -> None:
    async with database.transaction() as session:
        for _ in range(2):
            await session.execute(
                text("insert into bus.cursors (reader) values (:reader)"), {"reader": group}
            )


@pytest.mark.parametrize("by_driver", [False, True])
async def test_one_broken_connection_makes_the_whole_pool_anew(
    database_url: str, cluster: Cluster, by_driver: bool
) -> None:
    async with open_database(database_url, name="to-be-ended") as own:
        async with own.transaction() as one, own.transaction() as two:
            await one.execute(text("select 1"))
            await two.execute(text("select 1"))
        cluster.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where application_name = 'to-be-ended'"
        )
        with pytest.raises(DBAPIError) as raised:
            await _ask(own, by_driver)
        assert is_away(raised.value)
        await _ask(own, by_driver)


async def _ask(database: Database, by_driver: bool) -> None:
    async with database.transaction() as session:
        if by_driver:
            async with session.driving() as driver, driver.pipeline():
                await driver.execute("select 1")
        else:
            await session.execute(text("select 1"))
