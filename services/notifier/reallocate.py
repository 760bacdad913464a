"""What nobody has confirmed goes to a child's new worker, with the digest: part of composing.

The former worker's open notices end (`superseded`, because `reallocated`) in the transaction that
makes the new worker's, so that none is on two ladders and none on no ladder. What is open with the
MASH stays there as well: it decides about the child. Only what the directory lists goes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from prometheus_client import Counter
from sqlalchemy import text

import bus
from chassis.database import Session
from chassis.telemetry import logger
from schemas.facts import (
    Addressee,
    Digest,
    EventAddressed,
    NoticeEscalated,
    NoticeSuperseded,
    Profile,
)
from schemas.organisations import RecipientRole
from services.notifier.deadlines import Matter, due_of
from services.notifier.draft import OURS, Draft
from services.notifier.pass_on import REALLOCATED, Sources, note_relieved
from services.notifier.report import COLUMNS, notice_fact
from services.notifier.routes import Route
from services.notifier.rules import read_rules
from services.notifier.settings import DeadlineSettings
from services.notifier.standing import read_standings

log = logger("notifier.reallocate")

reallocated_total = Counter("notifier_reallocated_total", "Notices that went to a new worker")


@dataclass(slots=True)
class Taken:
    """What came of assignments: their facts with the digests filled in, and the new notices.

    `sources`: by the id of each new notice, the first of all from which it came.
    """

    facts: dict[UUID, EventAddressed] = field(default_factory=dict)
    drafts: list[Draft] = field(default_factory=list)
    sources: Sources = field(default_factory=dict)
    told: list[bus.Fact] = field(default_factory=list)

    def filled(self, fact: Any) -> Any:
        """The same fact, or the one with the digest that the notifier filled in."""
        return self.facts.get(fact.receipt, fact) if is_taking(fact) else fact


def is_taking(fact: Any) -> bool:
    """Whether a fact says that somebody takes a child over."""
    return isinstance(fact, EventAddressed) and fact.digest is not None


def receipts_taken(fact: Any) -> Iterable[UUID]:
    """The events of which notices may change hands; the caller holds their locks."""
    return _receipts(fact.digest) if is_taking(fact) else ()


async def reallocate(
    session: Session,
    facts: Sequence[Any],
    routes: Mapping[str, Route],
    at: datetime,
    settings: DeadlineSettings,
) -> Taken:
    """Hand over what is open for each assignment among these facts; a repeat finds nothing open."""
    taken = Taken()
    for fact in facts:
        if not is_taking(fact) or await _is_ended(session, fact):
            continue
        (to,) = fact.recipients
        await note_relieved(session, fact)
        if to.withheld is not None:
            continue
        rows = list(await session.execute(_OPEN, _about(fact)))
        follow = await _move(session, taken, fact, to, rows, routes[to.organisation], at, settings)
        taken.facts[fact.receipt] = fact.model_copy(
            update={"digest": _fill(fact.digest, to, rows, follow)}
        )
    return taken


async def note_sources(session: Session, sources: Sources, fresh: Iterable[Draft]) -> None:
    """Keep of new notices from which they came: what is taken back is taken back with them."""
    made = [one.id for one in fresh if one.id in sources]
    if made:
        values = {
            "ids": made,
            "sources": [sources[one][0] for one in made],
            "bys": [sources[one][1] for one in made],
        }
        await session.execute(_NOTE, values)
        reallocated_total.inc(len(made))


async def _is_ended(session: Session, fact: EventAddressed) -> bool:
    """Whether the assignment was itself taken back before it was heard of here."""
    return (await read_standings(session, [fact.receipt], [])).stands_against(
        fact.receipt, fact.child_id
    )


def _receipts(digest: Digest) -> list[UUID]:
    return [*(one.receipt for one in digest.lines), *digest.earlier]


def _about(fact: EventAddressed) -> dict[str, Any]:
    digest = fact.digest or Digest(since=fact.accepted_at)
    return {"child": fact.child_id, "receipts": _receipts(digest)}


async def _move(
    session: Session,
    taken: Taken,
    fact: EventAddressed,
    to: Addressee,
    rows: Sequence[Any],
    route: Route,
    at: datetime,
    settings: DeadlineSettings,
) -> set[UUID]:
    """End what is the former worker's, draft what the new one gets; the receipts that follow."""
    digest = fact.digest or Digest(since=fact.accepted_at)
    has = {(row.receipt, row.part): row.id for row in rows if row.organisation == to.organisation}
    follow = {receipt for receipt, _ in has}
    mine = [row for row in rows if row.organisation in digest.takes_over and row.owner == OURS]
    of_mash = [row for row in rows if digest.mash and _is_of_mash(row)]
    # The former worker's own digest ends with the new one: it is not handed on.
    nexts = {
        row.id: has.get((row.receipt, row.part)) or _moved_id(row, to, fact)
        for row in mine
        if row.profile != Profile.WORKER_DIGEST
    }
    ended = await _end(session, fact, to, mine, nexts, at, taken)
    for row in [*(row for row in mine if row.id in ended), *of_mash]:
        if row.profile == Profile.WORKER_DIGEST or (row.receipt, row.part) in has:
            continue
        draft = _draft(row, to, fact, route, at, settings)
        has[row.receipt, row.part] = draft.id
        follow.add(row.receipt)
        taken.drafts.append(draft)
        taken.sources[draft.id] = (row.reallocated_from or row.id, fact.receipt)
    log.info(
        "notices_reallocated",
        receipt=str(fact.receipt),
        organisation=to.organisation,
        ended=len(ended),
        made=len(follow),
    )
    return follow


def _is_of_mash(row: Any) -> bool:
    return bool(row.role == RecipientRole.MASH and row.profile == Profile.MASH_INCIDENT)


