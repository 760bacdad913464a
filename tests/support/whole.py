"""The product in one process for journeys: the road, the four services and a real HTTP port.

Composed as `make run` composes it, each service with its own database role, on the test's database;
with a webhook receiver, two FHIR peers, and a register of the test's own children.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from sqlalchemy import text

from chassis.clock import now
from chassis.database import Database
from chassis.process import running
from chassis.settings import HttpSettings
from deploy.laptop.app import Wiring, build_services, create_api
from deploy.laptop.fhir_peer import FhirPeer
from deploy.laptop.keys import load_keys
from deploy.laptop.load import make_credentials
from deploy.laptop.partnership import (
    DEMO_SCHOOL,
    DEMO_SECONDARY,
    FHIR_HOSPITAL,
    FHIR_NURSING,
    OWN_MASH,
    Partnership,
    make_schools,
    write_partnership,
)
from deploy.laptop.partnership.organisations import make_agencies
from deploy.laptop.place import Place
from schemas.organisations import OrganisationKind
from services.directory.import_csv import import_file
from services.health_broker.peers import add_peer
from services.notifier.credentials import add_credential
from services.notifier.endpoints import add_endpoint
from tests.support.postgres import Cluster, open_database
from tests.support.pupils import Pupil
from tests.support.receiver import Receiver, running_receiver
from tests.support.waiting import eventually

NEIGHBOUR_SCHOOL = "urn-900049"
"""A primary school of the next area, whose school nurses are told by FHIR messages."""

SCHOOLS = (DEMO_SCHOOL, DEMO_SECONDARY, NEIGHBOUR_SCHOOL)
STRUCTURED = {"Content-Type": "application/cloudevents+json"}
_PEERS = (
    (FHIR_HOSPITAL, OrganisationKind.HOSPITAL, "ZZA01"),
    (FHIR_NURSING, OrganisationKind.SCHOOL_NURSING, "ZZS02"),
)


@dataclass
class Whole:
    """Everything that runs, and a client for each agency."""

    url: str
    database: Database
    receiver: Receiver
    webhook_secret: str
    peers: dict[str, FhirPeer]
    peer_keys: dict[str, str]
    clients: dict[str, httpx.AsyncClient] = field(default_factory=dict)

    async def post(self, agency: str, event: dict[str, Any]) -> httpx.Response:
        """Post one event, structured."""
        return await self.clients[agency].post("/v1/events", json=event, headers=STRUCTURED)

    async def accept(self, agency: str, event: dict[str, Any]) -> str:
        """Post one event that must be accepted; its receipt."""
        answer = await self.post(agency, event)
        assert answer.status_code == 202, answer.text
        receipt: str = answer.json()["receipt"]
        return receipt

    async def progress(self, agency: str, receipt: str) -> dict[str, Any]:
        """What the sender is told of its event."""
        answer = await self.clients[agency].get(f"/v1/events/{receipt}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def told(self, agency: str, receipt: str) -> dict[tuple[str, str, str], dict[str, Any]]:
        """The recipients of an event by (organisation, profile, part), from its progress."""
        found = await self.progress(agency, receipt)
        return {
            (one.get("organisation", ""), one["profile"], one["part"]): one
            for child in found["children"]
            for one in child["recipients"]
        }

    async def notices(self, agency: str) -> list[dict[str, Any]]:
        """What an agency's mailbox lists, whatever it has read of it."""
        answer = await self.clients[agency].get("/v1/notices?state=unacknowledged")
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["notices"]
        return found

    async def read(self, agency: str, notice: str) -> dict[str, Any]:
        """What a notice says."""
        answer = await self.clients[agency].get(f"/v1/notices/{notice}")
        assert answer.status_code == 200, answer.text
        content: dict[str, Any] = answer.json()["content"]
        return content

    async def wait_for_notices(
        self, agency: str, count: int, receipt: str | None = None
    ) -> list[dict[str, Any]]:
        """At least so many notices (of one event), with their `content`."""

        async def find() -> list[dict[str, Any]]:
            heads = await self.notices(agency)
            found = [{**one, "content": await self.read(agency, one["id"])} for one in heads]
            return [one for one in found if receipt in (None, one["content"]["receipt"])]

        async def enough() -> bool:
            return len(await find()) >= count

        await eventually(enough, 10.0, f"{count} notices for {agency}")
        return await find()

    async def settle(self) -> None:
        """Wait until there is nothing left to do."""
        await settled(self.database)


