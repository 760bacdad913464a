"""Findings that no agency could be told, over HTTP: who sees them, and what a look leaves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import text

from chassis.credentials import Credentials
from chassis.ids import new_id
from chassis.process import Service, create_api
from schemas.facts import Evidence, PersonDuplicateSuspected
from services.directory.finding_api import create_finding_router
from services.directory.keep_findings import Found, raise_findings
from services.directory.listen import publish
from services.directory.tables import Credential
from tests.integration.directory.area import FAR_MASH, MASH, POLICE, Pupil
from tests.integration.directory.stage import Stage
from tests.integration.directory.test_review_api import audited, key

URL = "/v1/directory/findings"
SAID = {"answer": "disputed", "reason": "Two girls of one name; both were seen."}


@pytest.fixture
async def client(stage: Stage) -> AsyncIterator[httpx.AsyncClient]:
    credentials = Credentials(Credential, stage.database)
    router = create_finding_router(stage.database, stage.partnership, credentials)
    app = create_api([Service("directory", router)], "directory")
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as opened:
        yield opened


async def suspected(
    stage: Stage, reviewers: str | None = MASH, agency: str | None = None
) -> tuple[UUID, list[Pupil]]:
    pair = sorted([await stage.child(), await stage.child()], key=lambda one: one.id)
    finding = new_id()
    fact = PersonDuplicateSuspected(
        finding=finding,
        key=str(finding),
        agency=agency,
        evidence=(Evidence(field="given", how="same"),),
        state="open",
        at=stage.now,
    )
    found = Found(fact, pair[0].id, pair[1].id, reviewers)
    async with stage.database.transaction() as session:
        await publish(session, await raise_findings(session, stage.partnership, [found]), {})
    assert len((await stage.heard()).facts) == 1
    return finding, pair


async def test_a_finding_is_listed_read_and_answered_once(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    finding, pair = await suspected(stage)
    headers = await key(stage)
    listed = (await client.get(URL, headers=headers)).json()["findings"]
    assert [one["finding"] for one in listed] == [str(finding)]
    assert "Robin" not in str(listed)
    answer = await client.get(f"{URL}/{finding}", headers={**headers, "X-Purpose": "duty"})
    shown = answer.json()
    assert [one["childId"] for one in shown["children"]] == [str(one.id) for one in pair]
    assert shown["evidence"] == [{"field": "given", "how": "same"}]
    assert answer.headers["cache-control"] == "no-store"
    for _ in range(2):
        kept = await client.post(f"{URL}/{finding}/answer", headers=headers, json=SAID)
        assert (kept.status_code, kept.json()["state"]) == (200, "answered")
    assert [one.state for one in (await stage.heard()).of(PersonDuplicateSuspected)] == ["answered"]
    other = {**SAID, "answer": "record-corrected"}
    refused = await client.post(f"{URL}/{finding}/answer", headers=headers, json=other)
    assert refused.status_code == 409
    assert (await client.get(URL, headers=headers)).json()["findings"] == []
    (row,) = await stage.rows("select answered_by, answered_reason from directory.finding")
    assert tuple(row) == (f"{MASH}/Reviewer", SAID["reason"])
    rows = await audited(stage)
    for one in pair:
        assert ("read-finding", str(finding), str(one.id), "duty") in rows
    assert {row[0] for row in rows} == {"list-findings", "read-finding", "answer-finding"}


async def test_another_areas_and_an_agencys_findings_are_not_seen(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    mine, _ = await suspected(stage)
    agencys, _ = await suspected(stage, None, POLICE)
    nobodys, _ = await suspected(stage, None)
    far = await key(stage, FAR_MASH)
    listed = (await client.get(URL, headers=far)).json()["findings"]
    assert [one["finding"] for one in listed] == [str(nobodys)]
    for finding in (mine, agencys, uuid4()):
        assert (await client.get(f"{URL}/{finding}", headers=far)).status_code == 404
        answer = await client.post(f"{URL}/{finding}/answer", headers=far, json=SAID)
        assert answer.status_code == 404
    police = await key(stage, POLICE, "police")
    assert (await client.get(URL, headers=police)).status_code == 403
    assert (await client.get(URL)).status_code == 401


async def test_of_a_pair_one_of_whom_is_restricted_by_now_nobody_is_shown(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    finding, pair = await suspected(stage)
    async with stage.database.transaction() as session:
        await session.execute(
            text("update directory.child set restricted = true where id = :id"), {"id": pair[0].id}
        )
    answer = await client.get(f"{URL}/{finding}", headers=await key(stage))
    assert answer.json()["children"] == []


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"answer": "merge", "reason": "x"}, "/answer"),
        ({"answer": "disputed"}, "/reason"),
        ({**SAID, "more": 1}, "/more"),
    ],
)
async def test_a_wrong_answer_is_named(
    stage: Stage, client: httpx.AsyncClient, body: dict[str, object], pointer: str
) -> None:
    finding, _ = await suspected(stage)
    answer = await client.post(f"{URL}/{finding}/answer", headers=await key(stage), json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer
