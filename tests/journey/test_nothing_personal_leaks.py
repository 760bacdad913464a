"""A marked person goes the whole way: no log line, metric, webhook, key, refusal or error says who.

The services run as processes of their own, so that every line that they write is searched.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import text

from bus import BusSettings
from chassis.clock import now
from chassis.credentials import make_key
from deploy.laptop.fhir_peer import FhirPeer
from deploy.laptop.partnership import Partnership as Written
from deploy.laptop.partnership import write_partnership
from schemas.catalogue import EVENT_TYPES
from schemas.organisations import Organisation, OrganisationKind
from services.directory.import_csv import import_file
from services.directory.tables import Credential as ReviewCredential
from services.health_broker.peers import add_peer
from services.intake.agencies import add_agency
from services.notifier.credentials import add_credential
from tests.support.fhir_peer import running_peer
from tests.support.fleet import Fleet, make_fleet
from tests.support.marking import (
    MARK,
    MarkedChild,
    about,
    broken_versions,
    make_mark,
    marked_event,
    marks_of,
)
from tests.support.partnership import MASH, NURSING, POLICE, SOURCE, Partnership
from tests.support.processes import ROOT
from tests.support.receiver import Receiver, running_receiver
from tests.support.waiting import eventually
from tests.support.whole import settled

HOSPITAL = "ods-zzq01"
SCHOOL, OTHER_SCHOOL = "urn-900001", "urn-900002"
SOURCES = {"police": SOURCE, "social-care": "social-care.example", "school": "school.example"}
SENT_BY = {
    "domestic-abuse.recorded": "police",
    "missing.reported": "police",
    "missing.found": "police",
    "referral.submitted": "school",
    "referral.decided": "social-care",
    "enrolment.changed": "school",
    "organisation.changed": "social-care",
    "event.retracted": "police",
}
PURPOSE = {"X-Purpose": make_mark()}


@dataclass
class Scene:
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
            for what, statement in _COLUMNS.items():
                rows = await session.execute(text(statement))
                found[what] = "\n".join(str(tuple(row)) for row in rows).encode()
            log = await session.execute(text(_SERVER_LOG))
            found["log of PostgreSQL"] = (log.scalar_one() or "").encode()
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


_COLUMNS = {
    "what the log shows of facts": "select id, key, topic, type, source, traceparent from bus.log",
    "what is said of held facts": "select id, key, topic, type, source, reason from bus.held",
    "names of readers": "select reader from bus.cursors",
    "what PostgreSQL shows of clients": "select application_name from pg_stat_activity",
}
_SERVER_LOG = """
    select case when pg_current_logfile() is not null
                then pg_read_file(pg_current_logfile()) end"""


@asynccontextmanager
async def _scene(url: str, folder: Path, bus: BusSettings) -> AsyncIterator[Scene]:
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
        await fleet.start()
        http = await stack.enter_async_context(httpx.AsyncClient(timeout=10))
        yield Scene(fleet, folder, receiver, peer, peer_key, keys, http, children)


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


async def test_no_mark_is_found_outside_what_the_recipients_fetch(
    database_url: str, tmp_path: Path
) -> None:
    async with _scene(database_url, tmp_path, BusSettings()) as scene:
        await _send_everything(scene)
        await settled(scene.fleet.database)
        await _review(scene)
        await settled(scene.fleet.database)
        fetched = await _read_and_confirm(scene)
        for child in scene.children:
            assert child.given.casefold() in fetched, "the marks do go the whole way"
        await _answer_by_fhir(scene)
        await _send_broken_ones(scene)
        await settled(scene.fleet.database)

        found = await scene.gather()
        for name in scene.fleet.processes:
            assert b"process_started" in found[f"log of {name}"]
        assert b"events_recorded" in found["log of intake"]
        assert len(scene.receiver.received) >= 10
        assert scene.search(found) == []


async def _send_everything(scene: Scene) -> None:
    """Every type of event about the marked children, and one about somebody nobody knows."""
    first, second = scene.children
    both = about(marked_event("domestic-abuse.recorded", SOURCE), first, second)
    both["data"]["children"][0]["circumstances"] = f"{make_mark()} with {second.given}"
    # As some systems do: a trace that is not one, and a number whose check digit is wrong.
    both["traceparent"] = make_mark()
    both["data"]["adults"][0]["extra"] = make_mark()
    incident = await scene.accept(both)
    unknown = about(marked_event("domestic-abuse.recorded", SOURCE), first)
    unknown["data"]["children"][0]["child"].update(
        name={"given": make_mark(), "family": make_mark()},
        nhsNumber={"value": first.nhs_number[:-1] + make_mark(), "status": "verified"},
        upn=make_mark(),
    )
    await scene.accept(unknown)
    report = await scene.accept(
        about(marked_event("missing.reported", SOURCE, grade="high"), first)
    )
    await settled(scene.fleet.database)
    await scene.accept(about(marked_event("missing.found", SOURCE, report=report), first))
    referral = await scene.accept(
        about(marked_event("referral.submitted", SOURCES["school"]), second)
    )
    await settled(scene.fleet.database)
    decision = {"referral": referral, "decidedAt": now().isoformat()}
    await scene.accept(marked_event("referral.decided", SOURCES["social-care"], **decision))
    await scene.accept(
        about(marked_event("enrolment.changed", SOURCES["school"], organisation=SCHOOL), second)
    )
    retraction = marked_event("event.retracted", SOURCE)
    await scene.accept({**retraction, "supersedes": unknown["id"]})
    for path in (f"/v1/events/{incident}", "/v1/events", "/v1/events?type=domestic-abuse.recorded"):
        scene.heard(f"progress {path}", await scene.call("intake", "police", path))


async def _review(scene: Scene) -> None:
    """Decide whatever is open, with marked reasons."""
    listed = await scene.call("directory", "reviewer", "/v1/resolutions")
    scene.heard("list of questions", listed)
    questions = listed.json()["resolutions"]
    assert "text-names-others" in {one["reason"] for one in questions}
    for question in questions:
        path = f"/v1/resolutions/{question['id']}"
        shown = await scene.call("directory", "reviewer", path)
        assert MARK in shown.text.casefold() or not shown.json()["sent"]
        choice = next(
            one
            for one in ("release", "new-child", "cannot-say", "withhold")
            if one in question["decisions"]
        )
        verdict = {"decision": choice, "reason": make_mark()}
        scene.heard(
            f"decision {question['id']}",
            await scene.call("directory", "reviewer", f"{path}/decision", verdict),
        )
        scene.heard(
            f"refused decision {question['id']}",
            await scene.call(
                "directory",
                "reviewer",
                f"{path}/decision",
                {"decision": make_mark(), "reason": [make_mark()], "childId": make_mark()},
            ),
        )


async def _read_and_confirm(scene: Scene) -> str:
    """Each recipient reads its notices and files them under a marked reference."""
    said = ""
    for organisation in (SCHOOL, OTHER_SCHOOL, NURSING, MASH):
        listed = await scene.call("notifier", organisation, "/v1/notices")
        scene.heard(f"list of {organisation}", listed)
        for head in listed.json()["notices"]:
            path = f"/v1/notices/{head['id']}"
            said += (await scene.call("notifier", organisation, path)).text.casefold()
            receipt = {"state": "filed", "by": make_mark(), "recordReference": make_mark()}
            answer = await scene.call("notifier", organisation, f"{path}/receipts", receipt)
            assert answer.status_code == 200, answer.text
            scene.heard(f"receipt {path}", answer)
            wrong = {**receipt, "state": make_mark(), "by": [make_mark()]}
            answer = await scene.call("notifier", organisation, f"{path}/receipts", wrong)
            assert answer.status_code == 422
            scene.heard(f"refused receipt {path}", answer)
    return said


async def _answer_by_fhir(scene: Scene) -> None:
    """The hospital's answer, and one that is not valid FHIR and full of marks."""
    message = scene.peer.received[0]
    assert MARK in message.body.decode().casefold()
    url = f"{scene.fleet.processes['health_broker'].url}/fhir/R4/$process-message"
    assert await scene.peer.send_answer(url, scene.peer_key, message.header_id) == 200
    answer = json.loads(scene.peer.write_answer(message.header_id, event="notice-opened"))
    answer["entry"][0]["resource"]["eventCoding"]["code"] = [make_mark()]
    answer["entry"][1]["resource"]["name"] = {make_mark(): make_mark()}
    for number, body in enumerate((json.dumps(answer).encode(), make_mark().encode())):
        headers = {"Authorization": f"Bearer {scene.peer_key}"}
        refused = await scene.http.post(url, content=body, headers=headers)
        assert 400 <= refused.status_code < 500
        # The name of a field is the sender's; only the names of FHIR's own are given back.
        scene.heard(f"refused FHIR message {number}", refused)


