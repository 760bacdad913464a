"""Which events must be told no further: retracted, restated, or the child was found.

Looked at when a message is composed and again when it is claimed, so that what overtakes its
original on the way still stops it. An entry may come before its original: it waits for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import RowMapping, text

from chassis.database import Session

EVERY_CHILD = UUID(int=0)
RETRACTED, RESTATED, FOUND, WITHDRAWN = "retracted", "restated", "closed", "withdrawn"


async def stop_telling(
    session: Session,
    receipts: Sequence[UUID],
    *,
    child_id: UUID = EVERY_CHILD,
    reason: str,
    by_receipt: UUID,
    at: datetime,
) -> Sequence[RowMapping]:
    """Record that events are told no further; returns the waiting messages that this cancelled.

    What is being sent at this moment cannot be called back: the claim after it looks again. One
    notice alone is ended by its own id in the place of `child_id`.
    """
    if not receipts:
        return []
    values = {
        "receipts": list(receipts),
        "child": child_id,
        "reason": reason,
        "by": by_receipt,
        "at": at,
        "every": EVERY_CHILD,
    }
    await session.execute(
        text("""insert into health_broker.standing (receipt, child_id, reason, by_receipt, at)
                select unnest(cast(:receipts as uuid[])), :child, :reason, :by, :at
                on conflict do nothing"""),
        values,
    )
    rows = await session.execute(
        text("""update health_broker.message
                   set state = 'cancelled', settled_at = clock_timestamp(), reason = :reason
                 where receipt = any(:receipts) and state = 'waiting'
                   and (:child = cast(:every as uuid) or child_id = :child or id = :child)
                returning *"""),
        values,
    )
    return rows.mappings().all()


async def find_overtaken(
    session: Session, pairs: Sequence[tuple[UUID, UUID]]
) -> dict[tuple[UUID, UUID], str]:
    """Of (receipt, child) pairs, those that are told no further, with the reason."""
    if not pairs:
        return {}
    rows = await session.execute(
        text("""select p.receipt, p.child_id, min(s.reason)
                  from unnest(cast(:receipts as uuid[]), cast(:children as uuid[]))
                       p(receipt, child_id)
                  join health_broker.standing s
                    on s.receipt = p.receipt and s.child_id in (p.child_id, :every)
                 group by 1, 2"""),
        {
            "receipts": [receipt for receipt, _ in pairs],
            "children": [child for _, child in pairs],
            "every": EVERY_CHILD,
        },
    )
    return {(receipt, child): reason for receipt, child, reason in rows}
