"""What became of an event, for a reviewer: who each child was taken for, who was told, and what of
it was withdrawn and when. The caller writes the audit rows.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field
from sqlalchemy import text

from chassis.database import Session
from schemas.model import Model


class NoticeShown(Model):
    """One recipient, what it was told, and whether that still stands."""

    child_id: UUID
    organisation: str
    name: str
    role: str
    profile: str
    part: str
    rule: str = Field(description="The line of the policy table that caused it.")
    addressed_at: datetime
    withheld: str | None = None
    withdrawn_at: datetime | None = None
    withdrawn_because: str | None = None


class AnswerShown(Model):
    """One decision about a child of the event, and whether it was undone."""

    id: UUID
    reason: str
    state: str
    decision: str | None = None
    child_id: UUID | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None
    undone_by: str | None = None
    undone_at: datetime | None = None
    reopens: UUID | None = None


class PlaceShown(Model):
    """A child of the event, by its position in `data.children`."""

    index: int
    child_id: UUID | None = Field(description="Whom it is taken for now; none while it is asked.")
    notices: tuple[NoticeShown, ...]
    answers: tuple[AnswerShown, ...]


class EventShown(Model):
    """An event with its children."""

    receipt: UUID
    event_type: str
    sender: str
    occurred_at: datetime
    children: tuple[PlaceShown, ...]


_EVENT = text("""
    select receipt, type, sender, occurred_at, children from directory.event
     where receipt = :receipt""")

_WAS_ASKED = """
    select 1 where cast(:all as boolean)
        or exists (select 1 from directory.resolution r, jsonb_array_elements(r.recipients) one
                    where r.receipt = :receipt and r.reason <> 'matched'
                      and one->>'organisation' = any(cast(:organisations as text[])))"""

_ASKED = text(_WAS_ASKED)

_CONCERNS = text(f"""{_WAS_ASKED}
        or exists (select 1 from directory.addressed a
                    where a.receipt = :receipt
                      and (cast(:child as uuid) is null or a.child_id = :child)
                      and a.organisation = any(cast(:organisations as text[])))""")

_NOTICES = text("""
    select child_id, child_index, organisation, name, role, profile, part, rule, addressed_at,
           withheld, withdrawn_at, withdrawn_because
      from directory.addressed where receipt = :receipt
     order by child_index, addressed_at, organisation, profile, part""")

_ANSWERS = text("""
    select id, coalesce(child_index, 0) as child_index, reason, state, decision,
           decided_child as child_id, decided_by, decided_at, undone_by, undone_at, reopens
      from directory.resolution where receipt = :receipt order by queued_at, id""")


async def concerns(
    session: Session, mine: dict[str, Any], receipt: UUID, child: UUID | None = None
) -> bool:
    """Whether these reviewers were told of the event (of this child), or asked about it."""
    found = await session.execute(_CONCERNS, {**mine, "receipt": receipt, "child": child})
    return found.first() is not None


async def show_event(session: Session, mine: dict[str, Any], receipt: UUID) -> EventShown | None:
    """The event as it stands, with all that stood before.

    Who was told of a child of whom these reviewers were not told, nor asked, is not theirs to see.
    """
    about = {"receipt": receipt}
    event = (await session.execute(_EVENT, about)).first()
    if event is None:
        return None
    notices = list(await session.execute(_NOTICES, about))
    answers = list(await session.execute(_ANSWERS, about))
    known = {int(position): UUID(child) for position, child in event.children.items()}
    if (await session.execute(_ASKED, {**mine, **about})).first() is None:
        told = {row.child_id for row in notices if row.organisation in mine["organisations"]}
        notices = [row for row in notices if row.child_id in told]
        answers = [row for row in answers if row.child_id in told]
        known = {position: child for position, child in known.items() if child in told}
    places = sorted({*known, *(row.child_index for row in (*notices, *answers))})
    return EventShown(
        receipt=event.receipt,
        event_type=event.type,
        sender=event.sender,
        occurred_at=event.occurred_at,
        children=tuple(
            PlaceShown(
                index=place,
                child_id=known.get(place),
                notices=tuple(
                    NoticeShown.model_validate(row, from_attributes=True, by_name=True)
                    for row in notices
                    if row.child_index == place
                ),
                answers=tuple(
                    AnswerShown.model_validate(row, from_attributes=True, by_name=True)
                    for row in answers
                    if row.child_index == place
                ),
            )
            for place in places
        ),
    )
