"""Alerts: gathered, cancelled when read, and sent once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, time
from email import message_from_bytes
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from chassis.clock import LONDON
from chassis.database import Database
from schemas.facts import EventRetracted, Profile
from schemas.organisations import OrganisationKind, RecipientRole
from services.notifier.acknowledge import advance
from services.notifier.alert import Alerter
from services.notifier.channels import mailbox
from services.notifier.compose import compose
from services.notifier.contacts import remove_contact
from services.notifier.routes import record_organisations
from services.notifier.settings import NotifierGroup
from tests.integration.notifier.alerting import (
    DEADLINES,
    DUTY_ADDRESS,
    LINK,
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
    MASH,
    SCHOOL,
    TO_SCHOOL,
    SetClock,
    addressed,
    organisation,
    to,
)
from tests.support.smtp_relay import Relay, open_relay
from tests.support.waiting import eventually

MONDAY_NIGHT = datetime(2026, 3, 2, 22, 40, tzinfo=UTC)
TUESDAY = datetime(2026, 3, 3, 8, 31, tzinfo=LONDON)
LADDER = ((DUTY, RecipientRole.DUTY_OFFICER),)
TO_MISSING = to(SCHOOL, RecipientRole.SCHOOL, Profile.MISSING_ALERT)


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
                organisation(MASH, OrganisationKind.SOCIAL_CARE),
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


async def test_forty_unread_notices_at_08_31_are_one_alert_and_one_list(
    database: Database, clock: SetClock, alerter: Alerter, relay: Relay
) -> None:
    await contact(database, clock, DUTY)
    for _ in range(40):
        await told(database, clock)
    await gathered_and_sent(alerter, clock)
    assert relay.envelopes == []
    clock.at = TUESDAY.astimezone(UTC)
    assert (await swept(database, clock)).climbed == 40
    await alerter.round()
    assert await alerts(database) == [("gathering", None, None)]
    clock.forward(seconds=61)
    for _ in range(3):
        await alerter.round()
    assert await alerts(database) == [("accepted", 40, None)]
    [envelope] = relay.envelopes
    assert envelope.rcpt_tos == [DUTY_ADDRESS]
    assert isinstance(envelope.content, bytes)
    mail = message_from_bytes(envelope.content)
    assert mail["Subject"] == "40 notices wait for you"
    assert LINK in str(mail.get_payload())
    print(f"\n{clock():%a %H:%M:%S} UTC, 40 notices, {len(relay.envelopes)} alert:\n{mail}")
    async with database.transaction() as session:
        listed, _ = await mailbox.collect(session, [DUTY], "unopened", 500, clock())
    assert len(listed) == 40


async def test_what_comes_after_an_alert_was_sent_is_the_next_alert(
    database: Database, clock: SetClock, alerter: Alerter, relay: Relay
) -> None:
    await contact(database, clock, SCHOOL)
    await told(database, clock)
    await alerter.round()
    clock.forward(seconds=30)
    await told(database, clock)
    await gathered_and_sent(alerter, clock, seconds=31)
    assert await alerts(database) == [("accepted", 2, None)]
    await told(database, clock)
    await alerter.round()
    assert await alerts(database) == [("accepted", 2, None), ("gathering", None, None)]
    await gathered_and_sent(alerter, clock)
    assert await alerts(database) == [("accepted", 2, None), ("accepted", 1, None)]
    assert len(relay.envelopes) == 2


@pytest.mark.parametrize("how", ["opened", "acknowledged", "withdrawn"])
async def test_an_alert_is_cancelled_when_everything_was_read_before(
    database: Database, clock: SetClock, alerter: Alerter, relay: Relay, how: Any
) -> None:
    await contact(database, clock, SCHOOL)
    fact = await told(database, clock)
    await alerter.round()
    [notice] = await rows(database, "select id from notifier.obligation")
    async with database.transaction() as session:
        if how == "withdrawn":
            gone = EventRetracted(receipt=uuid4(), retracts=fact.receipt, key="k", at=clock())
            await compose(session, [gone], clock(), DEADLINES)
        else:
            await advance(session, [notice.id], how, clock(), by="lead")
    await gathered_and_sent(alerter, clock)
    assert await alerts(database) == [("cancelled", None, "read")]
    assert relay.envelopes == []


async def test_what_was_read_while_the_relay_was_away_is_not_sent(
    database: Database, clock: SetClock, alerter: Alerter, relay: Relay
) -> None:
    await contact(database, clock, SCHOOL)
    await told(database, clock)
    relay.answers = ["451 later"]
    await gathered_and_sent(alerter, clock)
    assert await alerts(database) == [("sending", 1, None)]
    [notice] = await rows(database, "select id from notifier.obligation")
    async with database.transaction() as session:
        await advance(session, [notice.id], "opened", clock(), by="lead")

    async def cancelled() -> bool:
        await alerter.round()
        return await alerts(database) == [("cancelled", 1, "read")]

    await eventually(cancelled)
    assert relay.envelopes == []


async def test_a_crash_after_the_relay_took_it_sends_the_same_message_again(
    database: Database, clock: SetClock, relay: Relay, tmp_path: Path
) -> None:
    settings = alerting(relay, tmp_path, timeout_seconds=0.25, lease_seconds=0.5)
    await contact(database, clock, SCHOOL)
    await told(database, clock)
    crashed = open_alerter(database, clock, settings)
    await crashed.gather_once()
    clock.forward(seconds=61)
    await crashed.gather_once()
    [job] = await crashed.claim_once()
    never_settled = await crashed.send(job)
    assert never_settled.outcome.code == "accepted"
    assert await alerts(database) == [("sending", 1, None)]
    another = open_alerter(database, clock, settings)
    await told(database, clock)  # Comes later, and is not put into what may be on its way.

    async def taken_over() -> bool:
        await another.round()
        return ("accepted", 1, None) in await alerts(database)

    await eventually(taken_over)
    first, second = relay.envelopes
    assert first.content == second.content
    assert isinstance(first.content, bytes)
    assert f"Message-ID: <{job.alert}@bus.example>\r\n".encode() in first.content
    # The first one was only paused: what it says now comes too late.
    await crashed.settle(never_settled)
    found = await rows(database, "select number, outcome, late from notifier.alert_attempt")
    assert sorted(tuple(row) for row in found) == [
        (1, "accepted", True), (2, "accepted", False),
    ]  # fmt: skip
    assert (await alerts(database))[0] == ("accepted", 1, None)


async def test_a_relay_that_comes_back_brings_two_alerts_and_not_one_a_minute(
    database: Database, clock: SetClock, settings: NotifierGroup, tmp_path: Path, relay: Relay
) -> None:
    await contact(database, clock, DUTY)
    away = open_alerter(database, clock, alerting(None, tmp_path))
    for _ in range(10):
        await told(database, clock, to(DUTY, RecipientRole.DUTY_OFFICER, Profile.SCHOOL_FULL))
        await away.round()
        clock.forward(seconds=61)
        await away.round()
    assert await alerts(database) == [("sending", 1, None), ("gathering", None, None)]
    # But a missing child waits behind nothing.
    missing = to(DUTY, RecipientRole.DUTY_OFFICER, Profile.MISSING_ALERT)
    await told(database, clock, missing, event_type="missing.reported")
    await away.round()
    clock.forward(seconds=3)
    await away.round()
    assert await alerts(database) == [("sending", 1, None), ("sending", 10, None)]
    back = open_alerter(database, clock, settings)

    async def all_sent() -> bool:
        await back.round()
        return {one[0] for one in await alerts(database)} == {"accepted"}

    await eventually(all_sent)
    assert len(relay.envelopes) == 2


async def test_a_crash_before_closing_loses_nothing(
    database: Database, clock: SetClock, settings: NotifierGroup, relay: Relay
) -> None:
    await contact(database, clock, SCHOOL)
    await told(database, clock)
    await open_alerter(database, clock, settings).gather_once()
    clock.forward(hours=2)
    await open_alerter(database, clock, settings).round()
    assert len(relay.envelopes) == 1


async def test_many_alerters_send_each_alert_once(
    database: Database, clock: SetClock, settings: NotifierGroup, relay: Relay
) -> None:
    for number in range(10):
        await contact(database, clock, SCHOOL, f"person-{number}@school.example")
    crowd = [open_alerter(database, clock, settings) for _ in range(4)]
    for _ in range(5):
        await asyncio.gather(*(told(database, clock) for _ in range(4)), *(
            one.gather_once() for one in crowd
        ))  # fmt: skip
    await crowd[0].gather_once()
    clock.forward(seconds=61)

    async def all_sent() -> bool:
        await asyncio.gather(*(one.round() for one in crowd))
        found = await rows(database, "select 1 from notifier.alert_notice where alert is null")
        done = [one for one in await alerts(database) if one[0] == "accepted"]
        return not found and len(done) == 10

    await eventually(all_sent)
    assert len(relay.envelopes) == 10
    assert {one[1] for one in await alerts(database)} == {20}


async def test_what_commits_late_is_gathered_all_the_same(
    database: Database, clock: SetClock, alerter: Alerter, relay: Relay
) -> None:
    await contact(database, clock, SCHOOL)
    async with database.transaction() as late:
        fact = to_compose(clock)
        await compose(late, [fact], clock(), DEADLINES)
        await told(database, clock)
        clock.forward(seconds=61)
        await alerter.round()
        assert await alerts(database) == [("accepted", 1, None)]
    await gathered_and_sent(alerter, clock)
    assert await alerts(database) == [("accepted", 1, None), ("accepted", 1, None)]


def to_compose(clock: SetClock) -> Any:
    return addressed(TO_SCHOOL, at=clock())


async def test_quiet_hours_hold_an_alert_back_and_a_missing_child_does_not_wait(
    database: Database, clock: SetClock, alerter: Alerter, relay: Relay
) -> None:
    await contact(database, clock, SCHOOL, quiet=(time(21), time(7)))
    await told(database, clock)
    await gathered_and_sent(alerter, clock)
    clock.at = datetime(2026, 3, 3, 6, 59, tzinfo=UTC)
    await alerter.round()
    assert await alerts(database) == [("gathering", None, None)]
    await told(database, clock, TO_MISSING, event_type="missing.reported")
    await gathered_and_sent(alerter, clock, seconds=3)
    assert await alerts(database) == [("accepted", 2, None)]
    await told(database, clock)
    await alerter.round()
    clock.at = datetime(2026, 3, 3, 7, 1, tzinfo=UTC)
    await alerter.round()
    assert [one[0] for one in await alerts(database)] == ["accepted", "accepted"]


async def test_a_step_of_an_urgent_ladder_wakes_and_a_first_notice_does_not(
    database: Database, clock: SetClock, alerter: Alerter, relay: Relay
) -> None:
    night = (time(21), time(7))
    await contact(database, clock, SCHOOL, "lead@school.example", quiet=night)
    await contact(database, clock, DUTY, quiet=night)
    await told(database, clock)
    await gathered_and_sent(alerter, clock)
    assert relay.envelopes == [], "whoever is told first may read it in the morning"
    [notice] = await rows(database, "select id from notifier.obligation")
    async with database.transaction() as session:
        await session.execute(
            text("update notifier.obligation set watch_due_at = :at where id = :id"),
            {"at": clock(), "id": notice.id},
        )
    assert (await swept(database, clock)).climbed == 1
    await gathered_and_sent(alerter, clock)
    assert [one.rcpt_tos for one in relay.envelopes] == [[DUTY_ADDRESS]]


async def test_a_missing_child_overtakes_the_alerts_that_wait_for_the_relay(
    database: Database, clock: SetClock, relay: Relay, tmp_path: Path
) -> None:
    alerter = open_alerter(database, clock, alerting(relay, tmp_path, at_once=1))
    for number in range(5):
        await contact(database, clock, SCHOOL, f"person-{number}@school.example")
    await told(database, clock)
    await alerter.gather_once()
    clock.forward(seconds=61)
    await alerter.gather_once()
    await contact(database, clock, MASH, "mash@la.example")
    await told(database, clock, to(MASH, RecipientRole.MASH, Profile.MISSING_ALERT),
               event_type="missing.reported")  # fmt: skip
    clock.forward(seconds=3)
    await alerter.gather_once()
    clock.forward(seconds=3)
    await alerter.round()
    assert relay.envelopes[0].rcpt_tos == ["mash@la.example"]


async def test_who_is_added_while_a_notice_is_composed_is_told_of_it(
    database: Database, clock: SetClock, alerter: Alerter, relay: Relay
) -> None:
    async with database.transaction() as composing:
        await compose(composing, [to_compose(clock)], clock(), DEADLINES)
        await contact(database, clock, SCHOOL)
    await alerter.measure()
    await gathered_and_sent(alerter, clock)
    assert await alerts(database) == [("accepted", 1, None)]
    await alerter.measure()
    await gathered_and_sent(alerter, clock)
    assert len(relay.envelopes) == 1


async def test_a_contact_of_one_role_is_told_in_that_role_only(
    database: Database, clock: SetClock, alerter: Alerter, relay: Relay
) -> None:
    await contact(database, clock, SCHOOL, "deputy@school.example", role="deputy")
    await contact(database, clock, SCHOOL, "lead@school.example", role="school")
    await told(database, clock)
    await gathered_and_sent(alerter, clock)
    assert [one.rcpt_tos for one in relay.envelopes] == [["lead@school.example"]]


async def test_without_a_contact_nothing_is_noted(
    database: Database, clock: SetClock, alerter: Alerter
) -> None:
    await told(database, clock)
    assert await rows(database, "select 1 from notifier.alert_notice") == []


async def test_a_new_contact_is_told_of_what_waits_already(
    database: Database, clock: SetClock, alerter: Alerter, relay: Relay
) -> None:
    await told(database, clock)
    await contact(database, clock, SCHOOL)
    await contact(database, clock, SCHOOL)  # The same again confirms, and tells nothing twice.
    await gathered_and_sent(alerter, clock)
    assert await alerts(database) == [("accepted", 1, None)]


async def test_who_was_removed_is_told_nothing_more(
    database: Database, clock: SetClock, alerter: Alerter, relay: Relay
) -> None:
    made = await contact(database, clock, SCHOOL)
    await told(database, clock)
    await alerter.round()
    async with database.transaction() as session:
        assert await remove_contact(session, made)
    await gathered_and_sent(alerter, clock)
    assert await alerts(database) == [("cancelled", None, "contact-removed")]
    [row] = await rows(database, "select address, active from notifier.contact")
    assert tuple(row) == ("", False)
    assert relay.envelopes == []


async def test_the_task_sends_by_itself(
    database: Database, clock: SetClock, relay: Relay, tmp_path: Path
) -> None:
    settings = alerting(relay, tmp_path, gather_seconds=0)
    await contact(database, clock, SCHOOL)
    await told(database, clock)
    running = asyncio.create_task(open_alerter(database, clock, settings).run())
    await eventually(lambda: relay.envelopes)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert await alerts(database) == [("accepted", 1, None)]
