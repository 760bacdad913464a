"""Says that something was missed on the way of a notice: a metric, a log line and a fact."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

from prometheus_client import Counter

import bus
from chassis.database import Session
from chassis.telemetry import logger
from schemas.facts import AskedNotice, LedgerGapFound
from services.notifier.report import SOURCE

log = logger("notifier.ledger")

gaps_total = Counter("ledger_gaps_total", "Missed on the way of a notice, and mended", ["kind"])

Kind = Literal["not-composed", "not-sent", "not-settled", "not-told"]
NEXT: dict[Kind, str] = {
    "not-composed": "the directory announces it again; look whether a backup was restored",
    "not-sent": "queued again, or failed and escalated; look who changed the tables",
    "not-settled": "let go and sent again with the same id; look for a stopped sender",
    "not-told": "told again; look whether a backup was restored",
}


async def tell_gap(
    session: Session,
    kind: Kind,
    notices: Sequence[UUID],
    at: datetime,
    asked_by: str | None = None,
    about: Sequence[AskedNotice] = (),
) -> None:
    """Say that something was missed: a metric, a log line and a fact. Nothing if there is none."""
    if not notices:
        return
    gaps_total.labels(kind).inc(len(notices))
    log.error(
        "ledger_gap_found",
        kind=kind,
        count=len(notices),
        notices=[str(one) for one in notices[:10]],
        next=NEXT[kind],
    )
    fact = LedgerGapFound(
        service=SOURCE, kind=kind, at=at, asked_by=asked_by, notices=tuple(notices),
        about=tuple(about),
    )  # fmt: skip
    await bus.append(session, bus.fact_of(fact, SOURCE))
