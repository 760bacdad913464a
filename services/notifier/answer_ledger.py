"""Answers who asks about the ledger: the directory, whether what it addressed is here; intake,
whether it was told of everything.

Only differences are answered. A question that is old, or that comes while this service itself is
behind, is left: whoever asked asks again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

import bus
from chassis.clock import Clock
from chassis.database import Session
from chassis.telemetry import logger
from schemas.facts import (
    STATUS_FACTS,
    AskedNotice,
    LedgerAsked,
    NoticeAcknowledged,
    NoticeDelivered,
    NoticeFact,
    NoticeFailed,
    NoticeFiled,
    NoticeOpened,
    NoticeSuperseded,
    NoticeWithheld,
)
from services.notifier.report import COLUMNS, SOURCE, notice_fact
from services.notifier.settings import LedgerSettings
from services.notifier.tell_gap import tell_gap

log = logger("notifier.ledger")

ADDRESSES = "directory"
"""Who asks whether notices are here at all; any other asks what became of them."""

_TIMED: dict[str, type[NoticeFact]] = {
    "delivered": NoticeDelivered,
    "opened": NoticeOpened,
    "acknowledged": NoticeAcknowledged,
    "filed": NoticeFiled,
}
_STANDING: dict[str, type[NoticeFact]] = {
    "failed": NoticeFailed,
    "withheld": NoticeWithheld,
    "superseded": NoticeSuperseded,
}
"""What a notice is, rather than when it came so far: told with its reason."""


def asked(clock: Clock, settings: LedgerSettings) -> bus.Subscription:
    """The group that hears the questions."""

    async def hear(session: Session, facts: Sequence[bus.Fact]) -> None:
        questions = [LedgerAsked.model_validate_json(fact.payload) for fact in facts]
        await answer(session, questions, clock(), settings)

    types = {one.fact_type for one in STATUS_FACTS}
    return bus.Subscription(
        "notifier-ledger",
        (LedgerAsked.topic,),
        hear,
        known=frozenset(types),
        skips=frozenset(types - {LedgerAsked.fact_type}),
        skips_source=SOURCE,
    )


async def answer(
    session: Session, questions: Iterable[LedgerAsked], at: datetime, settings: LedgerSettings
) -> None:
    """Look at what is asked about, and tell what differs, in the caller's transaction."""
    for one in questions:
        if one.at < at - timedelta(seconds=settings.answer_seconds):
            log.info("ledger_question_left", asked_by=one.service, next="it is too old")
        elif one.service == ADDRESSES:
            await _tell_missing(session, one, at)
        else:
            await _tell_again(session, one, at)


async def _tell_missing(session: Session, question: LedgerAsked, at: datetime) -> None:
    if (await session.execute(_IS_BEHIND)).scalar():
        log.info("ledger_question_left", asked_by=question.service, next="asked again later")
        return
    rows = await session.execute(_HERE, {"ids": [one.notice for one in question.notices]})
    here = {row.id for row in rows}
    missing = [one for one in question.notices if one.notice not in here]
    await tell_gap(
        session, "not-composed", [one.notice for one in missing], at, question.service, missing
    )


async def _tell_again(session: Session, question: LedgerAsked, at: datetime) -> None:
    known = {one.notice: one for one in question.notices}
    rows = await session.execute(_STATES, {"ids": list(known)})
    facts: list[bus.Fact] = []
    differ: list[UUID] = []
    for row in rows:
        untold = list(_untold(row, known[row.id], at))
        if untold:
            differ.append(row.id)
            facts += untold
    await tell_gap(session, "not-told", differ, at, question.service)
    await bus.append(session, *facts)


def _untold(row: Any, asked_about: AskedNotice, at: datetime) -> Iterable[bus.Fact]:
    """What has become of a notice and the asker does not know."""
    for state, kind in _TIMED.items():
        came_at = getattr(row, f"{state}_at")
        if came_at is not None and state not in asked_about.known:
            yield notice_fact(kind, row, came_at)
    if row.state in _STANDING and row.state not in asked_about.known:
        yield notice_fact(_STANDING[row.state], row, at, reason=row.reason)


_IS_BEHIND = text(f"""
    select exists (select from bus.part
                    where service = '{SOURCE}' and what = 'reader notifier' and state <> 'ok')""")

_HERE = text("select id from notifier.obligation where id = any(:ids)")

# What the health broker delivers, it tells itself.
_STATES = text(f"""
    select {COLUMNS}, o.state, o.reason, o.delivered_at, o.opened_at, o.acknowledged_at, o.filed_at
      from notifier.obligation o where o.id = any(:ids) and o.owner = 'notifier'
     order by o.id""")
