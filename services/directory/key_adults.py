"""Keeps by what adults of assertions are found: by name exactly, and in spite of slips of the hand.

An adult's keys are those of its *description* (name, birth date, postcode): however often agencies
assert the same, one description stands behind a key. Whoever was kept before this code or before
its keys changed gets them from a task; several processes share that work and wait for nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import date
from functools import partial
from hashlib import blake2b
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text

from chassis.database import Database, Session
from chassis.process import Task
from chassis.telemetry import logger
from schemas.mentions import fold
from services.directory.judge_adults import adult_person
from services.directory.matching.keys import VERSION, keys_of
from services.directory.partnership import Partnership

log = logger("directory.adults")

MOST = 500
"""Adults in one transaction of the task: a fraction of a second."""

_EXACT = text("""
    insert into directory.adult_key (key, adult)
    select distinct k, cast(:id as uuid) from unnest(cast(:keys as uuid[])) k
        on conflict do nothing""")

# In one order, so that two transactions that describe the same adults wait and do not cross.
_LIKE = text("""
    insert into directory.adult_match_key (key, described)
    select w.key, w.described
      from unnest(cast(:alike as bigint[]), cast(:described as bigint[])) as w(key, described)
     where not exists (select 1 from directory.adult_match_key k
                        where k.key = w.key and k.described = w.described)
     order by w.key, w.described
        on conflict do nothing""")

_UNKEYED = text("""
    select id, given_name, family_name, date_of_birth, postcode from directory.adult
     where keyed < :version order by keyed, id limit :most for update skip locked""")

_KEYED = text("""
    update directory.adult a set described = k.described, keyed = :version
      from unnest(cast(:ids as uuid[]), cast(:described as bigint[])) as k(id, described)
     where a.id = k.id""")


class Described(NamedTuple):
    """What an assertion says of who its adult is."""

    given: str
    family: str
    born: date | None
    postcode: str | None

    @property
    def key(self) -> int:
        """The same for the same description, however it is written; a signed 64-bit number."""
        said = (
            flat(self.given),
            flat(self.family),
            self.born.isoformat() if self.born is not None else "",
            self.postcode or "",
        )
        digest = blake2b("\x1f".join(said).encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big", signed=True)


def exact_adult_keys(
    given: str | None, family: str | None, born: date | None, postcode: str | None
) -> Iterator[UUID]:
    """By what an adult is found exactly: name and birth date; name and postcode."""
    if not given or not family:
        return
    if born is not None:
        yield _key("adult-born", given, family, born.isoformat())
    if postcode is not None:
        yield _key("adult-lives", given, family, postcode)


def flat(name: str) -> str:
    """Case, accents, spaces and punctuation do not tell names apart."""
    return "".join(mark for mark in fold(name) if mark.isalnum())


async def write_adult_keys(session: Session, adult: UUID, said: Described) -> None:
    """Make an adult who was just kept findable, in the same transaction."""
    await session.execute(_EXACT, {"id": adult, "keys": list(exact_adult_keys(*said))})
    await _write_likeness(session, [(adult, said)])


def key_task(database: Database, partnership: Partnership) -> Task:
    """Gives those their keys who were kept before this code, or before its keys changed."""
    return Task("directory-adult-keys", partial(_key_for_ever, database, partnership))


async def key_adults(session: Session) -> int:
    """Make the keys of some adults who lack them; returns how many, MOST where there are more."""
    rows = list(await session.execute(_UNKEYED, {"version": VERSION, "most": MOST}))
    if rows:
        await _write_likeness(session, [(row.id, Described(*_columns(row))) for row in rows])
        log.info("adults_keyed", adults=len(rows), version=VERSION)
    return len(rows)


async def _key_for_ever(database: Database, partnership: Partnership) -> None:
    while True:
        full = True
        while full:
            async with database.transaction() as session:
                full = await key_adults(session) == MOST
        await asyncio.sleep(partnership.settings.sweep_seconds)


async def _write_likeness(session: Session, adults: Sequence[tuple[UUID, Described]]) -> None:
    pairs = sorted(
        {
            (key, said.key)
            for said in {said for _, said in adults}
            for key in keys_of(adult_person(*said))
        }
    )
    await session.execute(
        _LIKE, {"alike": [key for key, _ in pairs], "described": [said for _, said in pairs]}
    )
    await session.execute(
        _KEYED,
        {
            "ids": [adult for adult, _ in adults],
            "described": [said.key for _, said in adults],
            "version": VERSION,
        },
    )


def _columns(row: Any) -> tuple[str, str, date | None, str | None]:
    return row.given_name, row.family_name, row.date_of_birth, row.postcode


def _key(kind: str, given: str, family: str, *more: str) -> UUID:
    parts = (kind, flat(given), flat(family), *more)
    return UUID(bytes=blake2b("\x1f".join(parts).encode(), digest_size=16).digest())
