"""The tables in the code are the tables in the database."""

from __future__ import annotations

from sqlalchemy import Connection, inspect

from chassis.database import Database
from services.health_broker.tables import METADATA, SCHEMA


async def test_every_column_of_the_code_is_one_of_the_database_and_the_reverse(
    database: Database,
) -> None:
    def look(connection: Connection) -> dict[str, dict[str, bool]]:
        inspector = inspect(connection)
        return {
            name: {
                column["name"]: bool(column["nullable"])
                for column in inspector.get_columns(name, schema=SCHEMA)
            }
            for name in inspector.get_table_names(schema=SCHEMA)
            if name != "alembic_version"
        }

    async with database.transaction() as session:
        found = await session.run_sync(look)
    written = {
        table.name: {
            column.name: bool(column.nullable) and column.identity is None
            for column in table.columns
        }
        for table in METADATA.tables.values()
    }
    assert found == written
