"""PostgreSQL: one engine a process, transactions owned by entries, and what to do after a commit.

A `Session` is a SQLAlchemy Core connection inside a transaction; steps get one and never commit.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg.types.array import ListBinaryDumper
from sqlalchemy import event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from chassis.settings import DatabaseSettings

Session = AsyncConnection
"""What a step is given: a connection inside a transaction that its entry owns."""

_AFTER_COMMIT = "chassis.after_commit"

# PostgreSQL's classes for: connection exception, insufficient resources, operator intervention
# (shutdown, crash), and a transaction that was ended for being idle.
_AWAY_STATES = ("08", "53", "57", "25P03")


class Database:
    """The one way to PostgreSQL of a process.

    Args:
        settings: where it is.
        name: shown in `pg_stat_activity`, so that an operator sees who holds what.
    """

    def __init__(self, settings: DatabaseSettings, name: str) -> None:
        self.settings = settings
        self.name = name
        url = make_url(settings.url.get_secret_value()).set(drivername="postgresql+psycopg")
        idle_ms = int(settings.idle_in_transaction_seconds * 1000)
        statement_ms = int(settings.statement_seconds * 1000)
        options = " ".join(
            (
                f"-c idle_in_transaction_session_timeout={idle_ms}",
                f"-c statement_timeout={statement_ms}",
                "-c timezone=UTC",
                "-c jit=off",
            )
        )
        self.engine: AsyncEngine = create_async_engine(
            url,
            pool_size=settings.pool_size,
            max_overflow=0,
            pool_timeout=settings.connect_seconds,
            hide_parameters=True,
            connect_args={
                "application_name": name,
                "connect_timeout": max(2, int(settings.connect_seconds)),
                "options": options,
            },
        )
        event.listen(self.engine.sync_engine, "connect", _send_lists_as_binary)
        self._autocommit = self.engine.execution_options(isolation_level="AUTOCOMMIT")

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        """A transaction: committed when the block ends, rolled back when it raises.

        What `after_commit` was given runs once the commit is durable, and not otherwise.
        """
        async with self.engine.connect() as session:
            session.info.pop(_AFTER_COMMIT, None)
            async with session.begin():
                yield session
            waiting: dict[object, Callable[[], None]] = session.info.pop(_AFTER_COMMIT, {})
        for act in waiting.values():
            act()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Session]:
        """A connection whose every statement sees what is committed at that moment."""
        async with self._autocommit.connect() as session:
            yield session

    async def check(self) -> None:
        """Raise when PostgreSQL does not answer."""
        async with self.reading() as session:
            await session.execute(text("select 1"))

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()


def _send_lists_as_binary(connection: Any, _: object) -> None:
    """As text every element is searched and escaped in Python: an array of fifty payloads of 3.6 kB
    takes 32 ms of CPU to send as text and 0.04 ms as binary (measured)."""
    connection.driver_connection.adapters.register_dumper(list, ListBinaryDumper)


async def driver_of(session: Session) -> psycopg.AsyncConnection[Any]:
    """The driver's own connection behind a session, for the few statements that every message
    pays for: SQLAlchemy's part of one is about as dear as the driver's (measured), and only the
    driver can send several in one round trip (`pipeline`)."""
    raw = await session.get_raw_connection()
    connection: psycopg.AsyncConnection[Any] = raw.driver_connection  # type: ignore[assignment]
    return connection


def after_commit(session: Session, name: object, act: Callable[[], None]) -> None:
    """Run `act` once after this transaction's commit; the same `name` again replaces it."""
    session.info.setdefault(_AFTER_COMMIT, {})[name] = act


def is_away(error: BaseException) -> bool:
    """Whether the error says that the database is away, rather than that a statement is wrong."""
    if isinstance(error, PoolTimeoutError | ConnectionError | OSError):
        return True
    if isinstance(error, DBAPIError):
        if error.connection_invalidated:
            return True
        state = sqlstate(error)
        if state is not None:
            return state.startswith(_AWAY_STATES)
        return isinstance(error, OperationalError | InterfaceError)
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return error.sqlstate is None or error.sqlstate.startswith(_AWAY_STATES)
    return False


def sqlstate(error: BaseException) -> str | None:
    """The five-character SQLSTATE of a database error, where it has one."""
    original = getattr(error, "orig", error)
    state = getattr(original, "sqlstate", None)
    return state if isinstance(state, str) else None
