"""A school that was closed is shown its notices once more on the first morning back."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from chassis.clock import now
from chassis.database import Database
from chassis.process import running
from schemas.facts import EventAddressed, EventRetracted, Profile, notice_id
from schemas.organisations import DateRange, OrganisationKind, RecipientRole
from services.notifier.acknowledge import advance
from services.notifier.channels import mailbox
from services.notifier.compose import compose
from services.notifier.escalate import sweep
from services.notifier.routes import record_organisations
from services.notifier.settings import DeadlineSettings
from services.notifier.show_again import Shown, show_again
from services.notifier.standing import shown_again_as
from tests.integration.notifier.world import (
    DUTY,
    SCHOOL,
    TO_SCHOOL,
    SetClock,
    addressed,
    open_notifier,
    organisation,
)
from tests.support.waiting import eventually

SETTINGS = DeadlineSettings()
HOLIDAY = "holiday-contact-example"
LADDER = (
    (HOLIDAY, RecipientRole.DEPUTY),
    (DUTY, RecipientRole.DUTY_OFFICER),
)
LAST_DAY_OF_TERM = datetime(2026, 7, 17, 15, 0, tzinfo=UTC)
WITHIN_ONE_WORKING_DAY = datetime(2026, 7, 20, 15, 0, tzinfo=UTC)
FIRST_MORNING = datetime(2026, 9, 2, 6, 30, tzinfo=UTC)
OPENING = datetime(2026, 9, 2, 7, 30, tzinfo=UTC)


def school(*closures: tuple[int, int]) -> Any:
    return organisation(
        SCHOOL,
        ladder=LADDER,
        terms=(
            DateRange(first=date(2026, 4, 13), last=date(2026, 7, 17)),
            DateRange(first=date(2026, 9, 2), last=date(2026, 12, 18)),
        ),
        closures=tuple(
            DateRange(first=date(2026, 9, first), last=date(2026, 9, last))
            for first, last in closures
        ),
    )


@pytest.fixture
def clock() -> SetClock:
    return SetClock(LAST_DAY_OF_TERM)


@pytest.fixture(autouse=True)
async def partnership(database: Database) -> None:
    async with database.transaction() as session:
        await record_organisations(
            session,
            [
                school(),
                organisation(HOLIDAY),
                organisation(DUTY, OrganisationKind.LOCAL_AUTHORITY),
            ],
        )


async def rows(database: Database, sql: str, **values: Any) -> list[Any]:
    async with database.reading() as session:
        return list((await session.execute(text(sql), values)).all())


async def told(database: Database, clock: SetClock) -> EventAddressed:
    fact = addressed(TO_SCHOOL, at=clock())
    async with database.transaction() as session:
        await compose(session, [fact], clock(), SETTINGS)
    return fact


async def shown(database: Database, clock: SetClock) -> Shown:
    async with database.transaction() as session:
        return await show_again(session, clock(), SETTINGS)


async def end(database: Database, *facts: Any) -> None:
    async with database.transaction() as session:
        await compose(session, facts, now(), SETTINGS)


async def swept(database: Database, clock: SetClock) -> int:
    async with database.transaction() as session:
        return (await sweep(session, clock(), SETTINGS)).climbed


async def acknowledge(database: Database, clock: SetClock, notice: UUID) -> None:
    async with database.transaction() as session:
        await advance(session, [notice], "acknowledged", clock(), by="holiday contact")


async def listed(database: Database, clock: SetClock, name: str = SCHOOL) -> list[Any]:
    async with database.transaction() as session:
        found, _ = await mailbox.collect(session, [name], "unacknowledged", 10, clock())
    return found


def first_of(fact: EventAddressed) -> UUID:
    return notice_id(fact.receipt, fact.child_id, SCHOOL, Profile.SCHOOL_FULL, "whole", 0)


def retraction(fact: EventAddressed) -> EventRetracted:
    return EventRetracted(receipt=uuid4(), retracts=fact.receipt, key="key", at=now())


async def test_what_the_holiday_contact_acknowledged_is_shown_again_and_watched(
    database: Database, clock: SetClock
) -> None:
    fact = await told(database, clock)
    clock.at = WITHIN_ONE_WORKING_DAY
    assert await swept(database, clock) == 1
    [contact] = await listed(database, clock, HOLIDAY)
    await acknowledge(database, clock, contact.id)
    clock.at = FIRST_MORNING - timedelta(seconds=1)
    assert (await shown(database, clock)).due == 0
    clock.at = FIRST_MORNING
    assert await shown(database, clock) == Shown(due=1, made=1, mailboxes=(SCHOOL,))
    [row] = await rows(
        database,
        """select a.id, a.deadline_at, a.watch, a.happened_at, a.accepted_at,
                  a.content = f.content as same
             from notifier.obligation a join notifier.obligation f on f.id = a.again_of""",
    )
    assert row.id == shown_again_as(first_of(fact))
    assert (row.deadline_at, row.watch, row.same) == (OPENING, "watching", True)
    assert (row.happened_at, row.accepted_at) == (fact.occurred_at, fact.accepted_at)
    heads = await listed(database, clock)
    assert row.id in [head.id for head in heads if head.again_of == first_of(fact)]
    # A second run, or another process, repeats nothing.
    assert (await shown(database, clock)).due == 0
    # Nobody at the school says anything: its own ladder begins, from the first rung.
    clock.at = OPENING
    assert await swept(database, clock) == 1
    ladder = await rows(
        database,
        "select organisation from notifier.obligation where chain = :c and rung = 1",
        c=row.id,
    )
    assert [one.organisation for one in ladder] == [HOLIDAY]


async def test_after_an_outage_it_is_shown_at_once_with_the_grace(
    database: Database, clock: SetClock
) -> None:
    await told(database, clock)
    clock.at = OPENING + timedelta(hours=2)
    assert (await shown(database, clock)).made == 1
    [row] = await rows(database, "select deadline_at from notifier.obligation where again_of <> id")
    assert row.deadline_at == clock.at + timedelta(minutes=30)


async def test_a_school_that_stays_closed_is_shown_it_when_it_opens_then(
    database: Database, clock: SetClock
) -> None:
    await told(database, clock)
    async with database.transaction() as session:
        await record_organisations(session, [school((2, 11))])
    clock.at = FIRST_MORNING
    assert (await shown(database, clock)).made == 0
    clock.at = datetime(2026, 9, 14, 6, 30, tzinfo=UTC)
    assert (await shown(database, clock)).made == 1
    [row] = await rows(database, "select deadline_at from notifier.obligation where again_of <> id")
    assert row.deadline_at == datetime(2026, 9, 14, 7, 30, tzinfo=UTC)


async def test_what_was_retracted_in_the_holiday_is_not_shown_again(
    database: Database, clock: SetClock
) -> None:
    await end(database, retraction(await told(database, clock)))
    clock.at = FIRST_MORNING
    assert (await shown(database, clock)).due == 0


@pytest.mark.parametrize("how", ["retracted", "superseded", "withdrawn"])
async def test_what_ends_the_first_ends_the_second(
    database: Database, clock: SetClock, how: str
) -> None:
    fact = await told(database, clock)
    clock.at = FIRST_MORNING
    assert (await shown(database, clock)).made == 1
    match how:
        case "retracted":
            await end(database, retraction(fact))
        case "superseded":
            await end(
                database,
                addressed(supersedes=fact.receipt, child_id=fact.child_id, at=clock()),
            )
        case "withdrawn":
            ending = {"withdraws": (first_of(fact),), "edition": 1, "recipients": ()}
            await end(database, fact.model_copy(update=ending))
    found = await rows(database, "select state, watch, content from notifier.obligation")
    assert [tuple(row) for row in found] == [("superseded", "ended", None)] * 2
    assert await listed(database, clock) == []


async def test_a_retraction_at_the_same_moment_leaves_nothing_to_show(
    database: Database, clock: SetClock
) -> None:
    fact = await told(database, clock)
    clock.at = FIRST_MORNING

    async def is_waiting() -> bool:
        found = await rows(
            database,
            """select 1 from pg_stat_activity
                where datname = current_database() and wait_event = 'advisory'""",
        )
        return bool(found)

    async with database.transaction() as session:
        await compose(session, [retraction(fact)], clock(), SETTINGS)
        showing = asyncio.create_task(shown(database, clock))
        await eventually(is_waiting, what="the showing waits for the retraction")
    assert (await showing).made == 0
    found = await rows(database, "select state from notifier.obligation")
    assert [row.state for row in found] == ["superseded"]


async def test_a_running_notifier_shows_it_when_the_morning_comes(
    database: Database, clock: SetClock
) -> None:
    fact = await told(database, clock)
    _, notifier = open_notifier(database, clock=clock)
    [task] = [one for one in notifier.tasks if one.name == "notifier-show-again"]

    async def is_there() -> bool:
        found = await rows(
            database,
            "select 1 from notifier.obligation where again_of = :first",
            first=first_of(fact),
        )
        return bool(found)

    async with running([task]):
        assert not await is_there()
        clock.at = FIRST_MORNING
        await eventually(is_there, what="it is shown again")
