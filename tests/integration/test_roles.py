"""Each service's database role reaches its own schema and the bus, and no other service's rows."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from chassis.database import Database
from deploy.migrate import SERVICES
from tests.support.postgres import Cluster, open_database

_TABLES = text("select table_name from information_schema.tables where table_schema = :schema")


async def _tables(database: Database, schema: str) -> list[str]:
    async with database.reading() as session:
        rows = await session.execute(_TABLES, {"schema": schema})
        return [row[0] for row in rows]


@pytest.mark.parametrize("service", SERVICES)
async def test_a_role_reads_no_other_services_tables(
    service: str, database: Database, cluster: Cluster, database_name: str
) -> None:
    url = cluster.url(database_name, f"sgb_{service}")
    tried = 0
    async with open_database(url) as own:
        for other in set(SERVICES) - {service}:
            for table in await _tables(database, other):
                with pytest.raises(ProgrammingError, match="permission denied"):
                    await _read(own, f"{other}.{table}")
                tried += 1
        for table in await _tables(database, service):
            await _read(own, f"{service}.{table}")
        await _read(own, "bus.log")
    assert tried > 10


async def test_no_role_changes_what_the_log_holds(
    database: Database, cluster: Cluster, database_name: str
) -> None:
    async with open_database(cluster.url(database_name, "sgb_intake")) as own:
        for statement in ("update bus.log set key = ''", "delete from bus.log"):
            with pytest.raises(ProgrammingError, match="permission denied"):
                await _write(own, statement)


async def _read(database: Database, table: str) -> None:
    async with database.reading() as session:
        await session.execute(text(f"select 1 from {table} limit 1"))


async def _write(database: Database, statement: str) -> None:
    async with database.transaction() as session:
        await session.execute(text(statement))
