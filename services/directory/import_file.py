"""Loads a file into the directory: chunk by chunk, each its own transaction; safe to run again.

The header or the content says what a file holds. A bad line is reported by number, field and rule,
never by value, and skipped. Each changed organisation is published with its chunk.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from chassis.database import Database, Session
from schemas.organisations import Organisation
from services.directory.import_fields import BadField, ChildLine
from services.directory.listen import publish
from services.directory.partnership import Partnership
from services.directory.read_file import Options, Source, UnknownFileError, open_source
from services.directory.record_organisation import record_organisations
from services.directory.write_children import write_children

__all__ = ["ImportResult", "Options", "Progress", "Report", "UnknownFileError", "import_file"]

CHUNK_LINES = 2_000
"""A transaction of about a quarter of a second, well below the idle time-out."""


class BadLine(NamedTuple):
    """What is wrong with one line; the value is not repeated."""

    line: int
    field: str
    rule: str


@dataclass
class ImportResult:
    """What became of a file; `written` counts lines that hold, changed or not."""

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


Report = Callable[[Progress], None]


async def import_file(
    database: Database,
    path: Path,
    report: Report = lambda _: None,
    partnership: Partnership | None = None,
    options: Options | None = None,
) -> ImportResult:
    """Load a file. Raises `UnknownFileError`, `OSError`."""
    whose = partnership or Partnership()
    with path.open("rb") as file:
        total = os.fstat(file.fileno()).st_size
        source = open_source(file, whose.today(), options or Options())
        result = ImportResult(source.kind)
        for chunk in _chunks(source):
            async with database.transaction() as session:
                await _write(session, whose, chunk, result)
            report(Progress(file.tell(), total, result.written, len(result.skipped)))
    return result


Read = tuple[int, ChildLine | Organisation | BadField]


def _chunks(source: Source) -> Iterator[list[Read]]:
    lines = iter(source.lines)
    while chunk := list(islice(lines, CHUNK_LINES)):
        yield chunk


async def _write(
    session: Session, partnership: Partnership, chunk: Iterable[Read], result: ImportResult
) -> None:
    children: dict[int, ChildLine] = {}
    organisations: dict[int, Organisation] = {}
    bad: dict[int, BadField] = {}
    seen: set[tuple[str, str]] = set()
    for number, read in chunk:
        if isinstance(read, BadField):
            bad[number] = read
            continue
        key = (read.source, read.ref) if isinstance(read, ChildLine) else ("id", read.id)
        if key in seen:
            bad[number] = BadField(_key_name(read), "repeated")
            continue
        seen.add(key)
        if isinstance(read, ChildLine):
            children[number] = read
        else:
            organisations[number] = read
    if organisations:
        stated_at = partnership.clock()
        facts = await record_organisations(
            session, partnership, list(organisations.values()), stated_at
        )
        await publish(session, facts, {})
    if children:
        bad |= await write_children(session, partnership, children)
    result.written += len(organisations) + len(children.keys() - bad.keys())
    result.skipped += [BadLine(number, one.field, one.rule) for number, one in sorted(bad.items())]


def _key_name(read: ChildLine | Organisation) -> str:
    if isinstance(read, Organisation):
        return "id"
    return {"register": "register_ref", "census": "upn", "health": "nhs_number"}.get(
        read.source, "id"
    )
