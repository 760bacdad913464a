"""Lets resolved children go on their way, each type of event its own: at once, or after a person.

Between `resolve` and `address`: several children of one event are independent of one another.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from bus import Park, Publishable
from chassis.database import Session
from schemas.blocks import Child as SentChild
from schemas.facts import EventAccepted, EventApplied
from services.directory.add_linked import add_linked
from services.directory.address import Sequel, address_children
from services.directory.ask import Question, ask_people
from services.directory.claim_derived import claim_derived
from services.directory.doubts import note_doubt
from services.directory.find_linked import find_linked
from services.directory.keep_recognised import keep_recognised
from services.directory.note_links import note_incidents
from services.directory.partnership import Partnership
from services.directory.receive_referral import receive_referrals
from services.directory.record_enrolment import apply_enrolment
from services.directory.record_event import record_children
from services.directory.record_links import ABOUT_LINKS, apply_link
from services.directory.record_worker import ASSIGNED, apply_worker
from services.directory.report_links import report_links
from services.directory.resolve import Asked, Match, resolve_children
from services.directory.situation import INCIDENTS, Case, parents_of
from services.directory.track_missing import (
    REPORTS,
    close_episodes,
    find_sequels,
    open_episodes,
)

CHILDREN_NOT_NAMED = "children-not-named"
SAME_CHILD_TWICE = "same-child-twice"
NO_CHILD_KNOWN = "no-child-known"
"""The outcome of an incident that names adults only, of whom no child is known."""

ABOUT_CHILDREN = frozenset(
    {
        "domestic-abuse.recorded",
        "referral.submitted",
        "missing.reported",
        "missing.updated",
        "missing.found",
    }
)
"""Types with a list of children, each resolved for itself."""


async def enter_events(
    session: Session, partnership: Partnership, events: Sequence[EventAccepted]
) -> list[Publishable]:
    """Resolve every child of these events, address those who match, ask about the others."""
    places: list[tuple[EventAccepted, int]] = []
    sent: list[Asked] = []
    questions: list[Question] = []
    for group, event in enumerate(events):
        children = event.data.get("children") or []
        parents = parents_of(event)
        for position, item in enumerate(children):
            places.append((event, position))
            child = SentChild.model_validate(item["child"], by_alias=True, by_name=False)
            sent.append(Asked(child, group, parents))
    cases: list[Case] = []
    recognised: list[tuple[UUID, int, Match]] = []
    for (event, position), answer in zip(
        places, await resolve_children(session, partnership, sent), strict=True
    ):
        if isinstance(answer, Match):
            cases.append(Case(event, position, answer.child))
            if answer.judged is not None:
                recognised.append((event.receipt, position, answer))
        else:
            candidates = [candidate.id for candidate in answer.candidates]
            questions.append(
                Question(
                    event,
                    answer.reason,
                    position,
                    candidates=candidates,
                    detail=note_doubt(answer),
                )
            )
    await keep_recognised(session, partnership, recognised)
    cases, twice = _part_twins(cases)
    known: dict[UUID, set[UUID]] = {}
    for case in cases:
        known.setdefault(case.event.receipt, set()).add(case.child.id)
    await note_incidents(session, partnership, events)
    linked = await find_linked(session, partnership, events, known)
    added, doubtful = await add_linked(session, partnership, events, linked)
    facts = await _enter(session, partnership, [*cases, *added], doubtful)
    facts += await report_links(
        session, partnership, ((case.event, case.child.id) for case in added)
    )
    facts += await receive_referrals(session, partnership, events)
    for event in events:
        if _speaks_of_another(event):
            questions.append(Question(event, CHILDREN_NOT_NAMED))
        elif not event.data.get("children") and not linked.get(event.receipt):
            facts.append(
                EventApplied(
                    receipt=event.receipt,
                    key=event.key,
                    at=partnership.clock(),
                    outcome=NO_CHILD_KNOWN,
                )
            )
    return [*facts, *await ask_people(session, partnership, [*questions, *doubtful, *twice])]


async def enter_cases(
    session: Session, partnership: Partnership, cases: Sequence[Case]
) -> list[Publishable]:
    """Children whom a person has resolved; one of them may be told of already, by a link."""
    facts: list[Publishable] = []
    others: list[Case] = []
    for case in cases:
        claimed = None
        if case.event.event_type in INCIDENTS:
            await record_children(session, {case.event.receipt: {case.child_index: case.child.id}})
            claimed = await claim_derived(session, partnership, case)
        if claimed is None:
            others.append(case)
        else:
            facts += claimed
    return [*facts, *await _enter(session, partnership, others)]


async def release_linked(
    session: Session, partnership: Partnership, case: Case
) -> list[Publishable]:
    """A person says that a child found through an adult is told of."""
    facts = await address_children(session, partnership, [case])
    told = [(case.event, case.child.id)]
    return [*facts, *await report_links(session, partnership, told)]


async def _enter(
    session: Session,
    partnership: Partnership,
    cases: Sequence[Case],
    asked: Sequence[Question] | None = None,
) -> list[Publishable]:
    """`asked`: of a whole batch, the children of whom a person is asked first; names to spare."""
    resolved: dict[UUID, dict[int, UUID]] = {}
    for case in cases:
        resolved.setdefault(case.event.receipt, {})[case.child_index] = case.child.id
    for question in asked or ():
        if question.child is not None and question.child_index is not None:
            places = resolved.setdefault(question.event.receipt, {})
            places[question.child_index] = question.child.id
    await record_children(session, resolved)
    facts: list[Publishable] = []
    told: list[Case] = []
    sequels: dict[tuple[UUID, UUID], Sequel] = {}
    for event_type in {case.event.event_type: None for case in cases}:
        same = [case for case in cases if case.event.event_type == event_type]
        if event_type == "missing.found":
            facts += await close_episodes(session, partnership, same)
        elif event_type in REPORTS:
            alerted, over = await open_episodes(session, same)
            if event_type == "missing.updated":
                sequels |= await find_sequels(session, partnership, alerted)
            told += alerted
            facts += over
        elif event_type == "enrolment.changed":
            for case in same:
                facts += await apply_enrolment(session, partnership, case.event, case.child)
        elif event_type == ASSIGNED:
            for case in same:
                facts += await apply_worker(session, partnership, case.event, case.child)
        elif event_type in ABOUT_LINKS:
            for case in same:
                facts += await apply_link(session, partnership, case.event, case.child)
        elif event_type in ABOUT_CHILDREN:
            told += same
        else:
            raise Park("event-type-unknown")
    whole: set[UUID] = set()
    if asked is not None:
        whole = resolved.keys() - {question.event.receipt for question in asked}
    addressed = await address_children(session, partnership, told, whole=whole, sequels=sequels)
    return [*facts, *addressed]


def _speaks_of_another(event: EventAccepted) -> bool:
    """Whether the text speaks of a child who is not listed: a link may have found another one."""
    if event.data.get("textSpeaksOfChild") is True:
        return True
    return not event.data.get("children") and not event.data.get("adults")


def _part_twins(cases: list[Case]) -> tuple[list[Case], list[Question]]:
    """Two children of one event cannot be one child: a twin's number stands on both."""
    seen: dict[tuple[UUID, UUID], int] = {}
    for case in cases:
        key = (case.event.receipt, case.child.id)
        seen[key] = seen.get(key, 0) + 1
    kept: list[Case] = []
    asked: list[Question] = []
    for case in cases:
        if seen[case.event.receipt, case.child.id] == 1:
            kept.append(case)
        else:
            shown = [] if case.child.restricted else [case.child.id]
            asked.append(Question(case.event, SAME_CHILD_TWICE, case.child_index, candidates=shown))
    return kept, asked
