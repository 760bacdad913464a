"""What the notifier tells the bus: facts made from rows, by one mapping."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import bus
from schemas.facts import NoticeFact

SOURCE = "notifier"

_TOLD = {
    "notice": "id",
    "receipt": "receipt",
    "child_index": "child_index",
    "child_id": "child_id",
    "part": "part",
    "rung": "rung",
    "organisation": "organisation",
    "recipient_name": "recipient_name",
    "role": "role",
    "profile": "profile",
    "owner": "owner",
    "deadline_at": "deadline_at",
}
"""The fields of a fact about a notice and the columns of an obligation that they are told from."""

COLUMNS = ", ".join(f"o.{column}" for column in _TOLD.values())
"""What a fact needs of an obligation `o`."""

RUNG_ENDS = """greatest(
    cast(:at as timestamptz)
        + coalesce(o.given_minutes, cast(:rung_minutes as float8)) * interval '1 minute',
    o.given_until)"""
"""When a rung `o` that is sent at `:at` has had its time; `draft_rung.rung_ends` says the same."""

EVERY_CHILD = UUID(int=0)
"""Stands for every child of an event where a child is asked for."""

Told = TypeVar("Told", bound=NoticeFact)


def notice_fact(
    kind: type[Told],
    row: Any,
    at: datetime,
    *,
    reason: str | None = None,
    attempt: int | None = None,
    **more: Any,
) -> bus.Fact:
    """The fact that something happened to the notice of a row (or a draft)."""
    told = kind(
        **{name: getattr(row, column) for name, column in _TOLD.items()},
        at=at,
        reason=reason,
        attempt=attempt,
        **more,
    )
    return bus.fact_of(told, SOURCE)


def telling(kinds: Mapping[str, type[NoticeFact]], rows: str) -> str:
    """The same mapping as SQL: what `bus.appending` needs, of the rows of an expression.

    Args:
        kinds: by the row's `state`, what has happened.
        rows: the expression's name; it has `COLUMNS`, `fact`, `state`, `at`, `attempt`, `reason`.
    """
    fields = NoticeFact.model_fields
    columns = {**_TOLD, "at": "at", "attempt": "attempt", "reason": "reason"}
    told = ", ".join(
        f'o.{column} as "{fields[name].alias or name}"' for name, column in columns.items()
    )
    types = " ".join(f"when '{state}' then '{kind.fact_type}'" for state, kind in kinds.items())
    return f"""
        select o.fact as line, o.fact as id, case o.state {types} end as type,
               '{NoticeFact.topic}' as topic, cast(o.child_id as text) as key,
               '{SOURCE}' as source, o.at,
               json_strip_nulls(
                   (select to_json(told) from (select {told}) told)) as payload
          from {rows} o"""
