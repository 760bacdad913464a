"""Alerts by GOV.UK Notify: its own client against a real server, and what it says afterwards."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from chassis.database import Database
from chassis.process import create_api
from schemas.organisations import OrganisationKind, RecipientRole
from services.notifier.alert import Alerter
from services.notifier.channels.alert import Accepted, Later, Message, Outcome, Refused
from services.notifier.channels.notify import Kind, NotifyChannel
from services.notifier.routes import record_organisations
from services.notifier.settings import NotifierGroup, NotifySettings
from tests.integration.notifier.alerting import (
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
from tests.integration.notifier.world import DUTY, SCHOOL, SetClock, open_notifier, organisation
from tests.support.notify_peer import KEY, NotifyPeer, open_notify
from tests.support.waiting import eventually

AT = datetime(2026, 3, 2, 22, 40, tzinfo=UTC)
PHONE = "+447700900123"
TOKEN = "a-token-of-the-callbacks-0123456789"
MESSAGE = Message(UUID(int=7), PHONE, 3, AT, LINK)


def notify(url: str, **more: Any) -> NotifySettings:
    return NotifySettings.model_validate(
        {
            "api_key": KEY, "base_url": url, "email_template": str(UUID(int=1)),
            "text_template": str(UUID(int=2)), "callback_token": TOKEN, **more,
        }
    )  # fmt: skip


@pytest.fixture
def clock() -> SetClock:
    return SetClock(AT)


@pytest.fixture(autouse=True)
async def partnership(database: Database) -> None:
    async with database.transaction() as session:
        await record_organisations(
            session,
            [
                organisation(SCHOOL, ladder=((DUTY, RecipientRole.DUTY_OFFICER),)),
                organisation(DUTY, OrganisationKind.LOCAL_AUTHORITY),
            ],
        )


@pytest.fixture
async def peer() -> AsyncIterator[NotifyPeer]:
    async with open_notify() as opened:
        yield opened


@pytest.fixture
def settings(peer: NotifyPeer) -> NotifierGroup:
    return alerting(notify=notify(peer.url), email_by="notify")


@pytest.fixture
def alerter(database: Database, clock: SetClock, settings: NotifierGroup) -> Alerter:
    return open_alerter(database, clock, settings)


@pytest.fixture
async def client(
    database: Database, clock: SetClock, settings: NotifierGroup
) -> AsyncIterator[httpx.AsyncClient]:
    _, service = open_notifier(database, settings, clock)
    transport = httpx.ASGITransport(create_api([service], "test"))
    async with httpx.AsyncClient(transport=transport, base_url="http://bus") as opened:
        yield opened


async def send(
    peer: NotifyPeer, kind: Kind = "sms", number: int = 1, seconds: float = 5.0
) -> Outcome:
    return await NotifyChannel(notify(peer.url), seconds, 4).send(MESSAGE, kind, number)


async def sent(
    database: Database, clock: SetClock, alerter: Alerter, settings: NotifierGroup
) -> UUID:
    """One notice, told to the school by text; the alert's id."""
    await contact(database, clock, SCHOOL, PHONE, "sms", settings=settings)
    await told(database, clock)
    await gathered_and_sent(alerter, clock)
    [row] = await rows(database, "select id, status from notifier.alert")
    assert row.status == "accepted"
    return UUID(str(row.id))


async def call_back(
    client: httpx.AsyncClient, reference: Any, status: str, token: str = TOKEN, **more: Any
) -> httpx.Response:
    """As Notify does; its callbacks hold the address too."""
    body = {
        "id": str(uuid4()), "reference": reference and str(reference), "to": PHONE,
        "status": status, "created_at": AT.isoformat(), "notification_type": "sms", **more,
    }  # fmt: skip
    return await client.post(
        "/v1/notify/callbacks", json=body, headers={"Authorization": f"Bearer {token}"}
    )


async def test_a_text_and_an_email_say_how_many_where_and_a_reference(
    database: Database, clock: SetClock, alerter: Alerter, settings: NotifierGroup,
    peer: NotifyPeer,
) -> None:  # fmt: skip
    await contact(database, clock, SCHOOL, PHONE, "sms", settings=settings)
    await contact(database, clock, SCHOOL, "one@school.example", settings=settings)
    for _ in range(2):
        await told(database, clock)
    await gathered_and_sent(alerter, clock)
    assert await alerts(database) == [("accepted", 2, None)] * 2
    ids = [str(row.id) for row in await rows(database, "select id from notifier.alert")]
    said = {one["kind"]: one for one in peer.taken}
    assert sorted(one["reference"] for one in peer.taken) == sorted(ids)
    assert said["sms"] == {
        "kind": "sms", "phone_number": PHONE, "template_id": str(UUID(int=2)),
        "personalisation": {"count": "2", "reference": said["sms"]["reference"], "link": LINK},
        "reference": said["sms"]["reference"],
    }  # fmt: skip
    assert said["email"]["email_address"] == "one@school.example"
    assert said["email"]["template_id"] == str(UUID(int=1))
    assert set(said["email"]) == set(said["sms"]) - {"phone_number"} | {"email_address"}
    for what, body in peer.requests:
        print(f"\n{what} {json.loads(body)}")


