"""Notes what lets a link that is asserted late reach back: whom incidents name, and the link.

Keys only of whom an incident names, for as long as links reach back; nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text

from chassis.database import Session
from schemas.blocks import Adult
from schemas.facts import EventAccepted
from services.directory.judge_adults import adult_sent
from services.directory.matching.keys import keys_of
from services.directory.partnership import Partnership
from services.directory.situation import INCIDENTS

_NOTE_INCIDENTS = text("""
    insert into directory.incident_key (key, receipt, noted_at)
    select key, receipt, :at
      from unnest(cast(:alike as bigint[]), cast(:receipts as uuid[])) as k(key, receipt)
        on conflict do nothing""")

_NOTE_LINK = text("""
    insert into directory.link_noted (relationship, due_at) values (:relationship, :at)
        on conflict do nothing""")


async def note_incidents(
    session: Session, partnership: Partnership, events: Sequence[EventAccepted]
) -> None:
    """Keep by which keys the named adults of these incidents can be found again."""
    if not partnership.settings.readdress_days:
        return
    pairs = sorted(
        {
            (key, event.receipt)
            for event in events
            if event.event_type in INCIDENTS
            for adult in event.data.get("adults") or ()
            if adult.get("name")
            for key in keys_of(
                adult_sent(Adult.model_validate(adult, by_alias=True, by_name=False))
            )
        }
    )
    if pairs:
        values = {
            "alike": [key for key, _ in pairs],
            "receipts": [receipt for _, receipt in pairs],
            "at": partnership.clock(),
        }
        await session.execute(_NOTE_INCIDENTS, values)


async def note_link(session: Session, partnership: Partnership, relationship: UUID) -> None:
    """A link was asserted: recent incidents are looked at, once what is on its way has settled."""
    values = {"relationship": relationship, "at": partnership.clock()}
    await session.execute(_NOTE_LINK, values)


def _keys(adult: dict[str, Any]) -> set[int]:
    return keys_of(adult_sent(Adult.model_validate(adult, by_alias=True, by_name=False)))
