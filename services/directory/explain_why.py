"""Why an organisation was told of an event, or was not: what was recorded then, and each line of
the policy table as it is today. For reviewers; the caller writes the audit rows.

Of a child whose identity is restricted only what was told is shown: to ask of one organisation
after another would find where such a child is.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import Field

from chassis.database import Session
from schemas.model import Model
from services.directory.address import read_situations
from services.directory.explain_lines import LineSaid, explain_lines
from services.directory.organisations import Needs, read_organisations
from services.directory.partnership import Partnership
from services.directory.record_event import read_event
from services.directory.register import read_children
from services.directory.show_event import NoticeShown, PlaceShown, show_event
from services.directory.situation import Case


class Answer(StrEnum):
    """What came of it for one child."""

    TOLD = "told"
    WITHHELD = "withheld"
    WITHDRAWN = "withdrawn"
    NOT_TOLD = "not-told"


class ChildWhy(Model):
    """One child of the event, by its position; never by name."""

    index: int
    answer: Answer
    words: str
    notices: tuple[NoticeShown, ...] = Field(description="What the organisation was told of it.")
    lines: tuple[LineSaid, ...] = Field(
        default=(),
        description="Each line as it is today; none where who the child is, is not decided, or may "
        "not be asked.",
    )


class Why(Model):
    """Why an organisation was told of an event, or not, child by child."""

    receipt: UUID
    event_type: str
    organisation: str
    as_of: date
    children: tuple[ChildWhy, ...]


async def explain_why(
    session: Session,
    partnership: Partnership,
    mine: dict[str, Any],
    receipt: UUID,
    organisation: str,
) -> Why | None:
    """For the children of an event that these reviewers may see; None where there is no such event,
    or no such organisation."""
    shown = await show_event(session, mine, receipt)
    recorded = await read_event(session, receipt)
    known = await read_organisations(session, Needs(ids={organisation}))
    if shown is None or recorded is None or organisation not in known.by_id:
        return None
    places = {one.index: one.child_id for one in shown.children if one.child_id is not None}
    registered = await read_children(session, places.values())
    cases = [
        Case(recorded.event, index, registered[child])
        for index, child in places.items()
        if child in registered and not registered[child].restricted
    ]
    lines = {
        at.case.child_index: explain_lines(partnership.policy, at, known.by_id[organisation])
        for at in await read_situations(session, partnership, cases)
    }
    return Why(
        receipt=receipt,
        event_type=shown.event_type,
        organisation=organisation,
        as_of=partnership.today(),
        children=tuple(
            _of_child(place, organisation, lines.get(place.index, ())) for place in shown.children
        ),
    )


def _of_child(place: PlaceShown, organisation: str, lines: tuple[LineSaid, ...]) -> ChildWhy:
    notices = tuple(one for one in place.notices if one.organisation == organisation)
    standing = [one for one in notices if one.withdrawn_at is None and one.withheld is None]
    if standing:
        answer = Answer.TOLD
        words = f"It was told by the line {standing[-1].rule}."
    elif any(one.withheld is not None for one in notices):
        answer, words = Answer.WITHHELD, "It is withheld from it."
    elif notices:
        answer = Answer.WITHDRAWN
        words = f"It was told by the line {notices[-1].rule}, and that was withdrawn."
    else:
        answer, words = Answer.NOT_TOLD, _first_of(lines)
    return ChildWhy(index=place.index, answer=answer, words=words, notices=notices, lines=lines)


def _first_of(lines: tuple[LineSaid, ...]) -> str:
    """The first line that may name an organisation of its kind, in words."""
    if not lines:
        return "No line of the table names it."
    return f"{lines[0].rule}: {lines[0].words}"
