"""Loads organisations or children from a CSV file: chunk by chunk, each its own transaction.

Re-run safe: rows are restated by their stable key. A bad line is reported by number, field and
rule, never by value, and skipped. Each changed organisation is published with its chunk.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text

from chassis.database import Database, Session
from schemas.organisations import Organisation
from services.directory.import_lines import (
    CHILD_COLUMNS,
    ORGANISATION_COLUMNS,
    BadField,
    ChildLine,
    read_child,
    read_organisation,
)
from services.directory.listen import publish
from services.directory.partnership import Partnership
from services.directory.record_organisation import record_organisations
from services.directory.write_keys import refresh_keys

CHUNK_LINES = 2_000
"""A transaction of about a quarter of a second, well below the idle time-out."""


class BadLine(NamedTuple):
    """What is wrong with one line; the value is not repeated."""

    line: int
    field: str
    rule: str


@dataclass
class ImportResult:
    """What became of a file."""

    kind: str
    written: int = 0
    skipped: list[BadLine] = field(default_factory=list)

    @property
    def lines(self) -> int:
        return self.written + len(self.skipped)


class Progress(NamedTuple):
    """After each chunk: bytes read of the whole, and what became of the lines so far."""

    bytes_read: int
    bytes_total: int
    written: int
    skipped: int


class UnknownFileError(ValueError):
    """The header names neither organisations nor children."""


Report = Callable[[Progress], None]

_ADOPT = text("""
    update directory.child c set register_ref = r.register_ref
      from jsonb_to_recordset(cast(:rows as jsonb)) as r(register_ref text, nhs_number text,
           nhs_verified boolean, upn text, date_of_birth date)
     where c.register_ref is null and c.date_of_birth = r.date_of_birth
       and ((r.nhs_verified and c.nhs_verified and c.nhs_number = r.nhs_number) or c.upn = r.upn)
       and not exists (
           select 1 from directory.child o where o.register_ref = r.register_ref)""")

_CHILDREN = text("""
    insert into directory.child as c (id, register_ref, given_name, family_name, alternative_names,
        date_of_birth, sex, nhs_number, nhs_verified, upn, address, postcode, local_authority,
        household, responsible_authority, restricted, recorded_at)
    select r.*, :at
      from jsonb_to_recordset(cast(:rows as jsonb)) as r(id uuid, register_ref text,
           given_name text, family_name text, alternative_names jsonb, date_of_birth date, sex text,
           nhs_number text, nhs_verified boolean, upn text, address text, postcode text,
           local_authority text, household text, responsible_authority text, restricted boolean)
        on conflict (register_ref) do update
       set given_name = excluded.given_name, family_name = excluded.family_name,
           alternative_names = excluded.alternative_names, date_of_birth = excluded.date_of_birth,
           sex = excluded.sex, nhs_number = excluded.nhs_number,
           nhs_verified = excluded.nhs_verified, upn = excluded.upn, address = excluded.address,
           postcode = excluded.postcode, local_authority = excluded.local_authority,
           household = excluded.household, responsible_authority = excluded.responsible_authority,
           restricted = excluded.restricted, recorded_at = excluded.recorded_at
    returning c.id, c.register_ref""")

_KEYS = text("""
    with said(child, key) as materialized (
        select * from unnest(cast(:owners as uuid[]), cast(:keys as uuid[]))),
    gone as (
        delete from directory.child_key k
         where k.child = any(cast(:children as uuid[]))
           and not exists (select 1 from said s where s.child = k.child and s.key = k.key))
    insert into directory.child_key (key, child)
    select key, child from said on conflict do nothing""")

_FORGET_ENROLMENTS = text("""
    delete from directory.enrolment
     where child = any(cast(:children as uuid[])) and receipt is null""")

_ENROLMENTS = text("""
    insert into directory.enrolment (child, organisation, status, from_date, to_date, recorded_at)
    select r.*, :at
      from jsonb_to_recordset(cast(:rows as jsonb)) as r(child uuid, organisation text, status text,
           from_date date, to_date date)
        on conflict do nothing""")

_KNOWN = text("select id from directory.organisation where id = any(cast(:ids as text[]))")


async def import_file(
    database: Database,
    path: Path,
    report: Report = lambda _: None,
    partnership: Partnership | None = None,
) -> ImportResult:
    """Load a file; its header decides what it holds. Raises `UnknownFileError`, `OSError`."""
    whose = partnership or Partnership()
    with path.open("rb") as file:
        total = os.fstat(file.fileno()).st_size
        lines = csv.reader(_decode(file))
        header = [name.strip() for name in next(lines, [])]
        result = ImportResult(_kind_of(header))
        for chunk in _chunks(lines):
            async with database.transaction() as session:
                if result.kind == "organisations":
                    await _write_organisations(session, whose, _named(header, chunk), result)
                else:
                    await _write_children(session, whose, _named(header, chunk), result)
            report(Progress(file.tell(), total, result.written, len(result.skipped)))
    return result


Line = tuple[int, dict[str, str] | None]


def _kind_of(header: Sequence[str]) -> str:
    names = set(header)
    if "register_ref" in names and names <= set(CHILD_COLUMNS):
        return "children"
    if {"id", "kind", "name"} <= names <= set(ORGANISATION_COLUMNS):
        return "organisations"
    raise UnknownFileError(
        "the header must name columns of organisations (id, kind, name, …) "
        "or of children (register_ref, …) and no other"
    )


def _decode(file: Any) -> Iterator[str]:
    """Lines as text; bytes that are not UTF-8 stay recognisable, so that their line is skipped."""
    for number, line in enumerate(file):
        yield line.decode("utf-8-sig" if number == 0 else "utf-8", errors="surrogateescape")


def _chunks(lines: Any) -> Iterator[list[tuple[int, list[str]]]]:
    chunk: list[tuple[int, list[str]]] = []
    for values in lines:
        if values:
            chunk.append((lines.line_num, values))
        if len(chunk) >= CHUNK_LINES:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _named(header: list[str], chunk: list[tuple[int, list[str]]]) -> list[Line]:
    """Each line by column; None for one with too many or too few."""
    return [
        (
            number,
            {name: value.strip() for name, value in zip(header, values, strict=True)}
            if len(values) == len(header)
            else None,
        )
        for number, values in chunk
    ]


def _checked(line: dict[str, str] | None) -> dict[str, str]:
    if line is None:
        raise BadField("line", "number-of-columns")
    for name, value in line.items():
        if not value.isprintable() and any(
            mark < " " or "\ud800" <= mark <= "\udfff" for mark in value
        ):
            raise BadField(name, "forbidden-character")
    return line


async def _write_organisations(
    session: Session, partnership: Partnership, lines: list[Line], result: ImportResult
) -> None:
    read: dict[str, Organisation] = {}
    for number, line in lines:
        try:
            one = read_organisation(_checked(line))
            if one.id in read:
                raise BadField("id", "repeated")
            read[one.id] = one
        except BadField as bad:
            result.skipped.append(BadLine(number, bad.field, bad.rule))
    facts = await record_organisations(
        session, partnership, list(read.values()), partnership.clock()
    )
    result.written += len(read)
    await publish(session, facts, {})


async def _write_children(
    session: Session, partnership: Partnership, lines: list[Line], result: ImportResult
) -> None:
    read: dict[str, tuple[int, ChildLine]] = {}
    for number, line in lines:
        try:
            child = read_child(_checked(line))
            if child.row["register_ref"] in read:
                raise BadField("register_ref", "repeated")
            read[child.row["register_ref"]] = (number, child)
        except BadField as bad:
            result.skipped.append(BadLine(number, bad.field, bad.rule))
    await _skip_unknown_places(session, read, result)
    if not read:
        return
    at = partnership.clock()
    children = [child for _, child in read.values()]
    rows = json.dumps([child.row for child in children])
    await session.execute(_ADOPT, {"rows": rows})
    written = await session.execute(_CHILDREN, {"rows": rows, "at": at})
    ids = {row.register_ref: str(row.id) for row in written}
    owned = [(ids[child.row["register_ref"]], key) for child in children for key in child.keys]
    everyone = list(ids.values())
    await session.execute(
        _KEYS,
        {
            "owners": [owner for owner, _ in owned],
            "keys": [key for _, key in owned],
            "children": everyone,
        },
    )
    enrolled = [child for child in children if child.enrolments is not None]
    if enrolled:
        enrolments = [
            {"child": ids[child.row["register_ref"]], **one}
            for child in enrolled
            for one in child.enrolments or ()
        ]
        await session.execute(_FORGET_ENROLMENTS, {"children": everyone})
        await session.execute(_ENROLMENTS, {"rows": json.dumps(enrolments), "at": at})
    await refresh_keys(session, [UUID(one) for one in everyone], partnership.today())
    result.written += len(children)


async def _skip_unknown_places(
    session: Session, read: dict[str, tuple[int, ChildLine]], result: ImportResult
) -> None:
    """A child at a place that is not recorded would be told of to nobody: its line is reported."""
    named = {
        ref: {one["organisation"] for one in child.enrolments or () if one["organisation"]}
        for ref, (_, child) in read.items()
    }
    ids = set[str]().union(*named.values()) if named else set()
    known = {row.id for row in await session.execute(_KNOWN, {"ids": sorted(ids)})}
    for ref, places in named.items():
        if not places <= known:
            number, _ = read.pop(ref)
            result.skipped.append(BadLine(number, "enrolments", "organisation-unknown"))
