"""`python -m deploy.migrate`: every schema to its newest revision, every role, Kafka's topics.

Run as the owner of the database; services then connect with their own roles and need no DDL.
"""

from __future__ import annotations

import asyncio
import os
import sys

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from bus import BusSettings, open_road
from chassis.database import Database
from chassis.migrations import Chain, migrate
from chassis.settings import DatabaseSettings
from schemas.facts import TOPICS

BUS = Chain("bus", "bus")
SERVICES = ("intake", "directory", "notifier", "health_broker")
CHAINS = (BUS, *(Chain(name, f"services.{name}") for name in SERVICES))


def migrate_everything(url: str, *, roles: bool = True) -> None:
    """Migrate every schema and let each service's role reach its own and the bus's, no other's."""
    migrate(url, CHAINS)
    if roles:
        grant_roles(url)


def grant_roles(url: str) -> None:
    """Make `sgb_<service>` roles that may use their own schema and the bus, nothing else.

    Passwords are set by whoever runs the database (`SGB_ROLE_PASSWORD_<SERVICE>` here, if given).
    """
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"), hide_parameters=True)
    try:
        with engine.begin() as connection:
            for service in SERVICES:
                role = f"sgb_{service}"
                if not connection.execute(
                    text("select 1 from pg_roles where rolname = :role"), {"role": role}
                ).first():
                    connection.execute(text(f"create role {role} login"))
                password = os.environ.get(f"SGB_ROLE_PASSWORD_{service.upper()}")
                if password:
                    literal = connection.execute(
                        text("select quote_literal(:password)"), {"password": password}
                    ).scalar_one()
                    connection.exec_driver_sql(f"alter role {role} password {literal}")
                for schema in ("bus", service):
                    for statement in (
                        f"grant usage on schema {schema} to {role}",
                        f"grant select, insert, update, delete on all tables in schema {schema}"
                        f" to {role}",
                        f"grant usage, select on all sequences in schema {schema} to {role}",
                    ):
                        connection.execute(text(statement))
                # The log is only ever added to.
                connection.execute(text(f"revoke update, delete on bus.log from {role}"))
    finally:
        engine.dispose()


async def _make_topics(url: str, settings: BusSettings) -> None:
    database = Database(DatabaseSettings.model_validate({"url": url}), "migrate")
    await open_road(settings, database, TOPICS).make_topics()
    await database.close()


def main() -> None:
    """Read `SGB_DATABASE__URL` and `SGB_BUS__URL`, and do all of it."""
    url = os.environ.get("SGB_DATABASE__URL")
    if not url:
        sys.exit("Set SGB_DATABASE__URL to postgresql://owner@host/database, then run again.")
    migrate_everything(url)
    values = {
        name.removeprefix("SGB_BUS__").lower(): value
        for name, value in os.environ.items()
        if name.startswith("SGB_BUS__")
    }
    asyncio.run(_make_topics(url, BusSettings.model_validate(values)))
    print("migrated:", ", ".join(chain.schema for chain in CHAINS))


if __name__ == "__main__":
    main()
