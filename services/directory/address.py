"""Says who must know of each resolved child, and publishes it: `event.addressed` (step 4).

Set-based: a batch costs a handful of queries. What the table cannot settle becomes a question to
a person, while everybody who can be determined is told at once.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text

from bus import Publishable
from chassis.database import Session
from schemas.disclosure import find_third_parties
from schemas.facts import Addressee, EventAddressed
from schemas.organisations import RecipientRole
from schemas.profiles.texts import child_item
from services.directory.allocations import read_workers, share_workers
from services.directory.ask import Question, ask_people, head_of
from services.directory.evaluate import TEXT_PROFILES, Evaluation, evaluate
from services.directory.organisations import Needs, read_organisations
from services.directory.partnership import Partnership
from services.directory.read_family import Family, read_families
from services.directory.record_event import read_event
from services.directory.register import RegisteredChild, read_children
from services.directory.situation import Case, Enrolment, Situation, needs_of

TEXT_NAMES_OTHERS = "text-names-others"
RECIPIENT_TO_CHECK = "recipient-to-check"
NO_ROUTE = "no-route"
RELEASE = "release"

_ENROLMENTS = text("""
    select child, organisation, status from directory.enrolment
     where child = any(cast(:children as uuid[])) and from_date <= :today
       and (to_date is null or to_date >= :since)
     order by child, from_date, id""")

_RECORD = text("""
    insert into directory.addressed (receipt, child_id, organisation, profile, part, edition,
        child_index, name, role, owner, rule, withheld, addressed_at)
    select r.receipt, r.child_id, r.organisation, r.profile, r.part, r.edition, r.child_index,
           r.name, r.role, r.owner, r.rule, r.withheld, :at
      from jsonb_to_recordset(cast(:rows as jsonb)) as r(receipt uuid, child_id uuid,
           organisation text, profile text, part text, edition int, child_index int, name text,
           role text, owner text, rule text, withheld text)
        on conflict do nothing""")

_EDITIONS = text("""
    select a.receipt, a.child_id, max(a.edition) as last,
           max(a.edition) filter (where a.withdrawn_at is not null) as withdrawn
      from unnest(cast(:receipts as uuid[]), cast(:children as uuid[])) p(receipt, child_id)
      join directory.addressed a on a.receipt = p.receipt and a.child_id = p.child_id
     group by a.receipt, a.child_id""")

_TOLD = text("""
    select child_id, organisation, profile, addressed_at from directory.addressed
     where receipt = :receipt and part = 'whole' and child_id = any(cast(:children as uuid[]))
       and withdrawn_at is null""")


_ASKED = text("""
    select reason, decision from directory.resolution
     where receipt = :receipt and child_index = :child_index and reason not like 'no-route%'
       and state <> 'undone'
     order by queued_at""")


class Sequel(NamedTuple):
    """Of an event that restates others: which it ends, and who was told of those."""

    closes: tuple[UUID, ...] = ()
    told: tuple[Addressee, ...] = ()

    def beside(self, outcome: Evaluation) -> tuple[Addressee, ...]:
        """Those whom the table tells, and whoever was told before and whom it does not name: one
        about whom a person is asked first waits for that."""
        named = {one.organisation for one in outcome.everyone}
        before = (one for one in self.told if one.organisation not in named)
        return (*outcome.addressees, *before)


async def address_children(
    session: Session,
    partnership: Partnership,
    cases: Sequence[Case],
    *,
    again: bool = False,
    whole: Collection[UUID] = (),
    sequels: Mapping[tuple[UUID, UUID], Sequel] | None = None,
) -> list[Publishable]:
    """Evaluate the table for each case, record who is told, and return the facts.

    `again`: the children were addressed before; only recipients who are new are told. `whole`:
    receipts of which every child known so far is among the cases. `sequels`: by receipt and child.
    """
    if not cases:
        return []
    await share_workers(session, (case.child.id for case in cases))
    situations = await read_situations(session, partnership, cases)
    names = await read_names(session, cases, whole)
    facts: list[EventAddressed] = []
    questions: list[Question] = []
    for at in situations:
        case = at.case
        outcome = evaluate(partnership.policy, at)
        held = find_held(case, names[case.event.receipt])
        asked: dict[str, str | None] = {}
        if again:
            await _drop_told(session, at, outcome)
            asked = await _read_asked(session, case)
            held = () if asked.get(TEXT_NAMES_OTHERS) == RELEASE else held
        if not again or outcome.addressees:
            sequel = (sequels or {}).get((case.event.receipt, case.child.id), Sequel())
            facts.append(
                EventAddressed(
                    **head_of(case.event),
                    child_index=case.child_index,
                    child_id=case.child.id,
                    derived=case.derived,
                    identity=case.child.identity,
                    orders=tuple(at.family.orders),
                    held=held,
                    recipients=sequel.beside(outcome),
                    closes=sequel.closes,
                    data=case.event.data,
                )
            )
        new = _questions(case, outcome, held)
        questions += [one for one in new if one.reason not in asked]
    facts = await record_addressed(session, partnership, facts)
    return [*facts, *await ask_people(session, partnership, questions)]


async def read_situations(
    session: Session,
    partnership: Partnership,
    cases: Sequence[Case],
    *,
    since: date | None = None,
) -> list[Situation]:
    """Each case with the enrolments of today, or of any day `since`, and the organisations."""
    today = partnership.today()
    children = {case.child.id for case in cases}
    enrolments = await _read_enrolments(session, children, since or today, today)
    needs = Needs(ids=set(partnership.settings.exploitation_teams.values()))
    for case in cases:
        needs_of(case, enrolments.get(case.child.id, []), needs)
    workers = await read_workers(session, children)
    needs.ids |= {
        one.organisation for those in workers.values() for one in those if one.organisation
    }
    known = await read_organisations(session, needs, today)
    families = await read_families(session, {case.child.id for case in cases}, today)
    return [
        Situation(
            case,
            enrolments.get(case.child.id, []),
            known,
            partnership.settings,
            today,
            families.get(case.child.id, Family()),
            workers.get(case.child.id, ()),
        )
        for case in cases
    ]


def find_held(case: Case, register_names: dict[UUID, list[str]]) -> tuple[str, ...]:
    """Pointers of texts about this child that speak of somebody else of the event."""
    known = [
        name for id_, names in register_names.items() if id_ != case.child.id for name in names
    ]
    if case.child.restricted:
        sent = (child_item(case.event.data, case.child_index).get("child") or {}).get("name") or {}
        known += [*case.child.other_names, f"{sent.get('given', '')} {sent.get('family', '')}"]
    return find_third_parties(
        case.event.data,
        case.child_index,
        known,
        event_type=case.event.event_type,
        own_name=case.child.name or None,
    )


async def record_addressed(
    session: Session, partnership: Partnership, facts: Sequence[EventAddressed]
) -> list[EventAddressed]:
    """Keep who is told of which child, as what, so that all of it can be taken back.

    Returns the facts with their editions: what is told after it was taken back is told anew.
    """
    if not facts:
        return []
    pairs = list({(fact.receipt, fact.child_id): None for fact in facts})
    found = await session.execute(
        _EDITIONS,
        {"receipts": [one for one, _ in pairs], "children": [child for _, child in pairs]},
    )
    # After a withdrawal whatever is told is of a new edition, the withdrawal itself included.
    editions = {
        (row.receipt, row.child_id): row.last + (row.withdrawn == row.last) for row in found
    }
    numbered = [
        fact.model_copy(update={"edition": edition})
        if (edition := editions.get((fact.receipt, fact.child_id), 0))
        else fact
        for fact in facts
    ]
    rows = [_row(fact, one) for fact in numbered for one in fact.recipients]
    if rows:
        await session.execute(_RECORD, {"rows": json.dumps(rows), "at": partnership.clock()})
    return numbered


def _row(fact: EventAddressed, one: Addressee) -> dict[str, Any]:
    return {
        "receipt": str(fact.receipt),
        "child_id": str(fact.child_id),
        "organisation": one.organisation,
        "profile": one.profile,
        "part": fact.part,
        "edition": fact.edition,
        "child_index": fact.child_index,
        "name": one.name,
        "role": one.role,
        "owner": one.owner,
        "rule": one.rule,
        "withheld": one.withheld,
    }


def _questions(case: Case, outcome: Evaluation, held: tuple[str, ...]) -> list[Question]:
    questions: list[Question] = []

    def ask(reason: str, detail: Sequence[str], pending: Sequence[Addressee] = ()) -> None:
        questions.append(
            Question(
                case.event,
                reason,
                case.child_index,
                case.child,
                detail=detail,
                pending=pending,
            )
        )

    if held and any(one.profile in TEXT_PROFILES for one in outcome.told):
        ask(TEXT_NAMES_OTHERS, held)
    if outcome.pending:
        ask(RECIPIENT_TO_CHECK, outcome.checks, outcome.pending)
    if outcome.lacking:
        ask(_no_route(outcome.lacking[0]), outcome.lacking)
    return questions


def _no_route(line: str) -> str:
    """`no-route-school`: what the line names, without the event."""
    line, _, instead = line.partition(":")
    return f"{NO_ROUTE}-{instead or line.split('-', 1)[1]}"


async def read_names(
    session: Session, cases: Sequence[Case], whole: Collection[UUID] = ()
) -> dict[UUID, dict[UUID, list[str]]]:
    """Per event, the names under which the register knows each child known so far."""
    children: dict[UUID, dict[UUID, RegisteredChild]] = {}
    for case in cases:
        children.setdefault(case.event.receipt, {})[case.child.id] = case.child
    for receipt in children.keys() - set(whole):
        recorded = await read_event(session, receipt)
        ids = recorded.children.values() if recorded is not None else ()
        children[receipt].update(await read_children(session, ids))
    return {
        receipt: {child.id: [child.name, *child.other_names] for child in known.values()}
        for receipt, known in children.items()
    }


async def _read_enrolments(
    session: Session, children: set[UUID], since: date, today: date
) -> dict[UUID, list[Enrolment]]:
    rows = await session.execute(
        _ENROLMENTS, {"children": list(children), "since": since, "today": today}
    )
    found: dict[UUID, list[Enrolment]] = {}
    for row in rows:
        found.setdefault(row.child, []).append(Enrolment(*row))
    return found


async def _drop_told(session: Session, at: Situation, outcome: Evaluation) -> None:
    """Leave only those to whom this child of this event is new."""
    case = at.case
    rows = list(
        await session.execute(_TOLD, {"receipt": case.event.receipt, "children": [case.child.id]})
    )
    told = {(row.organisation, row.profile) for row in rows}
    first = min((row.addressed_at for row in rows), default=None)
    # Whoever was assigned since had it in a digest, with what was open.
    late = first is not None and all(one.recorded_at > first for one in at.workers)
    for name in ("addressees", "pending"):
        addressees = getattr(outcome, name)
        new = [
            one
            for one in addressees
            if (one.organisation, one.profile) not in told
            and not (late and one.role is RecipientRole.ALLOCATED_WORKER)
        ]
        setattr(outcome, name, new)


async def _read_asked(session: Session, case: Case) -> dict[str, str | None]:
    """What people were asked about this child of this event, and what they said."""
    values = {"receipt": case.event.receipt, "child_index": case.child_index}
    return {row.reason: row.decision for row in await session.execute(_ASKED, values)}
