"""Step 5: from facts to obligations, each exactly once, with minimum necessary content.

A batch is a handful of statements. Nothing is sent here; what cannot be sent is never silent: it
becomes a row in a state that says so, and a fact on the bus.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any
from uuid import UUID

from prometheus_client import Counter

import bus
from chassis.database import Session
from chassis.telemetry import logger
from schemas.facts import (
    EventAddressed,
    EventRetracted,
    NoticeFact,
    NoticeFailed,
    NoticeSuperseded,
    NoticeWithheld,
    Profile,
    ResolutionDecided,
    ResolutionNeeded,
    ResolutionOverdue,
)
from services.notifier import clocks
from services.notifier.climbed import find_climbed
from services.notifier.draft import OURS, Draft, draft_alert, draft_event, recipients_to_reach
from services.notifier.early import apply_early
from services.notifier.hand_over import hand_over, handed_over
from services.notifier.obligations import insert_deliveries, insert_drafts
from services.notifier.pass_on import pass_on
from services.notifier.reallocate import is_taking, note_sources, reallocate, receipts_taken
from services.notifier.report import notice_fact
from services.notifier.routes import Route, read_routes
from services.notifier.settings import DeadlineSettings
from services.notifier.standing import (
    MISSING_REPORTS,
    Ending,
    end_notices,
    endings_of,
    forget_found,
    lock_events,
    read_standings,
    record_endings,
)
from services.notifier.take_back_moved import (
    endings_of_mistaken,
    find_mistaken,
    find_moved,
    name_mistaken,
    open_again,
)

log = logger("notifier.compose")

composed_total = Counter("notifier_composed_total", "Obligations composed", ["profile", "state"])

Composable = (
    EventAddressed | EventRetracted | ResolutionNeeded | ResolutionOverdue | ResolutionDecided
)
_ADDRESSED = (EventAddressed, ResolutionNeeded, ResolutionOverdue)
_TELLING: dict[str, type[NoticeFact]] = {
    "failed": NoticeFailed,
    "withheld": NoticeWithheld,
    "superseded": NoticeSuperseded,
}


@dataclass(slots=True)
class Composed:
    """What a batch came to; `to_deliver` and `to_escalate` say who must be woken."""

    made: int = 0
    to_deliver: bool = False
    to_escalate: bool = False
    mailboxes: set[str] = field(default_factory=set)

    def add(self, other: Composed) -> None:
        """What a further part of the batch came to."""
        self.made += other.made
        self.to_deliver |= other.to_deliver
        self.to_escalate |= other.to_escalate
        self.mailboxes |= other.mailboxes


async def compose(
    session: Session, facts: Sequence[Composable], now: datetime, settings: DeadlineSettings
) -> Composed:
    """Compose a batch, in the caller's transaction. A repeat makes nothing.

    Raises `bus.Retry` while an organisation is not known here yet.
    """
    composed = Composed()
    for run in _runs(facts):
        composed.add(await _compose(session, run, now, settings))
    return composed


def _runs(facts: Sequence[Composable]) -> Iterator[Sequence[Composable]]:
    """The batch as it is; that somebody takes a child over is composed alone, in its place: what
    came before it may change hands, and what comes after must know."""
    takings = [place for place, fact in enumerate(facts) if is_taking(fact)]
    cuts = sorted({0, *takings, *(place + 1 for place in takings), len(facts)})
    for start, end in pairwise(cuts):
        yield facts[start:end]


async def _compose(
    session: Session, facts: Sequence[Composable], now: datetime, settings: DeadlineSettings
) -> Composed:
    endings = _distinct(facts)
    addressed = [fact for fact in facts if isinstance(fact, _ADDRESSED)]
    if not endings and not addressed:
        return Composed()
    addressed, passed = await pass_on(session, addressed)
    routes = await read_routes(
        session, {name for fact in addressed for name in recipients_to_reach(fact)}, settings
    )
    for fact in addressed:
        for name in recipients_to_reach(fact):
            if name not in routes:
                raise bus.Retry("organisation-not-yet-known")
    regarded = [
        *(one for fact in facts if isinstance(fact, EventAddressed) for one in fact.regards),
        *(one for fact in addressed for one in receipts_taken(fact)),
        *(one.receipt for one in await find_mistaken(session, endings)),
    ]
    await lock_events(session, [*(one.receipt for one in (*facts, *endings)), *regarded])
    unsent: list[Any] = []
    again = False
    if endings:
        await record_endings(session, endings)
        await forget_found(session, (one for one in addressed if isinstance(one, EventAddressed)))
        unsent, again = await _take_back(session, endings, now, settings)
    addressed = await name_mistaken(session, addressed)
    taken = await reallocate(session, addressed, routes, now, settings)
    addressed = [taken.filled(fact) for fact in addressed]
    drafts = [*await _draft(session, addressed, routes, now, settings), *taken.drafts]
    await clocks.stop(session, endings, now)
    handed = await hand_over(session, drafts, routes, now, settings)
    fresh = await insert_drafts(session, handed.drafts)
    stand_ins = await insert_drafts(session, handed.of(fresh))
    told = [*taken.told, *handed_over(fresh, stand_ins, now)]
    fresh += stand_ins
    await note_sources(session, taken.sources | passed, fresh)
    sent = await insert_deliveries(session, fresh, handed.routes)
    unsent += await end_notices(session, endings, now)
    further, going = await _withdraw_climbed(session, addressed, now, settings)
    fresh += further
    sent += going
    broker = [draft.id for draft in fresh if draft.owner != OURS]
    early = await apply_early(session, broker)
    told += [
        notice_fact(_TELLING[draft.state], draft, now, reason=draft.reason)
        for draft in fresh
        if draft.state in _TELLING and draft.owner == OURS
    ]
    told += [notice_fact(NoticeSuperseded, row, now, reason=row.reason) for row in unsent]
    await bus.append(session, *told)
    for draft in fresh:
        composed_total.labels(draft.profile, draft.state).inc()
        if draft.reason == "no-content":
            log.error(
                "notice_without_content",
                notice=str(draft.id),
                profile=draft.profile,
                event_type=draft.event_type,
                next="nobody is told; a person must mend the policy table",
            )
    return Composed(
        made=len(fresh),
        to_deliver=sent > 0 or again,
        to_escalate=early or any(one.state == "failed" for one in fresh),
        mailboxes={one.organisation for one in fresh if one.owner == OURS},
    )


async def _take_back(
    session: Session, endings: Sequence[Ending], now: datetime, settings: DeadlineSettings
) -> tuple[list[Any], bool]:
    """Assignments among what ends: what changed hands by them goes back. Returns what will now not
    be sent, and whether something is sent again."""
    mistaken = endings_of_mistaken(await find_mistaken(session, endings), endings)
    unsent: list[Any] = []
    if mistaken:
        await record_endings(session, mistaken)
        unsent = await end_notices(session, mistaken, now)
    return unsent, await open_again(session, endings, now, settings)


async def _withdraw_climbed(
    session: Session,
    addressed: Sequence[EventAddressed | ResolutionNeeded | ResolutionOverdue],
    now: datetime,
    settings: DeadlineSettings,
) -> tuple[list[Draft], int]:
    """Withdrawals to those whom a ladder or an assignment told, and how many go by webhook."""
    withdrawals = [
        fact
        for fact in addressed
        if isinstance(fact, EventAddressed)
        and any(one.profile is Profile.WITHDRAWAL for one in fact.recipients)
    ]
    facts = await find_climbed(session, withdrawals) if withdrawals else []
    facts += await find_moved(session, addressed)
    if not facts:
        return [], 0
    names = {name for fact in facts for name in recipients_to_reach(fact)}
    routes = await read_routes(session, names, settings)
    drafts = [one for fact in facts for one in draft_event(fact, routes, now, settings)]
    fresh = await insert_drafts(session, drafts)
    return fresh, await insert_deliveries(session, fresh, routes)


def _distinct(facts: Iterable[Composable]) -> list[Ending]:
    found: dict[tuple[UUID, UUID, str], Ending] = {}
    for fact in facts:
        if isinstance(fact, EventAddressed | EventRetracted | ResolutionDecided):
            for one in endings_of(fact):
                found.setdefault((one.receipt, one.child_id, one.kind), one)
    return list(found.values())


async def _draft(
    session: Session,
    facts: Sequence[EventAddressed | ResolutionNeeded | ResolutionOverdue],
    routes: Mapping[str, Route],
    now: datetime,
    settings: DeadlineSettings,
) -> list[Draft]:
    """Every draft of the batch, those that are overtaken marked so."""
    if not facts:
        return []
    missing = [
        fact.child_id
        for fact in facts
        if isinstance(fact, EventAddressed) and fact.event_type in MISSING_REPORTS
    ]
    standings = await read_standings(session, [fact.receipt for fact in facts], missing)
    events = [fact for fact in facts if isinstance(fact, EventAddressed)]
    due = await clocks.keep(session, events, standings.ends_event, now, settings)
    drafts: dict[UUID, Draft] = {}
    for fact in facts:
        made = (
            draft_event(fact, routes, now, settings, due.get(fact.receipt))
            if isinstance(fact, EventAddressed)
            else draft_alert(fact, routes, now, settings)
        )
        for draft in made:
            reason = standings.overtakes(draft) if draft.state != "withheld" else None
            drafts.setdefault(draft.id, draft.overtaken(reason) if reason else draft)
    return list(drafts.values())
