"""Events posted over HTTP: three encodings, one identity, and what is refused."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cloudevents.core.bindings import http as cloudevents_http
from cloudevents.core.v1.event import CloudEvent
from sqlalchemy import text

from schemas.facts import EventAccepted
from tests.integration.intake.conftest import BATCH, Intake, event


def encode(raw: dict[str, Any] | list[Any]) -> bytes:
    return json.dumps(raw).encode()


def as_sdk(raw: dict[str, Any]) -> CloudEvent:
    """The event as the CloudEvents SDK has it."""
    attributes = {name: value for name, value in raw.items() if name != "data"}
    attributes["time"] = datetime.fromisoformat(raw["time"])
    return CloudEvent(attributes, raw["data"])


async def test_a_stored_event_is_answered_with_its_receipt_and_is_in_the_log(
    intake: Intake,
) -> None:
    sent = event(id="one", supersedes="an earlier one", duetime="2026-03-03T09:00:00Z")
    answer = await intake.post(encode(sent))
    assert answer.status_code == 202, answer.text
    receipt = answer.json()["receipt"]
    assert answer.headers["location"] == f"/v1/events/{receipt}"
    assert "idempotent-replayed" not in answer.headers
    async with intake.database.reading() as session:
        row = (await session.execute(text("select * from bus.log"))).one()
    said = EventAccepted.model_validate_json(bytes(row.payload))
    assert (row.type, row.topic, row.key) == ("event.accepted", "events", said.key)
    assert str(said.receipt) == receipt
    assert said.data == sent["data"]
    assert said.sender.organisation == "police-example"
    assert said.due_at == datetime(2026, 3, 3, 9, tzinfo=UTC)
    assert said.supersedes is not None
    assert said.accepted_at == datetime.fromisoformat(answer.json()["acceptedAt"])
    assert [flag.code for flag in said.flags] == [flag["code"] for flag in answer.json()["flags"]]
    for hidden in ("case-0001", "one"):
        assert hidden not in row.key


async def test_the_cloudevents_sdk_gets_one_receipt_for_all_three_encodings(
    intake: Intake,
) -> None:
    raw = event(id='sdk 1 é/%"x"', extension="word", time="2026-03-02T22:40:00.500Z")
    structured = cloudevents_http.to_structured_event(as_sdk(raw))
    binary = cloudevents_http.to_binary_event(as_sdk(raw))
    first = await intake.client.post(
        "/v1/events",
        content=structured.body,
        headers={**structured.headers, "authorization": intake.police.authorization},
    )
    second = await intake.client.post(
        "/v1/events",
        content=binary.body,
        headers={**binary.headers, "authorization": intake.police.authorization},
    )
    third = await intake.post(b"[" + structured.body + b"]", BATCH)
    assert [one.status_code for one in (first, second, third)] == [202, 202, 202], second.text
    assert first.json()["receipt"] == second.json()["receipt"] == third.json()[0]["receipt"]
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert third.json()[0]["replayed"] is True
    assert await intake.count("intake.event") == await intake.count("bus.log") == 1


async def test_the_same_event_fifty_times_at_once_is_recorded_once(intake: Intake) -> None:
    body = encode(event(id="race"))
    answers = await asyncio.gather(*(intake.post(body) for _ in range(50)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["receipt"] for answer in answers}) == 1
    assert len({answer.json()["acceptedAt"] for answer in answers}) == 1
    assert sum("idempotent-replayed" in answer.headers for answer in answers) == 49
    assert await intake.count("intake.event") == await intake.count("bus.log") == 1


async def test_an_id_with_other_content_is_a_conflict_before_and_within_a_group(
    intake: Intake,
) -> None:
    one = event(id="used")
    other = event(id="used", causationid="something else")
    answers = await asyncio.gather(*(intake.post(encode(raw)) for raw in (one, other) * 10))
    assert sorted(answer.status_code for answer in answers) == [202] * 10 + [409] * 10
    later = await intake.post(encode(event(id="used", correlationid="third")))
    assert later.status_code == 409
    assert later.headers["content-type"] == "application/problem+json"
    assert later.json()["errors"] == [
        {"pointer": "/id", "rule": "id-reused", "detail": "is the id of another event"}
    ]
    assert await intake.count("intake.event") == 1


async def test_a_batch_is_judged_one_by_one_and_answered_in_order(intake: Intake) -> None:
    good, bad = event(id="b1"), event(id="b2", type="no.such")
    foreign = event("referral.decided", id="b3")
    answer = await intake.post(encode([good, bad, foreign, good, 5, event(id="b4")]), BATCH)
    assert answer.status_code == 207
    items = answer.json()
    assert [item["status"] for item in items] == [202, 422, 403, 202, 422, 202]
    assert items[1]["problem"]["errors"][0]["pointer"] == "/type"
    assert items[3]["replayed"] is True
    assert items[0]["location"] == f"/v1/events/{items[0]['receipt']}"
    assert (await intake.post(encode([bad]), BATCH)).status_code == 422
    assert (await intake.post(encode([good]), BATCH)).status_code == 202
    async with intake.database.reading() as session:
        rows = await session.execute(text("select payload from bus.log order by position"))
        logged = [json.loads(bytes(row[0]))["receipt"] for row in rows]
    assert logged == [items[0]["receipt"], items[5]["receipt"]]


async def test_a_batch_of_too_many_or_of_no_list_is_refused(intake: Intake) -> None:
    assert (await intake.post(b"[" + b"1," * 1000 + b"1]", BATCH)).status_code == 413
    for body in (b"{}", b"[]", b"5"):
        assert (await intake.post(body, BATCH)).status_code == 422


@pytest.mark.parametrize(
    ("kind", "headers", "status"),
    [
        ("text/plain", {}, 415),
        ("application/json", {}, 415),
        ("application/cloudevents+json; charset=latin-1", {}, 415),
        ("application/cloudevents+json", {"content-encoding": "gzip"}, 415),
        ("application/cloudevents+json; charset=UTF-8", {}, 202),
    ],
)
async def test_other_types_of_content_are_not_taken(
    intake: Intake, kind: str, headers: dict[str, str], status: int
) -> None:
    answer = await intake.post(encode(event()), kind, headers=headers)
    assert answer.status_code == status
    if status != 202:
        assert answer.json()["errors"][0].keys() == {"header", "rule", "detail"}


async def test_bodies_are_limited(intake: Intake) -> None:
    large = encode(event(filler="x" * (1024 * 1024)))
    assert (await intake.post(large)).status_code == 413
    assert (await intake.post(b"[" + large + b"]", BATCH)).status_code == 202
    assert (await intake.post(b" " * (8 * 1024 * 1024 + 1), BATCH)).status_code == 413


async def test_without_a_valid_key_nothing_is_read(intake: Intake) -> None:
    answer = await intake.client.post("/v1/events", content=b"not even json", headers={
        "content-type": "application/cloudevents+json"})  # fmt: skip
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_source_is_bound_to_its_credential(intake: Intake) -> None:
    own = encode(event("referral.submitted", source="school.example"))
    answer = await intake.post(own, by=intake.police)
    assert answer.status_code == 403
    assert answer.json()["errors"][0]["pointer"] == "/source"
    assert (await intake.post(own, by=intake.school)).status_code == 202


async def test_a_time_in_the_future_is_refused_beyond_the_clock_skew(intake: Intake) -> None:
    soon = (datetime.now(UTC) + timedelta(minutes=4)).isoformat()
    late = (datetime.now(UTC) + timedelta(minutes=6)).isoformat()
    assert (await intake.post(encode(event(id="soon", time=soon)))).status_code == 202
    answer = await intake.post(encode(event(id="late", time=late)))
    assert answer.status_code == 422
    assert answer.json()["errors"][0] == {
        "pointer": "/time", "rule": "time-in-future", "detail": "is in the future",
    }  # fmt: skip


async def test_a_failed_check_digit_refuses_a_referral_and_flags_an_urgent_event(
    intake: Intake,
) -> None:
    referral = event("referral.submitted", source="police.example", id="r")
    referral["data"]["children"][0]["child"]["nhsNumber"] = {"value": "9990000010"}
    urgent = event(id="u")
    urgent["data"]["children"][0]["child"]["nhsNumber"] = {"value": "9990000010"}
    refused = await intake.post(encode(referral))
    assert refused.status_code == 422
    pointer = "/data/children/0/child/nhsNumber/value"
    assert pointer in [error["pointer"] for error in refused.json()["errors"]]
    assert "9990000010" not in refused.text
    accepted = await intake.post(encode(urgent))
    assert accepted.status_code == 202
    assert ("nhs-number-invalid", pointer.removeprefix("/data")) in [
        (flag["code"], flag["pointer"]) for flag in accepted.json()["flags"]
    ]


async def test_openapi_describes_the_three_encodings(intake: Intake) -> None:
    described = (await intake.client.get("/openapi.json")).json()
    post = described["paths"]["/v1/events"]["post"]
    assert len(post["requestBody"]["content"]) == 3
    assert {"202", "207", "409", "422", "503"} <= post["responses"].keys()
    assert post["security"] == [{"agency": []}]
