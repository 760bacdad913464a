"""Recognises the children of events on the register in spite of slips of the hand (step 4).

Finds whom a child may be by its keys, the most telling first, and lets the matcher choose. The
children of one event are looked at together: where one is known, the others are sought in its
family, and no record is taken for two of them. Every recognition is kept with its explanation and
the matcher's version.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import text

from chassis.database import Session
from services.directory.matcher import Learnt
from services.directory.matching.apart import tell_apart
from services.directory.matching.judge import Judgement, judge
from services.directory.matching.keys import asked_keys
from services.directory.matching.person import Person
from services.directory.matching.pool import (
    KEY_WORTH,
    LEAST_WEIGHT,
    MOST_BEHIND_A_KEY,
    MOST_CANDIDATES,
)
from services.directory.person_text import read_person
from services.directory.read_people import read_people

# Weights are whole numbers: a sum is the same in whatever order the rows come.
_SCALE = 1_000_000

_FIND = text("""
    with behind as materialized (
        select a.question, k.children, k.n
          from unnest(cast(:questions as int[]), cast(:keys as bigint[])) as a(question, key)
         cross join lateral (
               select array_agg(b.child) as children, cast(count(*) as int) as n
                 from (select child from directory.match_key where key = a.key
                        order by child limit :most + 1) b) k
         where k.n between 1 and :most),
    weighed as (
        select b.question, c.child, sum(:scale / b.n + :worth) as weight
          from behind b cross join lateral unnest(b.children) as c(child)
         group by b.question, c.child),
    placed as (
        select question, child,
               row_number() over (partition by question order by weight desc, child) as place,
               weight >= :least * max(weight) over (partition by question) as telling
          from weighed)
    select p.question, p.child, w.person
      from placed p join directory.known_person w on w.number = p.child
     where p.place <= :candidates and p.telling order by p.question, p.place""")


@dataclass(frozen=True)
class Asked:
    """One child to be recognised; children with the same `group` belong to one event."""

    person: Person
    group: int


async def recognise_children(
    session: Session,
    learnt: Learnt,
    asked: Sequence[Asked],
    known: Mapping[int, Sequence[int]],
) -> list[Judgement]:
    """A judgement for each, in order; `Candidate.person.ref` is the register's number.

    known: by group, the numbers of children who are matched already.
    """
    found = await find_people(session, [one.person for one in asked])
    judged = [
        judge(one.person, people, learnt.common, learnt.weights)
        for one, people in zip(asked, found, strict=True)
    ]
    beside = await read_people(session, (one for mine in known.values() for one in mine))
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
    return _tell_apart(asked, judged, known)


def _tell_apart(
    asked: Sequence[Asked], judged: list[Judgement], known: Mapping[int, Sequence[int]]
) -> list[Judgement]:
    """The children of one event are different children."""
    groups: dict[int, list[int]] = {}
    for at, one in enumerate(asked):
        groups.setdefault(one.group, []).append(at)
    for group, places in groups.items():
        taken = {str(number) for number in known.get(group, ())}
        if len(places) > 1 or taken:
            apart = tell_apart([judged[at] for at in places], taken)
            for at, answer in zip(places, apart, strict=True):
                judged[at] = answer
    return judged


async def find_people(
    session: Session, asked: Sequence[Person], least: float = LEAST_WEIGHT
) -> list[list[Person]]:
    """Whom of the register each may be: most telling first, bounded, never a restricted child.

    least: whoever's keys count less than this part of the first one's is left out.
    """
    questions: list[int] = []
    keys: list[int] = []
    for at, person in enumerate(asked):
        mine = asked_keys(person)
        questions += [at] * len(mine)
        keys += mine
    found: list[list[Person]] = [[] for _ in asked]
    if not keys:
        return found
    rows = await session.execute(
        _FIND,
        {
            "questions": questions,
            "keys": keys,
            "most": MOST_BEHIND_A_KEY,
            "scale": _SCALE,
            "worth": round(KEY_WORTH * _SCALE),
            "least": least,
            "candidates": MOST_CANDIDATES,
        },
    )
    people: dict[int, Person] = {}
    for question, number, line in rows:
        if number not in people:
            people[number] = read_person(str(number), line)
        found[question].append(people[number])
    return found
