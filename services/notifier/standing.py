"""What overtakes a notice: a retraction, a correction, a found child, a decision.

Kept in rows that outlive the moment, because any of them may arrive before what it overtakes.
Looked at in the transaction that composes; what is on its way is cancelled in the transaction that
hears of it, so that a claim never takes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import text

from chassis.database import Session
from schemas.facts import EventAddressed, EventRetracted, ResolutionDecided
from services.notifier.draft import Draft
from services.notifier.report import COLUMNS, EVERY_CHILD

MISSING_REPORTS = ("missing.reported", "missing.updated")
RECEIPT = "receipt"
"""That something was received stays true when it is decided: only a retraction takes it back."""


@dataclass(frozen=True, slots=True)
class Ending:
    """One thing that ends notices, with the event that says so. `kind` as in the table."""

    receipt: UUID
    child_id: UUID
    kind: str
    at: datetime
    by: UUID


def endings_of(fact: EventAddressed | EventRetracted | ResolutionDecided) -> Iterator[Ending]:
    """What a fact ends. A found child ends that child's notices only, a decision the event's."""
    if isinstance(fact, EventRetracted):
        yield Ending(fact.retracts, EVERY_CHILD, "retracted", fact.at, fact.receipt)
        return
    if isinstance(fact, ResolutionDecided):
        # The resolution stands for the child in an alert, see `draft.draft_alert`.
        yield Ending(fact.receipt, fact.resolution, "closed", fact.decided_at, fact.receipt)
        return
    if fact.withdraws:
        # Some notices of one child end, not all of its event: each stands for itself, and the
        # clock of a referral runs on.
        for notice in with_shown_again(fact.withdraws):
            yield Ending(fact.receipt, notice, "retracted", fact.accepted_at, fact.receipt)
        return
    if fact.supersedes is not None:
        yield Ending(fact.supersedes, fact.child_id, "superseded", fact.accepted_at, fact.receipt)
    found = fact.event_type == "missing.found"
    for closed in fact.closes:
        # What ends with a found or restated child ends for that child, a decision for the event.
        child = fact.child_id if found or fact.event_type in MISSING_REPORTS else EVERY_CHILD
        yield Ending(closed, child, "closed", fact.accepted_at, fact.receipt)
    if found:
        yield Ending(fact.receipt, fact.child_id, "found", fact.occurred_at, fact.receipt)


def shown_again_as(notice: UUID) -> UUID:
    """The id of the notice that comes once more after a closure (`show_again`)."""
    return uuid5(notice, "again")


def with_shown_again(notices: Iterable[UUID]) -> Iterator[UUID]:
    """Notices, each with what it would be shown again as: it ends with the first."""
    for notice in notices:
        yield notice
        yield shown_again_as(notice)


class Standings:
    """What stands for some receipts and children, at the time of asking."""

    def __init__(self, rows: Iterable[Any]) -> None:
        self._by_receipt: dict[UUID, list[Any]] = {}
        self._found: dict[UUID, datetime] = {}
        for row in rows:
            if row.kind == "found":
                known = self._found.get(row.child_id)
                self._found[row.child_id] = max(known, row.at) if known else row.at
            else:
                self._by_receipt.setdefault(row.receipt, []).append(row)

    def overtakes(self, draft: Draft) -> str | None:
        """Why a draft must not be sent, if so."""
        for row in self._by_receipt.get(draft.receipt, ()):
            if row.kind == "closed" and draft.profile == RECEIPT:
                continue
            if row.child_id in (EVERY_CHILD, draft.child_id, draft.chain):
                return str(row.kind)
        if draft.event_type in MISSING_REPORTS:
            found_at = self._found.get(draft.child_id)
            if found_at is not None and draft.happened_at <= found_at:
                return "found"
        return None

    def stands_against(self, receipt: UUID, child_id: UUID) -> bool:
        """Whether an event has ended, for this child at least."""
        rows = self._by_receipt.get(receipt, ())
        return any(row.child_id in (EVERY_CHILD, child_id) for row in rows)

    def ends_event(self, receipt: UUID) -> bool:
        """Whether an event as a whole was retracted or decided."""
        return any(row.child_id == EVERY_CHILD for row in self._by_receipt.get(receipt, ()))


async def lock_events(session: Session, receipts: Iterable[UUID]) -> None:
    """Nobody else composes or ends these events until this transaction ends.

    Without it a notice and its retraction, heard at the same moment on two partitions, would not
    see each other.
    """
    await session.execute(_LOCK, {"receipts": sorted(set(receipts))})


async def record_endings(session: Session, endings: Sequence[Ending]) -> None:
    """Keep the endings, for whatever comes after them."""
    await session.execute(_RECORD, _columns(endings))


async def forget_found(session: Session, facts: Iterable[EventAddressed]) -> None:
    """Children who were said to be found and were not: they are missing still."""
    for fact in facts:
        if fact.withdraws and fact.event_type == "missing.found":
            await session.execute(_FORGET_FOUND, {"receipt": fact.receipt, "child": fact.child_id})


async def read_standings(
    session: Session, receipts: Iterable[UUID], children: Iterable[UUID]
) -> Standings:
    """What stands for these events, and for these children if they were missing."""
    rows = await session.execute(
        _READ, {"receipts": list(set(receipts)), "children": list(set(children))}
    )
    return Standings(rows)


async def end_notices(session: Session, endings: Sequence[Ending], at: datetime) -> list[Any]:
    """End what was composed before; returns the rows that will now never be sent.

    Deliveries first, then obligations: the order in which settling takes its locks.
    """
    if not endings:
        return []
    columns = {**_columns(endings), "at": at}
    await session.execute(_CANCEL, columns)
    unsent = (await session.execute(_SUPERSEDE, columns)).all()
    await session.execute(_END_WATCH, columns)
    return list(unsent)


def _columns(endings: Sequence[Ending]) -> dict[str, Any]:
    return {
        "receipts": [one.receipt for one in endings],
        "children": [one.child_id for one in endings],
        "kinds": [one.kind for one in endings],
        "ats": [one.at for one in endings],
        "bys": [one.by for one in endings],
    }


_ENDINGS = """
    unnest(cast(:receipts as uuid[]), cast(:children as uuid[]), cast(:kinds as text[]),
           cast(:ats as timestamptz[]), cast(:bys as uuid[]))
        e(receipt, child_id, kind, at, by_receipt)"""

# A rung that two ladders share stands while one of the two does.
_FOR_ANOTHER = """exists (
            select from notifier.obligation f
             where f.receipt = o.receipt and f.child_id = o.child_id
               and f.profile = (select c.profile from notifier.obligation c where c.id = o.chain)
               and f.rung = 0 and f.id = f.chain
               and f.withdrawn_at is null and f.state <> 'superseded'
               and f.id <> all(cast(:children as uuid[])))"""

_HIT = f"""
    hit as materialized (
        select o.id, e.kind from {_ENDINGS}
          join notifier.obligation o on o.receipt = e.receipt
         where e.kind <> 'found' and not (e.kind = 'closed' and o.profile = '{RECEIPT}')
           and (e.child_id = '{EVERY_CHILD}' or o.child_id = e.child_id
                or (o.chain = e.child_id and not (o.shared and {_FOR_ANOTHER}))
                -- What went to a new worker ends with that from which it came.
                or exists (select from notifier.obligation f
                            where f.id = o.chain and f.reallocated_from = e.child_id))
         union all
        select o.id, e.kind from {_ENDINGS}
          join notifier.obligation o on o.child_id = e.child_id
         where e.kind = 'found' and o.happened_at <= e.at
           and o.event_type in ('missing.reported', 'missing.updated'))"""

_LOCK = text("""
    select pg_advisory_xact_lock(hashtextextended(r.receipt::text, 0))
      from (select * from unnest(cast(:receipts as uuid[])) u(receipt) order by 1) r""")

_RECORD = text(f"""
    insert into notifier.standing (receipt, child_id, kind, at, by_receipt)
    select * from {_ENDINGS} on conflict do nothing""")

# A found that was itself retracted stops nothing: the child may still be missing.
_READ = text(f"""
    select receipt, child_id, kind, at from notifier.standing
     where receipt = any(:receipts) and kind <> 'found'
     union all
    select f.receipt, f.child_id, f.kind, f.at from notifier.standing f
     where f.kind = 'found' and f.child_id = any(:children)
       and not exists (select from notifier.standing r
                        where r.receipt = f.receipt and r.kind = 'retracted'
                          and r.child_id = '{EVERY_CHILD}')""")

_FORGET_FOUND = text("""
    delete from notifier.standing
     where receipt = :receipt and child_id = :child and kind = 'found'""")

# A claimed delivery is taken from its sender: what it still settles comes too late.
_CANCEL = text(f"""
    with {_HIT}
    update notifier.delivery d
       set state = 'cancelled', claim_token = null, claimed_until = null,
           settled_at = clock_timestamp()
      from hit where d.id = hit.id and d.state in ('waiting', 'claimed')""")

_SUPERSEDE = text(f"""
    with {_HIT}
    update notifier.obligation o
       set state = 'superseded', reason = hit.kind, content = null, watch = 'ended',
           watch_due_at = null, show_again_at = null
      from hit
     where o.id = hit.id and o.owner = 'notifier' and o.state in ('waiting', 'failed')
    returning {COLUMNS}, o.reason""")

_END_WATCH = text(f"""
    with {_HIT}
    update notifier.obligation o
       set watch = 'ended', watch_due_at = null, show_again_at = null,
           withdrawn_at = case when hit.kind in ('retracted', 'superseded')
                               then coalesce(o.withdrawn_at, :at) else o.withdrawn_at end
      from hit where o.id = hit.id and o.state not in ('superseded', 'withheld')""")
