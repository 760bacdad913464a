"""The sandbox reaches the sender's own test receiver, and nothing that is real."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from prometheus_client import REGISTRY
from sqlalchemy import text

from bus import fact_of
from chassis.clock import now
from chassis.database import Database
from schemas import examples
from schemas.facts import NoticeDelivered
from services.intake.agencies import (
    add_sandbox_key,
    list_agencies,
    revoke_agency,
)
from services.intake.measure import measure
from services.intake.settings import CanarySettings
from tests.integration.intake.conftest import BATCH, Agency, Intake, event, open_intake
from tests.integration.intake.test_progress import hear, notice, posted
from tests.integration.intake.test_push_progress import (
    QUICK,
    ask,
    bodies,
    in_progress,
    recipients,
    subscribe,
)
from tests.support.receiver import running_receiver
from tests.support.waiting import eventually

REAL_TABLES = (
    "event", "progress_child", "progress_notice", "progress_resolution", "progress_outcome",
    "progress_clock", "question", "answer", "finding",
)  # fmt: skip


async def sandbox_of(database: Database, agency: Agency) -> Agency:
    async with database.transaction() as session:
        key = await add_sandbox_key(session, agency.source.replace(".", "-"))
    return Agency(agency.source, f"Bearer {key}")


async def post(intake: Intake, by: Agency, name: str, **attributes: Any) -> dict[str, Any]:
    answer = await intake.post(json.dumps(event(id=name, **attributes)).encode(), by=by)
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_nothing_of_the_sandbox_is_written_where_anything_real_is_read(
    database: Database,
) -> None:
    """Ten events, one of them in a batch; the log of the bus, and every table of progress."""
    async with open_intake(database, hears=True, push=QUICK) as intake:
        sandbox = await sandbox_of(database, intake.police)
        real = await posted(intake, "real")

        async def is_still() -> bool:
            return await intake.count("bus.log") > 0

        await eventually(is_still)
        before = {table: await intake.count(f"intake.{table}") for table in REAL_TABLES}
        async with database.reading() as session:
            rows = await session.execute(text("select topic, count(*) from bus.log group by 1"))
            topics = {row[0]: row[1] for row in rows if row[0] != "status"}
        recorded = REGISTRY.get_sample_value("intake_events_total", {"outcome": "recorded"})
        for number in range(9):
            await post(intake, sandbox, f"box-{number}")
        batch = await intake.post(json.dumps([event(id="box-9")]).encode(), BATCH, by=sandbox)
        assert batch.status_code == 202
        assert batch.json()[0]["sandbox"] is True
        assert await intake.count("intake.sandbox_event") == 10
        after = {table: await intake.count(f"intake.{table}") for table in REAL_TABLES}
        assert after == before
        assert before["event"] == 1
        async with database.reading() as session:
            rows = await session.execute(text("select topic, count(*) from bus.log group by 1"))
            assert {row[0]: row[1] for row in rows if row[0] != "status"} == topics
            kept = (await session.execute(text("select * from intake.sandbox_event"))).all()
        assert recorded == REGISTRY.get_sample_value("intake_events_total", {"outcome": "recorded"})
        # No name of anybody stands in a row of the sandbox.
        child = examples.load("domestic-abuse.recorded")["data"]["children"][0]["child"]
        for name in child["name"].values():
            assert str(name) not in repr(kept)
        assert real
        print(f"\n10 sandbox events: log {topics} before and after, progress rows {after}")


async def test_the_id_of_a_real_event_does_not_collide(database: Database) -> None:
    async with open_intake(database) as intake:
        sandbox = await sandbox_of(database, intake.police)
        first = await post(intake, sandbox, "same id")
        real = await intake.post(json.dumps(event(id="same id")).encode())
        again = await intake.post(json.dumps(event(id="same id")).encode(), by=sandbox)
        assert first["sandbox"] is True
        assert "sandbox" not in real.json()
        assert real.status_code == 202
        assert "Idempotent-Replayed" not in real.headers
        assert again.headers["Idempotent-Replayed"] == "true"
        assert first["receipt"] == again.json()["receipt"] != real.json()["receipt"]
        other = await intake.post(
            json.dumps(event(id="same id", time="2026-03-01T00:00:00Z")).encode(), by=sandbox
        )
        assert other.status_code == 409
        assert other.json()["sandbox"] is True


async def test_neither_credential_reads_what_is_the_others(database: Database) -> None:
    async with open_intake(database, rejections={"linger_seconds": 0.0}) as intake:
        sandbox = await sandbox_of(database, intake.police)
        boxed = (await post(intake, sandbox, "boxed"))["receipt"]
        real = str(await posted(intake, "real"))
        await intake.post(b"{", by=sandbox)
        for receipt, by in ((boxed, intake.police), (real, sandbox), (boxed, intake.school)):
            answer = await intake.get(f"/v1/events/{receipt}", by=by)
            assert answer.status_code == 404
            assert answer.json().get("sandbox", False) is (by is sandbox)
        listed = (await intake.get("/v1/events", by=sandbox)).json()
        assert ([one["receipt"] for one in listed["events"]], listed["sandbox"]) == ([boxed], True)
        listed = (await intake.get("/v1/events")).json()
        assert [one["receipt"] for one in listed["events"]] == [real]
        assert "sandbox" not in listed

        async def is_noted() -> bool:
            found = (await intake.get("/v1/events/rejected", by=sandbox)).json()
            return bool(found["rejections"]) and found["sandbox"] is True

        await eventually(is_noted)
        assert (await intake.get("/v1/events/rejected")).json() == {"rejections": []}
        for path in ("/v1/findings", "/v1/events/flagged", "/v1/subscriptions"):
            answer = await intake.get(path, by=sandbox)
            assert answer.status_code == 200
            assert answer.json()["sandbox"] is True
        question = f"/v1/events/{real}/questions/{UUID(int=1)}/answers"
        answer = await ask(intake, "POST", question, {"text": "hello"}, by=sandbox)
        assert answer.status_code == 404
        refused = await intake.post(
            json.dumps(event(source="another.example")).encode(), by=sandbox
        )
        assert (refused.status_code, refused.json()["sandbox"]) == (403, True)


async def test_only_the_test_receiver_hears_and_it_hears_the_whole_story(
    database: Database,
) -> None:
    async with (
        open_intake(database, push=QUICK, sandbox={"step_seconds": 0.5}) as intake,
        running_receiver() as test,
        running_receiver() as real,
    ):
        sandbox = await sandbox_of(database, intake.police)
        made = await subscribe(intake, test, sandbox)
        await subscribe(intake, real)
        assert made["sandbox"] is True
        boxed = (await post(intake, sandbox, "story"))["receipt"]
        receipt = await posted(intake, "real")
        await hear(database, [fact_of(notice(receipt, NoticeDelivered, 1), "test")], 1)

        async def is_over() -> bool:
            told = recipients(bodies(test))
            return sorted(told.values()).count("filed") > 0

        await eventually(is_over, 15.0)
        await eventually(lambda: real.received)
        said = test.verify(made["secret"])
        assert {one["data"]["receipt"] for one in said} == {boxed}
        assert all(one["data"]["sandbox"] is True for one in said)
        versions = [one["data"]["version"] for one in said]
        assert versions == sorted(set(versions))
        assert {one["receipt"] for one in bodies(real)} == {str(receipt)}
        assert not any("sandbox" in one for one in bodies(real))
        progress = (await intake.get(f"/v1/events/{boxed}", by=sandbox)).json()
        assert progress["sandbox"] is True
        assert recipients(bodies(test)) == in_progress(progress)
        for child in progress["children"]:
            states = {one["role"]: one["state"] for one in child["recipients"]}
            assert states == {
                "school": "filed", "school-nursing": "undelivered", "duty-officer": "acknowledged",
            }  # fmt: skip
            assert all("sandbox" in one["organisation"] for one in child["recipients"])
        (escalation, *_) = progress["escalations"]
        assert (escalation["fromRole"], escalation["toRole"]) == ("school-nursing", "duty-officer")
        async with database.transaction() as session:
            parts = {one.what: one for one in await measure(session, now(), CanarySettings())}
        assert parts["subscriptions failing"].waiting == 0
        print(f"\nthe story of one sandbox event: {len(said)} pushes, versions {versions}")


async def test_the_sandbox_holds_so_many_events_of_an_organisation(database: Database) -> None:
    async with (
        open_intake(database, push=QUICK, sandbox={"most": 5}) as intake,
        running_receiver() as test,
    ):
        sandbox = await sandbox_of(database, intake.police)
        await subscribe(intake, test, sandbox)
        for number in range(12):
            await post(intake, sandbox, f"box-{number}")
        assert await intake.count("intake.sandbox_event") == 5

        async def is_forgotten() -> bool:
            await post(intake, sandbox, f"more-{now().timestamp()}")
            return await intake.count("intake.push") <= 8

        await eventually(is_forgotten)


async def test_an_event_that_names_no_child_is_applied(database: Database) -> None:
    async with open_intake(database, sandbox={"step_seconds": 0.01}) as intake:
        sandbox = await sandbox_of(database, intake.police)
        asserted = {**examples.load("relationship.asserted"), "source": sandbox.source}
        answer = await intake.post(json.dumps(asserted).encode(), by=sandbox)
        assert answer.status_code == 202, answer.text

        async def state() -> bool:
            found = await intake.get(f"/v1/events/{answer.json()['receipt']}", by=sandbox)
            return found.json()["state"] in ("applied", "addressed")

        await eventually(state)


async def test_keys_of_the_sandbox_are_made_and_revoked_apart(database: Database) -> None:
    async with open_intake(database) as intake:
        sandbox = await sandbox_of(database, intake.police)
        async with database.transaction() as session:
            lines = {one.organisation: one for one in await list_agencies(session)}
        police = lines["police-example"]
        assert (police.keys, police.sandbox_keys) == (1, 1)
        async with database.transaction() as session:
            assert await revoke_agency(session, "police-example", only_sandbox=True) == 1
            lines = {one.organisation: one for one in await list_agencies(session)}
        police = lines["police-example"]
        assert (police.keys, police.sandbox_keys) == (1, 0)
        assert sandbox.authorization
