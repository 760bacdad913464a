"""Keeps the keys by which children are found in step with the register: exact ones, and many more.

Called in the transaction that changes a child: whoever is added is found at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, text

from chassis.database import Session
from services.directory.matching.keys import keys_of
from services.directory.read_people import read_people_by_id
from services.directory.register import keys_of as exact_keys_of

_KEYS = text("""
    with said(child, key) as materialized (
        select * from unnest(cast(:owners as uuid[]), cast(:keys as uuid[]))),
    gone as (
        delete from directory.child_key k
         where k.child = any(cast(:children as uuid[]))
           and not exists (select 1 from said s where s.child = k.child and s.key = k.key))
    insert into directory.child_key (key, child)
    select key, child from said on conflict do nothing""")

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


async def write_exact_keys(session: Session, children: Sequence[Mapping[str, Any]]) -> None:
    """Restate the exact keys of these rows of `directory.child`; a restricted child has none."""
    owned = [
        (child["id"], key)
        for child in children
        if not child["restricted"]
        for key in exact_keys_of(
            [
                (child["given_name"], child["family_name"]),
                *((one["given"], one["family"]) for one in child["alternative_names"]),
            ],
            child["date_of_birth"],
            child["postcode"],
        )
    ]
    await session.execute(
        _KEYS,
        {
            "owners": [owner for owner, _ in owned],
            "keys": [key for _, key in owned],
            "children": [child["id"] for child in children],
        },
    )


async def _change(session: Session, statement: TextClause, rows: set[tuple[int, int]]) -> None:
    if rows:
        ordered = sorted(rows)
        values = {"keys": [key for key, _ in ordered], "owners": [child for _, child in ordered]}
        await session.execute(statement, values)
