"""Ends open questions that nobody need answer any more, and says so: no person decided them."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text

from chassis.database import Session
from schemas.facts import ResolutionDecided
from services.directory.partnership import SOURCE, Partnership

SUPERSEDED = "superseded"
"""What happened since has made the question, or the event, pointless."""
ANY_REASON = "%"

_CLOSE = text("""
    update directory.resolution
       set state = 'decided', decision = :decision, decided_by = :by, decided_at = :at
     where receipt = :receipt and state = 'open' and reason like :reasons
       and (cast(:everywhere as boolean)
            or child_index is not distinct from cast(:position as int))
       and not reason = any(cast(:but as text[]))
    returning id, child_index""")


async def close_questions(
    session: Session,
    partnership: Partnership,
    receipt: UUID,
    key: str,
    *,
    position: int | None = None,
    everywhere: bool = False,
    reasons: str = ANY_REASON,
    but: Sequence[str] = (),
    decision: str = SUPERSEDED,
) -> list[ResolutionDecided]:
    """Close those of one event.

    position: of one child of it, or of none (None); everywhere: of all of it. reasons: a pattern
    (SQL's LIKE). but: reasons that stay open.
    """
    at = partnership.clock()
    closed = await session.execute(
        _CLOSE,
        {
            "receipt": receipt,
            "position": position,
            "everywhere": everywhere,
            "reasons": reasons,
            "but": list(but),
            "decision": decision,
            "by": SOURCE,
            "at": at,
        },
    )
    return [
        ResolutionDecided(
            resolution=row.id,
            receipt=receipt,
            key=key,
            child_index=row.child_index,
            decision=decision,
            decided_by=SOURCE,
            decided_at=at,
        )
        for row in closed
    ]
