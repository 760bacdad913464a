"""Clocks that the law or local rules set: started, graded and stopped by events. Part of composing.

A referral runs two from when it was received: the decision that is told to the referrer (one
working day), and the MASH's own, by grade; an ungraded one counts as red, and a new grade never
starts it again. A found child runs one of elapsed hours: its return home interview. What it means
that one is half over, or ran out, is told by `escalate`.

A word about a clock may be heard before what starts it: then the row waits for its start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from chassis.database import Session
from schemas.facts import EventAddressed
from services.notifier.deadlines import clock_due, half_due
from services.notifier.report import EVERY_CHILD
from services.notifier.rules import Table, read_rules
from services.notifier.settings import DeadlineSettings
from services.notifier.standing import Ending

REFERRAL, TRIAGED, FOUND = "referral.submitted", "referral.triaged", "missing.found"
OFFERED, INTERVIEWED = "return-interview.offered", "return-interview.completed"
SPEAKING = frozenset({REFERRAL, TRIAGED, FOUND, OFFERED, INTERVIEWED})
"""Types of events that say something of a clock."""

DECISION, GRADE, INTERVIEW = "referral-decision", "mash-grade", "return-interview"
UNGRADED = "red"
_RUNNING_ON = "accepted"
"""The interview was offered and taken up: it has yet to take place."""

Key = tuple[UUID, str, UUID]
"""Receipt, name of the clock, child (all zeros: every child)."""


@dataclass(frozen=True, slots=True)
class Running:
    """One clock; `started_at` is None while only words about it were heard."""

    receipt: UUID
    name: str
    child_id: UUID
    key: str
    started_at: datetime | None = None
    due_at: datetime | None = None
    half_due_at: datetime | None = None
    grade: str | None = None
    graded_at: datetime | None = None
    stopped_at: datetime | None = None

    @property
    def at(self) -> Key:
        return self.receipt, self.name, self.child_id


async def keep(
    session: Session,
    facts: Sequence[EventAddressed],
    is_ended: Callable[[UUID], bool],
    at: datetime,
    settings: DeadlineSettings,
) -> dict[UUID, datetime]:
    """Start, grade and stop clocks; returns by when each referral of the batch must be decided.

    The caller holds the lock of every receipt that is named. Those that ended before they were
    heard of (`is_ended`) keep a clock that never ran.
    """
    speaking = [fact for fact in facts if fact.event_type in SPEAKING]
    if not speaking:
        return {}
    named = {receipt for fact in speaking for receipt in receipts_of(fact)}
    rows = await session.execute(_READ, {"receipts": list(named)})
    known = {one.at: one for one in (Running(*row) for row in rows)}
    before = dict(known)
    rules = read_rules(settings.table)
    # Starts come first: what is said of a clock then finds it.
    for fact in sorted(speaking, key=lambda one: one.event_type not in (REFERRAL, FOUND)):
        for one in _say(fact, known, at):
            if one.started_at is not None and one.stopped_at is None and is_ended(one.receipt):
                one = replace(one, stopped_at=at)
            known[one.at] = _timed(one, rules)
    await _write(session, [one for key, one in known.items() if before.get(key) != one])
    return {
        receipt: one.due_at
        for (receipt, name, _), one in known.items()
        if name == DECISION and one.due_at is not None
    }


def receipts_of(fact: EventAddressed) -> Iterable[UUID]:
    """The events whose clocks a fact may speak of."""
    yield fact.receipt
    yield from fact.regards
    if fact.supersedes is not None:
        yield fact.supersedes


async def stop(session: Session, endings: Sequence[Ending], at: datetime) -> None:
    """Stop the clocks of events that were decided, retracted or restated."""
    receipts = [
        one.receipt for one in endings if one.child_id == EVERY_CHILD or one.kind == "superseded"
    ]
    if receipts:
        await session.execute(
            text("""update notifier.clock set stopped_at = :at
                     where receipt = any(:receipts) and stopped_at is null"""),
            {"receipts": receipts, "at": at},
        )


def _say(fact: EventAddressed, known: dict[Key, Running], at: datetime) -> Iterable[Running]:
    """What a fact makes of the clocks that it speaks of."""
    if fact.event_type == REFERRAL:
        for name in (DECISION, GRADE):
            earlier = known.get((fact.supersedes or fact.receipt, name, EVERY_CHILD))
            mine = _find(known, fact, fact.receipt, name, EVERY_CHILD)
            if mine.started_at is None:
                started = earlier.started_at if earlier is not None else None
                yield _graded_like(replace(mine, started_at=started or fact.accepted_at), earlier)
    elif fact.event_type == FOUND:
        mine = _find(known, fact, fact.receipt, INTERVIEW, fact.child_id)
        if fact.withdraws:
            yield replace(mine, stopped_at=mine.stopped_at or at)
        elif mine.started_at is None and fact.data:
            yield replace(mine, started_at=datetime.fromisoformat(fact.data["foundAt"]))
    elif not fact.data:
        return  # A withdrawal: it says nothing.
    elif fact.event_type == TRIAGED:
        graded_at = datetime.fromisoformat(fact.data["triagedAt"])
        for receipt in fact.regards:
            mine = _find(known, fact, receipt, GRADE, EVERY_CHILD)
            if mine.graded_at is None or mine.graded_at <= graded_at:
                yield replace(mine, grade=fact.data["grade"], graded_at=graded_at)
    elif fact.event_type == INTERVIEWED or fact.data["outcome"] != _RUNNING_ON:
        for receipt in fact.regards:
            mine = _find(known, fact, receipt, INTERVIEW, fact.child_id)
            yield replace(mine, stopped_at=mine.stopped_at or at)


def _find(
    known: dict[Key, Running], fact: EventAddressed, receipt: UUID, name: str, child: UUID
) -> Running:
    return known.get((receipt, name, child)) or Running(receipt, name, child, fact.key)


def _graded_like(mine: Running, earlier: Running | None) -> Running:
    """A correction keeps the grade of what it restates."""
    if mine.grade is None and earlier is not None:
        return replace(mine, grade=earlier.grade, graded_at=earlier.graded_at)
    return mine


def _timed(one: Running, rules: Table) -> Running:
    """The same with its limit, and when half of it is over, always from its start."""
    if one.started_at is None:
        return one
    if one.name != GRADE:
        return replace(one, due_at=clock_due(one.name, one.started_at, rules))
    due = clock_due(f"{GRADE}-{one.grade or UNGRADED}", one.started_at, rules)
    return replace(one, due_at=due, half_due_at=half_due(one.started_at, due, rules))


async def _write(session: Session, clocks: Sequence[Running]) -> None:
    if clocks:
        values = {name: [getattr(one, name) for one in clocks] for name in _COLUMNS}
        await session.execute(_WRITE, values)


_COLUMNS = {
    "receipt": "uuid", "name": "text", "child_id": "uuid", "key": "text",
    "started_at": "timestamptz", "due_at": "timestamptz", "half_due_at": "timestamptz",
    "grade": "text", "graded_at": "timestamptz", "stopped_at": "timestamptz",
}  # fmt: skip

_READ = text(f"""
    select {", ".join(_COLUMNS)} from notifier.clock where receipt = any(:receipts)""")

_WRITE = text(f"""
    insert into notifier.clock ({", ".join(_COLUMNS)})
    select * from unnest({
    ", ".join(f"cast(:{name} as {kind}[])" for name, kind in _COLUMNS.items())
})
        on conflict (receipt, name, child_id) do update
       set started_at = excluded.started_at, due_at = excluded.due_at,
           half_due_at = excluded.half_due_at, grade = excluded.grade,
           graded_at = excluded.graded_at, stopped_at = excluded.stopped_at""")
