"""Alerts that fail: seen by people, and ladders that go on at once."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from chassis.database import Database
from schemas.organisations import OrganisationKind, RecipientRole
from services.notifier.alert import Alerter
from services.notifier.bells import Bells
from services.notifier.channels import mailbox
from services.notifier.channels.pulls import set_interval
from services.notifier.routes import record_organisations
from services.notifier.settings import NotifierGroup
from tests.integration.notifier.alerting import (
    alerting,
    alerts,
    contact,
    gathered_and_sent,
    open_alerter,
    rows,
    swept,
    told,
)
from tests.integration.notifier.world import (
    DUTY,
    SCHOOL,
    SetClock,
    organisation,
)
from tests.support.smtp_relay import Relay, open_relay
from tests.support.waiting import eventually

MONDAY_NIGHT = datetime(2026, 3, 2, 22, 40, tzinfo=UTC)
LADDER = ((DUTY, RecipientRole.DUTY_OFFICER),)


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
                organisation(DUTY, OrganisationKind.LOCAL_AUTHORITY),
            ],
        )


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    async with open_relay() as opened:
        yield opened


@pytest.fixture
def settings(relay: Relay, tmp_path: Path) -> NotifierGroup:
    return alerting(relay, tmp_path)


@pytest.fixture
def alerter(database: Database, clock: SetClock, settings: NotifierGroup) -> Alerter:
    return open_alerter(database, clock, settings)


async def escalated(database: Database) -> list[str]:
    found = await rows(
        database, "select payload from bus.log where type = 'notice.escalated' order by position"
    )
    return [json.loads(bytes(row.payload))["reason"] for row in found]


async def test_a_refused_address_fails_the_contact_and_the_ladder_goes_on_at_once(
    database: Database, clock: SetClock, settings: NotifierGroup, relay: Relay
) -> None:
    bells = Bells()
    alerter = open_alerter(database, clock, settings, bells)
    made = await contact(database, clock, SCHOOL)
    await told(database, clock)
    relay.answers = ["550 5.1.1 no such person"]
    await gathered_and_sent(alerter, clock)
    assert await alerts(database) == [("failed", 1, "address-refused")]
    [row] = await rows(
        database, "select active, disabled_reason, failed_reason from notifier.contact"
    )
    assert tuple(row) == (False, "address-refused", "address-refused")
    assert bells.escalate.is_set()
    assert (await swept(database, clock)).climbed == 1
    assert await escalated(database) == ["contact-failed"]
    assert (await swept(database, clock)).climbed == 0
    # What is new climbs at once too: nobody is left there to be told of it.
    await told(database, clock)
    await alerter.round()
    assert (await alerts(database))[1:] == [("failed", None, "address-refused")]
    assert (await swept(database, clock)).climbed == 1
    assert relay.envelopes == []
    # Until somebody confirms the contact: then it is told of all that it missed.
    assert await contact(database, clock, SCHOOL) == made
    await gathered_and_sent(alerter, clock)
    assert ("accepted", 2, None) in await alerts(database)
    [row] = await rows(database, "select active, failed_at from notifier.contact")
    assert tuple(row) == (True, None)


async def test_while_another_contact_works_the_ladder_keeps_its_time(
    database: Database, clock: SetClock, alerter: Alerter, relay: Relay
) -> None:
    await contact(database, clock, SCHOOL, "dead@school.example")
    await told(database, clock)
    await alerter.round()
    await contact(database, clock, SCHOOL, "alive@school.example", role="school")
    relay.refuses = {"dead@school.example": "550 no"}
    clock.forward(seconds=61)
    await alerter.round()
    assert ("failed", 1, "address-refused") in await alerts(database)
    assert (await swept(database, clock)).climbed == 0
    await contact(database, clock, SCHOOL, "wrong-role@school.example", role="deputy")
    async with database.transaction() as session:
        await session.execute(
            text("update notifier.contact set failed_at = :at where address like 'alive%'"),
            {"at": clock()},
        )
    # Now the only other one that is not failing is told of another role: it does not count.
    await told(database, clock)
    await alerter.round()
    assert (await swept(database, clock)).climbed == 2


async def test_what_the_recipient_has_already_waits_for_its_deadline(
    database: Database, clock: SetClock, alerter: Alerter, relay: Relay
) -> None:
    await contact(database, clock, SCHOOL)
    await told(database, clock)
    async with database.transaction() as session:
        await mailbox.collect(session, [SCHOOL], "unopened", 10, clock())
    await told(database, clock)
    relay.answers = ["550 no"]
    await gathered_and_sent(alerter, clock)
    assert (await swept(database, clock)).climbed == 1


async def test_what_was_gathered_for_a_contact_that_failed_meanwhile_escalates_too(
    database: Database, clock: SetClock, alerter: Alerter, relay: Relay
) -> None:
    await contact(database, clock, SCHOOL)
    await told(database, clock)
    relay.answers = ["550 no"]
    await alerter.gather_once()
    clock.forward(seconds=61)
    await alerter.gather_once()
    await told(database, clock)
    await alerter.round()
    assert (await swept(database, clock)).climbed == 2
    clock.forward(seconds=61)
    await alerter.round()
    assert [one[0] for one in await alerts(database)] == ["failed", "failed"]
    assert (await swept(database, clock)).climbed == 0
    assert len(relay.envelopes) == 0


async def test_what_was_closed_for_a_contact_that_failed_meanwhile_is_not_sent_and_escalates(
    database: Database, clock: SetClock, alerter: Alerter, relay: Relay
) -> None:
    made = await contact(database, clock, SCHOOL)
    await told(database, clock)
    await alerter.gather_once()
    clock.forward(seconds=61)
    await alerter.gather_once()
    assert await alerts(database) == [("sending", 1, None)]
    async with database.transaction() as session:
        await session.execute(
            text("""update notifier.contact set active = false, disabled_reason = 'address-bounced'
                     where id = :id"""),
            {"id": made},
        )
    await alerter.round()
    assert await alerts(database) == [("failed", 1, "address-bounced")]
    assert (await swept(database, clock)).climbed == 1
    assert relay.envelopes == []


async def test_a_system_that_pulls_as_often_as_it_said_is_another_way_to_be_told(
    database: Database, clock: SetClock, alerter: Alerter, relay: Relay
) -> None:
    await contact(database, clock, SCHOOL)
    await told(database, clock)
    async with database.transaction() as session:
        await set_interval(session, SCHOOL, 60, clock())
    relay.answers = ["550 no"]
    await gathered_and_sent(alerter, clock)
    assert await alerts(database) == [("failed", 1, "address-refused")]
    assert (await swept(database, clock)).climbed == 0


async def test_a_relay_that_stays_away_is_tried_again_and_then_fails_the_alert(
    database: Database, clock: SetClock, relay: Relay, tmp_path: Path
) -> None:
    nobody = alerting(None, tmp_path, give_up_seconds=600)
    alerter = open_alerter(database, clock, nobody)
    await contact(database, clock, SCHOOL)
    await told(database, clock)
    await gathered_and_sent(alerter, clock)
    assert await alerts(database) == [("sending", 1, None)]
    clock.forward(seconds=700)

    async def failed() -> bool:
        await alerter.round()
        return await alerts(database) == [("failed", 1, "not-connected")]

    await eventually(failed)
    [row] = await rows(database, "select active, failed_reason from notifier.contact")
    assert tuple(row) == (True, "not-connected")
    assert (await swept(database, clock)).climbed == 1
    back = open_alerter(database, clock, alerting(relay, tmp_path))
    await told(database, clock)
    await gathered_and_sent(back, clock)
    [row] = await rows(database, "select active, failed_at from notifier.contact")
    assert tuple(row) == (True, None)


async def test_without_a_relay_what_a_contact_is_to_be_told_fails_visibly(
    database: Database, clock: SetClock
) -> None:
    await contact(database, clock, SCHOOL)
    await told(database, clock)
    await gathered_and_sent(open_alerter(database, clock, NotifierGroup()), clock)
    assert await alerts(database) == [("failed", 1, "no-relay")]
    assert (await swept(database, clock)).climbed == 1
