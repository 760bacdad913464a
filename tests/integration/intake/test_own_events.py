"""A sender's list: its own events only, newest first, page by page."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.intake.conftest import BATCH, Intake, event


async def test_the_list_is_walked_page_by_page_without_a_gap(intake: Intake) -> None:
    batch = json.dumps([event(id=f"e{n}") for n in range(25)]).encode()
    posted = [item["receipt"] for item in (await intake.post(batch, BATCH)).json()]
    later = await intake.post(json.dumps(event("missing.reported", id="m")).encode())
    seen: list[str] = []
    query = {"limit": "7"}
    while True:
        page = (await intake.get("/v1/events", query=query)).json()
        seen.extend(one["receipt"] for one in page["events"])
        if "after" not in page:
            break
        query["after"] = page["after"]
    assert seen[0] == later.json()["receipt"]
    assert sorted(seen[1:]) == sorted(posted)
    only = (await intake.get("/v1/events", query={"type": "missing.reported"})).json()["events"]
    assert [one["receipt"] for one in only] == [seen[0]]
    since = datetime.now(UTC) + timedelta(seconds=1)
    assert (await intake.get("/v1/events", query={"since": since.isoformat()})).json()[
        "events"
    ] == []
    assert (await intake.get("/v1/events", by=intake.social_care)).json()["events"] == []
    assert await intake.count("intake.audit") == 7


async def test_the_list_says_up_to_where_it_is_settled(intake: Intake) -> None:
    page = (await intake.get("/v1/events")).json()
    behind = datetime.now(UTC) - datetime.fromisoformat(page["settledBefore"])
    assert timedelta(seconds=60) <= behind < timedelta(seconds=70)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("type", "no.such"),
        ("since", "yesterday"),
        ("since", "2026-03-02T00:00:00"),
        ("limit", "0"),
        ("limit", "201"),
        ("after", "x"),
        ("after", "%00"),
        ("after", "é"),
    ],
)
async def test_a_wrong_parameter_is_named(intake: Intake, name: str, value: str) -> None:
    answer = await intake.get("/v1/events", query={name: value})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"] == name


async def test_a_purpose_must_be_printable(intake: Intake) -> None:
    headers = {"authorization": intake.police.authorization, "x-purpose": "a\x7fb"}
    answer = await intake.client.get("/v1/events", headers=headers)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["header"] == "X-Purpose"
