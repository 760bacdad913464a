"""Alerts by e-mail, as a whole conversation with a real relay: encrypted, anonymous, judged."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import trustme

from chassis.database import Database
from schemas.catalogue import EVENT_TYPES
from schemas.facts import Profile
from schemas.organisations import OrganisationKind, RecipientRole
from services.notifier.channels.alert import Accepted, Later, Message, Outcome, Refused
from services.notifier.channels.email import EmailChannel
from services.notifier.routes import record_organisations
from services.notifier.settings import SmtpSettings
from tests.integration.notifier.alerting import (
    DUTY_ADDRESS,
    LINK,
    alerting,
    alerts,
    contact,
    gathered_and_sent,
    open_alerter,
    rows,
    told,
)
from tests.integration.notifier.world import MASH, SCHOOL, SetClock, organisation, to
from tests.support.smtp_relay import Relay, open_relay
from tests.support.waiting import eventually

AT = datetime(2026, 3, 2, 22, 40, tzinfo=UTC)
MESSAGE = Message(UUID(int=7), DUTY_ADDRESS, 3, AT, LINK)

TOLD = (
    ("domestic-abuse.recorded", to(SCHOOL, RecipientRole.SCHOOL, Profile.SCHOOL_FULL)),
    ("domestic-abuse.recorded", to(MASH, RecipientRole.MASH, Profile.MASH_INCIDENT)),
    ("missing.reported", to(SCHOOL, RecipientRole.SCHOOL, Profile.MISSING_ALERT)),
    ("missing.found", to(SCHOOL, RecipientRole.SCHOOL, Profile.MISSING_FOUND)),
    ("referral.submitted", to(MASH, RecipientRole.MASH, Profile.MASH_INCIDENT)),
)
OURS = frozenset({"example", "from", "submitted", "with"})
"""Words of the domain here, of headers (`Auto-Submitted`) and of SMTP itself (`End data with`)."""


@pytest.fixture
def clock() -> SetClock:
    return SetClock(AT)


async def send(relay: Relay, folder: Path, **smtp: Any) -> Outcome:
    """One alert by a channel of these settings, whose time-out is short."""
    settings = alerting(relay, folder, smtp=smtp).smtp
    return await EmailChannel(settings, 1.0).send(MESSAGE)


async def test_no_personal_datum_and_no_category_is_said_in_the_whole_conversation(
    database: Database, clock: SetClock, tmp_path: Path
) -> None:
    async with open_relay() as relay:
        async with database.transaction() as session:
            await record_organisations(
                session,
                [organisation(SCHOOL), organisation(MASH, OrganisationKind.SOCIAL_CARE)],
            )
        await contact(database, clock, SCHOOL, "one@recipient.example")
        await contact(database, clock, MASH, "two@recipient.example")
        facts = [await told(database, clock, who, event_type=kind) for kind, who in TOLD]
        contents = await rows(database, "select content from notifier.obligation")
        assert len(contents) == len(TOLD)
        assert all("Robin" in row.content for row in contents)
        alerter = open_alerter(database, clock, alerting(relay, tmp_path))
        await gathered_and_sent(alerter, clock)
        assert sorted(await alerts(database)) == [("accepted", 2, None), ("accepted", 3, None)]
        assert relay.encrypted == [True, True]
        said = relay.seen.decode("ascii").casefold()
        for anchor in ("mail from:<bounces@bus.example>", "starttls", "3 notices wait for you"):
            assert anchor in said, "the whole conversation was kept"
        facts_said = {word for fact in facts for word in personal(fact.data)}
        facts_said |= {word for fact in facts for word in personal(fact.model_dump()["identity"])}
        forbidden = facts_said | set(categories())
        assert len(forbidden) > 200
        found = {word for word in forbidden - OURS if re.search(rf"\b{re.escape(word)}\b", said)}
        assert found == set()
        ids = {str(part) for fact in facts for part in (fact.receipt, fact.child_id)}
        ids |= {str(row.id) for row in await rows(database, "select id from notifier.obligation")}
        assert not [one for one in ids | {SCHOOL, MASH} if one.casefold() in said]
    print(f"\n{len(relay.seen)} bytes of 2 conversations, {len(forbidden)} words: none in them")


def personal(value: Any) -> Iterator[str]:
    """Every text, number and date of an event, and every word of three letters of its texts."""
    match value:
        case dict():
            for each in value.values():
                yield from personal(each)
        case list() | tuple():
            for each in value:
                yield from personal(each)
        case str():
            whole = value.casefold().strip()
            if len(whole) > 3:
                yield whole
            yield from (word for word in re.findall(r"[\w'-]+", whole) if len(word) > 3)
        case date():
            yield value.isoformat()


def categories() -> Iterator[str]:
    """What kind of event, in what role, in how many words: none of it is an alert's to say."""
    for name in (*EVENT_TYPES, *RecipientRole, *Profile, *OrganisationKind):
        yield from (word for word in re.split(r"[.\-_ ]", str(name)) if len(word) > 3)
    yield from ("child", "children", "police", "incident", "violence", "safeguarding", "urgent")


async def test_the_same_alert_has_the_same_bytes_on_every_try(tmp_path: Path) -> None:
    async with open_relay() as relay:
        assert await send(relay, tmp_path) == Accepted()
        assert await send(relay, tmp_path) == Accepted()
        first, second = relay.envelopes
        assert first.content == second.content
        assert isinstance(first.content, bytes)
        assert b"Message-ID: <00000000-0000-0000-0000-000000000007@bus.example>" in first.content
        assert b"Auto-Submitted: auto-generated" in first.content
        assert max(map(len, first.content.split(b"\r\n"))) <= 78
        assert first.mail_from == "bounces@bus.example"
        assert relay.encrypted == [True, True]


