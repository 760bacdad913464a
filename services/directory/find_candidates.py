"""Finds the children of the register that a sender's children may be: the one place that searches.

Exact keys only. Finding children in spite of misspelt names and wrong dates belongs here: more
keys per child in `directory.child_key`, more keys asked for, and `resolve` weighing what is found.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import text

from chassis.database import Session
from schemas.blocks import Child as SentChild
from services.directory.register import (
    COLUMNS,
    RegisteredChild,
    exact_key,
    family_key,
    sent_exact_keys,
)

MOST_PER_KEY = 10
"""More children behind one key say no more to a person, and a query must stay bounded."""

_FIND = text(f"""
    with wanted(id) as (
        select f.id from unnest(cast(:numbers as text[])) n cross join lateral (
            select id from directory.child where nhs_number = n order by id limit :most) f
        union
        select f.id from unnest(cast(:upns as text[])) u cross join lateral (
            select id from directory.child where upn = u order by id limit :most) f
        union
        select f.child from unnest(cast(:keys as uuid[])) k cross join lateral (
            select child from directory.child_key where key = k order by child limit :most) f)
    select {COLUMNS} from wanted w join directory.child c on c.id = w.id order by c.id""")


@dataclass
class Candidates:
    """What was found for a whole batch, by what it was found by."""

    by_number: dict[str, list[RegisteredChild]] = field(default_factory=dict)
    by_upn: dict[str, list[RegisteredChild]] = field(default_factory=dict)
    by_key: dict[UUID, list[RegisteredChild]] = field(default_factory=dict)

    def add(self, child: RegisteredChild) -> None:
        """Put a child where each of its numbers and names finds it."""
        if child.nhs_number:
            self.by_number.setdefault(child.nhs_number, []).append(child)
        if child.upn:
            self.by_upn.setdefault(child.upn, []).append(child)
        born = child.date_of_birth
        if child.restricted or born is None or not child.postcode:
            return
        names = {(child.given_name, child.family_name)}
        names |= {(one.get("given", ""), one.get("family", "")) for one in child.alternative_names}
        keys = {
            exact_key(given, family, born, child.postcode)
            for given, family in names
            if given and family
        }
        for key in keys:
            self.by_key.setdefault(key, []).append(child)


async def find_candidates(session: Session, asked: Iterable[SentChild]) -> Candidates:
    """Every child that an identifier or an exact name, birth date and postcode points to."""
    numbers: set[str] = set()
    upns: set[str] = set()
    keys: set[UUID] = set()
    for child in asked:
        if child.valid_nhs_number:
            numbers.add(child.valid_nhs_number)
        if child.valid_upn:
            upns.add(child.valid_upn)
        keys.update(sent_exact_keys(child))
    found = Candidates()
    if numbers or upns or keys:
        for one in await _find(session, numbers, upns, keys):
            found.add(one)
    return found


async def find_possible(
    session: Session, asked: Sequence[SentChild]
) -> list[tuple[RegisteredChild, ...]]:
    """For children who match nobody: whom a person may look at first (family name, birth date)."""
    keys = [
        {
            family_key(name.family, child.exact_date_of_birth)
            for name in (child.name, *child.alternative_names)
            if name is not None and name.family and child.exact_date_of_birth
        }
        for child in asked
    ]
    wanted = set[UUID]().union(*keys)
    rows = await _find(session, set(), set(), wanted) if wanted else []
    return [tuple(row for row in rows if mine & _family_keys(row))[:MOST_PER_KEY] for mine in keys]


def _family_keys(child: RegisteredChild) -> set[UUID]:
    if child.date_of_birth is None or child.restricted:
        return set()
    names = [child.family_name, *(one.get("family", "") for one in child.alternative_names)]
    return {family_key(name, child.date_of_birth) for name in names if name}


async def _find(
    session: Session, numbers: set[str], upns: set[str], keys: set[UUID]
) -> list[RegisteredChild]:
    rows = await session.execute(
        _FIND,
        {
            "numbers": sorted(numbers),
            "upns": sorted(upns),
            "keys": sorted(keys),
            "most": MOST_PER_KEY,
        },
    )
    return [RegisteredChild(*row) for row in rows]
