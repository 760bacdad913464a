"""What is addressed to somebody who is away is told to who stands in as well, at once.

Part of composing. The absent one keeps its notice (whoever must know is told, and finds it on the
first morning back); its ladder goes on from the one who stands in, with a notice and a receipt of
its own. A withdrawal is not handed over: it goes to those who were told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID, uuid5

from prometheus_client import Counter
from sqlalchemy import text

import bus
from chassis.database import Session
from chassis.telemetry import logger
from schemas.facts import NoticeEscalated, Profile
from schemas.organisations import Post, RecipientRole
from services.notifier.draft import OURS, Draft
from services.notifier.find_stand_in import MOST_HOPS, StandIn, find_stand_in, needed_stand_ins
from services.notifier.report import notice_fact
from services.notifier.routes import ALWAYS_THERE, Route, read_routes
from services.notifier.settings import DeadlineSettings

log = logger("notifier.hand_over")

handed_over_total = Counter("notifier_handed_over_total", "Notices told to who stands in")

ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class HandedOver:
    """Drafts as they are after it: those of the absent (with a ladder that has gone on), and those
    of who stands in, by the id of the notice for which they do."""

    drafts: list[Draft]
    routes: Mapping[str, Route]
    stand_ins: dict[UUID, Draft] = field(default_factory=dict)

    def of(self, fresh: Iterable[Draft]) -> list[Draft]:
        """Who stands in for drafts that are new; a repeat of an old one is handed to nobody."""
        return [self.stand_ins[one.id] for one in fresh if one.id in self.stand_ins]


async def hand_over(
    session: Session,
    drafts: Sequence[Draft],
    routes: Mapping[str, Route],
    at: datetime,
    settings: DeadlineSettings,
) -> HandedOver:
    """Find who stands in for each of these; asks the database only where somebody is away."""
    # Nearly always nobody is away, and this is on the way of every notice.
    may_be = {one.organisation for one in routes.values() if one.availability is not ALWAYS_THERE}
    if not may_be:
        return HandedOver(list(drafts), routes)
    around = await read_stand_ins(session, routes, at, settings)
    away = {
        draft.id
        for draft in drafts
        if draft.organisation in may_be and _find(draft, around, at, settings).for_ is not None
    }
    if not away:
        return HandedOver(list(drafts), routes)
    withheld = await read_withheld(session, {one.receipt for one in drafts if one.id in away})
    for draft in drafts:
        if draft.state == "withheld":
            withheld.setdefault(draft.receipt, set()).add(draft.organisation)
    left: list[Draft] = []
    stand_ins: dict[UUID, Draft] = {}
    for draft in drafts:
        barred = withheld.get(draft.receipt, ())
        found = _find(draft, around, at, settings, barred) if draft.id in away else None
        if found is None or found.for_ is None:
            left.append(draft)
            continue
        left.append(replace(draft, watch="climbed", watch_due_at=None))
        stand_ins[draft.id] = _stand_in(draft, found, around.get(found.post.organisation), at)
    return HandedOver(left, around, stand_ins)


def handed_over(
    parents: Iterable[Draft], stand_ins: Sequence[Draft], at: datetime
) -> list[bus.Fact]:
    """The facts that notices of these were handed over, and a line in the log for each."""
    by_id = {one.id: one for one in parents}
    facts = []
    for draft in stand_ins:
        parent = by_id[draft.chain]
        facts.append(
            notice_fact(
                NoticeEscalated, parent, at, reason=ABSENT, next_notice=draft.id,
                next_organisation=draft.organisation, next_role=RecipientRole(draft.role),
                stands_in_for=draft.stands_in_for,
            )
        )  # fmt: skip
        handed_over_total.inc()
        log.info(
            "notice_handed_over",
            notice=str(parent.id),
            absent=parent.organisation,
            stands_in=draft.organisation,
            next="who stands in is told too, and its silence is what escalates",
        )
    return facts


async def read_stand_ins(
    session: Session, routes: Mapping[str, Route], at: datetime, settings: DeadlineSettings
) -> dict[str, Route]:
    """These routes and those of whoever stands in for some of them today, and for those."""
    known = dict(routes)
    asked: set[str] = set()
    for _ in range(MOST_HOPS):
        missing = {*needed_stand_ins(known, at, settings)} - known.keys() - asked
        if not missing:
            break
        asked |= missing
        known |= await read_routes(session, missing, settings)
    return known


async def read_withheld(session: Session, receipts: Iterable[UUID]) -> dict[UUID, set[str]]:
    """The organisations from which each event is withheld: no ladder tells them either."""
    found: dict[UUID, set[str]] = {}
    for row in await session.execute(_WITHHELD, {"receipts": list(receipts)}):
        found.setdefault(row.receipt, set()).add(row.organisation)
    return found


def _find(
    draft: Draft,
    routes: Mapping[str, Route],
    at: datetime,
    settings: DeadlineSettings,
    barred: Iterable[str] = (),
) -> StandIn:
    post = Post(organisation=draft.organisation, role=RecipientRole(draft.role))
    if draft.watch != "watching" or draft.profile == Profile.WITHDRAWAL:
        return StandIn(post, None)
    return find_stand_in(post, at, routes, settings, frozenset(barred))


def _stand_in(draft: Draft, found: StandIn, route: Route | None, at: datetime) -> Draft:
    """The notice of who stands in: the same, by the same time, to somebody else."""
    reason = route.missing() if route else "unknown-organisation"
    pulled = route is not None and route.channel != "webhook"
    to = found.post
    return replace(
        draft,
        id=uuid5(draft.id, f"{to.organisation}|{to.role}|stands in"),
        organisation=to.organisation,
        recipient_name=route.name if route else to.organisation,
        role=to.role,
        owner=OURS,
        stands_in_for=found.for_,
        state="failed" if reason else "waiting",
        reason=reason,
        watch_due_at=at if reason else draft.deadline_at,
        sent_at=at if pulled and not reason else None,
    )


_WITHHELD = text("""
    select distinct receipt, organisation from notifier.obligation
     where receipt = any(:receipts) and state = 'withheld'""")
