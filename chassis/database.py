"""PostgreSQL: one engine a process, transactions owned by entries, and what to do after a commit.

A `Session` is a connection inside a transaction; steps get one and never commit.
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
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from chassis.session import Session
from chassis.settings import DatabaseSettings

__all__ = ["Database", "Session", "after_commit", "is_away", "sqlstate"]

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
                # Every statement goes by an index, and its plan is made once: see decision 10.
                "-c plan_cache_mode=force_generic_plan",
                "-c enable_seqscan=off",
                "-c enable_bitmapscan=off",
                "-c enable_hashjoin=off",
                "-c enable_mergejoin=off",
            )
        )

        def make_engine(**more: Any) -> AsyncEngine:
            engine = create_async_engine(
                url,
                max_overflow=0,
                pool_timeout=settings.connect_seconds,
                hide_parameters=True,
                connect_args={
                    "application_name": name,
                    "connect_timeout": max(2, int(settings.connect_seconds)),
                    "options": options,
                },
                **more,
            )
            event.listen(engine.sync_engine, "connect", _send_lists_as_binary)
            return engine

        self.engine = make_engine(pool_size=settings.pool_size)
        # A pool of its own: to switch a connection to and fro costs as much as a statement. Whoever
        # holds a lock for long (`only_one`) holds one of it, and reads by another meanwhile.
        self._autocommit = make_engine(
            pool_size=max(4, settings.pool_size // 2), isolation_level="AUTOCOMMIT"
        )

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        """A transaction: committed when the block ends, rolled back when it raises.

        What `after_commit` was given runs once the commit is durable, and not otherwise.
        """
        async with self.engine.connect() as connection:
            connection.info.pop(_AFTER_COMMIT, None)
            async with connection.begin():
                yield Session(connection, self.close)
            waiting: dict[object, Callable[[], None]] = connection.info.pop(_AFTER_COMMIT, {})
        for act in waiting.values():
            act()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Session]:
        """A connection whose every statement sees what is committed at that moment."""
        async with self._autocommit.connect() as connection:
            yield Session(connection, self.close)

    async def check(self) -> None:
        """Raise when PostgreSQL does not answer."""
        async with self.reading() as session:
            await session.execute(text("select 1"))

    async def close(self) -> None:
        """Close every connection that nobody uses; the next is made anew."""
        await self.engine.dispose()
        await self._autocommit.dispose()


def _send_lists_as_binary(connection: Any, _: object) -> None:
    """As text every element is searched and escaped in Python: an array of fifty payloads of 3.6 kB
    takes 32 ms of CPU to send as text and 0.04 ms as binary (measured)."""
    connection.driver_connection.adapters.register_dumper(list, ListBinaryDumper)


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
