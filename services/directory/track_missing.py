"""Missing children: one episode however many reported it, and an end that reaches everyone told.

A report may arrive after the child was found: then nobody is alerted. A found without a report is
kept for the report that may still come, and a person is told. An update restates the report: it
goes to whoever was told of that as well, and what it overtook is told no further.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from bus import Publishable
from chassis.database import Session
from chassis.ids import new_id
from schemas.facts import Addressee, EventAddressed, EventApplied
from schemas.organisations import RecipientRole
from services.directory.address import Sequel, read_situations, record_addressed
from services.directory.allocations import share_workers
from services.directory.ask import Question, address, ask_people, head_of
from services.directory.evaluate import evaluate, wish_to_withhold
from services.directory.find_recipients import Found
from services.directory.organisations import Needs, Organisations, read_organisations
from services.directory.partnership import Partnership
from services.directory.policy import Recipient
from services.directory.situation import Case

FOUND_ALREADY = "found-already"
FOUND_WITHOUT_REPORT = "found-without-report"
REPORTS = {"missing.reported": "reportedAt", "missing.updated": "updatedAt"}
"""The types of event that say that a child is missing, and where each says since when."""

OVERTAKEN = "overtaken"
"""The outcome of a report that was restated before it was heard of."""

_LOCK = text("""
    select id from directory.child where id = any(cast(:children as uuid[])) order by id
       for update""")

_OVER = text("""
    select id from directory.episode
     where child = :child and closed_at >= :reported_at order by closed_at limit 1""")

_JOIN = text("""
    update directory.episode set reports = array_append(reports, :receipt)
     where id = :episode and not :receipt = any(reports)""")

_OPEN = text("""
    insert into directory.episode (id, child, reports, opened_at)
    values (:id, :child, array[cast(:receipt as uuid)], :reported_at)
        on conflict (child) where closed_at is null do update
       set reports = case when :receipt = any(episode.reports) then episode.reports
                          else episode.reports || excluded.reports end,
           opened_at = least(episode.opened_at, excluded.opened_at)""")

_CLOSE = text("""
    update directory.episode set closed_at = :found_at, found = :receipt
     where child = :child and closed_at is null
       and (opened_at <= :found_at or :report = any(reports))
    returning reports""")

_LATER = text("""
    select 1 from directory.episode e
      join directory.event u on u.receipt = any(e.reports)
     where e.child = :child and e.closed_at is null and u.type = 'missing.updated'
       and u.receipt <> :receipt and u.occurred_at > :occurred_at
       and not exists (select 1 from directory.tombstone t where t.receipt = u.receipt) limit 1""")

_REPORTS = text("""
    select reports from directory.episode where child = :child and closed_at is null""")

_KEEP = text("""
    insert into directory.episode (id, child, reports, opened_at, closed_at, found)
    values (:id, :child, cast(:reports as uuid[]), :found_at, :found_at, :receipt)""")

_TOLD = text("""
    select organisation, min(role) as role from directory.addressed
     where receipt = any(cast(:reports as uuid[])) and child_id = :child and withheld is null
       and role <> 'allocated-worker'  -- Whoever works with the child today is told.
       and withdrawn_at is null and profile <> 'withdrawal'
     group by organisation order by organisation""")


_FORGET_REPORT = text("""
    update directory.episode set reports = array_remove(reports, cast(:receipt as uuid))
     where child = any(cast(:children as uuid[])) and :receipt = any(reports)""")

_FORGET_EMPTY = text("""
    delete from directory.episode
     where cardinality(reports) = 0 and child = any(cast(:children as uuid[]))
       and (closed_at is null or found = :receipt)""")

_REOPEN = text("""
    update directory.episode e set closed_at = null, found = null
     where found = :receipt and child = any(cast(:children as uuid[])) and not exists (
        select 1 from directory.episode o where o.child = e.child and o.closed_at is null)
    returning child""")


async def forget_event(session: Session, receipt: UUID, children: Sequence[UUID]) -> bool:
    """A report or a found no longer speaks of these children; True where one is missing again."""
    if not children:
        return False
    await lock_children(session, children)
    values = {"receipt": receipt, "children": list(children)}
    await session.execute(_FORGET_REPORT, values)
    await session.execute(_FORGET_EMPTY, values)
    return (await session.execute(_REOPEN, values)).first() is not None


async def open_episodes(
    session: Session, cases: Sequence[Case]
) -> tuple[list[Case], list[Publishable]]:
    """The cases in which people must be alerted, and the facts about those that are over."""
    await _lock_children(session, cases)
    alerted: list[Case] = []
    facts: list[Publishable] = []
    for case in cases:
        values = {
            "id": new_id(),
            "child": case.child.id,
            "receipt": case.event.receipt,
            "reported_at": _moment(case, REPORTS[case.event.event_type]),
            "occurred_at": case.event.occurred_at,
        }
        over = (await session.execute(_OVER, values)).scalar()
        if over is not None:
            await session.execute(_JOIN, {"episode": over, "receipt": case.event.receipt})
            facts.append(_applied(case, FOUND_ALREADY))
            continue
        overtaken = (await session.execute(_LATER, values)).first() is not None
        await session.execute(_OPEN, values)
        if overtaken:
            facts.append(_applied(case, OVERTAKEN))
        else:
            alerted.append(case)
    return alerted, facts


async def find_sequels(
    session: Session, partnership: Partnership, cases: Sequence[Case]
) -> dict[tuple[UUID, UUID], Sequel]:
    """For updates whose episodes are open: the reports that each ends, and who was told of them."""
    found: dict[tuple[UUID, UUID], Sequel] = {}
    for case in cases:
        named = case.event.data.get("report")
        known = (await session.execute(_REPORTS, {"child": case.child.id})).scalar() or []
        reports = {*known, *([UUID(named)] if named else [])} - {case.event.receipt}
        told = await _told(session, partnership, case, sorted(reports))
        found[case.event.receipt, case.child.id] = Sequel(tuple(sorted(reports)), tuple(told))
    return found


def _applied(case: Case, outcome: str) -> EventApplied:
    return EventApplied(
        receipt=case.event.receipt,
        key=case.event.key,
        at=case.event.accepted_at,
        outcome=outcome,
    )


async def close_episodes(
    session: Session, partnership: Partnership, cases: Sequence[Case]
) -> list[Publishable]:
    """Tell everyone who was told that the child was missing: it is found."""
    await _lock_children(session, cases)
    facts: list[EventAddressed] = []
    questions: list[Question] = []
    for case in cases:
        reports = await _close(session, case)
        told: list[Addressee] = []
        if reports is None:
            questions.append(
                Question(case.event, FOUND_WITHOUT_REPORT, case.child_index, case.child)
            )
        else:
            told = await _told(session, partnership, case, reports)
            told += await _workers(session, partnership, case, {one.organisation for one in told})
        facts.append(
            EventAddressed(
                **head_of(case.event),
                child_index=case.child_index,
                child_id=case.child.id,
                identity=case.child.identity,
                recipients=tuple(told),
                closes=tuple(reports or ()),
                data=case.event.data,
            )
        )
    facts = await record_addressed(session, partnership, facts)
    return [*facts, *await ask_people(session, partnership, questions)]


async def lock_children(session: Session, children: Iterable[UUID]) -> None:
    """Wait for every other transaction that tracks or takes back one of these children."""
    await session.execute(_LOCK, {"children": sorted(set(children))})


async def _lock_children(session: Session, cases: Sequence[Case]) -> None:
    """A report and a found of one child, read at the same moment, wait for each other."""
    await lock_children(session, [case.child.id for case in cases])


async def _close(session: Session, case: Case) -> list[UUID] | None:
    """The receipts that reported the child missing, or None where nothing is known of it."""
    report = case.event.data.get("report")
    values = {
        "child": case.child.id,
        "receipt": case.event.receipt,
        "report": UUID(report) if report else None,
        "found_at": _moment(case, "foundAt"),
    }
    row = (await session.execute(_CLOSE, values)).first()
    if row is not None:
        return list(row.reports)
    reports = [values["report"]] if values["report"] else []
    await session.execute(_KEEP, {**values, "id": new_id(), "reports": reports})
    return None


async def _told(
    session: Session, partnership: Partnership, case: Case, reports: Sequence[UUID]
) -> list[Addressee]:
    lines = partnership.policy.lines_for(case.event.event_type)
    line = next(line for line in lines if line.recipient is Recipient.TOLD)
    rows = list(await session.execute(_TOLD, {"reports": list(reports), "child": case.child.id}))
    known = await read_organisations(
        session, Needs(ids={row.organisation for row in rows}), partnership.today()
    )
    found: dict[str, Addressee] = {}
    for row in rows:
        one = _stands_for(known, row.organisation, RecipientRole(row.role))
        if one is not None:
            reason = wish_to_withhold(case.event.data, one)
            told = address(one.organisation, one.role, line.profile, line.id, reason)
            found.setdefault(told.organisation, told)
    return list(found.values())


async def _workers(
    session: Session, partnership: Partnership, case: Case, told: Collection[str]
) -> list[Addressee]:
    """Whoever works with the child today; a former worker is told nothing more."""
    await share_workers(session, [case.child.id])
    (at,) = await read_situations(session, partnership, [case])
    outcome = evaluate(partnership.policy, at)
    return [one for one in outcome.addressees if one.organisation not in told]


def _stands_for(known: Organisations, organisation: str, role: RecipientRole) -> Found | None:
    """Who was told, or who has taken its place since."""
    present = known.told(organisation)
    return Found(present.organisation, role, present.ids) if present is not None else None


def _moment(case: Case, name: str) -> datetime:
    return datetime.fromisoformat(case.event.data[name])
