"""Keeps the keys by which children are found in step with the register: exact ones, and many more.

Called in the transaction that changes a child: whoever is added is found at once. What changes
beside it (its school, its parents) is noted, and follows within seconds (`keep_keys`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, text

from chassis.database import Session
from services.directory.matching.keys import keys_of
from services.directory.person_text import VERSION, write_person
from services.directory.read_people import read_registered
from services.directory.register import keys_of as exact_keys_of

_EXACT = text("""
    with said(child, key) as materialized (
        select * from unnest(cast(:owners as uuid[]), cast(:keys as uuid[]))),
    gone as (
        delete from directory.child_key k
         where k.child = any(cast(:children as uuid[]))
           and not exists (select 1 from said s where s.child = k.child and s.key = k.key))
    insert into directory.child_key (key, child)
    select key, child from said on conflict do nothing""")

# In order of numbers: two who refresh the same children wait for one another and never in a ring.
_THERE = text("""
    select k.number, k.keys, k.spread from unnest(cast(:ids as uuid[])) w(id)
      join directory.child c on c.id = w.id join directory.keyed_child k on k.number = c.number
     order by k.number for update of k""")

_WRITE = text("""
    with said as materialized (
        select * from jsonb_to_recordset(cast(:rows as jsonb))
            as r(number int, person text, keys text, stale_on date)),
    known as (
        insert into directory.known_person as p (number, person)
        select number, person from said order by number
            on conflict (number) do update set person = excluded.person
         where p.person <> excluded.person)
    insert into directory.keyed_child (number, keys, version, spread, stale_on)
    select number, cast(keys as bigint[]), :version, :spread, stale_on from said order by number
        on conflict (number) do update
       set keys = excluded.keys, version = excluded.version, stale_on = excluded.stale_on""")

# Their keys go by the trigger of `keyed_child`.
_FORGET_CHILDREN = text("""
    with gone as (
        delete from directory.keyed_child where number = any(cast(:numbers as int[])))
    delete from directory.known_person where number = any(cast(:numbers as int[]))""")

_FORGET = text("""
    delete from directory.match_key k
     using unnest(cast(:keys as bigint[]), cast(:owners as int[])) as g(key, child)
     where k.key = g.key and k.child = g.child""")

_STAND = text("""
    insert into directory.match_key (key, child)
    select key, child from unnest(cast(:keys as bigint[]), cast(:owners as int[])) as k(key, child)
        on conflict do nothing""")

_STAND_ALL = text("""
    insert into directory.match_key (key, child)
    select u.key, k.number
      from unnest(cast(:numbers as int[])) n(number)
      join directory.keyed_child k on k.number = n.number cross join unnest(k.keys) u(key)
     order by u.key, k.number
        on conflict do nothing""")

_NOTE = text("""
    insert into directory.key_due (child) select distinct unnest(cast(:children as uuid[]))""")


async def refresh_keys(session: Session, children: Sequence[UUID], today: date) -> None:
    """Bring the keys of these children in step with what the register holds of them now.

    Writes the difference only. Their rows stay locked until the transaction ends, so that of two
    who change one child the later sees what the earlier did.
    """
    if not children:
        return
    there = {row.number: row for row in await session.execute(_THERE, {"ids": list(children)})}
    wanted = await _write(session, children, today, spread=True)
    gone: set[tuple[int, int]] = set()
    new: set[tuple[int, int]] = set()
    for number, keys in wanted.items():
        row = there.get(number)
        # Those that wait to be spread are spread as they are then.
        if row is None or row.spread:
            before = set(row.keys) if row is not None else set()
            gone |= {(key, number) for key in before - keys}
            new |= {(key, number) for key in keys - before}
    await _change(session, _FORGET, gone)
    await _change(session, _STAND, new)
    forgotten = sorted(there.keys() - wanted.keys())
    if forgotten:
        await session.execute(_FORGET_CHILDREN, {"numbers": forgotten})


async def add_keys(session: Session, children: Sequence[UUID], today: date, *, later: bool) -> None:
    """Keys of children that this transaction put on the register.

    `later`: whoever writes very many spreads their keys afterwards, in order (`spread_keys`).
    """
    if not children:
        return
    wanted = await _write(session, children, today, spread=not later)
    if not later and wanted:
        await session.execute(_STAND_ALL, {"numbers": sorted(wanted)})


async def note_due(session: Session, children: Iterable[UUID]) -> None:
    """The school or the parents of these children changed: their keys are made anew soon."""
    noted = sorted(set(children))
    if noted:
        await session.execute(_NOTE, {"children": noted})


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
        _EXACT,
        {
            "owners": [owner for owner, _ in owned],
            "keys": [key for _, key in owned],
            "children": [child["id"] for child in children],
        },
    )


async def _write(
    session: Session, children: Sequence[UUID], today: date, *, spread: bool
) -> dict[int, set[int]]:
    """What the matcher reads of them, and their keys, which are returned by number."""
    wanted: dict[int, set[int]] = {}
    rows = []
    for number, person, stale_on in await read_registered(session, children, today):
        keys = wanted[number] = keys_of(person)
        rows.append(
            {
                "number": number,
                "person": write_person(person),
                "keys": "{" + ",".join(map(str, sorted(keys))) + "}",
                "stale_on": stale_on,
            }
        )
    if rows:
        values = {"rows": json.dumps(rows, default=str), "version": VERSION, "spread": spread}
        await session.execute(_WRITE, values)
    return wanted


async def _change(session: Session, statement: TextClause, rows: set[tuple[int, int]]) -> None:
    if rows:
        ordered = sorted(rows)
        values = {"keys": [key for key, _ in ordered], "owners": [child for _, child in ordered]}
        await session.execute(statement, values)
