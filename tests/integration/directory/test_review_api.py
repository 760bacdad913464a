"""The review queue over HTTP: who may see and decide what, and what is left in the audit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import text

from chassis.credentials import Credentials, make_key
from chassis.process import Service, create_api
from services.directory.api import create_router
from services.directory.tables import Credential
from tests.integration.directory.area import FAR_MASH, MASH, SCHOOL_A, Pupil
from tests.integration.directory.stage import Stage


@pytest.fixture
async def client(stage: Stage) -> AsyncIterator[httpx.AsyncClient]:
    router = create_router(
        stage.database, stage.partnership, Credentials(Credential, stage.database)
    )
    app = create_api([Service("directory", router)], "directory")
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as opened:
        yield opened


async def key(stage: Stage, organisation: str = MASH, kind: str = "social-care") -> dict[str, str]:
    async with stage.database.transaction() as session:
        made = await make_key(
            session, Credential, organisation=organisation, name="Reviewer", kind=kind
        )
    return {"Authorization": f"Bearer {made}"}


async def ask(stage: Stage) -> tuple[Pupil, UUID]:
    """A question: a given name that is nearly right."""
    pupil = await stage.child(numbered=False)
    block = pupil.sent(name={"given": "Rob", "family": "Example"})
    heard = await stage.feed(stage.abuse(block))
    return pupil, heard.needed[0].resolution


async def audited(stage: Stage) -> list[tuple[str, str, str | None, str]]:
    async with stage.database.reading() as session:
        rows = await session.execute(
            text("select operation, object, subject, purpose from directory.audit order by at, id")
        )
        return [(row.operation, row.object, row.subject, row.purpose) for row in rows]


async def test_the_queue_is_listed_read_and_decided(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    pupil, resolution = await ask(stage)
    headers = await key(stage)
    listed = (await client.get("/v1/resolutions", headers=headers)).json()["resolutions"]
    assert [one["id"] for one in listed] == [str(resolution)]
    assert listed[0]["reason"] == "possible-candidates"
    assert "Example" not in str(listed)
    shown = (await client.get(f"/v1/resolutions/{resolution}", headers=headers)).json()
    assert shown["sent"]["child"]["name"]["given"] == "Rob"
    (candidate,) = shown["shown"]
    assert candidate["childId"] == str(pupil.id)
    assert candidate["agrees"] == {
        "givenName": False,
        "familyName": True,
        "dateOfBirth": True,
        "postcode": True,
    }
    body = {"decision": "this-child", "childId": str(pupil.id), "reason": "A nickname."}
    url = f"/v1/resolutions/{resolution}/decision"
    answer = await client.post(url, headers={**headers, "X-Purpose": "duty"}, json=body)
    assert answer.status_code == 200
    assert SCHOOL_A in (await stage.heard()).organisations()
    assert (await client.post(url, headers=headers, json=body)).status_code == 200
    other = {"decision": "cannot-say", "reason": "No."}
    refused = await client.post(url, headers=headers, json=other)
    assert refused.status_code == 409
    assert refused.headers["content-type"] == "application/problem+json"
    rows = await audited(stage)
    assert ("read-resolution", str(resolution), str(pupil.id)) in [row[:3] for row in rows]
    assert ("decide", str(resolution), str(pupil.id), "duty") in rows
    assert (await stage.heard()).facts == []


async def test_only_reviewers_may_and_only_of_their_area(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    _, resolution = await ask(stage)
    url = f"/v1/resolutions/{resolution}"
    assert (await client.get(url)).status_code == 401
    police = await key(stage, "police-example", "police")
    assert (await client.get(url, headers=police)).status_code == 403
    elsewhere = await key(stage, FAR_MASH)
    assert (await client.get(url, headers=elsewhere)).status_code == 404
    listed = await client.get("/v1/resolutions", headers=elsewhere)
    assert listed.json()["resolutions"] == []
    body = {"decision": "cannot-say", "reason": "No."}
    refused = await client.post(f"{url}/decision", headers=elsewhere, json=body)
    assert refused.status_code == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 422),
        (b"{}", 422),
        (b'{"decision":"perhaps","reason":"x"}', 422),
        (b'{"decision":"this-child","reason":"x"}', 422),
        (b'{"decision":"release","reason":"x"}', 422),
        (b'{"decision":"cannot-say","reason":" "}', 422),
        (b'{"decision":"cannot-say","reason":"x","more":1}', 422),
    ],
)
async def test_a_bad_decision_is_a_problem_and_changes_nothing(
    stage: Stage, client: httpx.AsyncClient, body: bytes, status: int
) -> None:
    _, resolution = await ask(stage)
    headers = await key(stage)
    url = f"/v1/resolutions/{resolution}/decision"
    answer = await client.post(url, headers=headers, content=body)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await stage.heard()).facts == []


async def test_an_unknown_child_is_refused(stage: Stage, client: httpx.AsyncClient) -> None:
    _, resolution = await ask(stage)
    headers = await key(stage)
    body = {"decision": "this-child", "childId": str(uuid4()), "reason": "x"}
    url = f"/v1/resolutions/{resolution}/decision"
    answer = await client.post(url, headers=headers, json=body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/childId")


async def test_a_reviewer_never_sees_a_restricted_child(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    names = [{"given": "Former", "family": "Before"}]
    pupil = await stage.child("Hidden", "Present", restricted=True, alternative_names=names)
    wrong = pupil.sent(name={"given": "F", "family": "B"}, dateOfBirth={"value": "2011-01-01"})
    heard = await stage.feed(stage.abuse(wrong))
    headers = await key(stage)
    url = f"/v1/resolutions/{heard.needed[0].resolution}"
    shown = await client.get(url, headers=headers)
    assert shown.json()["shown"] == []
    assert not [word for word in ("Hidden", "Present", "Former") if word in shown.text]


async def test_a_held_text_is_shown_to_who_must_decide(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    robin, ash = await stage.child("Robin"), await stage.child("Ash")
    event = stage.abuse({"child": robin.sent(), "circumstances": "Ash hid."}, ash.sent())
    heard = await stage.feed(event)
    headers = await key(stage)
    url = f"/v1/resolutions/{heard.needed[0].resolution}"
    shown = (await client.get(url, headers=headers)).json()
    assert shown["texts"] == {"/children/0/circumstances": "Ash hid."}
    assert shown["decisions"] == ["release", "withhold"]


async def test_pages_follow_the_deadlines(stage: Stage, client: httpx.AsyncClient) -> None:
    for _ in range(3):
        await stage.feed(stage.abuse(textSpeaksOfChild=True))
        stage.later(minutes=1)
    headers = await key(stage)
    first = (await client.get("/v1/resolutions?limit=2", headers=headers)).json()
    after = first["next"]
    second = (await client.get(f"/v1/resolutions?limit=2&after={after}", headers=headers)).json()
    ids = [one["id"] for page in (first, second) for one in page["resolutions"]]
    assert len(set(ids)) == 3
    assert second["next"] is None
