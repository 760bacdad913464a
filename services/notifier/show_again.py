"""Step 8, for a school that was closed: on the first morning back its notice is shown once more.

Its holiday contact was told and may have acknowledged it; whoever teaches the child today has not.
The time is a row from the start, so nothing is forgotten by a process that was away; the second
notice has an id made from the first's, so a second run makes nothing. It ends with the first.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from prometheus_client import Counter
from sqlalchemy import text

import bus
from chassis.clock import Clock
from chassis.database import Database, Session, after_commit
from chassis.telemetry import logger
from schemas.facts import NoticeFailed
from services.notifier.bells import Bells
from services.notifier.deadlines import Due, Matter, due_of
from services.notifier.draft import Draft
from services.notifier.obligations import insert_deliveries, insert_drafts
from services.notifier.report import notice_fact
from services.notifier.routes import Route, read_routes
from services.notifier.rules import read_rules
from services.notifier.settings import DeadlineSettings, NotifierGroup
from services.notifier.standing import lock_events, shown_again_as

log = logger("notifier.show_again")

shown_total = Counter("notifier_shown_again_total", "Notices shown again after a closure")

AT_ONCE = 200


@dataclass(slots=True)
class Shown:
    """What one round did; `to_deliver`, `to_escalate` and `mailboxes` say who must be woken."""

    due: int = 0
    made: int = 0
    to_deliver: bool = False
    to_escalate: bool = False
    mailboxes: tuple[str, ...] = ()


async def show_again(session: Session, at: datetime, settings: DeadlineSettings) -> Shown:
    """Make the second notice of what is due by `at`, in the caller's transaction.

    The events are locked before their rows are read: what ends the first notice at this moment has
    either ended it by then, or finds the second.
    """
    due = (await session.execute(_DUE, {"at": at, "limit": AT_ONCE})).all()
    if not due:
        return Shown()
    await lock_events(session, [row.receipt for row in due])
    rows = (await session.execute(_TAKE, {"ids": [row.id for row in due]})).all()
    routes = await read_routes(session, {row.organisation for row in rows}, settings)
    drafts: list[Draft] = []
    later: list[datetime | None] = []
    for row in rows:
        route = routes[row.organisation]
        asked = due_of(_matter(row, route, at), read_rules(settings.table))
        # The school has said meanwhile that it stays closed: it is shown when it opens then.
        later.append(asked.show_again_at)
        if asked.show_again_at is None:
            drafts.append(_second(row, route, asked, at))
    await session.execute(_NEXT, {"ids": [row.id for row in rows], "laters": later})
    fresh = await insert_drafts(session, drafts)
    sent = await insert_deliveries(session, fresh, routes)
    failed = [draft for draft in fresh if draft.state == "failed"]
    await bus.append(
        session, *(notice_fact(NoticeFailed, draft, at, reason=draft.reason) for draft in failed)
    )
    for draft in fresh:
        shown_total.inc()
        log.info("notice_shown_again", notice=str(draft.id), again_of=str(draft.again_of))
    return Shown(
        len(due), len(fresh), sent > 0, bool(failed), tuple({one.organisation for one in fresh})
    )


def _matter(row: Any, route: Route, at: datetime) -> Matter:
    """As if it arrived on the morning for which it was kept, however late that morning is told."""
    return Matter(
        row.event_type, row.role, row.profile, row.show_again_at, at, route.calendar, route.service
    )


def _second(row: Any, route: Route, due: Due, at: datetime) -> Draft:
    """The same notice once more, due when the school opens."""
    reason = route.missing()
    made = shown_again_as(row.id)
    kept = {one.name: getattr(row, one.name) for one in fields(Draft) if one.name in _KEPT}
    return Draft(
        **kept,
        id=made,
        rung=0,
        chain=made,
        recipient_name=route.name,
        state="failed" if reason else "waiting",
        reason=reason,
        watch="watching",
        watch_due_at=at if reason else due.deadline_at,
        deadline_at=due.deadline_at,
        composed_at=at,
        sent_at=at if not reason and route.channel != "webhook" else None,
        again_of=row.id,
    )


class Shower:
    """Runs it in one process; more than one may."""

    def __init__(
        self, database: Database, bells: Bells, clock: Clock, settings: NotifierGroup
    ) -> None:
        self._database = database
        self._bells = bells
        self._clock = clock
        self._settings = settings

    async def run(self) -> None:
        """Look at intervals until cancelled."""
        while True:
            if (await self.show_once()).due < AT_ONCE:
                await asyncio.sleep(self._settings.sweep_seconds)

    async def show_once(self) -> Shown:
        """One round, in a transaction of its own."""
        async with self._database.transaction() as session:
            shown = await show_again(session, self._clock(), self._settings.deadlines)
            if shown.to_deliver:
                after_commit(session, "deliver", self._bells.deliver.set)
            if shown.to_escalate:
                after_commit(session, "escalate", self._bells.escalate.set)
            if shown.mailboxes:
                after_commit(
                    session, "mailboxes", lambda: self._bells.ring_mailboxes(shown.mailboxes)
                )
        return shown


_KEPT = frozenset({
    "receipt", "child_index", "child_id", "part", "event_type", "happened_at", "accepted_at",
    "organisation", "role", "profile", "owner", "rule", "content", "overtakes",
})  # fmt: skip

_DUE = text("""
    select id, receipt from notifier.obligation
     where show_again_at <= :at order by show_again_at limit :limit""")

# Whatever ends a notice also takes its `show_again_at` away.
_TAKE = text(f"""
    select id, show_again_at, {", ".join(sorted(_KEPT))} from notifier.obligation
     where id = any(:ids) and show_again_at is not null order by id for update""")

_NEXT = text("""
    update notifier.obligation o set show_again_at = n.at
      from unnest(cast(:ids as uuid[]), cast(:laters as timestamptz[])) n(id, at)
     where o.id = n.id""")