@pytest.mark.parametrize(
    ("status", "said", "outcome"),
    [
        (429, "Exceeded rate limit for key type LIVE of 3000 requests", Later("too-many")),
        (500, "Internal server error", Later("busy")),
        (503, "away", Later("busy")),
        (403, "Invalid token: API key not found", Later("key-refused", ours=True)),
        (401, "Unauthorized", Later("key-refused", ours=True)),
        (400, "phone_number Not enough digits", Refused("address-refused", address=True)),
        (400, "email_address Not a valid email address", Refused("address-refused", address=True)),
        (400, "Missing personalisation: count", Refused("message-refused")),
    ],
)
async def test_what_notify_answers(
    peer: NotifyPeer, status: int, said: str, outcome: Outcome
) -> None:
    peer.answers = [(status, said)]
    assert await send(peer) == outcome
    assert peer.taken == []


async def test_a_key_of_another_secret_is_refused_by_its_signature(peer: NotifyPeer) -> None:
    peer.secret = KEY[-36:].replace("0", "1")
    assert await send(peer) == Later("key-refused", ours=True)


async def test_what_notify_took_before_the_answer_was_lost_is_not_sent_twice(
    peer: NotifyPeer,
) -> None:
    peer.hold = asyncio.Event()
    assert await send(peer, seconds=0.3) == Later("timed-out")
    assert await send(peer, number=2) == Accepted("known-already")
    assert (len(peer.taken), peer.asked) == (1, 1)


async def test_a_notify_that_is_away_is_tried_again(peer: NotifyPeer) -> None:
    async with open_notify() as gone:
        pass
    assert await send(gone) == Later("not-connected")
    assert await send(peer, number=2) == Accepted(), "asked, not known, sent"
    assert len(peer.taken) == 1


async def test_a_notify_that_hangs_holds_no_thread_of_the_process(peer: NotifyPeer) -> None:
    peer.hold = asyncio.Event()
    channel = NotifyChannel(notify(peer.url), 1.0, 2)
    crowd = [asyncio.create_task(channel.send(MESSAGE, "sms", 1)) for _ in range(12)]
    await eventually(lambda: len(peer.taken) == 2)
    assert await asyncio.wait_for(asyncio.to_thread(lambda: "free"), 0.5) == "free"
    assert set(await asyncio.gather(*crowd)) == {Later("timed-out")}
    assert len(peer.taken) <= 4, "what had not begun by then never does"


async def test_what_is_busy_is_tried_again_until_it_is_given_up(
    database: Database, clock: SetClock, alerter: Alerter, settings: NotifierGroup,
    peer: NotifyPeer,
) -> None:  # fmt: skip
    await contact(database, clock, SCHOOL, PHONE, "sms", settings=settings)
    await told(database, clock)
    peer.answers = [(429, "later"), (500, "later")]
    await alerter.round()
    clock.forward(seconds=61)

    async def accepted() -> bool:
        await alerter.round()
        return await alerts(database) == [("accepted", 1, None)]

    await eventually(accepted)
    found = await rows(database, "select outcome from notifier.alert_attempt order by number")
    assert [row.outcome for row in found] == ["too-many", "busy", "accepted"]
    await told(database, clock)
    peer.answers = [(500, "away")] * 99
    clock.forward(seconds=61)
    await gathered_and_sent(alerter, clock)
    clock.forward(hours=1)

    async def failed() -> bool:
        await alerter.round()
        return ("failed", 1, "busy") in await alerts(database)

    await eventually(failed)
    assert (await swept(database, clock)).climbed == 2, "nobody can be told, so the next are"


