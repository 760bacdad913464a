"""Why X got this and Y did not: for reviewers, and no way to look for a hidden child."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import APIRouter
from sqlalchemy import text

from chassis.credentials import Credentials
from chassis.process import Service, create_api
from services.directory.tables import Credential
from services.directory.why_api import create_why_router
from tests.integration.directory.area import (
    FAR_MASH,
    MASH,
    NURSING,
    POLICE,
    SCHOOL_A,
    SCHOOL_B,
    VISITING,
)
from tests.integration.directory.stage import Stage
from tests.integration.directory.test_review_api import audited, key


@pytest.fixture
async def client(stage: Stage) -> AsyncIterator[httpx.AsyncClient]:
    credentials = Credentials(Credential, stage.database)
    router = APIRouter()
    router.include_router(create_why_router(stage.database, stage.partnership, credentials))
    app = create_api([Service("directory", router)], "directory")
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as opened:
        yield opened


async def ask(
    client: httpx.AsyncClient, headers: dict[str, str], event: Any, organisation: str
) -> Any:
    answer = await client.get(
        "/v1/directory/why",
        params={"receipt": str(event.receipt), "organisation": organisation},
        headers=headers,
    )
    assert answer.status_code == 200, answer.text
    return answer.json()["children"]


async def test_it_is_said_by_which_line_one_was_told_and_which_did_not_name_another(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    pupil = await stage.child()
    event = stage.abuse(pupil.sent())
    await stage.feed(event)
    headers = await key(stage)
    (told,) = await ask(client, headers, event, SCHOOL_A)
    assert (told["answer"], told["words"]) == ("told", "It was told by the line da-school.")
    [line] = told["lines"]
    assert (line["rule"], line["outcome"]) == ("da-school", "told")
    assert line["words"] == "The condition holds (a school is expected), and it is every school."
    [notice] = told["notices"]
    assert (notice["rule"], notice["profile"]) == ("da-school", "school-full")

    (other,) = await ask(client, headers, event, SCHOOL_B)
    assert (other["answer"], other["notices"]) == ("not-told", [])
    assert other["words"] == (
        "da-school: The condition holds (a school is expected), but it is not every school for"
        " this child."
    )
    (visiting,) = await ask(client, headers, event, VISITING)
    assert visiting["words"] == (
        "da-health-visiting: The condition does not hold: under school entry."
    )
    (police,) = await ask(client, headers, event, POLICE)
    assert police["words"] == "No line of the table names it."
    rows = await audited(stage)
    assert [row[:2] for row in rows] == [("read-why", str(event.receipt))] * 4


async def test_what_is_withheld_or_was_taken_back_is_said_so(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    pupil = await stage.child()
    wish = {"role": "school", "reason": "a relative works there"}
    event = stage.abuse(pupil.sent(), withholdFrom=[wish])
    await stage.feed(event)
    headers = await key(stage)
    (school,) = await ask(client, headers, event, SCHOOL_A)
    assert (school["answer"], school["lines"][0]["outcome"]) == ("withheld", "withheld")
    assert "relative" not in school["words"] + school["lines"][0]["words"]
    (nurse,) = await ask(client, headers, event, NURSING)
    assert nurse["answer"] == "told"


async def test_a_restricted_child_is_not_found_by_asking_of_one_school_after_another(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    pupil = await stage.child()
    event = stage.abuse(pupil.sent())
    await stage.feed(event)
    headers = await key(stage)
    async with stage.database.transaction() as session:
        await session.execute(
            text("update directory.child set restricted = true where id = :id"), {"id": pupil.id}
        )
    for school in (SCHOOL_B, VISITING):
        (place,) = await ask(client, headers, event, school)
        assert (place["answer"], place["lines"]) == ("not-told", [])
        assert place["words"] == "No line of the table names it."


async def test_only_reviewers_ask_and_only_of_children_of_whom_they_were_told(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    here = await stage.child("Robin")
    there = await stage.child("Ash", school=SCHOOL_B, postcode="YY1 1AA", local_authority=FAR_MASH)
    event, alone = stage.abuse(here.sent(), there.sent()), stage.abuse(here.sent())
    await stage.feed(event)
    await stage.feed(alone)
    far = await key(stage, FAR_MASH)
    places = await ask(client, far, event, SCHOOL_A)
    assert [one["index"] for one in places] == [1]
    assert str(here.id) not in str(places)
    url = "/v1/directory/why"
    asked = {"receipt": str(alone.receipt), "organisation": SCHOOL_A}
    assert (await client.get(url, params=asked, headers=far)).status_code == 404
    mash = await key(stage, MASH)
    unknown = {**asked, "organisation": "urn-999999"}
    assert (await client.get(url, params=unknown, headers=mash)).status_code == 404
    nothing = {**asked, "receipt": str(uuid4())}
    assert (await client.get(url, params=nothing, headers=mash)).status_code == 404
    school = await key(stage, SCHOOL_A, "school")
    assert (await client.get(url, params=asked, headers=school)).status_code == 403
    assert (await client.get(url, params=asked)).status_code == 401
