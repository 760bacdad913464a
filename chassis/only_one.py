"""What one process of many does at a time, for as long as it takes, outside any transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text

from chassis.database import Database, Session

_TRY = text("select pg_try_advisory_lock(:lock)")
_FREE = text("select pg_advisory_unlock(:lock)")


@asynccontextmanager
async def only_one(database: Database, lock: int) -> AsyncIterator[Session | None]:
    """A session that holds the lock while the block lasts; None where another process has it.

    A process that dies lets go of it with its connection.
    """
    async with database.reading() as session:
        if not (await session.execute(_TRY, {"lock": lock})).scalar_one():
            yield None
            return
        try:
            yield session
        finally:
            await session.execute(_FREE, {"lock": lock})
