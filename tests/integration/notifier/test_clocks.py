"""Clocks of referrals and of found children: half over, run out, graded, stopped."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from chassis.database import Database
from schemas.facts import EventAddressed, Profile
from schemas.organisations import OrganisationKind, RecipientRole
from services.notifier.acknowledge import advance
from services.notifier.compose import compose
from services.notifier.escalate import Swept, sweep
from services.notifier.routes import record_organisations
from services.notifier.settings import DeadlineSettings
from tests.integration.notifier.world import (
    DUTY,
    MASH,
    TO_MASH,
    SetClock,
    addressed,
    organisation,
    to,
)

SETTINGS = DeadlineSettings()
MANAGER = "la-mash-manager-example"
MONDAY = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
FRIDAY = datetime(2026, 3, 27, 16, 0, tzinfo=UTC)
"""The clocks go forward on the Sunday after it."""


@pytest.fixture
def clock() -> SetClock:
    return SetClock(MONDAY)


@pytest.fixture(autouse=True)
async def partnership(database: Database) -> None:
    ladder = ((MANAGER, RecipientRole.DEPUTY), (DUTY, RecipientRole.DUTY_OFFICER))
    async with database.transaction() as session:
        await record_organisations(
            session,
            [
                organisation(MASH, OrganisationKind.SOCIAL_CARE, ladder=ladder),
                organisation(MANAGER, OrganisationKind.SOCIAL_CARE),
                organisation(DUTY, OrganisationKind.LOCAL_AUTHORITY),
            ],
        )


async def rows(database: Database, sql: str, **values: Any) -> list[Any]:
    async with database.reading() as session:
        return list((await session.execute(text(sql), values)).all())


async def hear(database: Database, clock: SetClock, *facts: EventAddressed) -> None:
    async with database.transaction() as session:
        await compose(session, facts, clock(), SETTINGS)


async def swept(database: Database, clock: SetClock) -> Swept:
    async with database.transaction() as session:
        return await sweep(session, clock(), SETTINGS)


def referral(clock: SetClock, **more: Any) -> EventAddressed:
    return addressed(TO_MASH, event_type="referral.submitted", at=clock(), **more)


def triaged(of: EventAddressed, grade: str, at: datetime) -> EventAddressed:
    data = {"referral": str(of.receipt), "grade": grade, "triagedAt": at.isoformat()}
    return addressed(
        event_type="referral.triaged", at=at, child_id=of.child_id, regards=(of.receipt,), data=data
    )


async def acknowledge(database: Database, clock: SetClock) -> None:
    """Somebody at the MASH has read it: only its decision is waited for."""
    ids = [row.id for row in await rows(database, "select id from notifier.obligation")]
    async with database.transaction() as session:
        await advance(session, ids, "acknowledged", clock(), by="triage")


async def limits(database: Database) -> dict[str, Any]:
    found = await rows(database, "select * from notifier.clock")
    return {row.name: row for row in found}


async def climbed(database: Database) -> list[str]:
    found = await rows(
        database, "select organisation from notifier.obligation where rung > 0 order by rung"
    )
    return [row.organisation for row in found]


async def test_an_undecided_referral_climbs_at_half_and_at_the_end_of_its_clock(
    database: Database, clock: SetClock
) -> None:
    await hear(database, clock, referral(clock))
    await acknowledge(database, clock)
    told: list[tuple[str, list[str]]] = []
    for _ in range(8):
        clock.forward(minutes=30)
        if (await swept(database, clock)).clocks:
            told.append((f"{clock():%H:%M}", await climbed(database)))
        await acknowledge(database, clock)
    assert told == [("12:00", [MANAGER]), ("14:00", [MANAGER, DUTY])], "ungraded counts as red"
    kinds = await rows(database, "select type from bus.log where type = 'clock.missed'")
    assert len(kinds) == 1


async def test_after_four_hours_away_one_rung_is_climbed(
    database: Database, clock: SetClock
) -> None:
    await hear(database, clock, referral(clock))
    await acknowledge(database, clock)
    clock.forward(hours=5)
    assert (await swept(database, clock)).clocks == 1
    assert (await swept(database, clock)).clocks == 0
    assert await climbed(database) == [MANAGER]


async def test_a_grade_moves_the_limit_and_never_the_start(
    database: Database, clock: SetClock
) -> None:
    fact = referral(clock)
    await hear(database, clock, fact)
    clock.forward(hours=1)
    await hear(database, clock, triaged(fact, "amber", clock()))
    amber = (await limits(database))["mash-grade"]
    assert (amber.started_at, amber.due_at) == (MONDAY, MONDAY + timedelta(days=1))
    await hear(database, clock, triaged(fact, "green", clock() + timedelta(minutes=1)))
    assert (await limits(database))["mash-grade"].due_at == MONDAY + timedelta(days=3)
    clock.forward(hours=1)
    await hear(database, clock, triaged(fact, "red", clock()))
    red = (await limits(database))["mash-grade"]
    assert (red.started_at, red.due_at) == (MONDAY, MONDAY + timedelta(hours=4))
    assert (await limits(database))["referral-decision"].due_at == MONDAY + timedelta(days=1)


async def test_an_older_grade_changes_nothing(database: Database, clock: SetClock) -> None:
    fact = referral(clock)
    older, newer = MONDAY + timedelta(minutes=5), MONDAY + timedelta(minutes=9)
    await hear(database, clock, fact, triaged(fact, "green", newer), triaged(fact, "red", older))
    assert (await limits(database))["mash-grade"].grade == "green"


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_in_whichever_order_they_are_heard_the_clock_is_the_same(
    database: Database, clock: SetClock, order: tuple[int, ...]
) -> None:
    fact = referral(clock)
    decided = addressed(
        event_type="referral.decided", child_id=fact.child_id, closes=(fact.receipt,)
    )
    said = [fact, triaged(fact, "green", clock()), decided]
    for at in order:
        await hear(database, clock, said[at])
    for name, row in (await limits(database)).items():
        assert row.stopped_at is not None, name
        assert row.started_at == MONDAY
    assert (await limits(database))["mash-grade"].grade == "green"
    clock.forward(days=9)
    assert (await swept(database, clock)).clocks == 0


async def test_half_of_working_days_is_over_on_a_working_day(
    database: Database, clock: SetClock
) -> None:
    clock.at = FRIDAY
    fact = referral(clock)
    await hear(database, clock, fact, triaged(fact, "amber", clock()))
    amber = (await limits(database))["mash-grade"]
    assert amber.due_at == datetime(2026, 3, 30, 15, 0, tzinfo=UTC), "16:00 in summer time"
    assert amber.half_due_at == datetime(2026, 3, 30, 8, 0, tzinfo=UTC), "09:00 on the Monday"


async def test_a_correction_keeps_start_and_grade(database: Database, clock: SetClock) -> None:
    first = referral(clock)
    await hear(database, clock, first, triaged(first, "green", clock()))
    clock.forward(hours=3)
    second = referral(clock, supersedes=first.receipt, child_id=first.child_id)
    await hear(database, clock, second)
    (row,) = await rows(
        database,
        "select * from notifier.clock where receipt = :receipt and name = 'mash-grade'",
        receipt=second.receipt,
    )
    assert (row.started_at, row.grade, row.stopped_at) == (MONDAY, "green", None)


def found(clock: SetClock, child: UUID | None = None, **more: Any) -> EventAddressed:
    told = to(MASH, RecipientRole.MASH, Profile.MISSING_FOUND)
    data = {"foundAt": clock().isoformat(), "children": [{}]}
    return addressed(
        told, event_type="missing.found", at=clock(), child_id=child, **{"data": data, **more}
    )


def interview(of: EventAddressed, event_type: str, **data: Any) -> EventAddressed:
    return addressed(
        event_type=event_type, child_id=of.child_id, regards=(of.receipt,),
        data={"found": str(of.receipt), **data},
    )  # fmt: skip


async def test_a_found_child_without_an_interview_in_72_hours_climbs(
    database: Database, clock: SetClock
) -> None:
    clock.at = FRIDAY
    one = found(clock)
    other = found(clock, receipt=one.receipt)
    await hear(database, clock, one, other)
    await acknowledge(database, clock)
    await hear(database, clock, interview(other, "return-interview.completed"))
    clock.forward(hours=71.9)
    assert (await swept(database, clock)).clocks == 0
    clock.forward(hours=0.1)
    assert (await swept(database, clock)).clocks == 1, "elapsed hours, whatever the clock shows"
    told = await rows(database, "select child_id from notifier.obligation where rung > 0")
    assert [row.child_id for row in told] == [one.child_id]


@pytest.mark.parametrize(
    ("event_type", "data", "stopped"),
    [
        ("return-interview.completed", {}, True),
        ("return-interview.offered", {"outcome": "declined"}, True),
        ("return-interview.offered", {"outcome": "accepted"}, False),
    ],
)
@pytest.mark.parametrize("first", [True, False])
async def test_an_interview_that_took_place_or_will_not_stops_it(
    database: Database,
    clock: SetClock,
    event_type: str,
    data: dict[str, str],
    stopped: bool,
    first: bool,
) -> None:
    child = found(clock)
    said = interview(child, event_type, **data)
    for fact in (said, child) if first else (child, said):
        await hear(database, clock, fact)
    row = (await limits(database))["return-interview"]
    assert (row.stopped_at is not None, row.started_at) == (stopped, MONDAY)


async def test_a_receipt_asks_nobody_to_confirm_it(database: Database, clock: SetClock) -> None:
    receipt = to(MASH, RecipientRole.REFERRER, Profile.RECEIPT)
    await hear(database, clock, addressed(receipt, event_type="referral.submitted", at=clock()))
    (row,) = await rows(database, "select * from notifier.obligation")
    assert (row.state, row.watch, row.deadline_at) == ("waiting", "ended", None)
    assert row.sent_at == MONDAY
    clock.forward(days=9)
    assert (await swept(database, clock)).climbed == 0


async def test_a_clock_of_which_nobody_of_social_care_was_told_is_loudly_said(
    database: Database, clock: SetClock, capsys: pytest.CaptureFixture[str]
) -> None:
    receipt = to(MASH, RecipientRole.REFERRER, Profile.RECEIPT)
    await hear(database, clock, addressed(receipt, event_type="referral.submitted", at=clock()))
    clock.forward(hours=5)
    assert (await swept(database, clock)).clocks == 1
    assert "nobody of social care was told" in capsys.readouterr().out
