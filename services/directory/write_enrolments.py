"""Writes the enrolments that files state: only what changed, and never over what an event stated.

A child whose enrolments changed is noted: recent events may have to be told to its school.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text

from chassis.database import Session
from services.directory.import_fields import BadField, ChildLine, Scope
from services.directory.organisations import Needs, Organisations, read_organisations
from services.directory.partnership import Partnership
from services.directory.record_enrolment import note_moved

_BEFORE = text("""
    select id, child, organisation, status, from_date, to_date, receipt, ended_by, ended_before
      from directory.enrolment where child = any(cast(:children as uuid[]))""")

_DELETE = text("delete from directory.enrolment where id = any(cast(:ids as bigint[]))")

_INSERT = text("""
    insert into directory.enrolment (child, organisation, status, from_date, to_date, recorded_at)
    select r.*, :at
      from jsonb_to_recordset(cast(:rows as jsonb)) as r(child uuid, organisation text, status text,
           from_date date, to_date date)
        on conflict do nothing""")


class Stated(NamedTuple):
    """What a line says of one child's enrolments, each with the id of its organisation."""

    child: UUID
    scope: Scope
    enrolments: list[dict[str, Any]]


async def place_enrolments(
    session: Session, partnership: Partnership, lines: Mapping[int, ChildLine]
) -> tuple[dict[int, list[dict[str, Any]]], dict[int, BadField]]:
    """The enrolments of each line that speaks of them, with the organisations behind numbers.

    A child at a place that is not recorded would be told of to nobody: its line is reported.
    """
    speaking = {number: line.enrolments for number, line in lines.items()
                if line.enrolments is not None}  # fmt: skip
    needs = Needs()
    for stated in speaking.values():
        needs.ids.update(one["organisation"] for one in stated if one.get("organisation"))
        needs.numbers.update(one["number"] for one in stated if one.get("number"))
    if not speaking:
        return {}, {}
    known = await read_organisations(session, needs, partnership.today())
    placed: dict[int, list[dict[str, Any]]] = {}
    bad: dict[int, BadField] = {}
    for number, stated in speaking.items():
        try:
            placed[number] = [_place(one, known) for one in stated]
        except BadField as problem:
            bad[number] = problem
    return placed, bad


async def write_enrolments(
    session: Session, partnership: Partnership, stated: Sequence[Stated], fresh: Collection[UUID]
) -> set[UUID]:
    """Restate what files said before; children are different. Returns whose enrolments changed.

    fresh: of whom nobody can have said anything yet.
    """
    before: dict[UUID, list[Any]] = {}
    children = [one.child for one in stated if one.child not in fresh]
    for row in await session.execute(_BEFORE, {"children": children}):
        before.setdefault(row.child, []).append(row)
    gone: list[int] = []
    new: list[dict[str, Any]] = []
    moved: set[UUID] = set()
    for child, scope, enrolments in stated:
        known = before.get(child, [])
        if scope == "unknown" and known:
            continue
        places = {one["organisation"] for one in enrolments}
        mine = [
            row
            for row in known
            if row.receipt is None and (scope == "all" or row.organisation in places)
        ]
        wanted = {_key(one): {"child": str(child), **one} for one in enrolments}
        # What an event ended stays ended, unless the file says otherwise than it did before.
        stays = {key for row in mine if (key := _key_of(row)) in wanted}
        gone += [row.id for row in mine if _key_of(row) not in stays]
        added = [one for key, one in wanted.items() if key not in stays]
        new += added
        if added or len(stays) < len(mine):
            moved.add(child)
    if gone:
        await session.execute(_DELETE, {"ids": gone})
    if new:
        values = {"rows": json.dumps(new), "at": partnership.clock()}
        await session.execute(_INSERT, values)
    # No event can have been about a child that was not on the register.
    await note_moved(session, partnership, sorted(moved - set(fresh)))
    return moved


def _place(one: Mapping[str, Any], known: Organisations) -> dict[str, Any]:
    plain = {name: one[name] for name in ("status", "from_date", "to_date")}
    number, id_ = one.get("number"), one.get("organisation")
    if number:
        present = known.numbered(number)
        # One that split is kept under its own id: a person is asked, event by event.
        id_ = present.organisation.id if present is not None else known.first(number)
        if id_ is None:
            raise BadField("school", "organisation-unknown")
    elif id_ is not None and id_ not in known.by_id:
        raise BadField("enrolments", "organisation-unknown")
    return {"organisation": id_, **plain}


def _key(one: Mapping[str, Any]) -> tuple[Any, ...]:
    return one["organisation"], one["status"], one["from_date"], one["to_date"]


def _key_of(row: Any) -> tuple[Any, ...]:
    ends: date | None = row.to_date if row.ended_by is None else row.ended_before
    return (
        row.organisation,
        row.status,
        row.from_date.isoformat(),
        ends.isoformat() if ends is not None else None,
    )
