"""The dry run of the matcher: for reviewers with a case, and no tool to look for children with."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import httpx
import pytest

from chassis.credentials import Credentials
from chassis.process import Service, create_api
from services.directory.settings import DirectorySettings
from services.directory.tables import Credential
from services.directory.try_api import create_try_router
from tests.integration.directory.area import SCHOOL_A
from tests.integration.directory.stage import Stage
from tests.integration.directory.test_review_api import audited, key

URL = "/v1/directory/resolve"
CHILD = {
    "name": {"given": "Otilie", "family": "Quartermaine"},
    "dateOfBirth": {"value": "2014-05-14"},
}


@pytest.fixture
async def client(stage: Stage) -> AsyncIterator[httpx.AsyncClient]:
    stage.settings = DirectorySettings(most_tries=3)
    await stage.child(
        "Ottilie", "Quartermaine", date(2014, 5, 14), address="12 Mill Lane", school=SCHOOL_A
    )
    await stage.learn()
    credentials = Credentials(Credential, stage.database)
    router = create_try_router(stage.database, stage.partnership, credentials)
    app = create_api([Service("directory", router)], "directory")
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as opened:
        yield opened


def body(**changes: Any) -> dict[str, Any]:
    return {"caseReference": "EX-77", "child": CHILD, **changes}


async def test_it_explains_and_tells_nothing_that_was_not_asked(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    answer = await client.post(URL, headers=await key(stage), json=body())
    assert answer.status_code == 200
    said = answer.json()
    (candidate,) = said["candidates"]
    fields = {step["field"] for step in candidate["steps"]}
    assert {"given", "family", "birth"} <= fields
    assert not fields & {"place", "school", "nhs-number", "upn", "guardian", "sex"}
    text = json.dumps(said)
    for value in ("Ottilie", "Quarter", "Mill", "ZZ9", "2014", SCHOOL_A):
        assert value not in text
    rows = await audited(stage)
    assert [row[-1] for row in rows] == ["case EX-77"]


async def test_nothing_happens_to_the_register_or_to_anybody(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    await client.post(URL, headers=await key(stage), json=body())
    assert (await stage.heard()).facts == []


@pytest.mark.parametrize(
    ("changes", "pointer"), [({"caseReference": ""}, "/caseReference"), ({"child": 7}, "/child")]
)
async def test_a_case_and_a_child_are_needed(
    stage: Stage, client: httpx.AsyncClient, changes: dict[str, Any], pointer: str
) -> None:
    answer = await client.post(URL, headers=await key(stage), json=body(**changes))
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [one["pointer"] for one in answer.json()["errors"]] == [pointer]


async def test_a_key_that_asks_too_often_waits_and_another_does_not(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    headers = await key(stage)
    codes = [(await client.post(URL, headers=headers, json=body())).status_code for _ in range(4)]
    assert codes == [200, 200, 200, 429]
    assert (await client.post(URL, headers=await key(stage), json=body())).status_code == 200


async def test_only_reviewers_may(stage: Stage, client: httpx.AsyncClient) -> None:
    assert (await client.post(URL, json=body())).status_code == 401
    school = await key(stage, SCHOOL_A, "school")
    assert (await client.post(URL, headers=school, json=body())).status_code == 403
