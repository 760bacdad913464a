"""Tells the next rung of each ladder that is silent: a notice of its own, in its own profile.

Part of step 8. Who has nobody left is loudly said; what waits for the end of quiet hours is a due
time like any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from prometheus_client import Counter
from sqlalchemy import text

import bus
from chassis.database import Session
from chassis.telemetry import logger
from schemas.facts import NoticeEscalated, NoticeExhausted, NoticeFailed, Profile
from services.notifier.climb import Later, Nobody, Passed, Silence, Step, choose_next
from services.notifier.draft import Draft
from services.notifier.draft_rung import draft_rung, rung_ends
from services.notifier.fail_alert import CONTACT_FAILED
from services.notifier.hand_over import read_stand_ins, read_withheld
from services.notifier.obligations import insert_deliveries, insert_drafts
from services.notifier.report import COLUMNS, notice_fact
from services.notifier.routes import Route, read_routes
from services.notifier.settings import DeadlineSettings

log = logger("notifier.tell_next")

escalations_total = Counter("notifier_escalations_total", "Rungs climbed", ["reason"])
exhausted_total = Counter("notifier_ladders_exhausted_total", "Ladders with nobody left to tell")
deferred_total = Counter(
    "notifier_escalations_deferred_total", "Steps that wait for the end of quiet hours"
)
passed_total = Counter("notifier_rungs_passed_total", "Rungs that were not told", ["why"])

SILENT = f"""{COLUMNS}, o.chain, o.event_type, o.happened_at, o.accepted_at, o.overtakes,
    o.content, o.state, o.reason, o.delivered_at, o.acknowledged_at, o.declined_at,
    o.deferred_at,
    f.organisation as first_organisation, f.profile as first_profile, f.content as first_content"""
"""What is needed of an obligation `o` whose ladder's first is `f`."""


@dataclass(slots=True)
class Told:
    """What came of it: the facts to append, and who must be woken."""

    climbed: int = 0
    exhausted: int = 0
    deferred: int = 0
    to_deliver: bool = False
    mailboxes: tuple[str, ...] = ()
    facts: list[bus.Fact] = field(default_factory=list)


async def tell_next(
    session: Session, rows: Sequence[Any], at: datetime, settings: DeadlineSettings
) -> Told:
    """Tell the next rung of each row's ladder, in the caller's transaction. Rows: `SILENT`."""
    told = Told()
    if not rows:
        return told
    chosen, routes = await _choose(session, rows, at, settings)
    steps = [(row, one) for row, one in zip(rows, chosen, strict=True) if isinstance(one, Step)]
    later = [(row, one) for row, one in zip(rows, chosen, strict=True) if isinstance(one, Later)]
    last = [(row, one) for row, one in zip(rows, chosen, strict=True) if isinstance(one, Nobody)]
    drafts = [draft_rung(row, step, routes, at, settings) for row, step in steps]
    fresh = await _insert(session, drafts, at, settings)
    sent = await insert_deliveries(session, fresh, routes)
    await session.execute(
        _LEAVE,
        {"climbed": [row.id for row, _ in steps], "exhausted": [row.id for row, _ in last]},
    )
    if later:
        await session.execute(
            _DEFER,
            {"ids": [row.id for row, _ in later], "dues": [one.at for _, one in later], "at": at},
        )
    told.facts = [
        notice_fact(
            NoticeEscalated, row, at, reason=why(row), next_notice=draft.id,
            next_organisation=draft.organisation, next_role=draft.role,
            stands_in_for=draft.stands_in_for,
        )
        for (row, _), draft in zip(steps, drafts, strict=True)
    ]  # fmt: skip
    told.facts += [
        notice_fact(NoticeFailed, draft, at, reason=draft.reason)
        for draft in fresh
        if draft.state == "failed"
    ]
    told.facts += [notice_fact(NoticeExhausted, row, at, reason=why(row)) for row, _ in last]
    _log_steps(steps)
    _log_later(later)
    _log_last(last)
    told.climbed, told.exhausted, told.deferred = len(steps), len(last), len(later)
    told.to_deliver = sent > 0
    told.mailboxes = tuple({draft.organisation for draft in fresh})
    return told


def why(row: Any) -> str:
    """Why a row's ladder goes on: a code."""
    if row.declined_at is not None:
        return "declined"
    if row.state == "failed":
        return row.reason or "failed"
    if row.reason == CONTACT_FAILED and row.acknowledged_at is None:
        return CONTACT_FAILED
    if row.acknowledged_at is not None:
        return "undecided"
    return "not-delivered" if row.delivered_at is None else "unacknowledged"