async def test_a_wrong_key_makes_the_channel_rest_loudly_and_disables_nobody(
    database: Database, clock: SetClock, alerter: Alerter, settings: NotifierGroup,
    peer: NotifyPeer, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    await contact(database, clock, SCHOOL, PHONE, "sms", settings=settings)
    await told(database, clock)
    peer.secret = KEY[-36:].replace("0", "1")
    await alerter.round()
    clock.forward(seconds=61)
    for _ in range(4):
        await alerter.round()
    assert len(peer.requests) == 1
    out = capsys.readouterr().out
    assert "alert_channel_refuses" in out
    assert "key-refused" in out
    assert PHONE not in out
    assert await alerts(database) == [("sending", 1, None)]
    [row] = await rows(database, "select active, failed_at from notifier.contact")
    assert tuple(row) == (True, None)
    # It is put right: another process takes it up.
    peer.secret = KEY[-36:]

    async def accepted() -> bool:
        await open_alerter(database, clock, settings).round()
        return await alerts(database) == [("accepted", 1, None)]

    await eventually(accepted)


async def test_delivered_is_noted_whatever_comes_after_it_and_twice_is_once(
    database: Database, clock: SetClock, alerter: Alerter, settings: NotifierGroup,
    client: httpx.AsyncClient,
) -> None:  # fmt: skip
    alert = await sent(database, clock, alerter, settings)
    for _ in range(2):
        assert (await call_back(client, alert, "delivered")).status_code == 204
    assert await alerts(database) == [("delivered", 1, None)]
    assert (await swept(database, clock)).climbed == 0


async def test_a_permanent_failure_disables_the_contact_and_the_ladder_goes_on_at_once(
    database: Database, clock: SetClock, alerter: Alerter, settings: NotifierGroup,
    client: httpx.AsyncClient, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    alert = await sent(database, clock, alerter, settings)
    for _ in range(2):
        assert (await call_back(client, alert, "permanent-failure")).status_code == 204
    assert (await call_back(client, alert, "delivered")).status_code == 204
    assert await alerts(database) == [("failed", 1, "permanent-failure")]
    [row] = await rows(database, "select active, disabled_reason from notifier.contact")
    assert tuple(row) == (False, "permanent-failure")
    assert (await swept(database, clock)).climbed == 1
    logged = capsys.readouterr()
    assert logged.out.count("alert_failed") == 1
    assert "700900123" not in logged.out + logged.err


async def test_after_a_temporary_failure_only_an_arrival_says_that_the_contact_is_well(
    database: Database, clock: SetClock, alerter: Alerter, settings: NotifierGroup,
    client: httpx.AsyncClient,
) -> None:  # fmt: skip
    alert = await sent(database, clock, alerter, settings)
    await call_back(client, alert, "temporary-failure")
    assert (await swept(database, clock)).climbed == 1

    async def how() -> tuple[Any, ...]:
        [row] = await rows(database, "select active, failed_reason from notifier.contact")
        return tuple(row)

    assert await how() == (True, "temporary-failure")
    await told(database, clock)
    await gathered_and_sent(alerter, clock)
    assert await how() == (True, "temporary-failure"), "Notify took it; it has not arrived"
    [second] = await rows(database, "select id from notifier.alert where id <> :first", first=alert)
    await call_back(client, second.id, "delivered")
    assert await how() == (True, None)


async def test_a_callback_before_our_own_record_says_the_last_word(
    database: Database, clock: SetClock, alerter: Alerter, settings: NotifierGroup,
    client: httpx.AsyncClient,
) -> None:  # fmt: skip
    await contact(database, clock, SCHOOL, PHONE, "sms", settings=settings)
    await told(database, clock)
    await alerter.gather_once()
    clock.forward(seconds=61)
    await alerter.gather_once()
    [job] = await alerter.claim_once()
    tried = await alerter.send(job)
    await call_back(client, job.alert, "permanent-failure")
    await alerter.settle(tried)
    assert await alerts(database) == [("failed", 1, "permanent-failure")]
    [row] = await rows(database, "select active from notifier.contact")
    assert row.active is False


@pytest.mark.parametrize(
    "reference", [None, str(UUID(int=99)), "not one of ours", "\u0000", "x" * 900]
)
async def test_an_unknown_reference_is_answered_well_and_changes_nothing(
    database: Database, clock: SetClock, alerter: Alerter, settings: NotifierGroup,
    client: httpx.AsyncClient, reference: str | None,
) -> None:  # fmt: skip
    await sent(database, clock, alerter, settings)
    assert (await call_back(client, reference, "permanent-failure")).status_code == 204
    assert await alerts(database) == [("accepted", 1, None)]


async def test_an_unknown_status_changes_nothing(
    database: Database, clock: SetClock, alerter: Alerter, settings: NotifierGroup,
    client: httpx.AsyncClient,
) -> None:  # fmt: skip
    alert = await sent(database, clock, alerter, settings)
    assert (await call_back(client, alert, "sent")).status_code == 204
    assert await alerts(database) == [("accepted", 1, None)]


@pytest.mark.parametrize("token", ["", "wrong", TOKEN[:-1], f"{TOKEN}x", "ü" * 20])
async def test_whoever_has_not_the_token_is_refused(client: httpx.AsyncClient, token: str) -> None:
    answer = await client.post(
        "/v1/notify/callbacks", content=b"{}",
        headers=[(b"authorization", f"Bearer {token}".encode())],
    )  # fmt: skip
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await client.post("/v1/notify/callbacks", content=b"{}")).status_code == 401


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"not json", 400),
        (b"\xff", 400),
        (b"[]", 422),
        (b"{}", 422),
        (b'{"status": 7, "reference": "x"}', 422),
        (b'{"status": "delivered", "reference": "' + b"x" * 20_000 + b'"}', 413),
    ],
)
async def test_what_is_no_callback_is_a_problem(
    client: httpx.AsyncClient, body: bytes, status: int
) -> None:
    answer = await client.post(
        "/v1/notify/callbacks", content=body, headers={"Authorization": f"Bearer {TOKEN}"}
    )
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


async def test_without_a_token_no_callback_is_taken(database: Database) -> None:
    _, service = open_notifier(database)
    transport = httpx.ASGITransport(create_api([service], "test"))
    async with httpx.AsyncClient(transport=transport, base_url="http://bus") as client:
        answer = await call_back(client, uuid4(), "delivered", token="")
    assert answer.status_code == 403
