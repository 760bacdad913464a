"""Keeps the keys by which children are found (`matching.keys`) in step with the register.

Called in the transaction that changes a child: whoever is added is found at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import TextClause, text

from chassis.database import Session
from services.directory.matching.keys import keys_of
from services.directory.matching.person import Person
from services.directory.read_people import read_people_by_id

_THERE = text("""
    select k.key, k.child from unnest(cast(:ids as uuid[])) w(id)
      join directory.child c on c.id = w.id join directory.match_key k on k.child = c.number""")

_FORGET = text("""
    delete from directory.match_key k
     using unnest(cast(:keys as bigint[]), cast(:owners as int[])) as g(key, child)
     where k.key = g.key and k.child = g.child""")

_WRITE = text("""
    insert into directory.match_key (key, child)
    select key, child from unnest(cast(:keys as bigint[]), cast(:owners as int[])) as k(key, child)
        on conflict do nothing""")


async def refresh_keys(session: Session, children: Sequence[UUID], today: date) -> None:
    """Bring the keys of these children in step with what the register holds of them now.

    Writes the difference only: a file that is loaded again costs a look.
    """
    if not children:
        return
    people = await read_people_by_id(session, children, today)
    there = {(row.key, row.child) for row in await session.execute(_THERE, {"ids": list(children)})}
    wanted = {(key, number) for number, person in people.items() for key in keys_of(person)}
    await _change(session, _FORGET, there - wanted)
    await _change(session, _WRITE, wanted - there)


async def write_keys(session: Session, people: Mapping[int, Person]) -> None:
    """Add the keys of people by their numbers; none is taken away."""
    await _change(
        session,
        _WRITE,
        {(key, number) for number, person in people.items() for key in keys_of(person)},
    )


async def _change(session: Session, statement: TextClause, rows: set[tuple[int, int]]) -> None:
    if rows:
        ordered = sorted(rows)
        values = {"keys": [key for key, _ in ordered], "owners": [child for _, child in ordered]}
        await session.execute(statement, values)