async def _send_broken_ones(scene: Scene) -> None:
    """Every text of every type in a wrong shape; and requests that are no events at all."""
    for event_type in EVENT_TYPES:
        agency = SENT_BY[event_type]
        event = marked_event(event_type, SOURCES[agency])
        batch = list(broken_versions(event))
        kind = {"Content-Type": "application/cloudevents-batch+json"}
        answer = await scene.call("intake", agency, "/v1/events", batch, **kind)
        assert answer.status_code == 422, answer.text
        assert len(answer.json()) == len(batch) > 5
        scene.heard(f"refusals of {event_type}", answer)
    whole = marked_event("domestic-abuse.recorded", SOURCE)
    structured = {"Content-Type": "application/cloudevents+json"}
    for number, (body, headers) in enumerate(
        [
            ({**whole, "type": make_mark()}, structured),
            ({**whole, "type": f"{MARK}.recorded"}, structured),
            ({**whole, "source": make_mark()}, structured),
            ({**whole, "time": make_mark()}, structured),
            ({**whole, "subject": make_mark()}, structured),
            ({**whole, "specversion": make_mark()}, structured),
            ({**whole, "dataschema": make_mark()}, structured),
            ({**whole, "data": make_mark()}, structured),
            ({**whole, "id": f"{make_mark()}\u0000"}, structured),
            (make_mark().encode(), structured),
            (f'{{"id": "{make_mark()}'.encode(), structured),
            (b'{"id": "' + make_mark().encode() + b'\xff"}', structured),
            (make_mark().encode(), {"Content-Type": f"text/{make_mark()}"}),
            (make_mark().encode(), {"Content-Type": "application/json", "ce-id": make_mark()}),
        ]
    ):
        answer = await scene.call("intake", "police", "/v1/events", body, **headers)
        assert 400 <= answer.status_code < 500
        assert answer.headers["content-type"] == "application/problem+json"
        scene.heard(f"refusal {number}", answer)
    for service, path in (
        ("intake", f"/v1/events/{MARK}"),
        ("intake", f"/v1/events?since={MARK}&limit={MARK}&after={MARK}"),
        ("notifier", f"/v1/notices/{MARK}"),
        ("notifier", f"/v1/notices?state={MARK}&limit={MARK}&wait={MARK}"),
        ("directory", f"/v1/resolutions/{MARK}"),
        ("directory", f"/v1/resolutions?after={MARK}&limit={MARK}"),
    ):
        agency = {"intake": "police", "notifier": SCHOOL, "directory": "reviewer"}[service]
        answer = await scene.call(service, agency, path)
        assert 400 <= answer.status_code < 500
        scene.heard(f"refusal of {path}", answer)


