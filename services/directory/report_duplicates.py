"""Tells agencies that two records seem to be of one person: `person.duplicate-suspected`.

Works through the children that changed, off every hot way: a few at a time, in one transaction
each, by one process at a time. A repeat finds the same and tells nobody again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from functools import partial
from time import perf_counter
from typing import NamedTuple
from uuid import UUID

from prometheus_client import Counter
from sqlalchemy import text

from bus import Publishable
from chassis.database import Database, Session
from chassis.ids import new_id
from chassis.process import Task
from chassis.telemetry import logger
from schemas.facts import Evidence, PersonDuplicateSuspected
from services.directory.find_agencies import find_agencies
from services.directory.keep_findings import (
    Found,
    Standing,
    forget_findings,
    raise_findings,
    read_standing,
    withdraw_findings,
)
from services.directory.listen import publish
from services.directory.matcher import Learnt
from services.directory.partnership import Partnership
from services.directory.read_people import read_people
from services.directory.register import (
    RegisteredChild,
    read_children,
    read_children_by_number,
)
from services.directory.report_contradictions import recheck_contradictions
from services.directory.suspect_duplicates import suspect_duplicates
from services.directory.track_changed import claim_changed, forget_changed

log = logger("directory.duplicates")

MOST = 20
"""Children at a time: a transaction of about 60 ms, 2.6 to 4.2 ms a child."""
REST = 9.0
"""So much longer than it worked it rests: a tenth of one core at most, for some 35 a second."""

compared_total = Counter(
    "directory_compared_total", "Changed children who were compared with the others"
)

_ONE_AT_A_TIME = text("select pg_advisory_xact_lock(:lock)")
_LOCK = 0x4449_5244
"""What one process withdraws another must not be about to raise (ASCII "DIRD")."""


def duplicates_task(database: Database, partnership: Partnership) -> Task:
    """Compares who changed, for ever."""
    return Task("directory-duplicates", partial(_compare_for_ever, database, partnership))


async def _compare_for_ever(database: Database, partnership: Partnership) -> None:
    while True:
        started = perf_counter()
        while await compare_some(database, partnership):
            await asyncio.sleep(REST * (perf_counter() - started))
            started = perf_counter()
        await asyncio.sleep(partnership.settings.sweep_seconds)


async def compare_some(database: Database, partnership: Partnership) -> int:
    """Compare the next children that changed; returns how many. None before a matcher is learnt."""
    async with database.reading() as session:
        learnt = await partnership.matcher.get(session)
    if learnt is None:
        return 0
    async with database.transaction() as session:
        claimed = await claim_changed(session, partnership, MOST)
    if claimed:
        async with database.transaction() as session:
            await session.execute(_ONE_AT_A_TIME, {"lock": _LOCK})
            facts = await compare_children(session, partnership, learnt, set(claimed.values()))
            await publish(session, facts, {})
            await forget_changed(session, list(claimed))
        compared_total.inc(len(claimed))
    return len(claimed)


async def compare_children(
    session: Session, partnership: Partnership, learnt: Learnt, children: Collection[UUID]
) -> list[Publishable]:
    """What is to be told of these children, and what no longer holds, now that they changed."""
    known = await read_children(session, children)
    hidden = {one.id for one in known.values() if one.restricted}
    facts = await forget_findings(session, partnership, hidden)
    numbered = {one.number: one for one in known.values()}
    people = await read_people(
        session, [one.number for one in known.values() if not one.restricted]
    )
    standing = [
        one for one in await read_standing(session, set(children) - hidden) if one.state == "open"
    ]
    present = {numbered[number].id for number in people}
    gone = {
        one.finding for one in standing if {one.child_id, one.other} & (set(children) - present)
    }
    pairs = await suspect_duplicates(session, learnt, people)
    numbered |= await read_children_by_number(session, {one for pair in pairs for one in pair})
    suspected = []
    for pair, evidence in pairs.items():
        first, second = sorted((numbered[one] for one in pair), key=lambda child: child.id)
        suspected.append(Suspected(first, second, evidence))
    ended = gone | _no_longer(standing, suspected)
    facts += await withdraw_findings(session, partnership, ended)
    facts += await recheck_contradictions(
        session, partnership, [one for one in standing if one.finding not in ended]
    )
    return [*facts, *await _raise(session, partnership, suspected)]


class Suspected(NamedTuple):
    """Two children, the lesser id first: one pair, whichever of them asked."""

    first: RegisteredChild
    second: RegisteredChild
    evidence: tuple[Evidence, ...]


def _no_longer(standing: Collection[Standing], suspected: Sequence[Suspected]) -> set[UUID]:
    """Open pairs whose children are not taken for one any more."""
    pairs = {(one.first.id, one.second.id) for one in suspected}
    return {
        one.finding
        for one in standing
        if one.kind == PersonDuplicateSuspected.fact_type and (one.child_id, one.other) not in pairs
    }


async def _raise(
    session: Session, partnership: Partnership, suspected: Sequence[Suspected]
) -> list[Publishable]:
    if not suspected:
        return []
    found: list[Found] = []
    told = await find_agencies(session, partnership, [(one.first, one.second) for one in suspected])
    for (first, second, evidence), agencies in zip(suspected, told, strict=True):
        for one in agencies:
            finding = new_id()
            fact = PersonDuplicateSuspected(
                finding=finding,
                key=str(finding),
                agency=one.agency,
                records=one.records,
                evidence=evidence,
                state="open",
                at=partnership.clock(),
            )
            found.append(Found(fact, first.id, second.id, one.reviewers))
    facts = await raise_findings(session, partnership, found)
    if facts:
        log.info("duplicates_suspected", findings=len(facts), next="agencies or reviewers answer")
    return facts
