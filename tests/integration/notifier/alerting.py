"""What the tests of alerts share: a partnership with contacts, and a look at the rows."""

from __future__ import annotations

from datetime import time
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import text

from chassis.database import Database
from schemas.facts import EventAddressed
from services.notifier.alert import Alerter
from services.notifier.bells import Bells
from services.notifier.compose import compose
from services.notifier.contacts import Channel, NewContact, add_contact
from services.notifier.escalate import Swept, sweep
from services.notifier.settings import (
    AlertSettings,
    DeadlineSettings,
    NotifierGroup,
    NotifySettings,
    SmtpSettings,
)
from tests.integration.notifier.world import TO_SCHOOL, SetClock, addressed
from tests.support.smtp_relay import Relay, authority_file

DUTY_ADDRESS = "duty-rota@la.example"
LINK = "https://notices.example/"
DEADLINES = DeadlineSettings()


def alerting(
    relay: Relay | None = None,
    folder: Path | None = None,
    *,
    smtp: dict[str, Any] | None = None,
    notify: NotifySettings | None = None,
    **alerts: Any,
) -> NotifierGroup:
    """Settings of a notifier with a relay, that do not make a test wait."""
    quick = {
        "timeout_seconds": 5.0, "lease_seconds": 10.0, "poll_seconds": 0.05,
        "retry_first_seconds": 0.02, "retry_last_seconds": 0.05,
    }  # fmt: skip
    host = {
        "host": "localhost", "port": relay.port if relay else 9, "sender": "notices@bus.example",
        "bounce_address": "bounces@bus.example",
        "ca_file": authority_file(folder) if folder else "",
    }  # fmt: skip
    return NotifierGroup(
        alerts=AlertSettings(**{**quick, **alerts}),
        smtp=SmtpSettings(**{**host, **(smtp or {})}),
        notify=notify or NotifySettings(),
        sweep_seconds=0.1,
    )


def open_alerter(
    database: Database, clock: SetClock, settings: NotifierGroup, bells: Bells | None = None
) -> Alerter:
    """An alerter on a clock that the test turns."""
    return Alerter(database, bells or Bells(), clock, settings, LINK)


async def contact(
    database: Database,
    clock: SetClock,
    organisation: str,
    address: str = DUTY_ADDRESS,
    channel: Channel = "email",
    *,
    role: str | None = None,
    quiet: tuple[time, time] | None = None,
    settings: NotifierGroup | None = None,
) -> UUID:
    """A contact that is told from now on."""
    begins, ends = quiet or (None, None)
    async with database.transaction() as session:
        made, _ = await add_contact(
            session,
            NewContact(organisation, channel, address, role, begins, ends),
            clock(),
            settings or alerting(),
        )
    return made


async def told(database: Database, clock: SetClock, *to: Any, **more: Any) -> EventAddressed:
    """An event, addressed and composed."""
    fact = addressed(*(to or (TO_SCHOOL,)), at=clock(), **more)
    async with database.transaction() as session:
        await compose(session, [fact], clock(), DEADLINES)
    return fact


async def gathered_and_sent(alerter: Alerter, clock: SetClock, seconds: float = 61) -> None:
    """Gathered, and sent when the time to gather is over."""
    await alerter.round()
    clock.forward(seconds=seconds)
    await alerter.round()


async def swept(database: Database, clock: SetClock) -> Swept:
    """One sweep of the ladders."""
    async with database.transaction() as session:
        return await sweep(session, clock(), DEADLINES)


async def rows(database: Database, sql: str, **values: Any) -> list[Any]:
    """What a query finds."""
    async with database.reading() as session:
        return list((await session.execute(text(sql), values)).all())


async def alerts(database: Database) -> list[tuple[str, int | None, str | None]]:
    """(status, notices, reason) of every alert, the oldest first."""
    found = await rows(
        database, "select status, notices, reason from notifier.alert order by opened_at, id"
    )
    return [tuple(row) for row in found]