async def test_no_mark_is_found_when_the_database_refuses_rows(
    database_url: str, tmp_path: Path
) -> None:
    patience = BusSettings(retry_limit_seconds=0.1, retry_first_delay_seconds=0.1)
    async with _scene(database_url, tmp_path, patience) as scene:
        child = scene.children[0]

        def incident() -> dict[str, Any]:
            return about(marked_event("missing.reported", SOURCE, grade="high"), child)

        async with _refusing(scene, "intake.event"):
            assert (await scene.post(incident())).status_code == 422
        async with _refusing(scene, "directory.event"):
            receipt = await scene.accept(incident())
            await _parked(scene, "directory")
        async with _refusing(scene, "notifier.obligation", "health_broker.message"):
            await _replay(scene, "directory")
            await _parked(scene, "notifier", "health-broker")
            scene.said["held"] = await _reasons(scene)
        await _replay(scene, "notifier", "health-broker")
        await settled(scene.fleet.database)
        progress = await scene.call("intake", "police", f"/v1/events/{receipt}")
        told = [one["state"] for one in progress.json()["children"][0]["recipients"]]
        assert len(told) == 4, "nothing was lost on the way"
        async with _refusing(scene, "intake.audit", "notifier.audit", "directory.audit"):
            (head, *_) = (await scene.call("notifier", SCHOOL, "/v1/notices")).json()["notices"]
            for service, agency, path in (
                ("intake", "police", f"/v1/events/{receipt}"),
                ("notifier", SCHOOL, f"/v1/notices/{head['id']}"),
            ):
                answer = await scene.call(service, agency, path)
                assert answer.status_code == 500
                assert answer.headers["content-type"] == "application/problem+json"
                scene.heard(f"failure of {path}", answer)

        found = await scene.gather()
        for name in ("intake", "directory", "notifier", "health_broker"):
            assert b'"sqlstate": "23514"' in found[f"log of {name}"], "the error was told"
        if found["log of PostgreSQL"]:
            assert b"refuses_for_a_test" in found["log of PostgreSQL"]
        assert scene.search(found) == []