async def _end(
    session: Session,
    fact: EventAddressed,
    to: Addressee,
    mine: Sequence[Any],
    nexts: Mapping[UUID, UUID],
    at: datetime,
    taken: Taken,
) -> set[UUID]:
    """End the former worker's notices and their ladders; deliveries first, as everybody does.

    Returns those that did end: one that was confirmed at this moment has not.
    """
    if not mine:
        return set()
    ids = [row.id for row in mine]
    await session.execute(_CANCEL, {"ids": ids})
    values = {"ids": ids, "nexts": [nexts.get(one) for one in ids], "by": fact.receipt}
    ended = (await session.execute(_END, values)).all()
    await session.execute(_END_RUNGS, {"ids": [row.id for row in ended]})
    for row in ended:
        if row.reallocated_to is not None:
            taken.told.append(
                notice_fact(
                    NoticeEscalated, row, at, reason=REALLOCATED, next_notice=row.reallocated_to,
                    next_organisation=to.organisation, next_role=to.role,
                )
            )  # fmt: skip
        if row.delivered_at is None:
            taken.told.append(notice_fact(NoticeSuperseded, row, at, reason=REALLOCATED))
    return {row.id for row in ended}


def _moved_id(row: Any, to: Addressee, fact: EventAddressed) -> UUID:
    """One per notice, new recipient and assignment: whoever gets a child back is told anew."""
    return uuid5(row.id, f"{to.organisation}|{fact.receipt}")


def _draft(
    row: Any,
    to: Addressee,
    fact: EventAddressed,
    route: Route,
    at: datetime,
    settings: DeadlineSettings,
) -> Draft:
    """The same notice to the new worker, as if it had arrived now: a ladder of its own."""
    own = row.role in (RecipientRole.MASH, RecipientRole.ALLOCATED_WORKER)
    role = to.role if own else RecipientRole(row.role)
    due = due_of(
        Matter(row.event_type, role, row.profile, at, at, route.calendar, route.service),
        read_rules(settings.table),
    )
    reason = route.missing()
    made = _moved_id(row, to, fact)
    kept = {one.name: getattr(row, one.name) for one in fields(Draft) if one.name in _KEPT}
    return Draft(
        **kept,
        id=made,
        rung=0,
        chain=made,
        organisation=to.organisation,
        recipient_name=to.name,
        role=role,
        owner=OURS,
        rule=to.rule,
        state="failed" if reason else "waiting",
        reason=reason,
        watch="watching",
        watch_due_at=at if reason else due.deadline_at,
        deadline_at=due.deadline_at,
        composed_at=at,
        sent_at=at if not reason and route.channel != "webhook" else None,
        overtakes=due.overtakes,
    )


def _fill(
    digest: Digest | None, to: Addressee, rows: Sequence[Any], follow: set[UUID]
) -> Digest | None:
    """What is outstanding of each event, by class; whose posts it may know of no others, itself."""
    if digest is None:
        return None
    mine = {to.organisation, *digest.takes_over}
    open_with: dict[UUID, set[RecipientRole]] = {}
    for row in rows:
        if digest.mash and row.organisation not in mine:
            open_with.setdefault(row.receipt, set()).add(RecipientRole(row.role))
    lines = tuple(
        one.model_copy(
            update={
                "follows": one.receipt in follow,
                "unconfirmed": tuple(sorted(open_with.get(one.receipt, ()))),
            }
        )
        for one in digest.lines
    )
    return digest.model_copy(update={"lines": lines})


_KEPT = frozenset(
    {
        "receipt", "child_index", "child_id", "part", "event_type", "happened_at", "accepted_at",
        "profile", "content",
    }
)  # fmt: skip
"""What a notice that changes hands has in common with the one from which it came."""

# Open: the first of a ladder that nobody confirmed on any rung, and that nothing has ended.
_OPEN = text(f"""
    select {COLUMNS}, o.rule, o.event_type, o.happened_at, o.accepted_at, o.content,
           o.reallocated_from
      from notifier.obligation o
     where o.receipt = any(cast(:receipts as uuid[])) and o.child_id = :child and o.id = o.chain
       and o.acknowledged_at is null and o.withdrawn_at is null and o.watch <> 'ended'
       and o.state not in ('withheld', 'superseded')
       and o.profile not in ('receipt', 'withdrawal', 'alert')
       and not exists (select from notifier.obligation r
                        where r.receipt = o.receipt and r.child_id = o.child_id
                          and r.chain = o.id and r.acknowledged_at is not null)
     order by o.receipt, o.role <> 'allocated-worker', o.id""")

_CANCEL = text("""
    update notifier.delivery
       set state = 'cancelled', claim_token = null, claimed_until = null,
           settled_at = clock_timestamp()
     where id = any(:ids) and state in ('waiting', 'claimed')""")

_END = text(f"""
    update notifier.obligation o
       set state = 'superseded', reason = '{REALLOCATED}', watch = 'ended', watch_due_at = null,
           show_again_at = null, reallocated_by = :by, reallocated_to = n.next
      from unnest(cast(:ids as uuid[]), cast(:nexts as uuid[])) n(id, next)
     where o.id = n.id and o.acknowledged_at is null
       and o.state not in ('withheld', 'superseded')
    returning {COLUMNS}, o.delivered_at, o.reallocated_to""")

_END_RUNGS = text("""
    update notifier.obligation set watch = 'ended', watch_due_at = null
     where chain = any(:ids) and id <> chain and watch = 'watching' and not shared""")

_NOTE = text("""
    update notifier.obligation o
       set reallocated_from = n.source, reallocated_by = n.by
      from unnest(cast(:ids as uuid[]), cast(:sources as uuid[]), cast(:bys as uuid[]))
           n(id, source, by)
     where o.id = n.id""")
