"""Loads a file into the directory: chunk by chunk, each its own transaction; safe to run again.

The header or the content says what a file holds. A bad line is reported by number, field and rule,
never by value, and skipped. Each changed organisation is published with its chunk. Of a large file
the keys of new children are spread at the end, in order; if it is cut short, `keep_keys` does it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO, NamedTuple

from chassis.database import Database, Session
from chassis.only_one import only_one
from schemas.organisations import Organisation
from services.directory.import_fields import BadField, ChildLine
from services.directory.listen import publish
from services.directory.partnership import Partnership
from services.directory.read_file import Options, Source, UnknownFileError, open_source
from services.directory.record_organisation import record_organisations
from services.directory.spread_keys import ONE_SPREADS, spread_keys
from services.directory.write_children import write_children

__all__ = ["ImportResult", "Options", "Progress", "Report", "UnknownFileError", "import_file"]

CHUNK_LINES = 2_000
"""A transaction of about a quarter of a second, well below the idle time-out."""
LARGE = 10_000
"""From so many children on a file's keys are spread at its end."""


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
    waiting: int = 0
    """Children whose keys are still to be spread, once all are written."""


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
    async with AsyncExitStack() as stack:
        file = stack.enter_context(path.open("rb"))
        total = os.fstat(file.fileno()).st_size
        source = open_source(file, whose.today(), options or Options())
        result = ImportResult(source.kind)

        def tell(bytes_read: int, waiting: int = 0) -> None:
            skipped = len(result.skipped)
            report(Progress(bytes_read, total, result.written, skipped, waiting))

        spreader: Session | None = None
        chunks = await stack.enter_async_context(aclosing(_chunks(source, file)))
        async for chunk, bytes_read in chunks:
            if spreader is None and source.kind == "children" and result.written >= LARGE:
                # None while another file is: then this one's keys are spread line by line.
                spreader = await stack.enter_async_context(only_one(database, ONE_SPREADS))
            async with database.transaction() as session:
                await _write(session, whose, chunk, result, later=spreader is not None)
            tell(bytes_read)
        if spreader is not None:
            await spread_keys(database, spreader, partial(tell, total))
    return result


Read = tuple[int, ChildLine | Organisation | BadField]


async def _chunks(source: Source, file: IO[bytes]) -> AsyncGenerator[tuple[list[Read], int], None]:
    """The lines by the chunk, and how far the file was read; the next is read meanwhile."""
    lines = iter(source.lines)

    def read() -> tuple[list[Read], int]:
        return list(islice(lines, CHUNK_LINES)), file.tell()

    coming = asyncio.ensure_future(asyncio.to_thread(read))
    try:
        while (chunk := await coming)[0]:
            coming = asyncio.ensure_future(asyncio.to_thread(read))
            yield chunk
    finally:
        # The file is not closed under the thread that reads it.
        await asyncio.wait([coming])
        if not coming.cancelled():
            coming.exception()


async def _write(
    session: Session,
    partnership: Partnership,
    chunk: Iterable[Read],
    result: ImportResult,
    *,
    later: bool,
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
        bad |= await write_children(session, partnership, children, later=later)
    result.written += len(organisations) + len(children.keys() - bad.keys())
    result.skipped += [BadLine(number, one.field, one.rule) for number, one in sorted(bad.items())]


def _key_name(read: ChildLine | Organisation) -> str:
    if isinstance(read, Organisation):
        return "id"
    return {"register": "register_ref", "census": "upn", "health": "nhs_number"}.get(
        read.source, "id"
    )
