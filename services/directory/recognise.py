"""Recognises the children of events on the register in spite of slips of the hand (step 4).

Finds whom a child may be by its keys, the most telling first, and lets the matcher choose. The
children of one event are looked at together: where one is known, the others are sought in its
family. Every recognition is kept with its explanation and the matcher's version.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import text

from chassis.database import Session
from services.directory.matcher import Learnt
from services.directory.matching.judge import Judgement, judge
from services.directory.matching.keys import asked_keys
from services.directory.matching.person import Person
from services.directory.matching.pool import KEY_WORTH, MOST_BEHIND_A_KEY, MOST_CANDIDATES
from services.directory.read_people import read_people

_FIND = text("""
    with asked as materialized (
        select question, key
          from unnest(cast(:questions as int[]), cast(:keys as bigint[])) as a(question, key)),
    behind as materialized (
        select a.question, k.children, cardinality(k.children) as n
          from asked a cross join lateral (
               select array(select child from directory.match_key where key = a.key
                             order by child limit :most + 1) as children) k),
    weighed as (
        select b.question, c.child, sum(1.0 / b.n + cast(:worth as numeric)) as weight
          from behind b cross join lateral unnest(b.children) as c(child)
         where b.n between 1 and :most
         group by b.question, c.child),
    placed as (
        select question, child,
               row_number() over (partition by question order by weight desc, child) as place
          from weighed)
    select question, child from placed where place <= :candidates order by question, place""")


@dataclass(frozen=True)
class Asked:
    """One child to be recognised; children with the same `group` belong to one event."""

    person: Person
    group: int


async def recognise_children(
    session: Session,
    learnt: Learnt,
    asked: Sequence[Asked],
    today: date,
    known: Mapping[int, Sequence[int]],
) -> list[Judgement]:
    """A judgement for each, in order; `Candidate.person.ref` is the register's number.

    known: by group, the numbers of children who are matched already.
    """
    found = await find_people(session, [one.person for one in asked], today)
    judged = [
        judge(one.person, people, learnt.common, learnt.weights)
        for one, people in zip(asked, found, strict=True)
    ]
    beside = await read_people(session, {one for mine in known.values() for one in mine}, today)
    families: dict[int, list[Person]] = {}
    for group, numbers in known.items():
        families[group] = [beside[one] for one in numbers if one in beside]
    for one, answer in zip(asked, judged, strict=True):
        if answer.status == "match":
            families.setdefault(one.group, []).append(answer.candidates[0].person)
    for at, one in enumerate(asked):
        family = families.get(one.group)
        if family and judged[at].status != "match" and found[at]:
            judged[at] = judge(one.person, found[at], learnt.common, learnt.weights, family)
    return judged


async def find_people(session: Session, asked: Sequence[Person], today: date) -> list[list[Person]]:
    """Whom of the register each may be: most telling first, bounded, never a restricted child."""
    questions: list[int] = []
    keys: list[int] = []
    for at, person in enumerate(asked):
        mine = sorted(asked_keys(person))
        questions += [at] * len(mine)
        keys += mine
    if not keys:
        return [[] for _ in asked]
    rows = await session.execute(
        _FIND,
        {
            "questions": questions,
            "keys": keys,
            "most": MOST_BEHIND_A_KEY,
            "worth": KEY_WORTH,
            "candidates": MOST_CANDIDATES,
        },
    )
    numbers: list[list[int]] = [[] for _ in asked]
    for question, child in rows:
        numbers[question].append(child)
    people = await read_people(session, {one for mine in numbers for one in mine}, today)
    return [[people[one] for one in mine if one in people] for mine in numbers]
