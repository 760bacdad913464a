"""The whole product as separate processes on one database, for faults, journeys and benchmarks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

from sqlalchemy import text

from bus import BusSettings, open_road
from chassis.database import Database
from schemas.facts import TOPICS, notice_id
from schemas.organisations import OrganisationKind
from services.directory.import_file import import_file
from services.directory.learn_matcher import learn_matcher
from services.directory.partnership import Partnership as Directory
from services.intake.agencies import add_agency
from services.notifier.endpoints import add_endpoint
from tests.support.partnership import POLICE, SOURCE, Partnership, Pupil
from tests.support.postgres import open_database
from tests.support.processes import ServiceProcess

MODULES = {
    "intake": "services.intake",
    "directory": "services.directory",
    "notifier": "services.notifier",
    "health_broker": "services.health_broker",
}


@dataclass
class Fleet:
    """Its processes by name, the police's key, and who is known in the register."""

    database: Database
    partnership: Partnership
    authorization: str
    processes: dict[str, ServiceProcess] = field(default_factory=dict)
    child_ids: dict[int, UUID] = field(default_factory=dict)

    @property
    def intake(self) -> ServiceProcess:
        """The process that takes events."""
        return self.processes["intake"]

    async def start(self, *names: str) -> None:
        """Start the named processes (all without) and wait until each is ready."""
        chosen = [self.processes[name] for name in names or self.processes]
        for process in chosen:
            process.start()
        await asyncio.gather(*(process.ready() for process in chosen))

    def stop(self) -> None:
        """End every process."""
        for process in self.processes.values():
            process.stop()

    def expected_notices(self, receipt: UUID, pupils: Iterable[Pupil]) -> set[UUID]:
        """The ids of the notices that an incident with these children must lead to."""
        return {
            notice_id(receipt, self.child_ids[pupil.number], organisation, profile, "whole", 0)
            for pupil in pupils
            for organisation, profile in self.partnership.expected(pupil)
        }

    async def progress(self, receipt: str) -> dict[str, object]:
        """What the sender is told of an event."""
        import httpx

        async with httpx.AsyncClient() as client:
            answer = await client.get(
                f"{self.intake.url}/v1/events/{receipt}",
                headers={"Authorization": self.authorization},
            )
            answer.raise_for_status()
            body: dict[str, object] = answer.json()
            return body


@asynccontextmanager
async def make_fleet(
    url: str,
    folder: Path,
    partnership: Partnership,
    webhook_url: str,
    bus: BusSettings,
    relay: bool = False,
) -> AsyncIterator[Fleet]:
    """Load a migrated database and prepare the processes; nothing is started yet.

    Every organisation's webhooks go to `webhook_url`.
    """
    async with open_database(url) as database:
        await open_road(bus, database, TOPICS).make_topics()
        for path in partnership.write(folder):
            await import_file(database, path)
        await learn_matcher(database, Directory())
        async with database.transaction() as session:
            key = await add_agency(
                session, POLICE, kind=OrganisationKind.POLICE, name="Example Police", source=SOURCE
            )
            for organisation in partnership.recipients:
                await add_endpoint(session, organisation, webhook_url)
        fleet = Fleet(database, partnership, f"Bearer {key}")
        async with database.reading() as session:
            rows = await session.execute(text("select register_ref, id from directory.child"))
            fleet.child_ids = {int(row[0].removeprefix("ref-")): row[1] for row in rows}
        environment = {
            "SGB_DATABASE__URL": url,
            "SGB_INTAKE__IDENTITY_SECRET": uuid4().hex + uuid4().hex,
            "SGB_NOTIFIER__SEND__ALLOWED_NETWORKS": '["127.0.0.0/8"]',
            **{
                f"SGB_BUS__{name.upper()}": str(value)
                for name, value in bus.model_dump(exclude_defaults=True).items()
            },
        }
        modules = {**MODULES, **({"relay": "bus"} if relay else {})}
        for name, module in modules.items():
            arguments = ["-m", module, *(["relay"] if name == "relay" else [])]
            log = folder / f"{name}.log"
            fleet.processes[name] = ServiceProcess(name, arguments, environment, log)
        try:
            yield fleet
        finally:
            fleet.stop()
