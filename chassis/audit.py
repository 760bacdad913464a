"""Who read what, about whom, when and why: a row written in the transaction that reads.

Each service keeps its own table, made from `AuditRow`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, insert
from sqlmodel import Field, SQLModel

from chassis.clock import now
from chassis.database import Session
from chassis.ids import new_id


class AuditRow(SQLModel):
    """One read or decision."""

    id: UUID = Field(default_factory=new_id, primary_key=True)
    at: datetime = Field(sa_type=DateTime(timezone=True))
    actor: str = Field(description="The organisation whose credential was used.")
    credential: str = Field(description="The id of the credential.")
    operation: str
    object: str = Field(index=True, description="What was read: an opaque id.")
    subject: str | None = Field(default=None, index=True, description="Whose it is: an opaque id.")
    purpose: str


async def write_audit(
    session: Session,
    table: type[AuditRow],
    *,
    actor: str,
    credential: str,
    operation: str,
    objects: list[tuple[str, str | None]],
    purpose: str,
    more: Mapping[str, Any] | None = None,
) -> None:
    """Write one row per (object, subject) in the caller's transaction.

    Args:
        more: values of columns that the service's own table has besides.
    """
    if not objects:
        return
    at = now()
    await session.execute(
        insert(table),
        [
            {
                "id": new_id(),
                "at": at,
                "actor": actor,
                "credential": credential,
                "operation": operation,
                "object": thing,
                "subject": subject,
                "purpose": purpose,
                **(more or {}),
            }
            for thing, subject in objects
        ],
    )
