"""Finds the adults of assertions whom an event's adult may be: the one place that searches.

Exact only: name and birth date are certain, name and postcode without a birth date are a question
to a person. Finding adults in spite of misspelt names belongs here: more keys per adult in
`directory.adult_key`, more keys asked for, and `_judge` weighing what is found.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from hashlib import blake2b
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text

from chassis.database import Session
from schemas.blocks import Adult
from schemas.mentions import fold
from services.directory.resolve import contradicts

MOST_PER_KEY = 200
"""A person has few children and few agencies speak of each; a query must stay bounded."""

_FIND = text("""
    select k.key, a.id, a.date_of_birth
      from unnest(cast(:keys as uuid[])) k(key)
     cross join lateral (
           select adult from directory.adult_key where key = k.key order by adult limit :most) f
      join directory.adult a on a.id = f.adult
     order by a.id""")


class FoundAdult(NamedTuple):
    """An adult of an assertion; without `certain` a person must say that it is the same."""

    id: UUID
    certain: bool


async def find_adults(session: Session, asked: Sequence[Adult]) -> list[tuple[FoundAdult, ...]]:
    """For each adult of a batch whom it may be, with one query; nobody for half a name."""
    keys = {key for adult in asked for key in _sent_keys(adult)}
    if not keys:
        return [() for _ in asked]
    rows = await session.execute(_FIND, {"keys": sorted(keys), "most": MOST_PER_KEY})
    found: dict[UUID, list[Any]] = {}
    for row in rows:
        found.setdefault(row.key, []).append(row)
    return [_judge(adult, found) for adult in asked]


def adult_keys(
    given: str | None, family: str | None, born: date | None, postcode: str | None
) -> Iterator[UUID]:
    """By what an adult is found: name and exact birth date; name and postcode."""
    if not given or not family:
        return
    if born is not None:
        yield _key("adult-born", given, family, born.isoformat())
    if postcode is not None:
        yield _key("adult-lives", given, family, postcode)


def _judge(adult: Adult, found: dict[UUID, list[Any]]) -> tuple[FoundAdult, ...]:
    born = _exact_birth(adult)
    given, family = _names(adult)
    certain = {
        row.id for key in adult_keys(given, family, born, None) for row in found.get(key, ())
    }
    possible = {
        row.id
        for key in adult_keys(given, family, None, _postcode(adult))
        for row in found.get(key, ())
        if (born is None or row.date_of_birth is None)
        and not contradicts(adult.date_of_birth, row.date_of_birth)
    }
    return (
        *(FoundAdult(one, certain=True) for one in sorted(certain)),
        *(FoundAdult(one, certain=False) for one in sorted(possible - certain)),
    )


def _sent_keys(adult: Adult) -> Iterator[UUID]:
    return adult_keys(*_names(adult), _exact_birth(adult), _postcode(adult))


def _names(adult: Adult) -> tuple[str | None, str | None]:
    return (adult.name.given, adult.name.family) if adult.name is not None else (None, None)


def _exact_birth(adult: Adult) -> date | None:
    birth = adult.date_of_birth
    return birth.value if birth is not None and birth.precision == "exact" else None


def _postcode(adult: Adult) -> str | None:
    return adult.address.normal_postcode if adult.address is not None else None


def _key(kind: str, given: str, family: str, *more: str) -> UUID:
    parts = (kind, _flat(given), _flat(family), *more)
    return UUID(bytes=blake2b("\x1f".join(parts).encode(), digest_size=16).digest())


def _flat(name: str) -> str:
    """Case, accents, spaces and punctuation do not tell names apart."""
    return "".join(mark for mark in fold(name) if mark.isalnum())
