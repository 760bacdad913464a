"""An organisation sees what became of its notices: state, attempts, what its receiver answered."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from chassis.clock import now
from chassis.database import Database
from chassis.process import running
from schemas.facts import Profile, notice_id
from schemas.organisations import RecipientRole
from services.notifier.compose import compose
from services.notifier.endpoints import add_endpoint
from services.notifier.forget import Forgetter
from services.notifier.routes import record_organisations
from services.notifier.settings import DeadlineSettings, SelfServiceSettings
from tests.integration.notifier.desk import ME, Desk, make_key, open_desk
from tests.integration.notifier.world import (
    DUTY,
    SCHOOL,
    TO_SCHOOL,
    SetClock,
    addressed,
    group,
    organisation,
    to,
)
from tests.support.receiver import Receiver, running_receiver
from tests.support.waiting import eventually

OTHER = "urn-900002"
TO_OTHER = to(OTHER, RecipientRole.SCHOOL, Profile.SCHOOL_FULL)


@pytest.fixture(autouse=True)
async def partnership(database: Database) -> None:
    ladder = [(DUTY, RecipientRole.DUTY_OFFICER)]
    async with database.transaction() as session:
        await record_organisations(
            session,
            [
                organisation(SCHOOL, channel="webhook", ladder=ladder),
                organisation(OTHER),
                organisation(DUTY),
            ],
        )


async def tell(database: Database, count: int = 1, recipient: Any = TO_SCHOOL) -> list[str]:
    """So many notices, in order; their ids."""
    made = []
    for _ in range(count):
        fact = addressed(recipient)
        async with database.transaction() as session:
            await compose(session, [fact], now(), DeadlineSettings())
        made.append(
            str(notice_id(fact.receipt, fact.child_id, recipient.organisation, recipient.profile,
                          "whole", 0))
        )  # fmt: skip
    return made


async def give_endpoint(database: Database, receiver: Receiver) -> None:
    async with database.transaction() as session:
        await add_endpoint(session, SCHOOL, receiver.url())


async def delivered(desk: Desk, count: int) -> bool:
    return len(await desk.rows("select 1 from notifier.obligation where state = 'delivered'")) == (
        count
    )


async def test_every_attempt_is_shown_with_the_answer_s_headers_and_no_word_of_the_child(
    database: Database,
) -> None:
    async with running_receiver() as receiver, open_desk(database) as desk:
        await give_endpoint(database, receiver)
        told = {"Server": "school-box/3", "X-Request-Id": "r-7", "X-Pupil": "Robin Example",
                "Set-Cookie": "child=robin"}  # fmt: skip
        receiver.answer(503, {**told, "Retry-After": "0"}, times=1)
        [notice] = await tell(database)
        async with running(desk.sending):
            await eventually(lambda: delivered(desk, 1))
        shown = await desk.get(f"/deliveries/{notice}/attempts")
        first, second = shown["sendings"]
        assert (first["number"], first["status"], first["outcome"]) == (1, 503, "busy")
        assert first["headers"]["server"] == "school-box/3"
        assert first["headers"]["x-request-id"] == "r-7"
        assert first["headers"]["retry-after"] == "0"
        assert (second["number"], second["status"], second["outcome"]) == (2, 204, "delivered")
        assert second["milliseconds"] >= 0
        assert (shown["state"], shown["attempts"]) == ("delivered", 2)
        assert "body" not in shown
        assert "robin" not in str(shown).lower()
        listed = await desk.get("/deliveries")
        assert [one["notice"] for one in listed["deliveries"]] == [notice]
        assert "robin" not in str(listed).lower()
        assert "schoolFull" not in str(listed)


async def test_headers_that_postgresql_would_refuse_do_not_stop_the_settling(
    database: Database,
) -> None:
    async with running_receiver() as receiver, open_desk(database) as desk:
        await give_endpoint(database, receiver)
        receiver.answer(200, {"Server": "café", "Via": "x" * 5000})
        [notice] = await tell(database)
        async with running(desk.sending):
            await eventually(lambda: delivered(desk, 1))
        [sent] = (await desk.get(f"/deliveries/{notice}/attempts"))["sendings"]
        assert sent["headers"]["server"] == "(not shown)"
        assert len(sent["headers"]["via"]) == 200


async def test_what_was_sent_is_shown_only_with_the_right_and_that_is_recorded(
    database: Database,
) -> None:
    async with running_receiver() as receiver, open_desk(database) as desk:
        await give_endpoint(database, receiver)
        [notice] = await tell(database)
        async with running(desk.sending):
            await eventually(lambda: delivered(desk, 1))
        path = f"{ME}/deliveries/{notice}/attempts"
        plain = await make_key(database, SCHOOL, rights=())
        assert (await desk.client.get(path, headers=plain)).status_code == 200
        refused = await desk.client.get(f"{path}?bodies=true", headers=plain)
        assert refused.status_code == 403
        assert refused.json()["type"].endswith(":right-not-given")
        audit = "select actor, object, subject, purpose from notifier.audit where operation = :name"
        assert await desk.rows(audit, name="read-delivered-bodies") == []
        shown = await desk.client.get(
            f"{path}?bodies=true", headers={**desk.key, "X-Purpose": "receiver 7 fails"}
        )
        assert shown.json()["body"].encode() == receiver.received[0].body
        [row] = await desk.rows(audit, name="read-delivered-bodies")
        assert (row.actor, row.object, row.purpose) == (SCHOOL, notice, "receiver 7 fails")
        assert row.subject


async def test_nobody_sees_another_s_deliveries_nor_that_something_was_withheld(
    database: Database,
) -> None:
    async with open_desk(database) as desk:
        [own] = await tell(database)
        [other] = await tell(database, recipient=TO_OTHER)
        hidden = to(SCHOOL, RecipientRole.SCHOOL, Profile.SCHOOL_FULL, withheld="refuge")
        [withheld] = await tell(database, recipient=hidden)
        listed = await desk.get("/deliveries")
        assert [one["notice"] for one in listed["deliveries"]] == [own]
        for one in (other, withheld, str(uuid4())):
            answer = await desk.ask("GET", f"/deliveries/{one}/attempts")
            assert answer.status_code == 404, one
        elsewhere = f"/deliveries?organisation={OTHER}"
        assert (await desk.ask("GET", elsewhere)).status_code == 404
        supplier = await make_key(database, "supplier-example", SCHOOL, OTHER)
        seen = await desk.client.get(f"{ME}{elsewhere}", headers=supplier)
        assert [one["notice"] for one in seen.json()["deliveries"]] == [other]
        assert (await desk.client.get(f"{ME}/deliveries")).status_code == 401


async def test_a_listing_is_paged_from_the_newest_and_can_be_narrowed(database: Database) -> None:
    async with running_receiver() as receiver, open_desk(database) as desk:
        await give_endpoint(database, receiver)
        receiver.answer(404, times=2)
        notices = await tell(database, 7)
        async with running(desk.sending):
            await eventually(lambda: delivered(desk, 5))
        # Those that were read by cursor stand in another index; the order is one.
        async with database.transaction() as session:
            await session.execute(
                text("""update notifier.obligation set number = 7
                         where id = any(:ids)"""),
                {"ids": [UUID(one) for one in notices[1:4]]},
            )
        seen: list[str] = []
        cursor = None
        while True:
            page = await desk.get(
                "/deliveries", params={"limit": 2, **({"cursor": cursor} if cursor else {})}
            )
            assert len(page["deliveries"]) <= 2
            seen += [one["notice"] for one in page["deliveries"]]
            cursor = page.get("next")
            if cursor is None:
                break
        assert seen == notices[::-1]
        failed = await desk.get("/deliveries?state=failed")
        assert {one["reason"] for one in failed["deliveries"]} == {"refused"}
        assert len(failed["deliveries"]) == 2
        [endpoint] = {one["endpoint"] for one in failed["deliveries"]}
        assert len((await desk.get(f"/deliveries?endpoint={endpoint}"))["deliveries"]) == 7
        assert (await desk.get(f"/deliveries?endpoint={uuid4()}"))["deliveries"] == []
        since = (await desk.get("/deliveries"))["deliveries"][1]["composedAt"]
        later = await desk.get("/deliveries", params={"since": since})
        assert [one["notice"] for one in later["deliveries"]] == notices[:-3:-1]
        for bad in ("x", "1-x", f"{10**20}-{uuid4().hex}", f"-5-{uuid4().hex}"):
            answer = await desk.ask("GET", "/deliveries", params={"cursor": bad})
            assert answer.status_code == 422, bad


async def test_attempts_are_kept_for_so_many_days_and_notices_for_ever(
    database: Database,
) -> None:
    async with running_receiver() as receiver, open_desk(database, group()) as desk:
        await give_endpoint(database, receiver)
        notices = await tell(database, 3)
        async with running(desk.sending):
            await eventually(lambda: delivered(desk, 3))
        clock = SetClock(now())
        forgetter = Forgetter(database, clock, SelfServiceSettings(keep_attempts_days=90))
        left = []
        for days in (89, 2):
            clock.forward(days=days)
            await forgetter.forget_once()
            left.append(len(await desk.rows("select 1 from notifier.attempt")))
        assert left == [3, 0]
        assert len((await desk.get("/deliveries"))["deliveries"]) == len(notices)
