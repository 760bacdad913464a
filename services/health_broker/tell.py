"""The facts about our notices, made from the row of the message or of what becomes it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from bus import Fact, fact_of
from schemas.facts import NoticeFact

SOURCE = "health-broker"
OWNER: Literal["health-broker"] = "health-broker"
"""Our name in `Addressee.owner` and as the source of facts."""


def fact_about(
    kind: type[NoticeFact],
    row: Mapping[Any, Any],
    at: datetime,
    *,
    attempt: int | None = None,
    reason: str | None = None,
) -> Fact:
    """One thing that happened to the notice of this message row."""
    notice = kind(
        notice=row["id"],
        receipt=row["receipt"],
        child_index=row["child_index"],
        child_id=row["child_id"],
        part=row["part"],
        organisation=row["organisation"],
        recipient_name=row["recipient_name"],
        role=row["role"],
        profile=row["profile"],
        owner=OWNER,
        at=at,
        attempt=attempt,
        reason=reason,
    )
    return fact_of(notice, source=SOURCE, traceparent=row["traceparent"])
