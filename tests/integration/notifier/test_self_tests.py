"""An organisation sends itself a test: the whole way, of nobody, and counted nowhere."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from chassis.clock import now
from chassis.database import Database
from chassis.process import running
from schemas.organisations import OrganisationKind, RecipientRole
from schemas.self_test import SelfTest
from services.notifier.endpoints import add_endpoint
from services.notifier.escalate import sweep
from services.notifier.forget import Forgetter
from services.notifier.measure import measure
from services.notifier.routes import record_organisations
from services.notifier.settings import DeadlineSettings, SelfServiceSettings, StatusSettings
from tests.integration.notifier.desk import ME, Desk, make_key, open_desk
from tests.integration.notifier.world import (
    DUTY,
    MASH,
    SCHOOL,
    SetClock,
    organisation,
)
from tests.support.receiver import running_receiver
from tests.support.waiting import eventually

PULLING = "urn-900002"


@pytest.fixture(autouse=True)
async def partnership(database: Database) -> None:
    ladder = [(DUTY, RecipientRole.DUTY_OFFICER)]
    async with database.transaction() as session:
        await record_organisations(
            session,
            [
                organisation(SCHOOL, channel="webhook", ladder=ladder),
                organisation(PULLING, ladder=ladder),
                organisation(DUTY),
                organisation("nurse-fhir", OrganisationKind.SCHOOL_NURSING, channel="fhir"),
            ],
        )


async def send(desk: Desk) -> dict[str, Any]:
    answer = await desk.ask("POST", "/test-notices")
    assert answer.status_code == 202, answer.text
    sent: dict[str, Any] = answer.json()
    return sent


async def test_it_goes_the_whole_way_by_webhook_and_leaves_no_trace_on_the_bus_or_a_ladder(
    database: Database,
) -> None:
    clock = SetClock(now())
    async with running_receiver() as receiver, open_desk(database, clock=clock) as desk:
        async with database.transaction() as session:
            secret = await add_endpoint(session, SCHOOL, receiver.url())
        receiver.answer(503, {"Retry-After": "0"}, times=1)
        sent = await send(desk)
        notice = sent["notice"]
        async with running(desk.sending):
            await eventually(lambda: receiver.ids()[notice] == 2)

            async def delivered() -> bool:
                shown = await desk.get(f"/deliveries/{notice}/attempts")
                return bool(shown["state"] == "delivered")

            await eventually(delivered)
        [first, _] = receiver.verify(secret)
        assert first["type"] == "notice.test"
        assert first["data"]["notice"] == notice
        shown = await desk.get(f"/deliveries/{notice}/attempts")
        assert shown["test"] is True
        assert [one["status"] for one in shown["sendings"]] == [503, 204]

        # As a receiver does it: fetched at the address that stood in the webhook, then confirmed.
        path = first["data"]["url"].removeprefix("http://notices.example")
        read = (await desk.client.get(path, headers=desk.key)).json()
        assert (read["test"], read["content"]["profile"]) == (True, "test")
        SelfTest.model_validate(read["content"], by_alias=True)
        assert "Nobody" in str(read["content"]["child"])
        for receipt in ({"state": "acknowledged", "by": "office"}, {"state": "filed", "by": "x"}):
            done = await desk.client.post(f"{path}/receipts", headers=desk.key, json=receipt)
            assert done.status_code == 200
        clock.forward(hours=3)
        async with database.transaction() as session:
            swept = await sweep(session, clock(), DeadlineSettings())
        assert (swept.overdue, swept.climbed) == (0, 0)
        assert await desk.rows("select 1 from bus.log") == []
        [row] = await desk.rows("select * from notifier.obligation")
        assert (row.watch, row.deadline_at, row.profile) == ("ended", None, "test")


async def test_it_is_pulled_from_the_mailbox_marked_and_cannot_be_declined_or_asked_about(
    database: Database,
) -> None:
    async with open_desk(database) as desk:
        key = await make_key(database, PULLING)
        mine: dict[str, Any] = {"headers": key}
        sent = (await desk.client.post(f"{ME}/test-notices", headers=key)).json()
        assert sent["channel"] == "mailbox"
        path = f"/v1/notices/{sent['notice']}"
        for query in ("", "?after=0"):
            listed = (await desk.client.get(f"/v1/notices{query}", headers=key)).json()
            assert [(one["id"], one["test"]) for one in listed["notices"]] == [
                (sent["notice"], True)
            ]
        exported = await desk.client.get("/v1/notices/export?form=csv&after=0", headers=key)
        assert "It is about nobody" in exported.text
        calls = {"told-by-telephone": {"toldBy": "mash-worker", "toldTo": "head-teacher",
                                       "when": "2026-03-03T09:10:00Z"},
                 "declined": {"reason": "duplicate"}}  # fmt: skip
        for state, more in calls.items():
            answer = await desk.client.post(f"{path}/receipts", json={"state": state, **more},
                                            **mine)  # fmt: skip
            assert answer.status_code == 409, state
        asked = {"text": "Who is it?", "by": "office"}
        assert (await desk.client.post(f"{path}/questions", json=asked, **mine)).status_code == 409
        bulk = {"receipts": [{"notice": sent["notice"], "state": "declined", **calls["declined"]}]}
        answer = await desk.client.post("/v1/notices/receipts", json=bulk, **mine)
        assert answer.json()["results"][0]["status"] == 409
        assert await desk.rows("select 1 from bus.log") == []
        staff = await make_key(database, MASH, rights=())
        assert (await desk.client.get(path, headers=staff)).status_code == 404


async def test_it_says_why_nothing_can_be_sent_and_goes_to_nobody_else(database: Database) -> None:
    async with open_desk(database) as desk:
        answer = await desk.ask("POST", "/test-notices")
        assert (answer.status_code, "no-endpoint" in answer.text) == (409, True)
        nurse = await make_key(database, "nurse-fhir")
        refused = await desk.client.post(f"{ME}/test-notices", headers=nurse)
        assert (refused.status_code, "not-by-us" in refused.text) == (409, True)
        elsewhere = await desk.ask("POST", f"/test-notices?organisation={PULLING}")
        assert elsewhere.status_code == 404
        assert (await desk.client.post(f"{ME}/test-notices")).status_code == 401
        assert await desk.rows("select 1 from notifier.obligation") == []


async def test_so_many_an_hour_and_gone_after_a_day_with_all_that_came_of_it(
    database: Database,
) -> None:
    clock = SetClock(now())
    async with running_receiver() as receiver, open_desk(database, clock=clock) as desk:
        async with database.transaction() as session:
            await add_endpoint(session, SCHOOL, receiver.url())
        for _ in range(10):
            await send(desk)
        answer = await desk.ask("POST", "/test-notices")
        assert answer.status_code == 429
        assert 3590 <= int(answer.headers["retry-after"]) <= 3600
        clock.forward(minutes=61)
        last = await send(desk)
        async with database.reading() as session:
            measures = await measure(session, clock(), StatusSettings())
        for_person = {one.what: one.waiting for one in measures if one.for_person}
        assert set(for_person.values()) == {0}
        async with running(desk.sending):
            await eventually(lambda: len(receiver.ids()) == 11)
            await eventually(
                lambda: desk.rows(
                    "select 1 where not exists (select from notifier.delivery"
                    " where settled_at is null)"
                )
            )
        forgetter = Forgetter(database, clock, SelfServiceSettings())
        clock.forward(hours=23)
        await forgetter.forget_once()
        left = await desk.rows("select id from notifier.obligation")
        assert [row.id for row in left] == [UUID(last["notice"])]
        assert len(await desk.rows("select 1 from notifier.delivery")) == 1
        assert len(await desk.rows("select 1 from notifier.attempt")) == 1
