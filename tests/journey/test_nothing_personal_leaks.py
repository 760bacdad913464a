"""A marked person goes the whole way: no log line, metric, webhook, key, refusal or error says who.

The services run as processes of their own, so that every line that they write is searched.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import text

from bus import BusSettings
from chassis.clock import now
from chassis.database import Database
from deploy.laptop.partnership import Partnership as Written
from deploy.laptop.partnership import write_partnership
from schemas.catalogue import EVENT_TYPES
from tests.support.marking import (
    MARK,
    MarkedChild,
    about,
    broken_versions,
    make_mark,
    marked_event,
    marks_of,
)
from tests.support.partnership import MASH, NURSING, SOURCE
from tests.support.processes import ROOT
from tests.support.waiting import eventually
from tests.support.watched import (
    COLUMNS,
    OTHER_SCHOOL,
    SCHOOL,
    SENT_BY,
    SOURCES,
    Watched,
    watching,
)
from tests.support.whole import settled


async def test_no_mark_is_found_outside_what_the_recipients_fetch(
    database_url: str, tmp_path: Path
) -> None:
    async with watching(database_url, tmp_path, BusSettings()) as scene:
        pushes = {"url": scene.receiver.url("/progress")}
        made = await scene.call("intake", "police", "/v1/subscriptions", pushes)
        assert made.status_code == 201, made.text
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
        await eventually(lambda: "/progress" in {one.path for one in scene.receiver.received})
        await eventually(lambda: _are_noted(scene), what="refusals are noted")

        found = await scene.gather()
        for name in scene.fleet.processes:
            assert b"process_started" in found[f"log of {name}"]
        assert b"events_recorded" in found["log of intake"]
        assert len(scene.receiver.received) >= 10
        assert scene.search(found) == []


async def _are_noted(scene: Watched) -> bool:
    listed = await scene.call("intake", "police", "/v1/events/rejected")
    return len(listed.json()["rejections"]) >= 10


async def _send_everything(scene: Watched) -> None:
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
    await scene.accept(about(marked_event("missing.updated", SOURCE, report=report), first))
    await settled(scene.fleet.database)
    found = await scene.accept(about(marked_event("missing.found", SOURCE, report=report), first))
    await settled(scene.fleet.database)
    for interview, at in (("offered", "offeredAt"), ("completed", "completedAt")):
        said = {"found": found, at: now().isoformat()}
        await scene.accept(
            marked_event(f"return-interview.{interview}", SOURCES["social-care"], **said)
        )
    referral = await scene.accept(
        about(marked_event("referral.submitted", SOURCES["school"]), second)
    )
    await settled(scene.fleet.database)
    for stage, at in (
        ("referral.triaged", "triagedAt"),
        ("referral.decided", "decidedAt"),
        ("assessment.completed", "completedAt"),
    ):
        said = {"referral": referral, at: now().isoformat()}
        await scene.accept(marked_event(stage, SOURCES["social-care"], **said))
    await scene.accept(
        about(marked_event("enrolment.changed", SOURCES["school"], organisation=SCHOOL), second)
    )
    linked = about(marked_event("relationship.asserted", SOURCES["school"]), second)
    await scene.accept(linked)
    await scene.accept(about(marked_event("order.recorded", SOURCE), second))
    await scene.accept(marked_event("record.answered", SOURCE))
    assigned = about(marked_event("worker.assigned", SOURCES["social-care"]), second)
    await scene.accept(assigned)
    taken = about(marked_event("worker.assigned", SOURCES["social-care"]), second)
    post = {"role": "social-worker", "organisation": MASH}
    taken["data"].update(worker=post, previous=post, assignedAt=now().isoformat())
    await scene.accept(taken)
    await settled(scene.fleet.database)
    through_an_adult = marked_event("domestic-abuse.recorded", SOURCE, children=[])
    adult = {part: linked["data"]["adult"][part] for part in ("name", "dateOfBirth")}
    through_an_adult["data"]["adults"] = [{**adult, "roleInEvent": "carer"}]
    await scene.accept(through_an_adult)
    retraction = marked_event("event.retracted", SOURCE)
    await scene.accept({**retraction, "supersedes": unknown["id"]})
    for path in (f"/v1/events/{incident}", "/v1/events", "/v1/events?type=domestic-abuse.recorded"):
        scene.heard(f"progress {path}", await scene.call("intake", "police", path))


async def _review(scene: Watched) -> None:
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


async def _read_and_confirm(scene: Watched) -> str:
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


async def _answer_by_fhir(scene: Watched) -> None:
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


async def _send_broken_ones(scene: Watched) -> None:
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
    requests: list[tuple[dict[str, Any] | bytes, dict[str, str]]] = [
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
    for number, (body, headers) in enumerate(requests):
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
    async with watching(database_url, tmp_path, patience) as scene:
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
        if "log of PostgreSQL" in found:
            assert b"refuses_for_a_test" in found["log of PostgreSQL"]
        assert scene.search(found) == []


async def test_a_load_that_the_database_refuses_quotes_none_of_its_lines(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    child = MarkedChild(33, SCHOOL, MASH)
    child.registered.enrolments = ""
    _, children = write_partnership(Written((), (child.registered,)), tmp_path)
    async with database.transaction() as session:
        refuse = "alter table directory.child add constraint refuses_for_a_test check (false)"
        await session.execute(text(refuse))
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "services.directory", "import", str(children)],
        cwd=ROOT,
        env={**os.environ, "SGB_DATABASE__URL": database_url},
        capture_output=True,
        text=True,
        check=False,
    )
    said = (done.stdout + done.stderr).casefold()
    assert done.returncode != 0
    assert "23514" in said, "what went wrong is told"
    assert [mark for mark in marks_of(child) if mark in said] == []


@asynccontextmanager
async def _refusing(scene: Watched, *tables: str) -> AsyncIterator[None]:
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


async def _execute(scene: Watched, statements: Iterable[str]) -> None:
    async with scene.fleet.database.transaction() as session:
        for statement in statements:
            await session.execute(text(statement))


async def _parked(scene: Watched, *groups: str) -> None:
    """Wait until each group has given something up, and keep what an operator is shown of it."""

    async def all_have() -> bool:
        async with scene.fleet.database.reading() as session:
            rows = await session.execute(
                text("select distinct group_name from bus.held where state = 'parked'")
            )
            return {row[0] for row in rows} >= set(groups)

    await eventually(all_have, 20.0, f"parked by {groups}")
    scene.said[f"parked {groups}"] = await _command(scene, "parked")


async def _replay(scene: Watched, *groups: str) -> None:
    for group in groups:
        scene.said[f"replay {group}"] = await _command(scene, "replay", group)


async def _reasons(scene: Watched) -> bytes:
    async with scene.fleet.database.reading() as session:
        rows = await session.execute(text(COLUMNS["what is said of held facts"]))
        return "\n".join(str(tuple(row)) for row in rows).encode()


async def _command(scene: Watched, *arguments: str) -> bytes:
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
