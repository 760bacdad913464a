"""An alert that bounces later: by report, from the mail system, by the command that it runs."""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from chassis.database import Database
from schemas.organisations import OrganisationKind, RecipientRole
from services.notifier.bounce import LIMIT_BYTES, Exit, Report, read_report, record_bounce
from services.notifier.routes import record_organisations
from tests.integration.notifier.alerting import (
    DUTY_ADDRESS,
    alerting,
    alerts,
    contact,
    gathered_and_sent,
    open_alerter,
    rows,
    swept,
    told,
)
from tests.integration.notifier.world import DUTY, SCHOOL, SetClock, organisation
from tests.support.processes import ROOT
from tests.support.smtp_relay import open_relay

AT = datetime(2026, 3, 2, 22, 40, tzinfo=UTC)


def report(
    alert: UUID | str, status: str = "5.1.1", action: str = "failed", form: str = "message/rfc822"
) -> bytes:
    """As Postfix writes it (RFC 3464), with the mail that it sends back."""
    original = (
        f"From: Notices <notices@bus.example>\nTo: {DUTY_ADDRESS}\n"
        f"Message-ID: <{alert}@bus.example>\nSubject: 1 notice waits for you\n"
    )
    if form == "message/rfc822":
        original += "\n1 notice waits for you.\n"
    return f"""\
Return-Path: <>
From: MAILER-DAEMON@relay.example (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
To: bounces@bus.example
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="part"
Message-Id: <20260302224101.ABCDEF@relay.example>

--part
Content-Type: text/plain; charset=us-ascii

<{DUTY_ADDRESS}>: host mail.la.example said: 550 5.1.1 User unknown

--part
Content-Type: message/delivery-status

Reporting-MTA: dns; relay.example
Arrival-Date: Mon,  2 Mar 2026 22:41:01 +0000 (GMT)

Final-Recipient: rfc822; {DUTY_ADDRESS}
Action: {action}
Status: {status}
Diagnostic-Code: smtp; 550 5.1.1 User unknown

--part
Content-Type: {form}

{original}
--part--
""".encode()


@pytest.fixture
def clock() -> SetClock:
    return SetClock(AT)


async def sent(database: Database, clock: SetClock, folder: Path) -> UUID:
    """One notice of which the school's contact was told; the relay took the alert."""
    async with open_relay() as relay:
        async with database.transaction() as session:
            await record_organisations(
                session,
                [
                    organisation(SCHOOL, ladder=((DUTY, RecipientRole.DUTY_OFFICER),)),
                    organisation(DUTY, OrganisationKind.LOCAL_AUTHORITY),
                ],
            )
        await contact(database, clock, SCHOOL)
        await told(database, clock)
        alerter = open_alerter(database, clock, alerting(relay, folder))
        await gathered_and_sent(alerter, clock)
    [row] = await rows(database, "select id from notifier.alert where status = 'accepted'")
    return UUID(str(row.id))


async def recorded(database: Database, clock: SetClock, raw: bytes) -> bool:
    found = read_report(raw)
    assert found is not None
    async with database.transaction() as session:
        return await record_bounce(session, found, clock())


@pytest.mark.parametrize("form", ["message/rfc822", "text/rfc822-headers"])
async def test_a_wrong_address_disables_the_contact_and_the_ladder_goes_on_at_once(
    database: Database, clock: SetClock, tmp_path: Path, form: str
) -> None:
    alert = await sent(database, clock, tmp_path)
    assert (await swept(database, clock)).climbed == 0
    for _ in range(2):
        assert await recorded(database, clock, report(alert, form=form))
    assert await alerts(database) == [("bounced", 1, "address-bounced")]
    [row] = await rows(database, "select active, disabled_reason from notifier.contact")
    assert tuple(row) == (False, "address-bounced")
    assert (await swept(database, clock)).climbed == 1
    assert (await swept(database, clock)).climbed == 0


@pytest.mark.parametrize("status", ["5.2.2", "5.7.1", "4.4.7", "5.0.0", ""])
async def test_another_bounce_keeps_the_address_and_the_ladder_goes_on_all_the_same(
    database: Database, clock: SetClock, tmp_path: Path, status: str
) -> None:
    alert = await sent(database, clock, tmp_path)
    assert await recorded(database, clock, report(alert, status))
    assert await alerts(database) == [("bounced", 1, "bounced")]
    [row] = await rows(database, "select active, failed_reason from notifier.contact")
    assert tuple(row) == (True, "bounced")
    assert (await swept(database, clock)).climbed == 1


async def test_what_is_delayed_or_delivered_is_no_failure(
    database: Database, clock: SetClock, tmp_path: Path
) -> None:
    alert = await sent(database, clock, tmp_path)
    assert await recorded(database, clock, report(alert, "4.4.1", "delayed"))
    assert await alerts(database) == [("accepted", 1, None)]
    assert await recorded(database, clock, report(alert, "2.0.0", "delivered"))
    assert await alerts(database) == [("delivered", 1, None)]
    assert (await swept(database, clock)).climbed == 0


async def test_a_report_of_another_mail_is_none_of_ours(database: Database) -> None:
    assert read_report(b"From: somebody\n\nI am on holiday.\n") is None
    assert read_report(b"") is None
    assert read_report(report("not-ours")) is None
    assert read_report(b"Content-Type: multipart/report; boundary=x\n\n" + b"\xff" * 999) is None
    assert read_report(report(UUID(int=9))[:-1] + b"x" * LIMIT_BYTES) == Report(
        UUID(int=9), "failed", "5.1.1"
    )
    async with database.transaction() as session:
        assert not await record_bounce(session, Report(uuid4(), "failed", "5.1.1"), AT)


async def test_the_command_takes_a_report_as_a_mail_system_hands_it_over(
    database: Database, database_url: str, clock: SetClock, tmp_path: Path
) -> None:
    alert = await sent(database, clock, tmp_path)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SGB_")}

    async def run(raw: bytes, url: str = database_url) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.notifier", "bounce",
            cwd=ROOT, env={**kept, "SGB_DATABASE__URL": url},
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        out, _ = await process.communicate(raw)
        assert process.returncode is not None
        return process.returncode, out.decode()

    away = "postgresql://nobody@127.0.0.1:1/nothing"
    code, out = await run(report(alert), away)
    assert (code, "bounce_not_recorded" in out) == (Exit.TRY_AGAIN, True), out
    code, out = await run(report(alert))
    assert (code, "alert_failed" in out) == (Exit.DONE, True), out
    assert DUTY_ADDRESS not in out
    assert await alerts(database) == [("bounced", 1, "address-bounced")]
    code, out = await run(report(uuid4()))
    assert (code, "bounce_unmatched" in out) == (Exit.UNREADABLE, True), out
    code, out = await run(b"nothing")
    assert (code, "bounce_unreadable" in out) == (Exit.UNREADABLE, True), out
