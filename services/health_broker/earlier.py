"""What a recipient was sent before about the same matter: to change it, to end it, to withdraw it.

A chain of restatements is one concern, named by the receipt that first told of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from chassis.database import Session
from schemas.facts import EventAddressed, Part

_OPEN_STATES = ("waiting", "claimed", "done")


@dataclass(frozen=True, slots=True)
class Earlier:
    """One message composed before; `told`: it was sent, may have been, or is about to be."""

    organisation: str
    receipt: UUID
    concern: UUID
    event: str | None
    told: bool


async def find_earlier(
    session: Session, addressed: EventAddressed, also: Sequence[UUID] = ()
) -> list[Earlier]:
    """The messages about this child of the events that this one restates, ends or completes."""
    receipts = {*addressed.closes, *also}
    if addressed.supersedes is not None:
        receipts.add(addressed.supersedes)
    completes: Part = "text"
    if addressed.part == completes:
        receipts.add(addressed.receipt)
    if not receipts:
        return []
    rows = await session.execute(
        text("""select organisation, receipt, concern, event,
                       state = any(:open) or attempts > 0 as told
                  from health_broker.message
                 where receipt = any(:receipts) and child_id = :child order by line"""),
        {"receipts": list(receipts), "child": addressed.child_id, "open": list(_OPEN_STATES)},
    )
    return [Earlier(*row) for row in rows]


def choose_concerns(
    earlier: Sequence[Earlier], receipts: Sequence[UUID], own: UUID
) -> tuple[UUID, ...]:
    """The concerns that a message is about: of what was told, else of what it names, else its own.

    `earlier` is what this recipient was sent, `receipts` what the content names.
    """
    told = [one.concern for one in earlier if one.told] or [one.concern for one in earlier]
    return tuple(dict.fromkeys(told or receipts or [own]))
