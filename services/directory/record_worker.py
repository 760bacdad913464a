"""Keeps who works with a child: `worker.assigned`. Whoever takes a child over gets a digest.

An agency speaks of its own posts only. An assignment that is older than what is known is kept, and
nobody is told; one that closes a case tells nobody either: what is open stays on its ladder.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from bus import Publishable
from chassis.database import Session
from chassis.telemetry import logger
from schemas.blocks import Child as SentChild
from schemas.facts import Digest, EventAccepted, EventAddressed, EventApplied
from schemas.organisations import RecipientRole
from services.directory.address import NO_ROUTE, record_addressed
from services.directory.allocations import (
    Allocation,
    lock_workers,
    read_history,
    record_allocation,
)
from services.directory.ask import Question, address, ask_people, head_of
from services.directory.doubts import note_doubt
from services.directory.gather_digest import Taking, gather_digest
from services.directory.organisations import Needs, Organisations, Present, read_organisations
from services.directory.own_posts import COUNCIL, is_own_post
from services.directory.partnership import Partnership
from services.directory.record_event import record_children
from services.directory.register import RegisteredChild
from services.directory.resolve import Asked, Match, resolve_children

log = logger("directory.worker")

ASSIGNED = "worker.assigned"
UNKNOWN_UNIT = "unknown-organisation"
WORKER_OF_ANOTHER = "worker-of-another"
NO_ROUTE_WORKER = f"{NO_ROUTE}-worker"

OVERTAKEN = "overtaken"
"""The outcome of an assignment that is older than what is known."""
ASSIGNED_ALREADY = "assigned-already"
"""The outcome of one that says what is known."""
CHANNELS = ("webhook", "mailbox")
"""By which a digest can be told: there is no FHIR message for it."""


async def take_worker(
    session: Session, partnership: Partnership, event: EventAccepted
) -> list[Publishable]:
    """Find the child and apply; where it is not surely one child, a person is asked."""
    sent = SentChild.model_validate(event.data["child"], by_alias=True, by_name=False)
    (answer,) = await resolve_children(session, partnership, [Asked(sent)])
    if isinstance(answer, Match):
        return await apply_worker(session, partnership, event, answer.child)
    question = Question(
        event,
        answer.reason,
        candidates=[candidate.id for candidate in answer.candidates],
        detail=note_doubt(answer),
    )
    return list(await ask_people(session, partnership, [question]))


async def apply_worker(
    session: Session,
    partnership: Partnership,
    event: EventAccepted,
    child: RegisteredChild,
    *,
    checked: bool = False,
) -> list[Publishable]:
    """Keep the assignment; a digest goes to whoever has the child from now on.

    `checked`: a person has said that this agency may speak of these posts.
    """
    await record_children(session, {event.receipt: {0: child.id}})
    known = await _read_posts(session, partnership, event)
    problem = _find_problem(partnership, event, known, checked=checked)
    if problem is not None:
        return list(await ask_people(session, partnership, [Question(event, problem, child=child)]))
    await lock_workers(session, child.id)
    mine = _allocation(event, child, known, partnership.clock())
    await record_allocation(session, mine)
    history = await read_history(session, child.id, mine.agency)
    outcome = _outcome(mine, history, event)
    applied = EventApplied(
        receipt=event.receipt, key=event.key, at=partnership.clock(), outcome=outcome
    )
    log.info("worker_assigned", receipt=str(event.receipt), child=str(child.id), outcome=outcome)
    if outcome != "applied" or mine.organisation is None:
        return [applied]
    unit = known.present(mine.organisation)
    if unit is None or unit.organisation.channel not in CHANNELS:
        question = Question(event, NO_ROUTE_WORKER, child=child)
        return [applied, *await ask_people(session, partnership, [question])]
    former = await _read_former(session, partnership, event, mine, history)
    council = unit.organisation.kind in COUNCIL
    earlier = tuple(one.receipt for one in history if one.receipt != mine.receipt)
    taking = Taking(event, child, unit, former, earlier, whole=council)
    digest = await gather_digest(session, partnership, taking)
    facts = [_address(event, child, unit, digest, partnership)]
    return [applied, *await record_addressed(session, partnership, facts)]


def _address(
    event: EventAccepted,
    child: RegisteredChild,
    unit: Present,
    digest: Digest,
    partnership: Partnership,
) -> EventAddressed:
    (line,) = partnership.policy.lines_for(ASSIGNED)
    role = RecipientRole.ALLOCATED_WORKER
    to = address(unit.organisation, role, line.profile, line.id)
    return EventAddressed(
        **head_of(event),
        child_index=0,
        child_id=child.id,
        identity=child.identity,
        recipients=(to.model_copy(update={"assignment": event.receipt}),),
        digest=digest,
        data=event.data,
    )


async def _read_posts(
    session: Session, partnership: Partnership, event: EventAccepted
) -> Organisations:
    needs = Needs(ids={event.sender.organisation, *(id_ for _, id_ in _posts(event.data))})
    return await read_organisations(session, needs, partnership.today())


def _posts(data: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The posts that an assignment names: (which, organisation)."""
    for name in ("worker", "previous"):
        if data.get(name):
            yield name, data[name]["organisation"]


def _find_problem(
    partnership: Partnership, event: EventAccepted, known: Organisations, *, checked: bool
) -> str | None:
    agency = known.present(event.sender.organisation)
    for _, id_ in _posts(event.data):
        post = known.present(id_)
        if post is None:
            return UNKNOWN_UNIT
        # A digest to a stranger, or the end of a stranger's notices, for the price of one event.
        if not checked and not is_own_post(agency, post, partnership.settings):
            return WORKER_OF_ANOTHER
    return None


def _allocation(
    event: EventAccepted, child: RegisteredChild, known: Organisations, at: datetime
) -> Allocation:
    agency = known.present(event.sender.organisation)
    worker = event.data.get("worker") or {}
    return Allocation(
        receipt=event.receipt,
        child=child.id,
        agency=agency.organisation.id if agency is not None else event.sender.organisation,
        organisation=worker.get("organisation"),
        role=worker.get("role"),
        assigned_at=datetime.fromisoformat(event.data["assignedAt"]),
        occurred_at=event.occurred_at,
        recorded_at=at,
    )


def _outcome(mine: Allocation, history: Sequence[Allocation], event: EventAccepted) -> str:
    said = (mine.organisation, mine.role, mine.assigned_at)
    same = any(
        said == (one.organisation, one.role, one.assigned_at)
        for one in history
        if one.receipt != mine.receipt
    )
    if same and event.supersedes is None:
        return ASSIGNED_ALREADY
    return "applied" if history[0].receipt == mine.receipt else OVERTAKEN


async def _read_former(
    session: Session,
    partnership: Partnership,
    event: EventAccepted,
    mine: Allocation,
    history: Sequence[Allocation],
) -> frozenset[str]:
    """Every id of the organisations in which this agency's workers had the child before."""
    names = {one.organisation for one in history if one.receipt != mine.receipt}
    names |= {id_ for which, id_ in _posts(event.data) if which == "previous"}
    named = {one for one in names if one}
    known = await read_organisations(session, Needs(ids=set(named)), partnership.today())
    found = set(named)
    for one in named:
        present = known.present(one)
        found |= present.ids if present is not None else set()
    return frozenset(found)
