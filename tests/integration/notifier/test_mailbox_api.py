"""The mailbox: listed, opened, acknowledged, filed; each credential sees its own and no more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import text

from chassis.clock import now
from chassis.database import Database
from chassis.process import create_api
from schemas.facts import EventRetracted, Profile
from schemas.organisations import OrganisationKind, RecipientRole
from services.notifier.compose import compose
from services.notifier.credentials import (
    add_credential,
    revoke_credential,
    rotate_credential,
)
from services.notifier.routes import record_organisations
from services.notifier.settings import DeadlineSettings
from tests.integration.notifier.world import (
    MASH,
    SCHOOL,
    TO_MASH,
    TO_SCHOOL,
    addressed,
    open_notifier,
    organisation,
    to,
)
from tests.support.postgres import open_database

OTHER = "urn-900002"
TO_OTHER = to(OTHER, RecipientRole.SCHOOL, Profile.SCHOOL_FULL)
TO_NURSE = to("nursing-example", RecipientRole.SCHOOL_NURSING, Profile.HEALTH_MINIMAL)


async def rows(database: Database, sql: str, **values: Any) -> list[Any]:
    async with database.reading() as session:
        return list((await session.execute(text(sql), values)).all())


async def compose_all(database: Database, *facts: Any) -> None:
    async with database.transaction() as session:
        await compose(session, facts, now(), DeadlineSettings())


async def key(
    database: Database,
    name: str,
    *scopes: str,
    kind: OrganisationKind = OrganisationKind.SCHOOL,
) -> dict[str, str]:
    async with database.transaction() as session:
        made = await add_credential(session, name, kind, scopes=scopes)
    return {"Authorization": f"Bearer {made}"}


@pytest.fixture(autouse=True)
async def partnership(database: Database) -> None:
    async with database.transaction() as session:
        await record_organisations(
            session, [organisation(one) for one in (SCHOOL, OTHER, MASH, "nursing-example")]
        )


@asynccontextmanager
async def open_client(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    _, notifier = open_notifier(database)
    transport = httpx.ASGITransport(create_api([notifier], "test"))
    async with httpx.AsyncClient(transport=transport, base_url="http://bus") as client:
        yield client


@pytest.fixture
async def client(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    async with open_client(database) as opened:
        yield opened


async def listed(client: httpx.AsyncClient, headers: dict[str, str], query: str = "") -> Any:
    answer = await client.get(f"/v1/notices{query}", headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()["notices"]


async def notice_facts(database: Database) -> list[str]:
    found = await rows(
        database, "select type from bus.log where topic = 'notices' order by position"
    )
    return [row.type for row in found]


async def test_a_notice_is_listed_opened_acknowledged_and_filed(
    database: Database, client: httpx.AsyncClient
) -> None:
    school = await key(database, SCHOOL)
    first, second = addressed(TO_SCHOOL), addressed(TO_SCHOOL)
    await compose_all(database, first)
    await compose_all(database, second, addressed(TO_OTHER))
    heads = await listed(client, school)
    assert len(heads) == 2
    assert heads[0]["at"] < heads[1]["at"]
    assert set(heads[0]) == {
        "id", "organisation", "state", "at", "deadlineAt", "recordedLate", "shownAgain", "url",
    }  # fmt: skip
    notice = heads[0]["id"]
    read = await client.get(f"/v1/notices/{notice}", headers={**school, "X-Purpose": "on duty"})
    assert read.json()["content"]["child"]["name"]["given"] == "Robin"
    assert read.json()["state"] == "opened"
    assert read.headers["cache-control"] == "no-store"
    assert [head["id"] for head in await listed(client, school)] == [heads[1]["id"]]
    receipts = f"/v1/notices/{notice}/receipts"
    body = {"state": "acknowledged", "by": "designated safeguarding lead"}
    for _ in range(2):
        done = await client.post(receipts, json=body, headers=school)
        assert (done.status_code, done.json()["state"]) == (200, "acknowledged")
    filed = {"state": "filed", "by": "office", "recordReference": "R-17"}
    assert (await client.post(receipts, json=filed, headers=school)).json()["state"] == "filed"
    back = await client.post(receipts, json=body, headers=school)
    assert back.json()["state"] == "filed"
    assert await notice_facts(database) == [
        "notice.delivered", "notice.delivered", "notice.opened", "notice.acknowledged",
        "notice.filed",
    ]  # fmt: skip
    audit = await rows(
        database, "select operation, object, subject, purpose from notifier.audit order by at, id"
    )
    assert [row.operation for row in audit] == [
        "read-notice", "acknowledged-notice", "acknowledged-notice", "filed-notice",
        "acknowledged-notice",
    ]  # fmt: skip
    assert (audit[0].object, audit[0].subject, audit[0].purpose) == (
        notice, str(first.child_id), "on duty",
    )  # fmt: skip
    [row] = await rows(
        database, "select record_reference, watch from notifier.obligation where id = :id",
        id=UUID(notice),
    )  # fmt: skip
    assert tuple(row) == ("R-17", "ended")


async def test_an_answer_that_was_lost_loses_no_notice(
    database: Database, client: httpx.AsyncClient
) -> None:
    school = await key(database, SCHOOL)
    await compose_all(database, addressed(TO_SCHOOL))
    lost = await listed(client, school)
    assert await listed(client, school) == lost
    assert await listed(client, school, "?state=waiting") == []
    assert await notice_facts(database) == ["notice.delivered"]


async def test_confirming_unread_says_delivered_first(
    database: Database, client: httpx.AsyncClient
) -> None:
    school = await key(database, SCHOOL)
    await compose_all(database, addressed(TO_SCHOOL))
    [row] = await rows(database, "select id from notifier.obligation")
    body = {"state": "filed", "by": "office"}
    await client.post(f"/v1/notices/{row.id}/receipts", json=body, headers=school)
    assert await notice_facts(database) == [
        "notice.delivered", "notice.acknowledged", "notice.filed",
    ]  # fmt: skip
    assert await listed(client, school, "?state=unacknowledged") == []


async def test_one_key_of_a_supplier_serves_many_schools(
    database: Database, client: httpx.AsyncClient
) -> None:
    supplier = await key(database, "mis-example", SCHOOL, OTHER)
    await compose_all(database, addressed(TO_SCHOOL), addressed(TO_OTHER), addressed(TO_MASH))
    heads = await listed(client, supplier)
    assert {head["organisation"] for head in heads} == {SCHOOL, OTHER}


async def test_another_s_notice_is_as_if_it_were_not_there(
    database: Database, client: httpx.AsyncClient
) -> None:
    stranger = await key(database, OTHER)
    await compose_all(database, addressed(TO_SCHOOL))
    [row] = await rows(database, "select id from notifier.obligation")
    body = {"state": "acknowledged", "by": "x"}
    for notice in (row.id, uuid4()):
        answers = [
            await client.get(f"/v1/notices/{notice}", headers=stranger),
            await client.post(f"/v1/notices/{notice}/receipts", json=body, headers=stranger),
        ]
        for answer in answers:
            assert answer.status_code == 404
            assert answer.headers["content-type"] == "application/problem+json"
    assert await rows(database, "select 1 from notifier.audit") == []


async def test_what_was_withdrawn_is_gone(database: Database, client: httpx.AsyncClient) -> None:
    school = await key(database, SCHOOL)
    fact = addressed(TO_SCHOOL)
    await compose_all(database, fact)
    [head] = await listed(client, school)
    await compose_all(
        database, EventRetracted(receipt=uuid4(), retracts=fact.receipt, key="k", at=now())
    )
    gone = await client.get(f"/v1/notices/{head['id']}", headers=school)
    assert gone.status_code == 410
    assert "Robin" not in gone.text
    assert await listed(client, school) == []


async def test_social_care_informed_is_said_only_once_it_is_true(
    database: Database, client: httpx.AsyncClient
) -> None:
    nurse = await key(database, "nursing-example", kind=OrganisationKind.SCHOOL_NURSING)
    mash = await key(database, MASH, kind=OrganisationKind.SOCIAL_CARE)
    await compose_all(database, addressed(TO_NURSE, TO_MASH))
    [head] = await listed(client, nurse)
    before = (await client.get(f"/v1/notices/{head['id']}", headers=nurse)).json()
    assert "socialCareInformed" not in before["content"]
    await listed(client, mash)
    after = (await client.get(f"/v1/notices/{head['id']}", headers=nurse)).json()
    assert after["content"]["socialCareInformed"] is True


async def test_keys_are_asked_for_rotated_and_revoked(
    database: Database, client: httpx.AsyncClient
) -> None:
    missing = await client.get("/v1/notices")
    assert missing.status_code == 401
    assert missing.headers["www-authenticate"] == "Bearer"
    old = await key(database, SCHOOL)
    async with database.transaction() as session:
        new = await rotate_credential(session, SCHOOL)
    assert await listed(client, old) == await listed(client, {"Authorization": f"Bearer {new}"})
    async with database.transaction() as session:
        assert await revoke_credential(session, SCHOOL) == 2
    async with open_client(database) as fresh:
        assert (await fresh.get("/v1/notices", headers=old)).status_code == 401


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"state": "read", "by": "x"}', 422),
        (b'{"state": "filed"}', 422),
        (b'{"state": "filed", "by": "a\\u0000b"}', 422),
        (b'{"state": "filed", "by": "x", "recordReference": "%s"}' % (b"y" * 300), 422),
        (b"[1]", 422),
        (b"{", 400),
        (b"\xff", 400),
        (b"[" * 5000, 400),
        (b'{"state": 1e999}', 422),
        (b" " * 20_000, 413),
    ],
)
async def test_a_bad_receipt_is_a_problem_and_changes_nothing(
    database: Database, client: httpx.AsyncClient, body: bytes, status: int
) -> None:
    school = await key(database, SCHOOL)
    await compose_all(database, addressed(TO_SCHOOL))
    [row] = await rows(database, "select id from notifier.obligation")
    answer = await client.post(f"/v1/notices/{row.id}/receipts", content=body, headers=school)
    assert (answer.status_code, answer.headers["content-type"]) == (
        status, "application/problem+json",
    )  # fmt: skip
    assert await notice_facts(database) == []


@pytest.mark.parametrize("query", ["?limit=0", "?limit=x", "?wait=-1", "?state=all"])
async def test_a_bad_question_is_a_problem(
    database: Database, client: httpx.AsyncClient, query: str
) -> None:
    school = await key(database, SCHOOL)
    assert (await client.get(f"/v1/notices{query}", headers=school)).status_code == 422
    assert (await client.get("/v1/notices/not-an-id", headers=school)).status_code == 422


async def test_long_polls_hold_no_connection_and_hear_at_once(
    database: Database, database_url: str
) -> None:
    school = await key(database, SCHOOL)
    async with open_database(database_url, pool_size=1) as small:
        road, notifier = open_notifier(small)
        transport = httpx.ASGITransport(create_api([notifier], "test"))
        async with httpx.AsyncClient(transport=transport, base_url="http://bus") as client:
            polls = [
                asyncio.create_task(client.get("/v1/notices?wait=20", headers=school, timeout=30))
                for _ in range(20)
            ]
            # One connection serves everybody else while twenty wait.
            for _ in range(5):
                assert await listed(client, school) == []
            await compose_all(small, addressed(TO_SCHOOL))
            answers = await asyncio.wait_for(asyncio.gather(*polls), 10)
    assert all(len(answer.json()["notices"]) == 1 for answer in answers)
    assert await notice_facts(database) == ["notice.delivered"]
    assert road is not None


async def test_a_long_poll_ends_empty_when_its_time_is_up(
    database: Database, client: httpx.AsyncClient
) -> None:
    school = await key(database, SCHOOL)
    assert await listed(client, school, "?wait=0.05") == []


async def test_a_late_record_shows_in_the_list_and_both_times_in_the_notice(
    database: Database, client: httpx.AsyncClient
) -> None:
    school = await key(database, SCHOOL)
    at = now()
    late = addressed(TO_SCHOOL, at=at, occurred_at=at - timedelta(hours=25))
    await compose_all(database, late, addressed(TO_SCHOOL, at=at))
    heads = await listed(client, school)
    assert sorted(head["recordedLate"] for head in heads) == [False, True]
    assert not any(head["shownAgain"] for head in heads)
    [mine] = [head for head in heads if head["recordedLate"]]
    read = (await client.get(f"/v1/notices/{mine['id']}", headers=school)).json()
    assert datetime.fromisoformat(read["happenedAt"]) == late.occurred_at
    assert datetime.fromisoformat(read["recordedAt"]) == late.accepted_at
