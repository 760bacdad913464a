"""Bearer keys of machines: made, rotated and revoked by command, stored only as hashes.

A key is `sgb_<id>_<secret>`: the id finds the row, the secret is 256 random bits, so that a plain
SHA-256 is enough. Each service keeps its own table, made from `CredentialRow`.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import DateTime, LargeBinary, Text, insert, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel, col

from chassis.clock import now
from chassis.database import Database, Session
from chassis.problems import FieldError, Problem

CACHE_SECONDS = 5.0
"""How long a revoked key may still be taken: the hot way does not ask the database each time."""


class CredentialRow(SQLModel):
    """The columns of a credential. `scopes` are the organisations that it may act for."""

    id: str = Field(primary_key=True)
    secret_hash: bytes = Field(sa_type=LargeBinary)
    organisation: str = Field(index=True)
    name: str
    kind: str
    scopes: list[str] = Field(default_factory=list, sa_type=ARRAY(Text))
    source: str | None = None
    created_at: datetime = Field(sa_type=DateTime(timezone=True))
    expires_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))


Row = TypeVar("Row", bound=CredentialRow)


class Credentials(Generic[Row]):
    """The keys of one service, read through a short-lived cache."""

    def __init__(self, table: type[Row], database: Database) -> None:
        self._table = table
        self._database = database
        self._known: dict[str, tuple[float, Row]] = {}

    async def authenticate(self, authorization: str | None) -> Row:
        """The credential behind an `Authorization` header, or `Problem` 401."""
        if not authorization:
            raise _refused("missing", "Send `Authorization: Bearer …`.")
        found = self._known.get(authorization)
        if found and found[0] > time.monotonic():
            return found[1]
        scheme, _, token = authorization.partition(" ")
        parts = token.strip().split("_")
        if scheme.lower() != "bearer" or len(parts) != 3 or parts[0] != "sgb":
            raise _refused("malformed", "The key is not one of ours.")
        row = await self._find(parts[1])
        if row is None or not hmac.compare_digest(row.secret_hash, _hash(parts[2])):
            raise _refused("unknown", "The key is not known, or was revoked.")
        if row.expires_at is not None and row.expires_at <= now():
            raise _refused("expired", "The key was rotated or revoked.")
        if len(self._known) > 10_000:
            self._known.clear()
        self._known[authorization] = (time.monotonic() + CACHE_SECONDS, row)
        return row

    async def _find(self, key_id: str) -> Row | None:
        if not key_id.isalnum() or not key_id.isascii():
            return None
        columns: Any = self._table.__table__  # type: ignore[attr-defined]
        async with self._database.reading() as session:
            found = (
                (await session.execute(select(columns).where(columns.c.id == key_id)))
                .mappings()
                .first()
            )
        return self._table(**dict(found)) if found else None


async def make_key(session: Session, table: type[CredentialRow], **columns: Any) -> str:
    """Store a new credential and return the bearer key: shown once, never stored."""
    key_id = secrets.token_hex(8)
    secret = secrets.token_hex(32)
    row = {
        "id": key_id,
        "secret_hash": _hash(secret),
        "created_at": now(),
        "expires_at": None,
        "source": None,
        "scopes": [],
        **columns,
    }
    await session.execute(insert(table), [row])
    return f"sgb_{key_id}_{secret}"


async def revoke_keys(
    session: Session, table: type[CredentialRow], organisation: str, at: datetime
) -> int:
    """End every key of an organisation at a time; returns how many."""
    done = await session.execute(
        update(table)
        .where(col(table.organisation) == organisation)
        .where(col(table.expires_at).is_(None))
        .values(expires_at=at)
    )
    return int(done.rowcount)


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _refused(rule: str, detail: str) -> Problem:
    return Problem(
        401,
        "not-authenticated",
        detail,
        [FieldError("Authorization", rule, detail, "header")],
        {"WWW-Authenticate": "Bearer"},
    )
