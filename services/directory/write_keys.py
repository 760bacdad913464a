"""Keeps the keys by which children of the register are found: the one place for whole rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import text

from chassis.database import Session
from services.directory.register import keys_of

_KEYS = text("""
    with said(child, key) as materialized (
        select * from unnest(cast(:owners as uuid[]), cast(:keys as uuid[]))),
    gone as (
        delete from directory.child_key k
         where k.child = any(cast(:children as uuid[]))
           and not exists (select 1 from said s where s.child = k.child and s.key = k.key))
    insert into directory.child_key (key, child)
    select key, child from said on conflict do nothing""")


async def write_keys(session: Session, children: Sequence[Mapping[str, Any]]) -> None:
    """Restate the keys of these rows of `directory.child`; a restricted child has none."""
    owned = [
        (child["id"], key)
        for child in children
        if not child["restricted"]
        for key in keys_of(
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
