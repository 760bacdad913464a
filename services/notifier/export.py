"""The mailbox as a file, for systems that only import files: a row for each notice, CSV or JSON.

Exporting is collecting, and reading: what is in the file was delivered and opened. The same cursor
gives the same notices again, so that a file that was lost is made anew.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import bus
from chassis.database import Session
from schemas.profiles import MODELS
from services.notifier.channels.cursor import collect_after
from services.notifier.channels.mailbox import open_notices

HEAD = ("cursor", "id", "organisation", "at", "deadlineAt")
CONTENT = tuple(
    sorted(
        {
            field.alias or name
            for model in set(MODELS.values())
            for name, field in model.model_fields.items()
        }
    )
)
"""Every field that some profile has: a file has the same columns whatever is in it."""

BOM = "\ufeff"

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


@dataclass(frozen=True, slots=True)
class Exported:
    """A page: rows as JSON would have them, the rows of the table, and where the next begins."""

    notices: list[dict[str, Any]]
    rows: list[Any]
    after: int


async def export_notices(
    session: Session, organisations: Sequence[str], after: int, limit: int, at: datetime
) -> tuple[Exported, list[bus.Fact]]:
    """Collect and open the notices after a cursor; the facts to append."""
    rows, facts = await collect_after(session, organisations, after, limit, at)
    contents, opened = await open_notices(session, rows, at)
    notices = [
        {
            "cursor": row.number,
            "id": str(row.id),
            "organisation": row.organisation,
            "at": row.composed_at.isoformat(),
            **({"deadlineAt": row.deadline_at.isoformat()} if row.deadline_at else {}),
            "content": content,
        }
        for row, content in zip(rows, contents, strict=True)
    ]
    return Exported(notices, rows, rows[-1].number if rows else after), [*facts, *opened]


def as_csv(notices: Sequence[dict[str, Any]]) -> str:
    """A line for each notice. What is no plain value stands as JSON in its cell."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\r\n")
    writer.writerow([*HEAD, *CONTENT])
    for notice in notices:
        content = notice["content"]
        writer.writerow(
            [
                *(_cell(notice.get(name)) for name in HEAD),
                *(_cell(content.get(name)) for name in CONTENT),
            ]
        )
    return written.getvalue()


def _cell(value: Any) -> str:
    """A value as a cell that no spreadsheet takes for a formula (OWASP, CSV injection)."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str():
            return f"'{value}" if value.startswith(_FORMULA) else value
        case dict() | list():
            return json.dumps(value, ensure_ascii=False)
        case _:
            return str(value)
