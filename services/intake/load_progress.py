"""The rows of which the progress of events is told: many events at once, a statement a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text

from chassis.database import Session
from services.intake.questions import read_threads

STATES = (
    "accepted",
    "failed",
    "withheld",
    "superseded",
    "delivered",
    "opened",
    "undelivered",
    "declined",
    "telephoned",
    "acknowledged",
    "filed",
    "withdrawn",
)
"""From the least to the most that can be said: a notice is in the last of these that was told.
Where a notice was declined after it was confirmed, `declined` is said: the last word counts.
Silence past the deadline (`undelivered`) outweighs everything but a confirmation; whatever came of
it, a notice that was taken back is `withdrawn`."""


class ProgressRows(NamedTuple):
    """What is known of one event; rows with their columns as attributes.

    `thread`: each question with its answers.
    """

    event: Any
    children: Sequence[Any]
    notices: Sequence[Any]
    resolutions: Sequence[Any] = ()
    outcomes: Sequence[Any] = ()
    clocks: Sequence[Any] = ()
    findings: Sequence[Any] = ()
    thread: Sequence[tuple[Any, Sequence[Any]]] = ()


async def load_progress(
    session: Session, receipts: Sequence[UUID], organisation: str
) -> dict[UUID, ProgressRows]:
    """What is known of these events, by receipt; only of those that the organisation sent."""
    about = {"receipts": list(receipts)}
    events = (await session.execute(_EVENTS, {**about, "organisation": organisation})).all()
    if not events:
        return {}
    about = {"receipts": [row.receipt for row in events]}
    tables: list[dict[UUID, list[Any]]] = []
    for statement in (_CHILDREN, _NOTICES, _RESOLUTIONS, _OUTCOMES, _CLOCKS, _FINDINGS):
        of_receipt: dict[UUID, list[Any]] = {}
        for row in await session.execute(statement, about):
            of_receipt.setdefault(row.receipt, []).append(row)
        tables.append(of_receipt)
    tables.append(await read_threads(session, about["receipts"]))
    return {
        row.receipt: ProgressRows(row, *(found.get(row.receipt, ()) for found in tables))
        for row in events
    }


_EVENTS = text("""
    select receipt, type, version, occurred_at, accepted_at, due_at, supersedes, flags
      from intake.event
     where receipt = any(cast(:receipts as uuid[])) and organisation = :organisation""")
_CHILDREN = text("""
    select receipt, child_index, child_id, named, listed, addressed_at from intake.progress_child
     where receipt = any(cast(:receipts as uuid[])) order by child_index, addressed_at""")
_NOTICES = text(f"""
    select receipt, notice, child_index, child_id, part, rung, organisation, name, role, profile,
           reasons, escalated_at, exhausted_at, reminded_at, deadline_at, confirmed_last_at,
           declined_last_at, next_notice, next_organisation, next_role,
           {", ".join(f"{one}_at" for one in STATES)}
      from intake.progress_notice where receipt = any(cast(:receipts as uuid[]))
     order by child_index, rung, role, organisation, profile, part""")
_RESOLUTIONS = text("""
    select receipt, resolution, child_index, reason, needed_at, decide_by, overdue_at, decided_at,
           undone_at, decision
      from intake.progress_resolution where receipt = any(cast(:receipts as uuid[]))
     order by coalesce(needed_at, decided_at, overdue_at, undone_at)""")
_OUTCOMES = text("""
    select receipt, kind, by_receipt, at, outcome, replaced_by from intake.progress_outcome
     where receipt = any(cast(:receipts as uuid[])) order by at""")
_CLOCKS = text("""
    select receipt, clock, started_at, due_at, missed_at from intake.progress_clock
     where receipt = any(cast(:receipts as uuid[])) order by due_at""")
_FINDINGS = text("""
    select receipt, finding, kind, child_index, adults, evidence, raised_at, answered_at,
           withdrawn_at
      from intake.finding where receipt = any(cast(:receipts as uuid[])) order by finding""")
