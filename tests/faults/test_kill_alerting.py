"""The notifier is killed while the relay has an alert and has not answered: the same alert comes
again, as the same message."""

from __future__ import annotations

import asyncio
from pathlib import Path

from sqlalchemy import text

from bus import BusSettings, open_road
from chassis.clock import now
from schemas.facts import TOPICS
from services.notifier.contacts import NewContact, add_contact
from tests.integration.notifier.alerting import DUTY_ADDRESS, alerting
from tests.integration.notifier.world import SCHOOL, TO_SCHOOL, addressed, organisation, publish
from tests.support.postgres import open_database
from tests.support.processes import ServiceProcess
from tests.support.smtp_relay import authority_file, open_relay
from tests.support.waiting import eventually

LEASE_SECONDS = 4.0


async def test_an_alert_of_a_killed_process_comes_again_as_the_same_message(
    database_url: str, tmp_path: Path
) -> None:
    async with open_relay() as relay, open_database(database_url) as database:
        relay.hold = asyncio.Event()
        environment = {
            "SGB_DATABASE__URL": database_url,
            "SGB_NOTIFIER__ALERTS__GATHER_SECONDS": "0",
            "SGB_NOTIFIER__ALERTS__TIMEOUT_SECONDS": str(LEASE_SECONDS / 2),
            "SGB_NOTIFIER__ALERTS__LEASE_SECONDS": str(LEASE_SECONDS),
            "SGB_NOTIFIER__SMTP__HOST": "localhost",
            "SGB_NOTIFIER__SMTP__PORT": str(relay.port),
            "SGB_NOTIFIER__SMTP__SENDER": "notices@bus.example",
            "SGB_NOTIFIER__SMTP__CA_FILE": authority_file(tmp_path),
        }
        notifier = ServiceProcess(
            "notifier", ["-m", "services.notifier"], environment, tmp_path / "notifier.log"
        )
        await open_road(BusSettings(), database, TOPICS).make_topics()
        async with database.transaction() as session:
            await add_contact(session, NewContact(SCHOOL, "email", DUTY_ADDRESS), now(), alerting())
        await publish(database, organisation(SCHOOL), addressed(TO_SCHOOL))
        try:
            notifier.start()
            await eventually(lambda: relay.has_data, 60.0, "the relay has it")
            notifier.kill()
            relay.hold.set()
            await eventually(lambda: len(relay.envelopes) == 1)
            notifier.start()
            await eventually(lambda: len(relay.envelopes) == 2, 60.0, "it came again")

            async def accepted() -> list[tuple[object, ...]]:
                async with database.reading() as session:
                    rows = await session.execute(
                        text("""select a.status, a.notices, s.attempts from notifier.alert a
                                  join notifier.alert_sending s on s.id = a.id
                                 where a.status = 'accepted'""")
                    )
                    return [tuple(row) for row in rows]

            assert await eventually(accepted) == [("accepted", 1, 2)]
        finally:
            notifier.stop()
        first, second = relay.envelopes
        assert first.content == second.content
        assert DUTY_ADDRESS not in notifier.log.read_text()
        print(f"\nkilled {notifier.kills} time, {len(relay.envelopes)} messages, the same bytes")
