"""Keeps what is found of an agency's own record: open, answered by that agency, or withdrawn.

One shape for all of them, counted per agency. A restricted child has none: what stands about one
goes with a plain withdrawal, and nothing new is kept.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from prometheus_client import Counter
from sqlalchemy import text

from bus import Publishable
from chassis.database import Session
from schemas.facts import (
    EventAccepted,
    EventApplied,
    Evidence,
    Finding,
    PersonDuplicateSuspected,
    PersonLinkMissing,
    RecordContradicts,
)
from services.directory.partnership import Partnership

ANSWER = "record.answered"
FINDING_UNKNOWN = "finding-unknown"
REVIEWERS = "reviewers"
"""In counts: whom nobody but the partnership can be told."""

findings_total = Counter(
    "directory_findings_total", "What was found of agencies' records", ["kind", "agency", "state"]
)

# A child that has become restricted, or was taken off the register, is in nobody's record.
_RAISE = text("""
    insert into directory.finding (finding, kind, agency, reviewers, receipt, child_id, other,
        child_index, adults, records, evidence, key, state, raised_at)
    select r.finding, r.kind, r.agency, r.reviewers, r.receipt, r.child_id, r.other, r.child_index,
           r.adults, r.records, r.evidence, r.key, 'open', :at
      from jsonb_to_recordset(cast(:rows as jsonb)) as r(finding uuid, kind text, agency text,
           reviewers text, receipt uuid, child_id uuid, other uuid, child_index int, adults int[],
           records text[], evidence jsonb, key text)
      join directory.child c on c.id = r.child_id
      left join directory.child o on o.id = r.other
     where not c.restricted and c.withdrawn_at is null
       and (r.other is null or (not o.restricted and o.withdrawn_at is null))
     order by r.child_id, r.other, r.finding
        on conflict do nothing returning finding""")

_ANSWER = text("""
    update directory.finding set state = 'answered', answer = :answer, ended_at = :at
     where finding = :finding and agency = :agency and state = 'open'
    returning *""")

_ANSWER_FOR_ALL = text("""
    update directory.finding
       set state = 'answered', answer = :answer, answered_reason = :reason, answered_by = :by,
           ended_at = :at
     where finding = :finding and agency is null and state = 'open'
    returning *""")

_WITHDRAW = text("""
    update directory.finding set state = 'withdrawn', ended_at = :at
     where finding = any(cast(:findings as uuid[])) and state = 'open'
    returning *""")

_OF_EVENT = text("""
    select finding from directory.finding
     where receipt = :receipt and kind = :kind and state = 'open'
       and (cast(:everywhere as boolean) or coalesce(child_index, 0) = :position)
     order by finding""")

_OF_CHILDREN = text("""
    select finding, kind, receipt, child_id, other, child_index, state from directory.finding
     where child_id = any(cast(:children as uuid[]))
    union
    select finding, kind, receipt, child_id, other, child_index, state from directory.finding
     where other = any(cast(:children as uuid[])) and other is not null
     order by finding""")

_DELETE = text("""
    delete from directory.finding where finding = any(cast(:findings as uuid[])) returning *""")

_COUNT = text("""
    select kind, agency, count(*) filter (where state = 'open') as open,
           count(*) filter (where state = 'answered') as answered,
           count(*) filter (where state = 'withdrawn') as withdrawn,
           min(raised_at) filter (where state = 'open') as oldest_open
      from directory.finding group by kind, agency order by agency nulls last, kind""")


@dataclass(frozen=True)
class Found:
    """A finding to be raised: its fact, the child or the two that it is about, who must see."""

    fact: Finding
    child: UUID
    other: UUID | None = None
    reviewers: str | None = None


class Standing(NamedTuple):
    """A finding as it stands about one child, or two."""

    finding: UUID
    kind: str
    receipt: UUID | None
    child_id: UUID
    other: UUID | None
    child_index: int | None
    state: str


async def raise_findings(
    session: Session, partnership: Partnership, found: Sequence[Found]
) -> list[Publishable]:
    """Keep those that do not stand yet, and return what tells of them."""
    if not found:
        return []
    values = {"rows": json.dumps([_row(one) for one in found]), "at": partnership.clock()}
    fresh = {row.finding for row in await session.execute(_RAISE, values)}
    return _counted([one.fact for one in found if one.fact.finding in fresh])


async def take_answer(
    session: Session, partnership: Partnership, event: EventAccepted
) -> list[Publishable]:
    """The agency whose record it is has answered; nobody else's answer counts."""
    rows = await session.execute(
        _ANSWER,
        {
            "finding": UUID(event.data["finding"]),
            "agency": event.sender.organisation,
            "answer": event.data["answer"],
            "at": partnership.clock(),
        },
    )
    ended = _counted([_fact(row) for row in rows])
    outcome = {} if ended else {"outcome": FINDING_UNKNOWN}
    applied = EventApplied(receipt=event.receipt, key=event.key, at=partnership.clock(), **outcome)
    return [*ended, applied]


