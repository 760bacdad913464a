"""Undoing over HTTP: who may, what is refused, and what a reviewer sees of an event afterwards."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest
from fastapi import APIRouter

from chassis.credentials import Credentials
from chassis.process import Service, create_api
from services.directory.api import create_router
from services.directory.decide import Decision
from services.directory.tables import Credential
from services.directory.undo_api import create_undo_router
from tests.integration.directory.area import FAR_MASH, MASH, POLICE, SCHOOL_A, SCHOOL_B
from tests.integration.directory.stage import Stage
from tests.integration.directory.test_review_api import audited, key

WHY = {"reason": "Another child of that name."}


@pytest.fixture
async def client(stage: Stage) -> AsyncIterator[httpx.AsyncClient]:
    credentials = Credentials(Credential, stage.database)
    router = APIRouter()
    router.include_router(create_router(stage.database, stage.partnership, credentials))
    router.include_router(create_undo_router(stage.database, stage.partnership, credentials))
    app = create_api([Service("directory", router)], "directory")
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as opened:
        yield opened


async def test_a_decision_is_undone_with_a_reason_and_leaves_an_audit(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    wrong = await stage.child("Ash", school=SCHOOL_B, numbered=False)
    block = wrong.sent(name={"given": "Rob", "family": "Example"})
    event = stage.abuse(block)
    (needed,) = (await stage.feed(event)).needed
    await stage.decide(needed.resolution, Decision.THIS_CHILD, wrong.id)
    headers = await key(stage)
    url = f"/v1/resolutions/{needed.resolution}/undo"
    first = await client.post(url, headers={**headers, "X-Purpose": "duty"}, json=WHY)
    assert first.status_code == 200
    body = first.json()
    assert (body["childId"], body["withdrawn"]) == (str(wrong.id), 3)
    assert SCHOOL_B in (await stage.heard()).organisations()
    second = await client.post(url, headers=headers, json=WHY)
    assert (second.status_code, second.json()["reopened"]) == (200, body["reopened"])
    assert (await stage.heard()).facts == []
    rows = await audited(stage)
    assert ("undo-decision", str(needed.resolution), str(wrong.id), "duty") in rows
    again = await client.get(f"/v1/resolutions/{body['reopened']}", headers=headers)
    shown = again.json()
    assert shown["reopens"] == str(needed.resolution)
    assert [one["childId"] for one in shown["shown"]] == [str(wrong.id)]
    decided = await client.post(
        f"/v1/resolutions/{needed.resolution}/decision",
        headers=headers,
        json={"decision": "cannot-say", "reason": "x"},
    )
    assert (decided.status_code, decided.json()["type"].rsplit(":", 1)[-1]) == (409, "undone")


async def test_an_automatic_match_is_looked_at_and_undone(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    wrong = await stage.child("Ash", school=SCHOOL_B)
    event = stage.abuse(wrong.sent())
    await stage.feed(event)
    headers = await key(stage)
    url = f"/v1/directory/events/{event.receipt}"
    (place,) = (await client.get(url, headers=headers)).json()["children"]
    assert place["childId"] == str(wrong.id)
    undo = f"{url}/children/{place['index']}/undo"
    answer = await client.post(undo, headers=headers, json={**WHY, "childId": place["childId"]})
    assert answer.status_code == 200
    (place,) = (await client.get(url, headers=headers)).json()["children"]
    assert place.get("childId") is None
    school = [one for one in place["notices"] if one["organisation"] == SCHOOL_B]
    assert [one["profile"] for one in school] == ["school-full", "withdrawal"]
    assert school[0]["withdrawnAt"] == stage.now.isoformat().replace("+00:00", "Z")
    assert [one["state"] for one in place["answers"]] == ["undone", "open"]
    other = await client.post(undo, headers=headers, json={**WHY, "childId": str(uuid4())})
    assert other.status_code in (404, 409)
    rows = await audited(stage)
    assert ("undo-match", answer.json()["resolution"], str(wrong.id)) in [row[:3] for row in rows]
    assert "read-event" in {row[0] for row in rows}


async def test_only_reviewers_who_were_told_or_asked_may_undo(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    pupil = await stage.child()
    event = stage.abuse(pupil.sent())
    await stage.feed(event)
    url = f"/v1/directory/events/{event.receipt}"
    undo, body = f"{url}/children/0/undo", {**WHY, "childId": str(pupil.id)}
    assert (await client.post(undo, json=body)).status_code == 401
    police = await key(stage, POLICE, "police")
    school = await key(stage, SCHOOL_A, "school")
    for headers in (police, school):
        assert (await client.post(undo, headers=headers, json=body)).status_code == 403
        assert (await client.get(url, headers=headers)).status_code == 403
    far = await key(stage, FAR_MASH)
    assert (await client.post(undo, headers=far, json=body)).status_code == 404
    assert (await client.get(url, headers=far)).status_code == 404
    assert (await stage.heard()).facts == []


async def test_an_area_sees_only_the_children_of_whom_it_was_told(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    here = await stage.child("Robin")
    there = await stage.child("Ash", school=SCHOOL_B, postcode="YY1 1AA", local_authority=FAR_MASH)
    event = stage.abuse(here.sent(), there.sent())
    await stage.feed(event)
    url = f"/v1/directory/events/{event.receipt}"
    shown = (await client.get(url, headers=await key(stage, FAR_MASH))).json()
    assert [place["childId"] for place in shown["children"]] == [str(there.id)]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 422),
        (b"{}", 422),
        (b'{"reason":" "}', 422),
        (b'{"reason":"x","more":1}', 422),
        (b'{"reason":"x"}', 409),
    ],
)
async def test_a_bad_undoing_is_a_problem_and_changes_nothing(
    stage: Stage, client: httpx.AsyncClient, body: bytes, status: int
) -> None:
    pupil = await stage.child(numbered=False)
    block = pupil.sent(name={"given": "Rob", "family": "Example"})
    (needed,) = (await stage.feed(stage.abuse(block))).needed
    headers = await key(stage, MASH)
    url = f"/v1/resolutions/{needed.resolution}/undo"
    answer = await client.post(url, headers=headers, content=body)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await stage.heard()).facts == []
