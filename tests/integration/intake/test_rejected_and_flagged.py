"""A sender reads what it was refused and what was flagged: places and rules, and never a value."""

from __future__ import annotations

import json
from typing import Any

from prometheus_client import REGISTRY
from sqlalchemy import text

from chassis.clock import now
from chassis.database import Database
from chassis.ids import new_id
from chassis.problems import Problem
from services.intake.note_rejections import RejectionNotes
from services.intake.settings import RejectionSettings
from services.intake.tables import Credential
from tests.integration.intake.conftest import BATCH, Intake, event, open_intake
from tests.support.waiting import eventually

QUICK = {"linger_seconds": 0.0}
SECRET_WORD = "Zebedeeword"


async def rejected(intake: Intake, **query: str) -> list[dict[str, Any]]:
    answer = await intake.get("/v1/events/rejected", query=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["rejections"]
    return found


async def wait_for(intake: Intake, count: int) -> list[dict[str, Any]]:
    async def enough() -> bool:
        return len(await rejected(intake, limit="200")) >= count

    await eventually(enough, what=f"{count} rejections")
    return await rejected(intake, limit="200")


async def test_each_refusal_says_where_which_rule_and_what_to_mend(database: Database) -> None:
    async with open_intake(database, rejections=QUICK) as intake:
        wrong = event(id=f"wrong-1 {SECRET_WORD}")
        wrong["data"] = {**wrong["data"], "recordedAt": SECRET_WORD}
        other = event(id="not-ours", source="another.example")
        assert (await intake.post(json.dumps(wrong).encode())).status_code == 422
        assert (await intake.post(json.dumps(other).encode())).status_code == 403
        assert (await intake.post(b"{" + SECRET_WORD.encode())).status_code == 400
        assert (await intake.post(b"{}", "text/plain")).status_code == 415
        good = json.dumps(event(id="twice")).encode()
        assert (await intake.post(good)).status_code == 202
        changed = event(id="twice", time="2026-03-01T00:00:00Z")
        assert (await intake.post(json.dumps(changed).encode())).status_code == 409
        found = {one["code"]: one for one in await wait_for(intake, 5)}
        assert set(found) == {
            "invalid-event", "source-not-yours", "not-json", "type-not-taken", "id-reused",
        }  # fmt: skip
        first = found["invalid-event"]
        assert first["id"] == f"wrong-1 {SECRET_WORD}"
        assert (first["source"], first["type"]) == ("police.example", "domestic-abuse.recorded")
        (error,) = first["errors"]
        assert error["pointer"] == "/data/recordedAt"
        assert set(error) == {"pointer", "rule"}
        assert "source" not in found["source-not-yours"]
        assert found["id-reused"]["id"] == "twice"
        assert found["type-not-taken"]["errors"] == [
            {"header": "Content-Type", "rule": "media-type"}
        ]
        assert all(one["mend"] for one in found.values())
        # The sender's own id is its own; nothing else that it wrote is kept.
        async with database.reading() as session:
            rows = await session.execute(text("select * from intake.rejection"))
            kept = [row._replace(sender_id=None) for row in rows]
        assert SECRET_WORD not in repr(kept)
        school = await intake.get("/v1/events/rejected", by=intake.school)
        assert school.json()["rejections"] == []


async def test_each_of_a_batch_is_noted_and_the_list_has_pages(database: Database) -> None:
    async with open_intake(database, rejections=QUICK) as intake:
        batch = [event(id=f"batch-{number}", type="no.such.type") for number in range(30)]
        batch.append(event(id="right"))
        assert (await intake.post(json.dumps(batch).encode(), BATCH)).status_code == 207
        await wait_for(intake, 30)
        first = (await intake.get("/v1/events/rejected", query={"limit": "20"})).json()
        rest = (await intake.get("/v1/events/rejected", query={"after": first["after"]})).json()
        ids = [one["id"] for one in first["rejections"] + rest["rejections"]]
        assert ids == [f"batch-{number}" for number in reversed(range(30))]
        assert "after" not in rest
        assert not any("type" in one for one in first["rejections"])


async def test_a_flood_of_refusals_costs_a_bounded_number_of_rows(database: Database) -> None:
    """20,000 refusals: a hundred rows of a write, fifty of the organisation, the newest."""
    async with open_intake(database) as intake:
        assert intake
        notes = RejectionNotes(database, RejectionSettings(most=50), now)
        for number in range(20_000):
            notes.note(sender("flood"), Problem(422, "invalid-event", "…"), {"id": str(number)})
        notes.note(sender("other"), Problem(422, "invalid-event", "…"), {"id": "other"})
        assert await notes.write_once() == 101
        notes.note(sender("flood"), Problem(422, "invalid-event", "…"), {"id": "last"})
        await notes.write_once()
        async with database.reading() as session:
            rows = await session.execute(
                text("select sender_id, organisation from intake.rejection order by line desc")
            )
            kept = [row.sender_id for row in rows if row.organisation == "flood"]
        assert len(kept) == 50
        assert kept[:2] == ["last", "19999"]
        print(f"\n20,001 refusals of one organisation: 2 writes, {len(kept)} rows kept")


async def test_what_is_older_than_its_time_goes(database: Database) -> None:
    async with open_intake(database, rejections=QUICK) as intake:
        await intake.post(b"{")
        await wait_for(intake, 1)
        async with database.transaction() as session:
            await session.execute(text("update intake.rejection set at = at - interval '31 days'"))
        assert await rejected(intake) == []
        await RejectionNotes(database, RejectionSettings(), now).write_once()
        assert await intake.count("intake.rejection") == 0


async def test_a_refusal_stands_where_its_note_cannot_be_written(database: Database) -> None:
    async with open_intake(database, rejections=QUICK) as intake:
        async with database.transaction() as session:
            await session.execute(text("alter table intake.rejection add check (status = 0)"))
        answer = await intake.post(json.dumps(event(type="no.such.type")).encode())
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["rule"] == "type-unknown"

        def is_counted() -> bool:
            name = "intake_rejections_unkept_total"
            return bool(REGISTRY.get_sample_value(name, {"reason": "unstorable"}))

        await eventually(is_counted)
        assert (await intake.post(json.dumps(event(id="next")).encode())).status_code == 202


async def test_what_nobody_sent_is_nobodys(database: Database) -> None:
    async with open_intake(database, rejections=QUICK) as intake:
        nobody = {"content-type": "text/plain", "authorization": "Bearer sgb_0_0"}
        answer = await intake.client.post("/v1/events", content=b"{}", headers=nobody)
        assert answer.status_code == 415
        await intake.post(b"{")
        assert len(await wait_for(intake, 1)) == 1


async def test_flagged_events_are_listed_until_they_are_restated(intake: Intake) -> None:
    flagged = event(id="flagged")
    child = {**flagged["data"]["children"][0]["child"], "nhsNumber": {"value": "9990000000"}}
    kids = [{**flagged["data"]["children"][0], "child": child}, *flagged["data"]["children"][1:]]
    flagged["data"] = {**flagged["data"], "children": kids, "colour": "blue"}
    answer = await intake.post(json.dumps(flagged).encode())
    assert answer.status_code == 202
    assert answer.json()["flags"]
    listed = (await intake.get("/v1/events/flagged")).json()["events"]
    (one,) = [each for each in listed if each["id"] == "flagged"]
    assert one["receipt"] == answer.json()["receipt"]
    codes = {flag["code"] for flag in one["flags"]}
    assert {"nhs-number-invalid", "unknown-field"} <= codes
    assert all(flag["mend"] for flag in one["flags"])
    assert [flag["code"] for flag in one["flags"]] == [
        flag["code"] for flag in answer.json()["flags"]
    ]
    assert (await intake.get("/v1/events/flagged", by=intake.school)).json() == {"events": []}
    mended = event(id="mended", supersedes="flagged")
    assert (await intake.post(json.dumps(mended).encode())).status_code == 202
    listed = (await intake.get("/v1/events/flagged")).json()["events"]
    assert "flagged" not in {each["id"] for each in listed}


def sender(organisation: str) -> Credential:
    return Credential(
        id=str(new_id()), secret_hash=b"", organisation=organisation, name=organisation,
        kind="police", source=organisation, created_at=now(),
    )  # fmt: skip