async def _choose(
    session: Session, rows: Sequence[Any], at: datetime, settings: DeadlineSettings
) -> tuple[list[Step | Later | Nobody], dict[str, Route]]:
    """The choice for each row, and the route of everybody who may be told."""
    firsts = await read_routes(session, {row.first_organisation for row in rows}, settings)
    ladders = {
        row.id: first.ladder_for(row.first_profile)
        if (first := firsts.get(row.first_organisation))
        else ()
        for row in rows
    }
    names = {rung.organisation for ladder in ladders.values() for rung in ladder}
    names |= {rung.calendar for ladder in ladders.values() for rung in ladder if rung.calendar}
    routes = firsts | await read_routes(session, names - firsts.keys(), settings)
    routes = await read_stand_ins(session, routes, at, settings)
    withheld = await read_withheld(session, [row.receipt for row in rows])
    reached = await _read_reached(session, rows)
    chosen: list[Step | Later | Nobody] = []
    for row in rows:
        silence = Silence(
            ladders[row.id],
            row.rung,
            Profile(row.first_profile),
            frozenset(reached.get(row.chain, ())),
            frozenset(withheld.get(row.receipt, ())),
            # What the law's clock says is waited for no longer either.
            urgent=row.event_type in settings.urgent_events or why(row) == "undecided",
        )
        chosen.append(choose_next(silence, at, routes, settings))
    return chosen, routes


async def _read_reached(session: Session, rows: Sequence[Any]) -> dict[UUID, set[tuple[str, str]]]:
    found: dict[UUID, set[tuple[str, str]]] = {}
    for row in await session.execute(_REACHED, {"chains": list({row.chain for row in rows})}):
        found.setdefault(row.chain, set()).add((row.organisation, row.role))
    return found


async def _insert(
    session: Session, drafts: Sequence[Draft], at: datetime, settings: DeadlineSettings
) -> list[Draft]:
    """Store rungs. One that another ladder reached before is shared, and watched for both."""
    fresh = await insert_drafts(session, drafts)
    known = {draft.id for draft in fresh}
    shared = {draft.id: draft for draft in drafts if draft.id not in known}
    # Two of this very sweep may meet as well.
    ids = [draft.id for draft in drafts]
    shared |= {draft.id: draft for draft in drafts if ids.count(draft.id) > 1}
    if shared:
        dues = [
            rung_ends(at, one.given_minutes, one.given_until, settings) for one in shared.values()
        ]
        await session.execute(_SHARE, {"ids": list(shared), "dues": dues})
    return fresh


def _log_steps(steps: Sequence[tuple[Any, Step]]) -> None:
    for row, step in steps:
        escalations_total.labels(why(row)).inc()
        _log_passed(row, step.passed)
        log.warning(
            "notice_escalated",
            notice=str(row.id),
            rung=step.number,
            organisation=step.post.organisation,
            stands_in_for=step.stands_in_for,
            reason=why(row),
            next="the next on the ladder is told",
        )


def _log_later(later: Sequence[tuple[Any, Later]]) -> None:
    for row, one in later:
        deferred_total.inc()
        log.warning(
            "escalation_deferred",
            notice=str(row.id),
            rung=row.rung,
            until=one.at.isoformat(),
            next="the next on the ladder is told when its quiet hours end",
        )


def _log_last(last: Sequence[tuple[Any, Nobody]]) -> None:
    for row, one in last:
        exhausted_total.inc()
        _log_passed(row, one.passed)
        log.error(
            "ladder_exhausted",
            notice=str(row.id),
            receipt=str(row.receipt),
            organisation=row.organisation,
            rung=row.rung,
            next="nobody is left to tell: a person must telephone",
        )


def _log_passed(row: Any, passed: Sequence[Passed]) -> None:
    for one in passed:
        passed_total.labels(one.why).inc()
        log.warning(
            "rung_passed",
            notice=str(row.id),
            rung=one.number,
            organisation=one.organisation,
            role=one.role,
            why=one.why,
            next="the ladder goes on past it",
        )


_REACHED = text("""
    select chain, organisation, role from notifier.obligation
     where id = any(:chains) or (chain = any(:chains) and id <> chain)""")

_LEAVE = text("""
    update notifier.obligation
       set watch = case when id = any(cast(:climbed as uuid[])) then 'climbed'
                        else 'exhausted' end,
           watch_due_at = null
     where id = any(cast(:climbed as uuid[])) or id = any(cast(:exhausted as uuid[]))""")

_DEFER = text("""
    update notifier.obligation o
       set watch_due_at = d.due, deferred_at = coalesce(o.deferred_at, :at)
      from unnest(cast(:ids as uuid[]), cast(:dues as timestamptz[])) d(id, due)
     where o.id = d.id""")

_SHARE = text("""
    update notifier.obligation o
       set shared = true,
           watch = case when o.watch = 'ended' and o.acknowledged_at is null
                             and o.state not in ('superseded', 'withheld')
                        then 'watching' else o.watch end,
           watch_due_at = case when o.watch = 'ended' and o.acknowledged_at is null
                               then d.due else o.watch_due_at end
      from unnest(cast(:ids as uuid[]), cast(:dues as timestamptz[])) d(id, due)
     where o.id = d.id""")
