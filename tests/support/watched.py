"""The product as processes, with everything kept that it says where nobody may be named.

A marked family (`tests.support.marking`) is in its register; `Watched.search` finds their marks.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import text

from bus import BusSettings
from chassis.credentials import make_key
from deploy.laptop.fhir_peer import FhirPeer
from deploy.laptop.partnership import Partnership as Written
from deploy.laptop.partnership import write_partnership
from schemas.organisations import Organisation, OrganisationKind
from services.directory.import_file import import_file
from services.directory.tables import Credential as ReviewCredential
from services.health_broker.peers import add_peer
from services.intake.agencies import add_agency
from services.notifier.credentials import add_credential
from tests.support.fhir_peer import running_peer
from tests.support.fleet import Fleet, make_fleet
from tests.support.marking import MarkedChild, make_mark, marks_of
from tests.support.partnership import MASH, NURSING, POLICE, SOURCE, Partnership
from tests.support.receiver import Receiver, running_receiver

HOSPITAL = "ods-zzq01"
SCHOOL, OTHER_SCHOOL = "urn-900001", "urn-900002"
SOURCES = {"police": SOURCE, "social-care": "social-care.example", "school": "school.example"}
SENT_BY = {
    "domestic-abuse.recorded": "police",
    "missing.reported": "police",
    "missing.updated": "police",
    "missing.found": "police",
    "return-interview.offered": "social-care",
    "return-interview.completed": "social-care",
    "referral.submitted": "school",
    "referral.triaged": "social-care",
    "referral.decided": "social-care",
    "assessment.completed": "social-care",
    "enrolment.changed": "school",
    "organisation.changed": "social-care",
    "relationship.asserted": "school",
    "order.recorded": "police",
    "record.answered": "police",
    "worker.assigned": "social-care",
    "event.retracted": "police",
}
PURPOSE = {"X-Purpose": make_mark()}


@dataclass
class Watched:
    """Everything that runs, and what it said to somebody whom it must not tell."""

    fleet: Fleet
    folder: Path
    receiver: Receiver
    peer: FhirPeer
    peer_key: str
    keys: dict[str, str]
    http: httpx.AsyncClient
    children: tuple[MarkedChild, MarkedChild]
    said: dict[str, bytes] = field(default_factory=dict)

    async def call(
        self, service: str, agency: str, path: str, body: Any = None, **headers: str
    ) -> httpx.Response:
        """One request to a service, as an agency, with a marked purpose."""
        return await self.http.request(
            "GET" if body is None else "POST",
            f"{self.fleet.processes[service].url}{path}",
            content=body if isinstance(body, bytes) or body is None else json.dumps(body),
            headers={"Authorization": self.keys[agency], **PURPOSE, **headers},
        )

    async def post(self, event: dict[str, Any]) -> httpx.Response:
        """Post one event as whoever may; what is answered may be searched."""
        kind = {"Content-Type": "application/cloudevents+json"}
        answer = await self.call("intake", SENT_BY[event["type"]], "/v1/events", event, **kind)
        self.heard(f"answer {len(self.said)} to {event['type']}", answer)
        return answer

    async def accept(self, event: dict[str, Any]) -> str:
        """Post one event that must be accepted; its receipt."""
        answer = await self.post(event)
        assert answer.status_code == 202, answer.text
        receipt: str = answer.json()["receipt"]
        return receipt

    def heard(self, what: str, answer: httpx.Response) -> None:
        """Keep a whole answer for the search."""
        self.said[what] = repr(answer.headers.raw).encode() + answer.content

    async def gather(self) -> dict[str, bytes]:
        """Everything that was said where nobody may be named, by where."""
        found = dict(self.said)
        for name, process in self.fleet.processes.items():
            metrics = await self.http.get(f"{process.url}/metrics")
            found[f"metrics of {name}"] = metrics.content
        for number, hook in enumerate(self.receiver.received):
            head = f"{hook.path} {sorted(hook.headers.items())}".encode()
            found[f"webhook {number}"] = head + hook.body
        for number, message in enumerate(self.peer.received):
            found[f"headers of FHIR message {number}"] = repr(sorted(message.headers)).encode()
            found[f"values of FHIR message {number}"] = repr(
                list(message.headers.values())
            ).encode()
        async with self.fleet.database.reading() as session:
            for what, statement in COLUMNS.items():
                rows = await session.execute(text(statement))
                found[what] = "\n".join(str(tuple(row)) for row in rows).encode()
            if (await session.execute(text(_IS_OURS))).scalar_one():
                log = await session.execute(text(_SERVER_LOG))
                found["log of PostgreSQL"] = log.scalar_one().encode()
        self.fleet.stop()
        for name in self.fleet.processes:
            found[f"log of {name}"] = (self.folder / f"{name}.log").read_bytes()
        return found

    def search(self, found: dict[str, bytes]) -> list[str]:
        """Where a mark is, with what stands around it."""
        marks = re.compile("|".join(map(re.escape, marks_of(*self.children))))
        return [
            f"{where}: …{said[max(0, at.start() - 80) : at.end() + 40]}…"
            for where, raw in found.items()
            for said in [raw.decode(errors="replace").casefold()]
            for at in [marks.search(said)]
            if at is not None
        ]


COLUMNS = {
    "what the log shows of facts": "select id, key, topic, type, source, traceparent from bus.log",
    "what is said of held facts": "select id, key, topic, type, source, reason from bus.held",
    # But for the sender's own ids, which only it reads.
    "what is kept of refusals": "select code, type, source, errors from intake.rejection",
    "names of readers": "select reader from bus.cursors",
    "what PostgreSQL shows of clients": "select application_name from pg_stat_activity",
}
_IS_OURS = """
    select current_setting('is_superuser') = 'on' and current_setting('logging_collector') = 'on'
       and current_setting('log_error_verbosity') = 'terse'"""
"""Set up as `deploy.laptop.postgres` and compose do; another server's log is not ours to judge."""

