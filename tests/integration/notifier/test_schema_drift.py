"""The tables in the code are the tables in the database."""

from sqlalchemy import text

from chassis.database import Database
from services.notifier.alert_tables import ALERT_TABLES
from services.notifier.tables import METADATA, SCHEMA


async def test_the_tables_are_what_the_migrations_made(database: Database) -> None:
    async with database.reading() as session:
        rows = await session.execute(
            text("""select table_name, column_name, is_nullable = 'YES' as nullable
                      from information_schema.columns
                     where table_schema = :schema and table_name <> 'alembic_version'"""),
            {"schema": SCHEMA},
        )
        found = {(row.table_name, row.column_name, row.nullable) for row in rows}
    declared = {
        (table.name, column.name, bool(column.nullable))
        for table in METADATA.tables.values()
        for column in table.columns
    }
    assert found == declared
    assert {one.__tablename__ for one in ALERT_TABLES} <= {table for table, *_ in found}
