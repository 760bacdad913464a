"""What stands still is published: `GET /v1/status`, a fact once a change, and its recovery."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import httpx
import pytest
from sqlalchemy import TextClause, text

import bus
from bus import BusSettings
from bus.held import hold
from bus.parts import hear_part, read_status
from chassis import outbound
from chassis.clock import now
from chassis.database import Database
from chassis.process import create_api, running
from schemas.canary import SCHOOL as CANARY
from schemas.facts import TOPICS, ServiceStateChanged
from schemas.organisations import OrganisationKind
from services.notifier import measure as measuring
from services.notifier.app import build
from services.notifier.compose import compose
from services.notifier.credentials import add_credential
from services.notifier.endpoints import add_endpoint
from services.notifier.escalate import sweep
from services.notifier.measure import measure
from services.notifier.routes import record_organisations
from services.notifier.settings import Settings, StatusSettings
from services.notifier.tables import Delivery
from tests.integration.notifier.world import (
    SCHOOL,
    TO_SCHOOL,
    SetClock,
    addressed,
    group,
    open_notifier,
    organisation,
    publish,
    to,
)
from tests.support.receiver import running_receiver
from tests.support.waiting import eventually

QUICK = BusSettings(watch_seconds=0.05, slow_seconds=0.5, behind_seconds=60, stopped_seconds=60)


async def changes(database: Database) -> list[tuple[str, str, str]]:
    """What was told of parts, in order."""
    async with database.reading() as session:
        rows = await session.execute(
            text("select payload from bus.log where type = 'service.state-changed'"
                 " order by position")
        )  # fmt: skip
        said = [json.loads(bytes(row.payload)) for row in rows]
    return [(one["service"], one["what"], one["state"]) for one in said]


async def parts(database: Database) -> dict[str, Any]:
    async with database.reading() as session:
        rows = await session.execute(text("select * from bus.part where service = 'notifier'"))
        return {row.what: row for row in rows}


def watch(database: Database, clock: Any = now, settings: BusSettings = QUICK) -> bus.Watch:
    road = bus.open_road(settings, database, TOPICS)
    return bus.Watch(
        "notifier", database, road, ["notifier"], clock,
        partial(measure, settings=StatusSettings()),
    )  # fmt: skip


@dataclass
class Running:
    tasks: dict[str, Any]
    app: Any


@asynccontextmanager
async def notifier(database: Database, *without: str) -> AsyncIterator[Running]:
    """A whole notifier, without some of its tasks."""
    settings = Settings.model_validate(
        {
            "database": {"url": database.settings.url},
            "http": {"public_url": "http://notices.example"},
            "notifier": group(),
        }
    )
    road = bus.open_road(QUICK, database, TOPICS)
    service = build(settings, database, road)
    tasks = {task.name: task for task in [*road.tasks(), *service.tasks]}
    async with running([task for name, task in tasks.items() if name not in without]):
        yield Running(tasks, create_api([service], "notifier"))


async def test_a_stopped_sender_is_said_once_and_its_recovery_too(database: Database) -> None:
    async with running_receiver() as receiver:
        async with database.transaction() as session:
            await add_endpoint(session, SCHOOL, receiver.url())
        await publish(
            database, organisation(SCHOOL, channel="webhook"), addressed(TO_SCHOOL),
            addressed(TO_SCHOOL),
        )  # fmt: skip
        slow, well = ("notifier", "deliveries", "slow"), ("notifier", "deliveries", "ok")
        async with notifier(database, "notifier-deliver") as without:

            async def is_slow() -> bool:
                return slow in await changes(database)

            await eventually(is_slow, 10.0, "the deliveries are slow")
            row = (await parts(database))["deliveries"]
            assert (row.waiting, row.state, row.limit_used) == (2, "slow", 0.5)
            async with running([without.tasks["notifier-deliver"]]):

                async def is_well() -> bool:
                    return well in await changes(database)

                await eventually(is_well, 10.0, "the deliveries are well again")
        said = [one for one in await changes(database) if one[1] == "deliveries"]
        assert said == [slow, well]
        assert len(receiver.received) == 2


async def test_a_reader_that_does_not_read_is_behind_by_what_it_has_not_read(
    database: Database,
) -> None:
    await publish(database, organisation(SCHOOL))
    async with notifier(database) as whole:

        async def has_read() -> bool:
            found = await parts(database)
            return "reader notifier" in found and found["reader notifier"].waiting == 0

        await eventually(has_read, 10.0, "everything is read")
        assert whole.app
    await publish(database, addressed(TO_SCHOOL), addressed(TO_SCHOOL))
    async with notifier(database, "bus-read-notifier"):

        async def is_slow() -> bool:
            return ("notifier", "reader notifier", "slow") in await changes(database)

        await eventually(is_slow, 10.0, "the reader is slow")
        assert (await parts(database))["reader notifier"].waiting == 2


async def test_a_parked_message_is_paused_until_it_is_replayed(database: Database) -> None:
    one = watch(database)
    await one.measure_once()
    fact = bus.fact_of(addressed(TO_SCHOOL), "directory")
    async with database.transaction() as session:
        await hold(session, "notifier", fact, "parked", "test")
    [change] = await one.measure_once()
    assert (change.what, change.state) == ("parked messages", "paused")
    assert await one.measure_once() == []
    async with database.transaction() as session:
        await session.execute(text("delete from bus.held"))
    [change] = await one.measure_once()
    assert (change.what, change.before, change.state) == ("parked messages", "paused", "ok")
    assert await changes(database) == [
        ("notifier", "parked messages", "paused"),
        ("notifier", "parked messages", "ok"),
    ]


async def test_ladders_that_ended_wait_for_a_person_and_the_canarys_are_not_counted(
    database: Database,
) -> None:
    clock = SetClock(now())
    canary = to(CANARY, TO_SCHOOL.role, TO_SCHOOL.profile)
    async with database.transaction() as session:
        await record_organisations(session, [organisation(SCHOOL), organisation(CANARY)])
        facts = [addressed(TO_SCHOOL, at=clock()), addressed(canary, at=clock())]
        await compose(session, facts, clock(), group().deadlines)
    one = watch(database, clock)
    assert await one.measure_once() == []
    clock.forward(days=10)
    [change] = await one.measure_once()
    assert (change.what, change.state) == ("escalations", "behind"), "nobody escalates"
    async with database.transaction() as session:
        assert (await sweep(session, clock(), group().deadlines)).exhausted == 2
    assert {(each.what, each.state) for each in await one.measure_once()} == {
        ("escalations", "ok"),
        ("ladders exhausted", "paused"),
    }
    assert (await parts(database))["ladders exhausted"].waiting == 1
    async with database.transaction() as session:
        await session.execute(
            text("update notifier.obligation set acknowledged_at = now()"
                 " where organisation = :school"), {"school": SCHOOL},
        )  # fmt: skip
    assert [(each.what, each.state) for each in await one.measure_once()] == [
        ("ladders exhausted", "ok")
    ]


async def test_an_endpoint_that_is_missing_is_counted_without_a_name(database: Database) -> None:
    async with database.transaction() as session:
        await record_organisations(session, [organisation(SCHOOL, channel="webhook")])
    [change] = await watch(database).measure_once()
    assert (change.what, change.state) == ("endpoints missing", "paused")


async def test_any_partner_reads_the_status_and_nobody_else(database: Database) -> None:
    async with database.transaction() as session:
        key = await add_credential(session, SCHOOL, OrganisationKind.SCHOOL)
        await record_organisations(session, [organisation("urn-900777", channel="webhook")])
    await watch(database).measure_once()
    _, service = open_notifier(database)
    transport = httpx.ASGITransport(create_api([service], "notifier"))
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        assert (await client.get("/v1/status")).status_code == 401
        answer = await client.get("/v1/status", headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 200
    found = answer.json()
    assert found["state"] == "paused"
    first = found["parts"][0]
    assert (first["what"], first["state"], first["count"], first["limit"]) == (
        "endpoints missing", "paused", 1, 0.0,
    )  # fmt: skip
    assert {"deliveries", "escalations", "parked messages"} <= {
        one["what"] for one in found["parts"]
    }
    assert "urn-900777" not in answer.text


async def test_a_part_that_nobody_measures_any_more_has_stopped(database: Database) -> None:
    clock = SetClock(now())
    await watch(database, clock).measure_once()
    async with database.transaction() as session:
        await hear_part(session, "intake", "canary", "ok", clock())
        assert (await read_status(session, clock())).state == "ok"
        clock.forward(seconds=31)
        found = await read_status(session, clock())
    states = {(one.service, one.what): one.state for one in found.parts}
    assert states["notifier", "deliveries"] == "stopped", "the notifier is away"
    assert states["intake", "canary"] == "ok", "told once a change, by another database"
    assert found.state == "stopped"


async def test_what_another_service_says_of_itself_is_kept_and_an_older_word_changes_nothing(
    database: Database,
) -> None:
    subscription = bus.hearing("notifier")
    at = now()
    told = [
        ServiceStateChanged(service="intake", what="canary", state=state, since=at + ago, limit=60)
        for state, ago in (
            ("behind", timedelta(0)),
            ("ok", timedelta(seconds=9)),
            ("behind", timedelta(seconds=5)),
        )
    ]
    async with database.transaction() as session:
        await subscription.handle(session, [bus.fact_of(one, "intake") for one in told])
    async with database.reading() as session:
        rows = await session.execute(text("select service, what, state from bus.part"))
        assert [tuple(row) for row in rows] == [("intake", "canary", "ok")]


VALUES = {"at": now(), "since": now(), "canary": ["c"]}
STATEMENTS = {name: one for name, one in vars(measuring).items() if isinstance(one, TextClause)}


@pytest.mark.parametrize("name", sorted({*STATEMENTS} - {"_NO_ENDPOINT"}))
async def test_each_measure_goes_by_an_index(database: Database, name: str) -> None:
    """Endpoints are counted by the organisations, of which there are some thousand."""
    statement = STATEMENTS[name]
    values = {key: VALUES[key] for key in statement.compile().params}
    async with database.transaction() as session:
        rows = await session.execute(text(f"explain {statement.text}"), values)
        plan = "\n".join(row[0] for row in rows)
    assert "Seq Scan" not in plan, plan


async def test_the_queue_is_measured_from_when_it_was_due(database: Database) -> None:
    async with database.transaction() as session:
        assert await outbound.measure(session, Delivery) == (0, 0.0)