async def test_without_starttls_nothing_leaves(tmp_path: Path) -> None:
    async with open_relay(tls=False) as relay:
        assert await send(relay, tmp_path) == Later("no-starttls", ours=True)
        assert relay.envelopes == []
        assert DUTY_ADDRESS.encode() not in relay.seen


@pytest.mark.parametrize("how", ["another authority", "another host"])
async def test_a_relay_that_cannot_prove_who_it_is_gets_nothing(tmp_path: Path, how: str) -> None:
    host = "other.example" if how == "another host" else "localhost"
    async with open_relay(host=host) as relay:
        smtp = {}
        if how == "another authority":
            trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
            smtp = {"ca_file": str(tmp_path / "other.pem")}
        assert await send(relay, tmp_path, **smtp) == Later("certificate-refused", ours=True)
        assert relay.envelopes == []
        assert DUTY_ADDRESS.encode() not in relay.seen


async def test_on_this_very_machine_it_may_be_plain_and_nowhere_else(tmp_path: Path) -> None:
    async with open_relay(tls=False) as relay:
        assert await send(relay, tmp_path, require_starttls=False) == Accepted()
        assert relay.encrypted == [False]
    with pytest.raises(ValueError, match="loopback only"):
        SmtpSettings(host="relay.example", sender="a@bus.example", require_starttls=False)


async def test_it_signs_in_and_a_wrong_password_is_ours_to_mend(tmp_path: Path) -> None:
    async with open_relay(password="right") as relay:
        assert await send(relay, tmp_path, username="bus", password="right") == Accepted()
        wrong = await send(relay, tmp_path, username="bus", password="wrong")
        assert wrong == Later("sign-in-refused", ours=True)
        assert len(relay.envelopes) == 1


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ("550 5.1.1 no such person", Refused("address-refused", address=True)),
        ("550 5.4.1 Recipient address rejected: Access denied",
         Refused("address-refused", address=True)),
        ("550 no", Refused("address-refused", address=True)),
        ("550 5.7.1 relaying denied", Refused("recipient-refused")),
        ("552 5.2.2 mailbox full", Refused("recipient-refused")),
        ("554 blocked", Refused("recipient-refused")),
        ("451 4.7.1 greylisted", Later("busy")),
        ("421 4.3.0 closing", Later("busy")),
    ],
)  # fmt: skip
async def test_what_a_relay_says_of_an_address(
    tmp_path: Path, answer: str, outcome: Outcome
) -> None:
    async with open_relay() as relay:
        relay.answers = [answer]
        assert await send(relay, tmp_path) == outcome
        assert relay.envelopes == []


async def test_what_a_relay_says_of_the_message(tmp_path: Path) -> None:
    async with open_relay() as relay:
        relay.data_answer = "554 5.7.1 no"
        assert await send(relay, tmp_path) == Refused("message-refused")
        relay.data_answer = "452 4.3.1 later"
        assert await send(relay, tmp_path) == Later("busy")
        relay.mail_answer = "550 5.7.1 not your domain"
        assert await send(relay, tmp_path) == Later("sender-refused", ours=True)


async def test_a_relay_that_hangs_is_left_and_one_that_hangs_on_leaving_has_it(
    tmp_path: Path,
) -> None:
    async with open_relay() as relay:
        relay.hold = asyncio.Event()
        assert await send(relay, tmp_path) == Later("timed-out")
        relay.hold.set()
        relay.hold_quit = asyncio.Event()
        assert await send(relay, tmp_path) == Accepted()
        relay.hold_quit.set()


async def test_a_relay_that_is_away_or_drops_the_connection_is_tried_again(tmp_path: Path) -> None:
    async with open_relay() as relay:
        pass
    assert await send(relay, tmp_path) == Later("not-connected")
    async with open_relay() as relay:
        relay.drops = True
        assert await send(relay, tmp_path) == Later("not-connected")


async def test_a_relay_that_refuses_us_rests_loudly_and_is_taken_up_again(
    database: Database, clock: SetClock, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with open_relay(password="right") as relay:
        async with database.transaction() as session:
            await record_organisations(session, [organisation(SCHOOL)])
        wrong = alerting(relay, tmp_path, smtp={"username": "bus", "password": "wrong"}, at_once=1)
        for number in range(5):
            await contact(database, clock, SCHOOL, f"person-{number}@school.example")
        await told(database, clock)
        alerter = open_alerter(database, clock, wrong)
        await alerter.round()
        clock.forward(seconds=61)
        for _ in range(4):
            await alerter.round()
        attempts = await rows(database, "select outcome from notifier.alert_attempt")
        assert [row.outcome for row in attempts] == ["sign-in-refused"], "one tried, for all"
        assert capsys.readouterr().out.count("alert_channel_refuses") == 1
        # The password was put right.
        right = alerting(relay, tmp_path, smtp={"username": "bus", "password": "right"})
        mended = open_alerter(database, clock, right)

        async def all_sent() -> bool:
            await mended.round()
            return {one[0] for one in await alerts(database)} == {"accepted"}

        await eventually(all_sent)
        assert len(relay.envelopes) == 5


async def test_no_address_is_logged(
    database: Database, clock: SetClock, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with open_relay() as relay:
        async with database.transaction() as session:
            await record_organisations(session, [organisation(SCHOOL)])
        await contact(database, clock, SCHOOL, "marked-person@school.example")
        for answer in (None, "451 4.7.1 marked-person", "550 5.1.1 marked-person is nobody"):
            relay.answers = [answer]
            await told(database, clock)
            alerter = open_alerter(database, clock, alerting(relay, tmp_path))
            await gathered_and_sent(alerter, clock)
    logged = capsys.readouterr()
    assert "alert_attempted" in logged.out
    assert "marked-person" not in logged.out + logged.err
