"""The nightly file, by command: an organisation's notices after a cursor, in one file.

Each page is committed as it is read. A file that was cut off is made anew from the same cursor, and
the whole file takes its name only at its end: an importer never sees half of one.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import bus
from chassis.audit import write_audit
from chassis.clock import now
from chassis.database import Database
from services.notifier.channels.pulls import note_pull
from services.notifier.export import BOM, as_csv, export_notices
from services.notifier.tables import Audit

COMMAND = "command"
"""Stands for the credential in the audit of what a command read."""


@dataclass(frozen=True, slots=True)
class Written:
    """How many notices are in the file, and the cursor of the next."""

    count: int
    after: int


async def write_export(
    database: Database,
    organisation: str,
    form: Literal["csv", "json"],
    out: Path,
    *,
    after: int = 0,
    size: int = 500,
    bom: bool = False,
) -> Written:
    """Write every notice after a cursor. The file is readable by its owner alone."""
    notices: list[dict[str, Any]] = []
    while True:
        async with database.transaction() as session:
            at = now()
            await note_pull(session, [organisation], at)
            page, facts = await export_notices(session, [organisation], after, size, at)
            await write_audit(
                session,
                Audit,
                actor=organisation,
                credential=COMMAND,
                operation="export-notice",
                objects=[(str(row.id), str(row.child_id)) for row in page.rows if row.content],
                purpose="nightly file",
            )
            await bus.append(session, *facts)
        if not page.rows:
            break
        notices += page.notices
        after = page.after
    if form == "json":
        said = json.dumps({"notices": notices, "after": after}, ensure_ascii=False)
    else:
        said = (BOM if bom else "") + as_csv(notices)
    _write(out, said)
    return Written(len(notices), after)


def _write(out: Path, said: str) -> None:
    unfinished = out.with_name(f"{out.name}.part")
    unfinished.unlink(missing_ok=True)
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
        file.write(said)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(out)
