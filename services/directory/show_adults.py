"""Of a child whom a link found: how the event's adults agree with those of the assertions.

Levels and bits only. Neither what an assertion says nor whose word it is can be read here: that is
the directory's alone.
"""

from __future__ import annotations

from uuid import UUID

from pydantic import Field
from sqlalchemy import text

from chassis.database import Session
from schemas.blocks import Adult
from schemas.facts import EventAccepted
from schemas.model import Model
from services.directory.judge_adults import (
    Likeness,
    adult_person,
    adult_sent,
    explain_adult,
    judge_adult,
)
from services.directory.partnership import Partnership
from services.directory.show_evidence import StepShown, show_steps


class AdultShown(Model):
    """One adult of the event beside the adult who is linked to the child."""

    adult: int = Field(description="The position in the event's `adults`.")
    probability: float = Field(description="That they are one.")
    relative: float = Field(description="That it is a brother, sister or twin of the linked one.")
    steps: tuple[StepShown, ...]


_LINKED = text("""
    select distinct d.adults, a.given_name, a.family_name, a.date_of_birth, a.postcode
      from directory.derived d
      join directory.child c on c.id = d.child_id and not c.restricted
      join directory.derived_link l on l.receipt = d.receipt and l.child_id = d.child_id
      join directory.relationship r on r.receipt = l.relationship and r.withdrawn_at is null
      join directory.adult a on a.id = r.adult
     where d.receipt = :receipt and d.child_id = :child""")


async def show_adults(
    session: Session, partnership: Partnership, event: EventAccepted, child: UUID
) -> list[AdultShown]:
    """The best agreement of each adult through whom the child was found; none without a matcher."""
    learnt = await partnership.matcher.get(session)
    if learnt is None:
        return []
    best: dict[int, Likeness] = {}
    for row in await session.execute(_LINKED, {"receipt": event.receipt, "child": child}):
        known = adult_person(row.given_name, row.family_name, row.date_of_birth, row.postcode)
        for position in row.adults:
            sent = Adult.model_validate(
                event.data["adults"][position], by_alias=True, by_name=False
            )
            likeness = judge_adult(adult_sent(sent), known, learnt.adults)
            if position not in best or likeness.probability > best[position].probability:
                best[position] = likeness
    return [
        AdultShown(
            adult=position,
            probability=round(likeness.probability, 6),
            relative=round(likeness.relative, 6),
            steps=show_steps(explain_adult(likeness, learnt.adults)),
        )
        for position, likeness in sorted(best.items())
    ]