async def settled(database: Database, within_seconds: float = 15.0) -> None:
    """Wait until every group has read the whole log and nothing waits to be sent."""

    async def is_caught_up() -> bool:
        async with database.reading() as session:
            return not (await session.execute(_BEHIND)).scalar_one()

    await eventually(is_caught_up, within_seconds, "everything is read and sent")


_BEHIND = text("""
    with reader(name, topics) as (values
        ('directory', array['events']),
        ('intake-progress', array['events', 'addressed', 'notices', 'organisations']),
        ('notifier', array['addressed', 'organisations']),
        ('notifier-health', array['notices']),
        ('health-broker', array['addressed', 'organisations']),
        ('health-broker-notices', array['notices']))
    select exists (select from reader r left join bus.cursors c on c.reader = r.name
                     join bus.log l on l.topic = any(r.topics)
                    where l.position > coalesce(c.position, 0)
                      -- What a group skips does not move its cursor.
                      and not (r.name = 'notifier-health' and l.source = 'notifier')
                      and not (r.name = 'health-broker-notices' and l.type <> 'notice.delivered'))
        or exists (select from bus.held)
        or exists (select from notifier.delivery where state in ('waiting', 'claimed'))
        or exists (select from health_broker.message where state in ('waiting', 'claimed'))""")


@asynccontextmanager
async def running_whole(
    cluster: Cluster,
    database_name: str,
    folder: Path,
    pupils: Sequence[Pupil],
    link_sharing: Mapping[str, frozenset[str]] | None = None,
) -> AsyncIterator[Whole]:
    """Everything, loaded and listening, until the block ends."""
    async with AsyncExitStack() as stack:
        owner = await stack.enter_async_context(open_database(cluster.url(database_name)))
        await _load(owner, folder, pupils)
        keys = load_keys(Place(folder), now().date(), len(pupils))
        await make_credentials(owner, keys)
        receiver = await stack.enter_async_context(running_receiver())
        peers = {}
        for organisation, _, ods_code in _PEERS:
            peers[organisation] = FhirPeer(ods_code=ods_code)
            await peers[organisation].start()
            stack.push_async_callback(peers[organisation].stop)
        async with owner.transaction() as session:
            second = await add_credential(session, DEMO_SECONDARY, OrganisationKind.SCHOOL)
            secret = await add_endpoint(session, DEMO_SCHOOL, receiver.url())
            peer_keys = {
                organisation: await add_peer(
                    session, organisation, peers[organisation].url, ods_code=ods, kind=kind.value
                )
                for organisation, kind, ods in _PEERS
            }
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        wiring = Wiring(
            url_of=lambda service: cluster.url(database_name, f"sgb_{service}"),
            identity_secret=keys.identity_secret,
            areas=frozenset({OWN_MASH}),
            link_sharing=link_sharing or {},
            http=HttpSettings(port=port, public_url=url),
        )
        whole = Whole(url, owner, receiver, secret, peers, peer_keys)
        headers = {name: key.authorization for name, key in keys.agencies.items()}
        for name, header in {**headers, "second-school": f"Bearer {second}"}.items():
            client = httpx.AsyncClient(base_url=url, headers={"Authorization": header}, timeout=10)
            whole.clients[name] = await stack.enter_async_context(client)
        await stack.enter_async_context(_serving(wiring, listener))
        yield whole


async def _load(owner: Database, folder: Path, pupils: Sequence[Pupil]) -> None:
    """The partnership's agencies, three of its schools, and the test's own children."""
    schools = [one.organisation for one in make_schools(now().date())]
    organisations = (*make_agencies(), *(one for one in schools if one.id in SCHOOLS))
    children = tuple(pupil.registered() for pupil in pupils)
    for file in write_partnership(Partnership(organisations, children), folder):
        result = await import_file(owner, file)
        assert result.skipped == []


class _Server(uvicorn.Server):
    """Leaves signals to pytest."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def _serving(wiring: Wiring, listener: socket.socket) -> AsyncIterator[None]:
    services = build_services(wiring)
    config = uvicorn.Config(
        create_api(services), log_config=None, access_log=False, timeout_graceful_shutdown=2
    )
    server = _Server(config)
    async with running([task for one in services for task in one.tasks]):
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            await eventually(lambda: server.started or serving.done(), 10.0, "the port is open")
            yield
        finally:
            server.should_exit = True
            await serving
    for database in {id(one): one for each in services for one in each.databases}.values():
        await database.close()
