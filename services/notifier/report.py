"""What the notifier tells the bus: facts made from rows, by one mapping."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import bus
from schemas.facts import NoticeFact

SOURCE = "notifier"

COLUMNS = (
    "o.id, o.receipt, o.child_index, o.child_id, o.part, o.rung, o.organisation, "
    "o.recipient_name, o.role, o.profile, o.owner"
)
"""What a fact needs of an obligation `o`."""

EVERY_CHILD = UUID(int=0)
"""Stands for every child of an event where a child is asked for."""

Told = TypeVar("Told", bound=NoticeFact)


def notice_fact(
    kind: type[Told],
    row: Any,
    at: datetime,
    *,
    reason: str | None = None,
    attempt: int | None = None,
    **more: Any,
) -> bus.Fact:
    """The fact that something happened to the notice of a row (or a draft)."""
    told = kind(
        notice=row.id,
        receipt=row.receipt,
        child_index=row.child_index,
        child_id=row.child_id,
        part=row.part,
        rung=row.rung,
        organisation=row.organisation,
        recipient_name=row.recipient_name,
        role=row.role,
        profile=row.profile,
        owner=row.owner,
        at=at,
        reason=reason,
        attempt=attempt,
        **more,
    )
    return bus.fact_of(told, SOURCE)