@asynccontextmanager
async def _refusing(scene: Scene, *tables: str) -> AsyncIterator[None]:
    """These tables take no new row, and PostgreSQL's error quotes the row that it refuses."""
    await _execute(
        scene,
        (
            f"alter table {table} add constraint refuses_for_a_test check (false) not valid"
            for table in tables
        ),
    )
    yield
    await _execute(
        scene, (f"alter table {table} drop constraint refuses_for_a_test" for table in tables)
    )


async def _execute(scene: Scene, statements: Iterable[str]) -> None:
    async with scene.fleet.database.transaction() as session:
        for statement in statements:
            await session.execute(text(statement))


async def _parked(scene: Scene, *groups: str) -> None:
    """Wait until each group has given something up, and keep what an operator is shown of it."""

    async def all_have() -> bool:
        async with scene.fleet.database.reading() as session:
            rows = await session.execute(
                text("select distinct group_name from bus.held where state = 'parked'")
            )
            return {row[0] for row in rows} >= set(groups)

    await eventually(all_have, 10.0, f"parked by {groups}")
    scene.said[f"parked {groups}"] = await _command(scene, "parked")


async def _replay(scene: Scene, *groups: str) -> None:
    for group in groups:
        scene.said[f"replay {group}"] = await _command(scene, "replay", group)


async def _reasons(scene: Scene) -> bytes:
    async with scene.fleet.database.reading() as session:
        rows = await session.execute(text(_COLUMNS["what is said of held facts"]))
        return "\n".join(str(tuple(row)) for row in rows).encode()


async def _command(scene: Scene, *arguments: str) -> bytes:
    """`python -m bus …`, as an operator runs it."""
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "bus", *arguments],
        cwd=ROOT,
        env=scene.fleet.intake.environment,
        capture_output=True,
        check=True,
    )
    return done.stdout + done.stderr
