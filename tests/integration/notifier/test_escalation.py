"""Silence: deadlines, ladders, clocks, on a clock that the tests turn."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text

from chassis.database import Database
from schemas.facts import EventAddressed, Profile
from schemas.organisations import OrganisationKind, RecipientRole
from services.notifier.acknowledge import advance
from services.notifier.compose import compose
from services.notifier.endpoints import add_endpoint
from services.notifier.escalate import Swept, sweep
from services.notifier.routes import record_organisations
from services.notifier.settings import DeadlineSettings
from tests.integration.notifier.world import (
    DUTY,
    MASH,
    SCHOOL,
    TO_SCHOOL,
    SetClock,
    addressed,
    organisation,
    to,
)

SETTINGS = DeadlineSettings()
OTHER = "urn-900002"
TO_OTHER = to(OTHER, RecipientRole.SCHOOL, Profile.SCHOOL_FULL)
MONDAY_NIGHT = datetime(2026, 3, 2, 22, 40, tzinfo=UTC)
LADDER = ((SCHOOL, RecipientRole.DEPUTY), (DUTY, RecipientRole.DUTY_OFFICER))


async def rows(database: Database, sql: str, **values: Any) -> list[Any]:
    async with database.reading() as session:
        return list((await session.execute(text(sql), values)).all())


@pytest.fixture
def clock() -> SetClock:
    return SetClock(MONDAY_NIGHT)


@pytest.fixture(autouse=True)
async def partnership(database: Database) -> None:
    async with database.transaction() as session:
        await record_organisations(
            session,
            [
                organisation(SCHOOL, ladder=LADDER),
                organisation(OTHER, ladder=LADDER[1:]),
                organisation(
                    MASH, OrganisationKind.SOCIAL_CARE,
                    ladder=((DUTY, RecipientRole.DUTY_OFFICER),),
                ),
                organisation(DUTY, OrganisationKind.LOCAL_AUTHORITY),
            ],
        )  # fmt: skip


async def told(database: Database, clock: SetClock, **more: Any) -> EventAddressed:
    fact = addressed(*more.pop("to", (TO_SCHOOL,)), at=clock(), **more)
    async with database.transaction() as session:
        await compose(session, [fact], clock(), SETTINGS)
    return fact


async def swept(database: Database, clock: SetClock) -> Swept:
    async with database.transaction() as session:
        return await sweep(session, clock(), SETTINGS)


async def ladder(database: Database) -> list[tuple[int, str, str, str]]:
    found = await rows(
        database,
        "select rung, organisation, role, watch from notifier.obligation order by rung, 2",
    )
    return [tuple(row) for row in found]


async def facts(database: Database) -> list[tuple[str, str | None]]:
    found = await rows(database, "select type, payload from bus.log order by position")
    return [(row.type, json.loads(bytes(row.payload)).get("reason")) for row in found]


async def test_an_unread_notice_climbs_its_ladder_rung_by_rung(
    database: Database, clock: SetClock
) -> None:
    await told(database, clock)
    clock.forward(hours=9)  # 07:40: the school is not open yet
    assert (await swept(database, clock)).overdue == 0
    clock.forward(minutes=51)  # 08:31
    assert (await swept(database, clock)).climbed == 1
    assert (await swept(database, clock)).climbed == 0
    clock.forward(minutes=59)
    assert (await swept(database, clock)).climbed == 0
    clock.forward(minutes=2)
    assert (await swept(database, clock)).climbed == 1
    clock.forward(minutes=61)
    assert (await swept(database, clock)).exhausted == 1
    assert await ladder(database) == [
        (0, SCHOOL, "school", "climbed"),
        (1, SCHOOL, "deputy", "climbed"),
        (2, DUTY, "duty-officer", "exhausted"),
    ]
    assert [kind for kind, _ in await facts(database)] == [
        "notice.undelivered", "notice.escalated", "notice.undelivered", "notice.escalated",
        "notice.undelivered", "notice.exhausted",
    ]  # fmt: skip


async def test_after_an_outage_no_ladder_climbs_two_rungs_at_once(
    database: Database, clock: SetClock
) -> None:
    await told(database, clock)
    clock.forward(days=3)
    for _ in range(3):
        await swept(database, clock)
    assert [rung for rung, *_ in await ladder(database)] == [0, 1]


async def test_a_rung_s_time_starts_when_its_webhook_was_really_sent(
    database: Database, clock: SetClock
) -> None:
    async with database.transaction() as session:
        await record_organisations(
            session, [organisation(DUTY, OrganisationKind.LOCAL_AUTHORITY, channel="webhook")]
        )
        await add_endpoint(session, DUTY, "http://127.0.0.1:9/hook")
    await told(database, clock, to=(TO_OTHER,))
    clock.forward(hours=12)
    await swept(database, clock)
    clock.forward(days=2)
    assert (await swept(database, clock)).overdue == 0
    [row] = await rows(database, "select * from notifier.obligation where rung = 1")
    assert (row.sent_at, row.watch_due_at, row.state) == (None, None, "waiting")
    assert await rows(database, "select 1 from notifier.delivery")


async def test_an_acknowledgement_on_any_rung_ends_the_ladder(
    database: Database, clock: SetClock
) -> None:
    await told(database, clock)
    clock.forward(hours=10)
    await swept(database, clock)
    [first] = await rows(database, "select id from notifier.obligation where rung = 0")
    async with database.transaction() as session:
        await advance(session, [first.id], "acknowledged", clock(), by="lead")
    clock.forward(days=1)
    assert (await swept(database, clock)).overdue == 0


async def test_two_ladders_meet_at_one_duty_officer_in_one_notice(
    database: Database, clock: SetClock
) -> None:
    school = to(SCHOOL, RecipientRole.SCHOOL, Profile.SCHOOL_FULL)
    async with database.transaction() as session:
        await record_organisations(session, [organisation(SCHOOL, ladder=LADDER[1:])])
    await told(database, clock, to=(school, TO_OTHER))
    clock.forward(hours=12)
    await swept(database, clock)
    assert [row[:2] for row in await ladder(database)] == [
        (0, SCHOOL), (0, OTHER), (1, DUTY),
    ]  # fmt: skip
    [first] = await rows(
        database, "select id from notifier.obligation where organisation = :o", o=SCHOOL
    )
    async with database.transaction() as session:
        await advance(session, [first.id], "acknowledged", clock(), by="lead")
    clock.forward(hours=2)
    assert (await swept(database, clock)).overdue == 1  # the other school is still silent


async def test_what_cannot_be_delivered_escalates_at_once(
    database: Database, clock: SetClock
) -> None:
    async with database.transaction() as session:
        await record_organisations(
            session, [organisation(OTHER, channel="webhook", ladder=LADDER[1:])]
        )
    await told(database, clock, to=(TO_OTHER,))
    assert (await swept(database, clock)).climbed == 1
    assert await facts(database) == [
        ("notice.failed", "no-endpoint"),
        ("notice.escalated", "no-endpoint"),
    ]


async def test_a_ladder_never_tells_whom_the_event_is_withheld_from(
    database: Database, clock: SetClock
) -> None:
    withheld = to(DUTY, RecipientRole.DUTY_OFFICER, Profile.SCHOOL_FULL, withheld="involved")
    await told(database, clock, to=(TO_OTHER, withheld))
    clock.forward(hours=12)
    assert (await swept(database, clock)).exhausted == 1
    assert [row for row in await ladder(database) if row[0] > 0] == []


async def test_two_sweepers_climb_each_rung_once(database: Database, clock: SetClock) -> None:
    for _ in range(30):
        await told(database, clock)
    clock.forward(hours=12)
    done = await asyncio.gather(*(swept(database, clock) for _ in range(4)))
    assert sum(one.climbed for one in done) == 30
    assert len(await rows(database, "select 1 from notifier.obligation where rung = 1")) == 30
