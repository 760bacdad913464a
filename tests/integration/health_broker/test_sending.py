"""From an addressed event to a peer's acknowledgement, whatever the peer does on the way."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from uuid import uuid4

import aiohttp
import httpx
import pytest
from prometheus_client import generate_latest
from structlog.testing import capture_logs

from chassis.clock import now
from chassis.database import Database
from schemas.facts import (
    Addressee,
    EventAddressed,
    NoticeDelivered,
    Profile,
    notice_id,
)
from schemas.organisations import RecipientRole
from services.health_broker.claim import claim_messages
from services.health_broker.compose import Composer
from services.health_broker.fhir import find_faults
from services.health_broker.outcome import Refused
from services.health_broker.peers import remove_peer
from services.health_broker.send import send_message
from services.health_broker.settings import HealthBrokerSettings
from services.health_broker.settle import Sent, queue_open, settle_messages
from tests.integration.health_broker.broker import QUICK, Broker, running_broker
from tests.support.fhir_peer import running_peer
from tests.support.waiting import eventually
from tests.unit.health_broker.samples import (
    HOSPITAL,
    OURS,
    addressed,
    addressee,
    components,
    resource,
)

ABUSE = "domestic-abuse.recorded"


async def test_an_addressed_event_reaches_the_peer_as_a_valid_message(database: Database) -> None:
    with capture_logs() as logs:
        async with running_peer(token="a-token") as peer, running_broker(database) as broker:
            await broker.add(peer)
            event = addressed(ABUSE, addressee(Profile.HEALTH_MINIMAL))
            await broker.publish(event)
            [row] = await broker.state("done")
            [got] = peer.received
            assert find_faults(got.message) == []
            assert got.body == row.body
            assert got.header_id == str(row.header)
            assert got.headers["Content-Type"] == "application/fhir+json; fhirVersion=4.0"
            assert got.headers["X-Request-Id"] == str(row.request_id)
            assert got.headers["X-Correlation-Id"] == str(row.correlation_id)
            [told] = await broker.told()
            assert isinstance(told, NoticeDelivered)
            assert told.notice == notice_id(
                event.receipt, event.child_id, HOSPITAL, "health-minimal", "whole", 0
            )
            assert (told.attempt, told.owner, told.organisation) == (1, "health-broker", HOSPITAL)
            [attempt] = await broker.rows("attempt")
            assert (attempt.status, attempt.outcome, attempt.counted) == (200, "delivered", True)
            answer = json.loads(attempt.answer)
            response = answer["entry"][0]["resource"]["response"]
            assert response == {"identifier": got.header_id, "code": "ok"}
    seen = f"{logs} {generate_latest().decode()} {got.headers}"
    for personal in ("Jane", "9990000018", "2014-05-22", "Robin", "a-token-of-nobody"):
        assert personal not in seen


async def test_the_same_event_again_is_told_once(database: Database) -> None:
    async with running_peer() as peer, running_broker(database) as broker:
        await broker.add(peer)
        event = addressed(ABUSE, addressee(Profile.HEALTH_MINIMAL))
        await broker.publish(event)
        await broker.state("done")
        await broker.publish(event, event)
        await broker.heard()
        assert await broker.told_types(1) == ["notice.delivered"]
        assert peer.posts == 1


async def test_only_recipients_of_ours_are_told(database: Database) -> None:
    async with running_peer() as peer, running_broker(database) as broker:
        await broker.add(peer)
        other = addressee(Profile.SCHOOL_FULL, owner="notifier", organisation="urn-900001")
        await broker.publish(addressed(ABUSE, other))
        await broker.heard()
        assert await broker.rows("message") == []


async def test_a_failing_peer_is_tried_until_it_answers_and_alerts_once(
    database: Database,
) -> None:
    with capture_logs() as logs:
        async with running_peer() as peer, running_broker(database) as broker:
            await broker.add(peer)
            peer.answer_next(500, times=3)
            peer.answer_next(429, headers={"Retry-After": "1"})
            await broker.publish(addressed(ABUSE, addressee(Profile.HEALTH_MINIMAL)))
            [row] = await broker.state("done")
            attempts = await broker.rows("attempt", "number")
            assert [one.reason for one in attempts] == [*["http-500"] * 3, "http-429", None]
            assert [one.number for one in attempts] == [1, 2, 3, 4, 5]
            gap = attempts[4].started_at - attempts[3].started_at
            assert gap.total_seconds() >= QUICK.retry_after_limit_seconds
            assert [one.header_id for one in peer.received] == [str(row.header)]
            assert await broker.told_types(1) == ["notice.delivered"]

            async def cleared() -> bool:
                return (await broker.rows("peer"))[0].queue_opened_at is None

            await eventually(cleared)
            await eventually(lambda: queue_open.labels(HOSPITAL)._value.get() == 0)
    events = [one["event"] for one in logs if one["event"].startswith("peer_queue")]
    assert events == ["peer_queue_opened", "peer_queue_cleared"]


async def test_a_peer_that_hangs_is_told_again_and_leaves_room_for_others(
    database: Database,
) -> None:
    async with (
        running_peer() as slow,
        running_peer("RXX02") as quick,
        running_broker(database) as broker,
    ):
        await broker.add(slow)
        await broker.add(quick, "ods-rxx02")
        slow.hang()
        other = addressee(Profile.HEALTH_MINIMAL, organisation="ods-rxx02")
        await broker.publish(
            *(addressed(ABUSE, addressee(Profile.HEALTH_MINIMAL)) for _ in range(20)),
            *(addressed(ABUSE, other) for _ in range(20)),
        )
        await eventually(lambda: len(quick.received) == 20, within_seconds=3)

        async def timed_out() -> bool:
            return any(one.reason == "time-out" for one in await broker.rows("attempt"))

        await eventually(timed_out)
        slow.let_go()
        await broker.state("done", 40)
        assert len(slow.received) == len({one.header_id for one in slow.received}) == 20
        assert await broker.told_types(40) == ["notice.delivered"] * 40
        reasons = {one.reason for one in await broker.rows("message")}
        assert reasons == {None, "duplicate"}


async def test_a_crash_between_send_and_settle_is_delivered_once_in_effect(
    database: Database,
) -> None:
    async with running_peer() as peer:
        async with running_broker(database) as broker:
            await broker.add(peer)
        await _compose(database, addressed(ABUSE, addressee(Profile.HEALTH_MINIMAL)))
        async with database.transaction() as session:
            [taken] = await claim_messages(session, QUICK, Counter())
        async with aiohttp.ClientSession() as http:
            sent = await send_message(http, taken, QUICK)
        assert sent.status == 200
        async with running_broker(database) as broker:
            [row] = await broker.state("done")
            assert row.reason == "duplicate"
            assert await broker.told_types(1) == ["notice.delivered"]
            [attempt] = await broker.rows("attempt")
            assert (attempt.number, attempt.status, attempt.outcome) == (2, 409, "delivered")
        assert (peer.posts, len(peer.received)) == (2, 1)
        assert peer.received[0].body == row.body


async def test_a_late_result_is_recorded_and_changes_nothing(database: Database) -> None:
    async with running_peer() as peer, running_broker(database) as broker:
        await broker.add(peer)
    await _compose(database, addressed(ABUSE, addressee(Profile.HEALTH_MINIMAL)))
    async with database.transaction() as session:
        [taken] = await claim_messages(session, QUICK, Counter())
    stale = replace(taken, token=uuid4())
    late = Sent(stale, Refused("http-400"), now(), 0.1, 400, b"{}")
    async with database.transaction() as session:
        assert await settle_messages(session, [late], QUICK) == []
    broker = Broker(database, httpx.AsyncClient())
    [attempt] = await broker.rows("attempt")
    [row] = await broker.rows("message")
    assert (attempt.counted, row.state, row.reason) == (False, "claimed", None)
    assert await broker.told() == []


async def test_an_absent_peer_is_told_when_it_is_back(database: Database) -> None:
    async with running_broker(database) as broker:
        async with running_peer() as peer:
            await broker.add(peer)
        await broker.publish(addressed(ABUSE, addressee(Profile.HEALTH_MINIMAL)))

        async def tried() -> bool:
            return len(await broker.rows("attempt")) >= 2

        await eventually(tried)
        assert await broker.told() == []
        await peer.start()
        await broker.state("done")
        await peer.stop()


async def test_a_refusal_is_parked_for_a_person_and_told(database: Database) -> None:
    async with running_peer() as peer, running_broker(database) as broker:
        await broker.add(peer)
        peer.answer_next(400)
        await broker.publish(addressed(ABUSE, addressee(Profile.HEALTH_MINIMAL)))
        [row] = await broker.state("failed")
        [told] = await broker.told()
        assert (told.fact_type, told.reason, row.reason) == (
            "notice.failed", "http-400", "http-400",
        )  # fmt: skip
        assert peer.posts == 1


@pytest.mark.parametrize(
    ("recipient", "fact", "reason"),
    [
        (
            addressee(Profile.HEALTH_MINIMAL, organisation="ods-unknown"),
            "notice.failed",
            "no-peer",
        ),
        (addressee(Profile.SCHOOL_FULL), "notice.failed", "no-message-for-profile"),
        (addressee(Profile.MISSING_ALERT), "notice.failed", "no-message-for-profile"),
        (addressee(Profile.ALERT), "notice.failed", "no-message-for-profile"),
        (
            addressee(Profile.HEALTH_MINIMAL, withheld="withhold-from"),
            "notice.withheld",
            "withhold-from",
        ),
    ],
)
async def test_what_cannot_be_sent_is_told(
    database: Database, recipient: Addressee, fact: str, reason: str
) -> None:
    async with running_peer() as peer, running_broker(database) as broker:
        await broker.add(peer)
        await broker.publish(addressed(ABUSE, recipient))
        assert await broker.told_types(1) == [fact]
        assert (await broker.told())[0].reason == reason
        assert peer.posts == 0


async def test_a_peer_that_is_removed_leaves_no_message_waiting_in_silence(
    database: Database,
) -> None:
    async with running_peer() as peer, running_broker(database) as broker:
        await broker.add(peer)
        peer.answer_next(503, times=1000)
        await broker.publish(addressed(ABUSE, addressee(Profile.HEALTH_MINIMAL)))

        async def tried() -> bool:
            return bool(await broker.rows("attempt"))

        await eventually(tried)
        async with database.transaction() as session:
            await remove_peer(session, HOSPITAL)
        await broker.state("failed")
        assert [one.reason for one in await broker.told()] == ["no-peer"]


async def test_social_care_is_said_to_be_informed_once_its_notice_is_delivered(
    database: Database,
) -> None:
    async with running_peer() as peer, running_broker(database) as broker:
        await broker.add(peer)
        before, after = (addressed(ABUSE, addressee(Profile.HEALTH_MINIMAL)) for _ in range(2))
        for event, role in ((before, RecipientRole.SCHOOL), (after, RecipientRole.MASH)):
            await broker.publish(_delivered(event, role))
        await broker.heard()
        await broker.publish(before, after)
        await eventually(lambda: len(peer.received) == 2)
        said = {
            str(resource(one.message, "Communication")["identifier"][0]["value"]): components(
                resource(one.message, "Observation")
            ).get("social-care-informed")
            for one in peer.received
        }
        assert said == {str(before.receipt): None, str(after.receipt): True}


async def test_a_slow_claim_takes_no_more_than_its_share(database: Database) -> None:
    own = HealthBrokerSettings(sending_at_once=6, sending_at_once_per_peer=2)
    async with running_peer() as peer, running_broker(database) as broker:
        await broker.add(peer)
    await _compose(
        database, *(addressed(ABUSE, addressee(Profile.HEALTH_MINIMAL)) for _ in range(5))
    )
    async with database.transaction() as session:
        taken = await claim_messages(session, own, Counter({"another": 3}))
    assert len(taken) == 2
    async with database.transaction() as session:
        assert await claim_messages(session, own, Counter({"another": 6})) == []
    rows = await Broker(database, httpx.AsyncClient()).rows("message")
    assert sorted((row.state, row.attempts) for row in rows) == [
        ("claimed", 1), ("claimed", 1), ("waiting", 0), ("waiting", 0), ("waiting", 0),
    ]  # fmt: skip


async def _compose(database: Database, *events: EventAddressed) -> None:
    """As the listener does, with nobody to send it."""
    composer = Composer(OURS, lambda: None)
    for event in events:
        async with database.transaction() as session:
            await composer.compose_messages(session, event)


def _delivered(event: EventAddressed, role: RecipientRole) -> NoticeDelivered:
    return NoticeDelivered(
        notice=uuid4(),
        receipt=event.receipt,
        child_index=0,
        child_id=event.child_id,
        organisation="la-solihull-example",
        recipient_name="MASH",
        role=role,
        profile=Profile.MASH_INCIDENT,
        owner="notifier",
        at=now(),
    )
