"""The children of the register as steps see them, and the keys by which they are found.

A restricted child has no keys: it is found by its numbers or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text

from chassis.database import Session
from schemas.blocks import Child as SentChild
from schemas.facts import ChildIdentity
from schemas.mentions import fold


class RegisteredChild(NamedTuple):
    """One row of the register."""

    id: UUID
    given_name: str
    family_name: str
    alternative_names: list[dict[str, str]]
    date_of_birth: date | None
    sex: str | None
    nhs_number: str | None
    nhs_verified: bool
    upn: str | None
    postcode: str | None
    local_authority: str | None
    responsible_authority: str | None
    restricted: bool
    number: int = 0

    @property
    def identity(self) -> ChildIdentity:
        """Who the register says this is."""
        return ChildIdentity(
            given_name=self.given_name,
            family_name=self.family_name,
            date_of_birth=self.date_of_birth,
            nhs_number=self.nhs_number,
            nhs_verified=self.nhs_verified,
        )

    @property
    def name(self) -> str:
        """The present name."""
        return f"{self.given_name} {self.family_name}".strip()

    @property
    def other_names(self) -> list[str]:
        """Former and alternative names."""
        return [
            " ".join(part for part in (name.get("given"), name.get("family")) if part)
            for name in self.alternative_names
        ]


COLUMNS = ", ".join(f"c.{name}" for name in RegisteredChild._fields)
"""The columns of `directory.child c` in the order of `RegisteredChild`."""

_READ = text(f"select {COLUMNS} from directory.child c where c.id = any(cast(:ids as uuid[]))")


async def read_children(session: Session, ids: Iterable[UUID]) -> dict[UUID, RegisteredChild]:
    """Children of the register by id; unknown ids are left out."""
    wanted = list(set(ids))
    if not wanted:
        return {}
    rows = await session.execute(_READ, {"ids": wanted})
    return {row.id: RegisteredChild(*row) for row in rows}


_READ_NUMBERED = text(f"""
    select {COLUMNS} from unnest(cast(:numbers as int[])) w(number)
      join directory.child c on c.number = w.number""")


async def read_children_by_number(
    session: Session, numbers: Iterable[int]
) -> dict[int, RegisteredChild]:
    """Children by the register's own number."""
    wanted = sorted(set(numbers))
    if not wanted:
        return {}
    rows = await session.execute(_READ_NUMBERED, {"numbers": wanted})
    return {row.number: RegisteredChild(*row) for row in rows}


def exact_key(given: str, family: str, born: date, postcode: str) -> UUID:
    """The key of an exact name, birth date and postcode, however the name is written."""
    return _key("exact", _flat(given), _flat(family), born.isoformat(), postcode)


def family_key(family: str, born: date) -> UUID:
    """The key of a family name and birth date: shows a person whom it might be, decides nothing."""
    return _key("family", _flat(family), born.isoformat())


def same_name(first: str | None, second: str | None) -> bool:
    """Whether two names are one, apart from case, accents, spaces and punctuation."""
    return bool(first and second) and _flat(first or "") == _flat(second or "")


def keys_of(
    names: Sequence[tuple[str, str]], born: date | None, postcode: str | None
) -> Iterator[UUID]:
    """Every key of a child of the register; the first of `names` is the present one."""
    if born is None:
        return
    seen: set[UUID] = set()
    for given, family in names:
        if family:
            seen.add(family_key(family, born))
        if given and family and postcode:
            seen.add(exact_key(given, family, born, postcode))
    yield from seen


def sent_names(child: SentChild) -> list[tuple[str, str]]:
    """The names that a sender gives, complete ones only."""
    return [
        (name.given, name.family)
        for name in (child.name, *child.alternative_names)
        if name is not None and name.given and name.family
    ]


def sent_exact_keys(child: SentChild) -> list[UUID]:
    """By which exact keys a sender's child may be found."""
    born, address = child.exact_date_of_birth, child.address
    postcode = address.normal_postcode if address is not None else None
    if born is None or postcode is None:
        return []
    return [exact_key(given, family, born, postcode) for given, family in sent_names(child)]


@lru_cache(maxsize=10_000)
def _flat(name: str) -> str:
    return "".join(mark for mark in fold(name) if mark.isalnum())


def _key(*parts: str) -> UUID:
    return UUID(bytes=blake2b("\x1f".join(parts).encode(), digest_size=16).digest())