async def take_reviewers_answer(
    session: Session,
    partnership: Partnership,
    finding: UUID,
    answer: str,
    reason: str,
    by: str,
) -> list[Publishable]:
    """A reviewer has answered what no agency could be told; nothing if it is not open."""
    values = {
        "finding": finding,
        "answer": answer,
        "reason": reason,
        "by": by,
        "at": partnership.clock(),
    }
    return _counted([_fact(row) for row in await session.execute(_ANSWER_FOR_ALL, values)])


async def withdraw_findings(
    session: Session, partnership: Partnership, findings: Collection[UUID]
) -> list[Publishable]:
    """These do not hold any more; what was answered stays answered."""
    if not findings:
        return []
    values = {"findings": sorted(findings), "at": partnership.clock()}
    return _counted([_fact(row) for row in await session.execute(_WITHDRAW, values)])


async def withdraw_of_event(
    session: Session,
    partnership: Partnership,
    receipt: UUID,
    kind: type[Finding],
    *,
    position: int | None = None,
) -> list[Publishable]:
    """The open ones of one kind about one child of an event, or about all of it."""
    values = {
        "receipt": receipt,
        "kind": kind.fact_type,
        "everywhere": position is None,
        "position": position,
    }
    rows = await session.execute(_OF_EVENT, values)
    return await withdraw_findings(session, partnership, [row.finding for row in rows])


async def read_standing(session: Session, children: Collection[UUID]) -> list[Standing]:
    """Every finding about these children, whatever became of it."""
    if not children:
        return []
    rows = await session.execute(_OF_CHILDREN, {"children": sorted(children)})
    return [Standing(*row) for row in rows]


async def forget_findings(
    session: Session, partnership: Partnership, children: Collection[UUID]
) -> list[Publishable]:
    """These children are restricted from now on: nothing is kept, and nothing says why."""
    about = await read_standing(session, children)
    if not about:
        return []
    values = {"findings": [one.finding for one in about]}
    gone = [row for row in await session.execute(_DELETE, values) if row.state != "withdrawn"]
    at = partnership.clock()
    return _counted([_fact(row, "withdrawn").model_copy(update={"at": at}) for row in gone])


async def count_findings(session: Session) -> Sequence[Any]:
    """Per agency and kind: open, answered, withdrawn, and since when the oldest is open."""
    return (await session.execute(_COUNT)).all()


def _row(one: Found) -> dict[str, Any]:
    said = one.fact.model_dump(mode="json", exclude={"at", "state"})
    return {
        "adults": [],
        "records": [],
        "evidence": [],
        **said,
        "kind": one.fact.fact_type,
        "child_id": str(one.child),
        "other": str(one.other) if one.other else None,
        "reviewers": one.reviewers,
    }


def _fact(row: Any, state: str | None = None) -> Finding:
    """The fact of a row. A withdrawal repeats nothing of what was found."""
    now = state or row.state
    head: dict[str, Any] = {
        "finding": row.finding,
        "key": row.key,
        "agency": row.agency,
        "state": now,
        "at": row.ended_at or row.raised_at,
    }
    said = now != "withdrawn"
    evidence = tuple(Evidence.model_validate(one) for one in row.evidence) if said else ()
    if row.kind == PersonDuplicateSuspected.fact_type:
        records = tuple(row.records) if said else ()
        return PersonDuplicateSuspected(**head, records=records, evidence=evidence)
    head |= {"receipt": row.receipt, "child_index": row.child_index}
    if row.kind == RecordContradicts.fact_type:
        return RecordContradicts(**head, evidence=evidence)
    return PersonLinkMissing(**head, adults=tuple(row.adults))


def _counted(facts: Iterable[Finding]) -> list[Publishable]:
    counted = list(facts)
    for fact in counted:
        findings_total.labels(fact.fact_type, fact.agency or REVIEWERS, fact.state).inc()
    return list(counted)
