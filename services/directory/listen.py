"""What the directory hears: every accepted event, in order, up to fifty in one transaction.

Plain events in a row are resolved and addressed together; whatever changes what stands (a
correction, a retraction, a decision, an enrolment) is taken alone, in its place in the order.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from bus import Fact, Park, Publishable, Subscription, append, fact_of
from chassis.database import Session
from schemas.facts import EventAccepted, EventApplied
from services.directory.answer_interview import INTERVIEWS, answer_interview
from services.directory.answer_referral import ANSWERS, answer_referral
from services.directory.close_questions import SUPERSEDED
from services.directory.enter import ABOUT_CHILDREN, enter_events
from services.directory.keep_findings import ANSWER, take_answer
from services.directory.partnership import SOURCE, Partnership
from services.directory.record_enrolment import take_enrolment
from services.directory.record_event import (
    Arrived,
    find_ended,
    lock_receipts,
    record_events,
)
from services.directory.record_links import ABOUT_LINKS, take_link
from services.directory.record_organisation import apply_organisation
from services.directory.record_worker import ASSIGNED, take_worker
from services.directory.retract import (
    RETRACTION,
    end_event,
    withdraw_for_last,
    withdraw_unentitled,
)


def subscribe(partnership: Partnership) -> Subscription:
    """The directory's group on the topic of events."""

    async def handle(session: Session, facts: Sequence[Fact]) -> None:
        await handle_events(session, partnership, facts)

    return Subscription("directory", ("events",), handle, frozenset({EventAccepted.fact_type}))


async def handle_events(session: Session, partnership: Partnership, facts: Sequence[Fact]) -> None:
    """Take accepted events and append everything that follows from them."""
    arrived = [
        Arrived(EventAccepted.model_validate_json(fact.payload), fact.payload, fact.traceparent)
        for fact in facts
    ]
    events = [one.event for one in arrived]
    receipts = {event.receipt for event in events}
    superseded = {event.supersedes for event in events if event.supersedes is not None}
    await lock_receipts(session, receipts | superseded)
    ended = await find_ended(session, receipts)
    said: list[Publishable] = []
    row: list[Arrived] = []
    for one in arrived:
        event = one.event
        plain = event.event_type in ABOUT_CHILDREN and event.event_type != "missing.found"
        if plain and event.supersedes is None and event.receipt not in ended:
            row.append(one)
            continue
        said += await _take_together(session, partnership, row)
        row = []
        # Recorded in its turn, never before: what stands behind it in the batch has not happened.
        if await record_events(session, partnership, [one]):
            said += await _take_alone(session, partnership, event, ended)
    said += await _take_together(session, partnership, row)
    traces = {one.event.receipt: one.traceparent for one in arrived}
    await publish(session, said, traces)


async def publish(
    session: Session, said: Sequence[Publishable], traces: dict[UUID, str | None]
) -> None:
    """Append facts, each under the trace of the event that caused it."""
    await append(
        session,
        *(fact_of(one, SOURCE, traces.get(getattr(one, "receipt", UUID(int=0)))) for one in said),
    )


async def _take_together(
    session: Session, partnership: Partnership, row: Sequence[Arrived]
) -> list[Publishable]:
    if not row:
        return []
    fresh = await record_events(session, partnership, row)
    events = {one.event.receipt: one.event for one in row if one.event.receipt in fresh}
    return await enter_events(session, partnership, list(events.values()))


async def _take_alone(
    session: Session, partnership: Partnership, event: EventAccepted, ended: set[UUID]
) -> list[Publishable]:
    said = await end_event(session, partnership, event)
    if event.supersedes is not None:
        ended.add(event.supersedes)
        ended |= await find_ended(session, [event.receipt])
    if event.event_type == RETRACTION:
        return [*said, *await withdraw_unentitled(session, partnership, event)]
    if event.receipt in ended:
        said.append(
            EventApplied(
                receipt=event.receipt,
                key=event.key,
                at=partnership.clock(),
                outcome=SUPERSEDED,
            )
        )
        return [*said, *await withdraw_for_last(session, partnership, event.receipt)]
    said += await _take(session, partnership, event)
    return [*said, *await withdraw_unentitled(session, partnership, event)]


async def _take(
    session: Session, partnership: Partnership, event: EventAccepted
) -> list[Publishable]:
    if event.event_type in ABOUT_CHILDREN:
        return await enter_events(session, partnership, [event])
    if event.event_type in ANSWERS:
        return await answer_referral(session, partnership, event)
    if event.event_type in INTERVIEWS:
        return await answer_interview(session, partnership, event)
    if event.event_type == "enrolment.changed":
        return await take_enrolment(session, partnership, event)
    if event.event_type == ASSIGNED:
        return await take_worker(session, partnership, event)
    if event.event_type in ABOUT_LINKS:
        return await take_link(session, partnership, event)
    if event.event_type == ANSWER:
        return await take_answer(session, partnership, event)
    if event.event_type == "organisation.changed":
        return await apply_organisation(session, partnership, event)
    raise Park("event-type-unknown")
