"""The tables in code are the tables in the database."""

from __future__ import annotations

from typing import Any

from sqlalchemy import inspect

from chassis.database import Database
from services.directory.finding_tables import FINDING_TABLES
from services.directory.key_tables import KEY_TABLES
from services.directory.link_tables import LINK_TABLES
from services.directory.tables import SCHEMA, TABLES


async def test_models_and_database_name_the_same_columns(database: Database) -> None:
    def look(connection: Any) -> dict[str, dict[str, tuple[str, bool]]]:
        inspector = inspect(connection)
        return {
            name: {
                column["name"]: (
                    column["type"].compile(connection.dialect),
                    bool(column["nullable"]),
                )
                for column in inspector.get_columns(name, SCHEMA)
            }
            for name in inspector.get_table_names(SCHEMA)
            if name != "alembic_version"
        }

    async with database.transaction() as session:
        found = await session.run_sync(look)
    dialect = database.engine.dialect
    said = {}
    for table in (*TABLES, *KEY_TABLES, *LINK_TABLES, *FINDING_TABLES):
        columns: Any = table.__table__.columns  # type: ignore[attr-defined]
        said[table.__table__.name] = {  # type: ignore[attr-defined]
            column.name: (
                column.type.compile(dialect).replace("VARCHAR", "TEXT"),
                bool(column.nullable),
            )
            for column in columns
        }
    assert said == found
