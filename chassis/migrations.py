"""Alembic, once per schema: each service owns one schema, one role and one chain of revisions."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.engine import make_url

from chassis.database import Database

_LOCK = 0x5347_4255_534D_4947


class OldSchemaError(RuntimeError):
    """The database is behind the code; run `make migrate`."""


@dataclass(frozen=True, slots=True)
class Chain:
    """One schema's revisions: `<package folder>/migrations/versions/*.py`."""

    schema: str
    package: str

    def script(self) -> ScriptDirectory:
        """Alembic's view of the folder."""
        found = importlib.util.find_spec(self.package)
        if found is None or found.origin is None:
            raise OldSchemaError(f"{self.package} is not importable")
        config = Config()
        folder = Path(found.origin).parent / "migrations"
        config.set_main_option("script_location", str(folder))
        config.set_main_option("path_separator", "os")
        return ScriptDirectory(str(folder), version_locations=[str(folder / "versions")])


def migrate(url: str, chains: Sequence[Chain]) -> None:
    """Bring every schema to its newest revision, in one transaction each, one process at a time."""
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"), hide_parameters=True)
    try:
        with engine.connect() as connection:
            connection.execute(text("select pg_advisory_lock(:lock)"), {"lock": _LOCK})
            connection.commit()
            for chain in chains:
                _upgrade(connection, chain)
                connection.commit()
    finally:
        engine.dispose()


def _upgrade(connection: Connection, chain: Chain) -> None:
    script = chain.script()
    connection.execute(text(f'create schema if not exists "{chain.schema}"'))
    context = EnvironmentContext(
        Config(), script, fn=lambda revision, _: script._upgrade_revs("head", revision)
    )
    context.configure(connection=connection, version_table_schema=chain.schema)
    with context.begin_transaction():
        context.run_migrations()


async def check_schema(database: Database, chains: Sequence[Chain]) -> None:
    """Raise `OldSchemaError` when a schema is not at the code's newest revision."""

    def look(connection: Connection) -> None:
        for chain in chains:
            wanted = chain.script().get_current_head()
            context = MigrationContext.configure(
                connection, opts={"version_table_schema": chain.schema}
            )
            present = context.get_current_revision()
            if present != wanted:
                raise OldSchemaError(
                    f"schema {chain.schema} is at {present}, the code needs {wanted}: make migrate"
                )

    async with database.transaction() as session:
        await session.run_sync(look)
