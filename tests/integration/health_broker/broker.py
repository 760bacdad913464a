"""A running health broker over a real database and bus, and what a test asks of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from sqlalchemy import text

from bus import BusSettings, Publishable, append, fact_of, open_road
from chassis.database import Database
from chassis.process import create_api, running
from chassis.settings import HttpSettings
from deploy.laptop.fhir_peer import FhirPeer
from schemas.facts import FACTS, TOPICS, NoticeFact
from services.health_broker.app import build
from services.health_broker.peers import add_peer
from services.health_broker.settings import HealthBrokerSettings, Settings
from tests.support.waiting import eventually
from tests.unit.health_broker.samples import HOSPITAL

PATH = "/fhir/R4/$process-message"
QUICK = HealthBrokerSettings(
    send_seconds=0.3,
    lease_seconds=0.6,
    poll_seconds=0.05,
    retry_first_delay_seconds=0.02,
    retry_last_delay_seconds=0.1,
    retry_after_limit_seconds=0.2,
)


@dataclass
class Broker:
    """What a test sees of it."""

    database: Database
    http: httpx.AsyncClient
    key: str = ""

    async def publish(self, *facts: Publishable) -> None:
        """As the directory or the notifier would."""
        async with self.database.transaction() as session:
            await append(session, *(fact_of(one, "test") for one in facts))

    async def add(self, peer: FhirPeer, organisation: str = HOSPITAL) -> str:
        """Make the peer known; keeps and returns its key."""
        async with self.database.transaction() as session:
            self.key = await add_peer(
                session, organisation, peer.url, ods_code=peer.ods_code, token=peer.token
            )
        return self.key

    async def post(self, body: bytes, key: str | None = None) -> httpx.Response:
        """As a peer would."""
        headers = {"Content-Type": "application/fhir+json"}
        if key != "":
            headers["Authorization"] = f"Bearer {key or self.key}"
        return await self.http.post(PATH, content=body, headers=headers)

    async def rows(self, table: str, order: str = "1") -> list[Any]:
        """Every row of a table of the service."""
        async with self.database.reading() as session:
            found = await session.execute(
                text(f"select * from health_broker.{table} order by {order}")
            )
            return list(found)

    async def told(self) -> list[NoticeFact]:
        """Every notice fact that the broker published, in order."""
        async with self.database.reading() as session:
            found = await session.execute(
                text("""select type, payload from bus.log where source = 'health-broker'
                         order by position""")
            )
            facts = [FACTS[row.type].model_validate_json(bytes(row.payload)) for row in found]
        assert all(isinstance(one, NoticeFact) for one in facts)
        return facts  # type: ignore[return-value]

    async def told_types(self, count: int) -> list[str]:
        """The types of what was published, once there are so many."""

        async def enough() -> bool:
            return len(await self.told()) >= count

        await eventually(enough, what=f"{count} facts")
        return [one.fact_type for one in await self.told()]

    async def state(self, state: str, count: int = 1) -> list[Any]:
        """The messages in a state, once there are so many."""

        async def found() -> list[Any] | None:
            rows = [row for row in await self.rows("message", "line") if row.state == state]
            return rows if len(rows) >= count else None

        return await eventually(found, what=f"{count} {state}") or []

    async def parked(self) -> int:
        """How many facts the bus parked or holds."""
        async with self.database.reading() as session:
            return int((await session.execute(text("select count(*) from bus.held"))).scalar_one())

    async def heard(self) -> None:
        """Until both groups have handled everything in the log."""

        async def all_read() -> bool:
            async with self.database.reading() as session:
                behind = await session.execute(
                    text("""select count(*) from bus.log l where
                              (topic in ('addressed', 'organisations') and not exists (
                                select 1 from bus.seen where group_name = 'health-broker'
                                   and id = l.id))
                              or (type = 'notice.delivered' and not exists (
                                select 1 from bus.seen
                                 where group_name = 'health-broker-notices' and id = l.id))""")
                )
                return bool(behind.scalar_one() == 0)

        await eventually(all_read, what="everything heard")


@asynccontextmanager
async def running_broker(
    database: Database, own: HealthBrokerSettings = QUICK, *, parked: int = 0
) -> AsyncIterator[Broker]:
    """The service with its readers, its dispatcher and its route; `parked`: facts it may leave."""
    settings = Settings(database=database.settings, http=HttpSettings(port=8123), health_broker=own)
    road = open_road(BusSettings(poll_seconds=0.05), database, TOPICS)
    service = build(settings, database, road)
    transport = httpx.ASGITransport(create_api([service], "health broker"))
    async with (
        running([*road.tasks(), *service.tasks]),
        httpx.AsyncClient(transport=transport, base_url="http://broker") as http,
    ):
        broker = Broker(database, http)
        yield broker
        assert await broker.parked() == parked
