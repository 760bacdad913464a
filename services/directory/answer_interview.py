"""What becomes of a return home interview: a clock stops for the children who were found (step 4).

Nobody is told; what was said in an interview is in no event. An offer that the child took up
leaves the clock running until the interview took place.
"""

from __future__ import annotations

from uuid import UUID

from bus import Park, Publishable, Retry
from chassis.database import Session
from schemas.facts import EventAccepted, EventAddressed
from services.directory.ask import head_of
from services.directory.partnership import Partnership
from services.directory.record_event import read_event

COMPLETED = "return-interview.completed"
INTERVIEWS = frozenset({"return-interview.offered", COMPLETED})
RETRY_SECONDS = 5.0


async def answer_interview(
    session: Session, _partnership: Partnership, event: EventAccepted
) -> list[Publishable]:
    """For each child of the found that is meant: what was said of its interview.

    Raises `bus.Retry` while the found is not known: it may be on its way; `bus.Park` where the
    receipt is of something else.
    """
    found = await read_event(session, UUID(event.data["found"]))
    if found is None:
        raise Retry("found-not-known-yet", after_seconds=RETRY_SECONDS)
    if found.event.event_type != "missing.found":
        raise Park("interview-about-no-found")
    children = range(len(found.event.data["children"]))
    meant = [one for one in event.data.get("childPositions") or children if one in children]
    return [
        EventAddressed(
            **head_of(event),
            child_index=position,
            child_id=found.children[position],
            recipients=(),
            regards=(found.event.receipt,),
            data=event.data,
        )
        for position in meant
        if position in found.children
    ]
