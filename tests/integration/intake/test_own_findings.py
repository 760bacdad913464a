"""What an agency reads of its own records: its own findings, in whatever order facts came."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from bus import fact_of
from chassis.ids import new_id
from schemas.facts import (
    Evidence,
    Finding,
    PersonDuplicateSuspected,
    RecordContradicts,
)
from services.intake import listen
from tests.integration.intake.conftest import Intake, event

START = datetime(2026, 3, 2, 23, tzinfo=UTC)
POLICE = "police-example"
ALIKE = (Evidence(field="given", how="close"),)


def duplicate(agency: str | None = POLICE, finding: UUID | None = None) -> PersonDuplicateSuspected:
    one = finding or new_id()
    return PersonDuplicateSuspected(
        finding=one,
        key=str(one),
        agency=agency,
        records=("register:r-1", "register:r-2"),
        evidence=ALIKE,
        state="open",
        at=START,
    )


def ended(fact: PersonDuplicateSuspected, state: str, minutes: int) -> PersonDuplicateSuspected:
    """As the directory says it: a withdrawal repeats nothing."""
    gone = {"records": (), "evidence": ()} if state == "withdrawn" else {}
    at = START + timedelta(minutes=minutes)
    return fact.model_copy(update={"state": state, "at": at, **gone})


async def hear(intake: Intake, *facts: Finding) -> None:
    async with intake.database.transaction() as session:
        await listen.keep_progress(session, [fact_of(one, "directory") for one in facts])


async def test_an_agency_lists_its_own_findings_and_nobody_elses(intake: Intake) -> None:
    mine, theirs = duplicate(), duplicate("la-example")
    await hear(intake, mine, theirs, duplicate(None))
    (shown,) = (await intake.get("/v1/findings")).json()["findings"]
    assert (shown["finding"], shown["kind"]) == (
        str(mine.finding),
        "person.duplicate-suspected",
    )
    assert shown["records"] == ["register:r-1", "register:r-2"]
    assert shown["evidence"] == [{"field": "given", "how": "close"}]
    assert (await intake.get("/v1/findings", by=intake.school)).json()["findings"] == []
    assert await intake.count("intake.finding") == 2
    assert await intake.count("intake.audit") == 2


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("together", [True, False])
async def test_whatever_the_order_a_withdrawal_is_the_last_word_and_leaves_nothing(
    intake: Intake, order: tuple[int, ...], together: bool
) -> None:
    fact = duplicate()
    facts = [fact, ended(fact, "answered", 5), ended(fact, "withdrawn", 9)]
    for some in [order] if together else [(one,) for one in order]:
        await hear(intake, *(facts[at] for at in some))
    assert (await intake.get("/v1/findings")).json()["findings"] == []
    query = {"state": "withdrawn"}
    (shown,) = (await intake.get("/v1/findings", query=query)).json()["findings"]
    assert (shown["state"], shown["records"], shown["evidence"]) == ("withdrawn", [], [])


async def test_findings_are_walked_page_by_page(intake: Intake) -> None:
    facts = [duplicate() for _ in range(5)]
    answered = duplicate()
    await hear(intake, *facts, answered, ended(answered, "answered", 5))
    seen: list[str] = []
    query = {"limit": "2"}
    while True:
        page = (await intake.get("/v1/findings", query=query)).json()
        seen += [one["finding"] for one in page["findings"]]
        if "after" not in page:
            break
        query["after"] = page["after"]
    assert seen == sorted(str(one.finding) for one in facts)
    query = {"state": "answered"}
    (shown,) = (await intake.get("/v1/findings", query=query)).json()["findings"]
    assert shown["finding"] == str(answered.finding)


@pytest.mark.parametrize(("name", "value"), [("state", "lost"), ("limit", "0"), ("after", "x")])
async def test_a_wrong_parameter_is_named(intake: Intake, name: str, value: str) -> None:
    answer = await intake.get("/v1/findings", query={name: value})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["parameter"] == name


async def test_a_contradiction_stands_in_the_progress_of_its_event(intake: Intake) -> None:
    posted = await intake.post(json.dumps(event(id=str(uuid4()))).encode())
    receipt = posted.json()["receipt"]
    fact = RecordContradicts(
        finding=new_id(),
        key="k",
        agency=POLICE,
        receipt=UUID(receipt),
        child_index=0,
        evidence=(Evidence(field="nhs-number", how="of-another-child"),),
        state="open",
        at=START,
    )
    await hear(intake, fact)
    progress = (await intake.get(f"/v1/events/{receipt}")).json()
    (shown,) = progress["contradictions"]
    assert (shown["childIndex"], shown["state"]) == (0, "open")
    assert shown["evidence"] == [{"field": "nhs-number", "how": "of-another-child"}]
    assert progress["linksMissing"] == []
    (listed,) = (await intake.get("/v1/findings")).json()["findings"]
    assert (listed["receipt"], listed["kind"]) == (receipt, "record.contradicts")
