"""The canary's receiver, its judgement on a turned clock, and what intake says of the status."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pydantic import ValidationError
from sqlalchemy import text
from standardwebhooks import Webhook

import bus
from bus import BusSettings
from chassis.clock import now
from chassis.database import Database
from chassis.process import create_api
from schemas.canary import CHILD, ORGANISATIONS, RECIPIENTS, make_event
from schemas.facts import TOPICS, ServiceStateChanged
from schemas.identifiers import normalise_nhs_number, normalise_postcode
from schemas.organisations import OrganisationKind
from services.intake import canary
from services.intake.app import build
from services.intake.canary import judge
from services.intake.canary_receiver import PATH
from services.intake.measure import measure
from services.intake.settings import CanarySettings
from tests.integration.intake.conftest import add, settings_for

SECRET = "whsec_" + "c2FmZWd1YXJkaW5nLWJ1cy10ZXN0LXNlY3JldC0wMDE="
WALKS = CanarySettings.model_validate(
    {"sender_key": "a", "recipient_key": "b", "webhook_secrets": [SECRET], "late_seconds": 60}
)
START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


async def rows(database: Database, sql: str) -> list[Any]:
    async with database.reading() as session:
        return list(await session.execute(text(sql)))


async def trip(database: Database, posted: float, returned: float | None = None) -> None:
    """A trip of so many seconds after the start."""
    async with database.transaction() as session:
        await session.execute(
            text("""insert into intake.canary_trip (id, posted_at, accepted_at, returned_at)
                    values (:id, :posted, :posted, :returned)"""),
            {
                "id": str(uuid4()),
                "posted": START + timedelta(seconds=posted),
                "returned": None if returned is None else START + timedelta(seconds=returned),
            },
        )


async def judged(database: Database, seconds: float) -> str | None:
    async with database.transaction() as session:
        return await judge(session, START + timedelta(seconds=seconds), 60)


async def told(database: Database) -> list[str]:
    return [row.type for row in await rows(database, "select type from bus.log order by position")]


async def test_it_is_late_at_its_limit_and_said_once_and_back_once(database: Database) -> None:
    await trip(database, 0, 2)
    assert await judged(database, 3) == "returned"
    await trip(database, 300)
    assert await judged(database, 359) is None
    assert await judged(database, 360) == "late"
    await trip(database, 600)
    assert await judged(database, 660) is None, "late already"
    await trip(database, 900, 903)
    assert await judged(database, 904) == "returned"
    assert await judged(database, 2000) is None
    assert await told(database) == ["canary.returned", "canary.late", "canary.returned"]
    [late] = await rows(database, "select payload from bus.log where type = 'canary.late'")
    assert json.loads(bytes(late.payload))["reached"] == "accepted"


async def test_a_door_that_is_shut_is_late_too(database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(canary._BEGIN, {"trip": "t", "at": START, "before": START})
    assert await judged(database, 61) == "late"
    [late] = await rows(database, "select payload from bus.log")
    assert json.loads(bytes(late.payload))["reached"] == "nothing"


async def test_the_receiver_takes_only_what_is_signed_for_it(database: Database) -> None:
    settings = settings_for(database, canary=WALKS)
    service = build(settings, database, bus.open_road(BusSettings(), database, TOPICS))
    transport = httpx.ASGITransport(create_api([service], "intake"))
    notice = str(uuid4())
    body = json.dumps({"type": "notice.waiting", "data": {"notice": notice}})
    at = now()
    signed = {
        "webhook-id": notice,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(SECRET).sign(notice, at, body),
    }
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        for headers in ({}, {**signed, "webhook-id": str(uuid4())}):
            assert (await client.post(PATH, content=body, headers=headers)).status_code == 401
        for _ in range(2):
            assert (await client.post(PATH, content=body, headers=signed)).status_code == 204
    found = await rows(database, "select notice from intake.canary_notice")
    assert [str(row.notice) for row in found] == [notice]


async def test_without_its_keys_it_is_off_and_half_of_them_are_refused(database: Database) -> None:
    service = build(
        settings_for(database), database, bus.open_road(BusSettings(), database, TOPICS)
    )
    assert "intake-canary" not in {task.name for task in service.tasks}
    with pytest.raises(ValidationError, match="or none of them"):
        CanarySettings.model_validate({"sender_key": "a"})


async def test_the_status_has_the_canary_and_says_when_it_walks_no_more(
    database: Database,
) -> None:
    async def part(seconds: float) -> tuple[str | None, float]:
        async with database.reading() as session:
            found = await measure(session, START + timedelta(seconds=seconds), WALKS)
        [one] = [part for part in found if part.what == "canary"]
        return one.state, one.oldest_seconds

    await trip(database, 0, 2)
    await judged(database, 3)
    assert await part(10) == ("ok", 2.0)
    await trip(database, 300)
    await judged(database, 361)
    assert (await part(361))[0] == "behind"
    assert (await part(300 + 3 * 300 + 61))[0] == "stopped"


async def test_senders_read_from_intake_what_other_services_said(database: Database) -> None:
    service = build(
        settings_for(database), database, bus.open_road(BusSettings(), database, TOPICS)
    )
    police = await add(database, "police.example", OrganisationKind.POLICE)
    said = ServiceStateChanged(
        service="notifier", what="deliveries", state="stopped", since=START, limit=120
    )
    async with database.transaction() as session:
        await bus.hearing("intake").handle(session, [bus.fact_of(said, "notifier")])
    transport = httpx.ASGITransport(create_api([service], "intake"))
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        assert (await client.get("/v1/status")).status_code == 401
        answer = await client.get("/v1/status", headers={"Authorization": police.authorization})
    assert answer.json()["state"] == "stopped"
    [part] = answer.json()["parts"]
    assert (part["service"], part["what"], part["limit"]) == ("notifier", "deliveries", 120.0)


def test_the_canary_is_plainly_nobody_and_tells_nobody_real() -> None:
    event = make_event("e", now())
    assert normalise_nhs_number(CHILD["nhs_number"]) == CHILD["nhs_number"]
    assert CHILD["nhs_number"].startswith("999")
    assert normalise_postcode(CHILD["postcode"]) is not None
    assert event["data"]["children"][0]["child"]["name"] == {"given": "Canary", "family": "Test"}
    assert all(name.startswith("canary-") for name in RECIPIENTS)
    assert all(one.name.startswith("Canary Test") for one in ORGANISATIONS)
