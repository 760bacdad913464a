"""A real PostgreSQL for the tests: one cluster a run, one database a test, copied from a template.

`SGB_TEST_DATABASE_URL` names a server of your own instead (its owner may create databases).
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy.engine import make_url

from chassis.database import Database
from chassis.settings import DatabaseSettings
from deploy.laptop.postgres import EmbeddedPostgres
from deploy.migrate import migrate_everything

_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def system_binaries() -> Path | None:
    """The newest PostgreSQL (15 or newer) that this machine's own packages installed."""
    found = [
        (int(path.parts[-3]), path.parent)
        for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")
        if path.parts[-3].isdigit() and int(path.parts[-3]) >= 15
    ]
    return max(found)[1] if found else None


@dataclass(frozen=True)
class Cluster:
    """A running server and its owner's URL."""

    owner_url: str

    def url(self, database: str, role: str | None = None) -> str:
        """The URL of a database, as its owner or as another role."""
        url = make_url(self.owner_url).set(database=database)
        if role is not None:
            url = url.set(username=role, password=None)
        return url.render_as_string(hide_password=False)

    def execute(self, statement: str) -> None:
        """Run a statement outside a transaction, as the owner."""
        url = make_url(self.owner_url).render_as_string(hide_password=False)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(statement)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The server; speed over durability, because the tests that kill it start their own."""
    given = os.environ.get("SGB_TEST_DATABASE_URL")
    if given:
        yield Cluster(given)
        return
    with tempfile.TemporaryDirectory(prefix="sgb-test-", dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        server = EmbeddedPostgres(Path(folder) / "postgres", dict(_FAST, max_connections="300"))
        server.start()
        yield Cluster(server.url())
        server.stop()


@pytest.fixture(scope="session")
def template(cluster: Cluster) -> str:
    """A migrated, empty database to copy."""
    name = f"template_{uuid4().hex[:8]}"
    cluster.execute(f"create database {name}")
    migrate_everything(cluster.url(name))
    return name


@pytest.fixture
def database_name(cluster: Cluster, template: str) -> Iterator[str]:
    """A database of the test's own, migrated and empty."""
    name = f"test_{uuid4().hex[:12]}"
    cluster.execute(f"create database {name} template {template}")
    yield name
    cluster.execute(f"drop database if exists {name} with (force)")


@pytest.fixture
def database_url(cluster: Cluster, database_name: str) -> str:
    """The owner's URL of the test's database."""
    return cluster.url(database_name)


OpenDatabase = Callable[..., AbstractAsyncContextManager[Database]]


@asynccontextmanager
async def open_database(
    url: str, name: str = "test", pool_size: int = 8
) -> AsyncIterator[Database]:
    """A `Database` that is closed at the end of the block."""
    database = Database(DatabaseSettings.model_validate({"url": url, "pool_size": pool_size}), name)
    try:
        yield database
    finally:
        await database.close()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The test's database, as its owner (every schema may be read)."""
    async with open_database(database_url) as opened:
        yield opened
