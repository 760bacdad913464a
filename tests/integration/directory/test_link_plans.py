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
    key_adults,
    note_links,
    reach_back,
    read_family,
    report_contradictions,
    report_links,
    show_adults,
    show_evidence,
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
    "receipts": [ID],
    "since": NOW,
    "settled": NOW,
    "again": NOW,
    "id": ID,
    "answer": "x",
    "keys": [ID],
    "alike": [7],
    "described": [7],
    "questions": [0],
    "behind": 150,
    "worth": 0.05,
    "candidates": 30,
    "version": 2,
    "ids": [ID],
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
                   keep_findings, key_adults, note_links, reach_back, read_family,
                   report_contradictions, report_links, show_adults, show_evidence, show_finding,
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


async def test_adults_are_looked_at_from_their_keys_never_from_the_children(stage: Stage) -> None:
    for statement in (find_adults._FIND, find_adults._FIND_ALIKE):
        values = {key: ONE[key] for key in statement.compile().params}
        async with stage.database.transaction() as session:
            rows = await session.execute(text(f"explain {statement.text}"), values)
            plan = "\n".join(row[0] for row in rows)
        assert "relationship_adult" in plan, plan
        assert "relationship_child" not in plan, plan
