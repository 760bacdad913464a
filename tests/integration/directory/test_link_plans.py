"""Every statement on the way of an event finds its rows by an index, however many there are."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import TextClause, text

from services.directory import (
    add_linked,
    claim_derived,
    find_adults,
    find_agencies,
    find_linked,
    keep_findings,
    read_family,
    report_contradictions,
    report_links,
    show_finding,
    suspect_duplicates,
    track_changed,
    withdraw_links,
)
from tests.integration.directory.stage import NOW, Stage

ID = uuid4()
ROWS = f'[{{"receipt": "{ID}", "child_id": "{ID}"}}]'
ONE: dict[str, Any] = {
    "receipt": ID,
    "child": ID,
    "child_id": ID,
    "relationship": ID,
    "finding": ID,
    "by": ID,
    "at": NOW,
    "old": "1",
    "position": 0,
    "child_index": 1,
    "reason": "r",
    "source": "s",
    "agency": "a",
    "answer": "x",
    "keys": [ID],
    "adults": [ID],
    "children": [ID],
    "households": ["h"],
    "most": 10,
    "today": NOW.date(),
    "rows": ROWS,
    "kind": "person.link-missing",
    "findings": [ID],
    "everywhere": False,
    "number": "9990000000",
    "upn": "A",
    "numbers": [1],
    "lines": [1],
    "due": NOW,
    "now": NOW,
    "after": None,
    "all": False,
    "organisations": ["o"],
    "lock": 1,
}
STATEMENTS: dict[str, TextClause] = {
    f"{module.__name__.rpartition('.')[2]}.{name}": statement
    for module in (add_linked, claim_derived, find_adults, find_agencies, find_linked,
                   keep_findings, read_family, report_contradictions, report_links, show_finding,
                   suspect_duplicates, track_changed, withdraw_links)
    for name, statement in vars(module).items()
    # What is counted for a report is counted whole.
    if isinstance(statement, TextClause) and name != "_COUNT"
}  # fmt: skip


@pytest.mark.parametrize("name", STATEMENTS)
async def test_a_statement_about_links_and_findings_goes_by_an_index(
    stage: Stage, name: str
) -> None:
    statement = STATEMENTS[name]
    values = {key: ONE[key] for key in statement.compile().params}
    if name == "claim_derived._CLOSE":
        values["by"] = "somebody"
    async with stage.database.transaction() as session:
        rows = await session.execute(text(f"explain {statement.text}"), values)
        plan = "\n".join(row[0] for row in rows)
    assert "Seq Scan" not in plan, plan
