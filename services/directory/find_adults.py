"""Finds the adults of assertions whom an event's adult may be: the one place that searches.

Exactly, by name and birth date (certain) or name and postcode (a question); and, once a matcher is
learnt, in spite of slips of the hand. Of a restricted child no adult is found, in no way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from itertools import chain
from typing import Any, NamedTuple
from uuid import UUID

from prometheus_client import Counter
from sqlalchemy import text

from chassis.database import Session
from schemas.blocks import Adult
from services.directory.judge_adults import (
    AdultWeights,
    Likeness,
    adult_person,
    adult_sent,
    judge_adult,
)
from services.directory.key_adults import exact_adult_keys, flat
from services.directory.matching.keys import asked_keys
from services.directory.matching.person import Person
from services.directory.matching.pool import KEY_WORTH, MOST_BEHIND_A_KEY
from services.directory.partnership import Partnership
from services.directory.resolve import contradicts

MOST_ALIKE = 30
"""So many descriptions that are like the adult are weighed, the most telling first."""
MOST_PER_KEY = 200
"""A person has few children and few agencies speak of each; a query must stay bounded. Where there
are more, what was asserted last is found."""

adults_found_total = Counter(
    "directory_adults_found_total",
    "Adults of assertions whom an event's adult was found to be, or may be",
    ["by", "certain"],
)

# An adult counts while its assertion stands, about a child of whom links may be made. Looked at
# adult by adult: without `offset 0` the planner may begin with every child there is.
_STANDS = """exists (
    select 1 from directory.relationship r join directory.child c on c.id = r.child
     where r.adult = a.id and r.withdrawn_at is null and not c.restricted offset 0)"""

_FIND = text(f"""
    select k.key, f.*
      from unnest(cast(:keys as uuid[])) k(key)
     cross join lateral (
           select a.id, a.date_of_birth
             from directory.adult_key o join directory.adult a on a.id = o.adult
            where o.key = k.key and {_STANDS} order by o.adult desc limit :most) f
     order by f.id""")

_FIND_ALIKE = text(f"""
    with asked as materialized (
        select question, key
          from unnest(cast(:questions as int[]), cast(:alike as bigint[])) as a(question, key)),
    behind as materialized (
        select a.question, k.those
          from asked a cross join lateral (
               select array(select described from directory.adult_match_key where key = a.key
                             order by described limit :behind + 1) as those) k),
    weighed as (
        select b.question, d.described,
               sum(1.0 / cardinality(b.those) + cast(:worth as numeric)) as weight
          from behind b cross join lateral unnest(b.those) as d(described)
         where cardinality(b.those) <= :behind
         group by b.question, d.described),
    placed as (
        select question, described,
               row_number() over (partition by question order by weight desc, described) as place
          from weighed)
    select p.question, f.*
      from placed p cross join lateral (
           select a.id, a.given_name, a.family_name, a.date_of_birth, a.postcode
             from directory.adult a
            where a.described = p.described and {_STANDS} order by a.id desc limit :most) f
     where p.place <= :candidates
     order by p.question, p.place, f.id""")


class FoundAdult(NamedTuple):
    """An adult of an assertion; without `certain` a person must say that it is the same."""

    id: UUID
    certain: bool


class _Alike(NamedTuple):
    """An adult who was found by likeness, as its assertion names it."""

    row: Any
    likeness: Likeness


async def find_adults(
    session: Session, partnership: Partnership, asked: Sequence[Adult]
) -> list[tuple[FoundAdult, ...]]:
    """For each adult of a batch whom it may be, with two queries; nobody for half a name."""
    named = [adult for adult in asked if _is_named(adult)]
    if not named:
        return [() for _ in asked]
    exact = await _find_exactly(session, named)
    alike = await _find_alike(session, partnership, named)
    answers = iter([_join(*both) for both in zip(exact, alike, strict=True)])
    return [next(answers) if _is_named(adult) else () for adult in asked]


async def _find_exactly(
    session: Session, asked: Sequence[Adult]
) -> list[tuple[set[UUID], set[UUID]]]:
    """For each the certain ones, and those of whom a person is asked."""
    keys = {key for adult in asked for key in exact_adult_keys(*_said(adult))}
    found: dict[UUID, list[Any]] = {}
    if keys:
        values = {"keys": sorted(keys), "most": MOST_PER_KEY}
        for row in await session.execute(_FIND, values):
            found.setdefault(row.key, []).append(row)
    return [_judge_exactly(adult, found) for adult in asked]


def _judge_exactly(adult: Adult, found: dict[UUID, list[Any]]) -> tuple[set[UUID], set[UUID]]:
    given, family, born, postcode = _said(adult)
    certain = {
        row.id for key in exact_adult_keys(given, family, born, None) for row in found.get(key, ())
    }
    possible = {
        row.id
        for key in exact_adult_keys(given, family, None, postcode)
        for row in found.get(key, ())
        if (born is None or row.date_of_birth is None)
        and not contradicts(adult.date_of_birth, row.date_of_birth)
    }
    return certain, possible - certain


async def _find_alike(
    session: Session, partnership: Partnership, asked: Sequence[Adult]
) -> list[list[_Alike]]:
    """For each those who are likely; nobody without a matcher."""
    learnt = await partnership.matcher.get(session)
    if learnt is None:
        return [[] for _ in asked]
    people = [adult_sent(adult) for adult in asked]
    pairs = [(at, key) for at, one in enumerate(people) for key in sorted(asked_keys(one))]
    rows = await session.execute(
        _FIND_ALIKE,
        {
            "questions": [at for at, _ in pairs],
            "alike": [key for _, key in pairs],
            "behind": MOST_BEHIND_A_KEY,
            "worth": KEY_WORTH,
            "candidates": MOST_ALIKE,
            "most": MOST_PER_KEY,
        },
    )
    found: list[list[Any]] = [[] for _ in asked]
    for row in rows:
        found[row.question].append(row)
    return [
        _weigh(person, those, learnt.adults) for person, those in zip(people, found, strict=True)
    ]


def _weigh(asked: Person, rows: Iterable[Any], told: AdultWeights) -> list[_Alike]:
    weighed: dict[tuple[Any, ...], Likeness] = {}
    alike = []
    for row in rows:
        said = (row.given_name, row.family_name, row.date_of_birth, row.postcode)
        if said not in weighed:
            weighed[said] = judge_adult(asked, adult_person(*said), told)
        if weighed[said].likely:
            alike.append(_Alike(row, weighed[said]))
    return alike


def _join(exact: tuple[set[UUID], set[UUID]], alike: Sequence[_Alike]) -> tuple[FoundAdult, ...]:
    """Whoever is alike is certain only where nobody else is as well: it may be that one's twin."""
    certain, possible = exact
    for one in alike:
        if one.row.id in certain:
            continue
        if one.likeness.certain and all(_is_written_alike(one.row, other.row) for other in alike):
            certain = certain | {one.row.id}
        else:
            possible = possible | {one.row.id}
    possible = possible - certain
    _count(exact, certain, possible)
    return (
        *(FoundAdult(one, certain=True) for one in sorted(certain)),
        *(FoundAdult(one, certain=False) for one in sorted(possible)),
    )


def _is_written_alike(one: Any, other: Any) -> bool:
    """Whether two assertions name one adult alike, so that neither speaks against the other."""
    names = [(flat(each.given_name), flat(each.family_name)) for each in (one, other)]
    births: list[date | None] = [one.date_of_birth, other.date_of_birth]
    return names[0] == names[1] and (None in births or births[0] == births[1])


def _count(exact: tuple[set[UUID], set[UUID]], certain: set[UUID], possible: set[UUID]) -> None:
    for surely, found in ((True, certain), (False, possible)):
        by_name = len(found & set(chain(*exact)))
        for by, number in (("name", by_name), ("likeness", len(found) - by_name)):
            if number:
                adults_found_total.labels(by, str(surely).lower()).inc(number)


def _is_named(adult: Adult) -> bool:
    return adult.name is not None and bool(adult.name.given and adult.name.family)


def _said(adult: Adult) -> tuple[str | None, str | None, date | None, str | None]:
    """Name, birth date if it is exact, postcode."""
    name, birth, address = adult.name, adult.date_of_birth, adult.address
    born = birth.value if birth is not None and birth.precision == "exact" else None
    return (
        name.given if name is not None else None,
        name.family if name is not None else None,
        born,
        address.normal_postcode if address is not None else None,
    )