_SERVER_LOG = "select pg_read_file(pg_current_logfile())"


@asynccontextmanager
async def watching(url: str, folder: Path, bus: BusSettings) -> AsyncIterator[Watched]:
    """Start everything on a migrated database; two marked children are at two schools."""
    async with AsyncExitStack() as stack:
        receiver = await stack.enter_async_context(running_receiver())
        peer = await stack.enter_async_context(running_peer("ZZQ01"))
        partnership = Partnership.make(schools=2, pupils=1)
        fleet = await stack.enter_async_context(
            make_fleet(url, folder, partnership, receiver.url(), bus)
        )
        children = (MarkedChild(31, SCHOOL, MASH), MarkedChild(32, OTHER_SCHOOL, MASH))
        hospital = Organisation(
            id=HOSPITAL,
            kind=OrganisationKind.HOSPITAL,
            name="Example Hospital",
            ods_code="ZZQ01",
            local_authority=MASH,
            covers_postcodes=("ZZ9",),
            emergency_department=True,
            channel="fhir",
        )
        more = Written((hospital,), tuple(child.registered for child in children))
        (folder / "more").mkdir()
        for file in write_partnership(more, folder / "more"):
            assert (await import_file(fleet.database, file)).skipped == []
        peer_key = await _add_peer(fleet, peer)
        keys = await _make_keys(fleet)
        for process in fleet.processes.values():
            process.environment["SGB_LOG__LEVEL"] = "DEBUG"
            process.environment["SGB_INTAKE__PUSH__ALLOWED_NETWORKS"] = '["127.0.0.0/8"]'
        await fleet.start()
        http = await stack.enter_async_context(httpx.AsyncClient(timeout=10))
        yield Watched(fleet, folder, receiver, peer, peer_key, keys, http, children)


async def _add_peer(fleet: Fleet, peer: FhirPeer) -> str:
    async with fleet.database.transaction() as session:
        return await add_peer(session, HOSPITAL, peer.url, ods_code="ZZQ01", kind="hospital")


async def _make_keys(fleet: Fleet) -> dict[str, str]:
    """By agency at intake; by organisation at the mailbox; the reviewer's at the directory."""
    keys = {"police": fleet.authorization}
    async with fleet.database.transaction() as session:
        for name, kind, organisation in (
            ("social-care", OrganisationKind.SOCIAL_CARE, MASH),
            ("school", OrganisationKind.SCHOOL, SCHOOL),
        ):
            key = await add_agency(
                session, organisation, kind=kind, name=f"Example {name}", source=SOURCES[name]
            )
            keys[name] = f"Bearer {key}"
        for organisation in (SCHOOL, OTHER_SCHOOL, NURSING, MASH, POLICE):
            key = await add_credential(session, organisation, OrganisationKind.SCHOOL)
            keys[organisation] = f"Bearer {key}"
        key = await make_key(
            session, ReviewCredential, organisation=MASH, name="Review", kind="social-care"
        )
        keys["reviewer"] = f"Bearer {key}"
    return keys
