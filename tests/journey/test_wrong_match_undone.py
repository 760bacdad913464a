"""A wrong match undone over every service: the records show what was withdrawn, and when."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from deploy.laptop.partnership import DEMO_SCHOOL, DEMO_SECONDARY, OWN_MASH
from tests.support.postgres import Cluster
from tests.support.pupils import Pupil, event, incident
from tests.support.whole import Whole, running_whole

WRONG = Pupil(31, "Peregrinella", "Exampleford", DEMO_SCHOOL)
RIGHT = Pupil(32, "Thessalonika", "Exampleford", DEMO_SECONDARY)
WHY = "The mother has two daughters; it is the other one."


@pytest.fixture
async def whole(cluster: Cluster, database_name: str, tmp_path: Path) -> AsyncIterator[Whole]:
    async with running_whole(cluster, database_name, tmp_path, (WRONG, RIGHT)) as started:
        yield started


async def test_the_wrong_school_withdraws_and_the_right_one_is_told(whole: Whole) -> None:
    reviewer = whole.clients["social-care"]
    receipt = await whole.accept(
        "police", event("police", "domestic-abuse.recorded", incident({"child": WRONG.sent()}))
    )
    (wrong,) = await whole.wait_for_notices("school", 1, receipt)
    await whole.settle()

    of_event = f"/v1/directory/events/{receipt}"
    (place,) = (await reviewer.get(of_event)).json()["children"]
    body = {"childId": place["childId"], "reason": WHY}
    undone = await reviewer.post(f"{of_event}/children/0/undo", json=body)
    assert undone.status_code == 200, undone.text
    undone_at = datetime.fromisoformat(undone.json()["undoneAt"])
    await whole.settle()
    notices = await whole.wait_for_notices("school", 1, receipt)
    withdrawal = next(one for one in notices if one["content"]["profile"] == "withdrawal")
    assert withdrawal["content"]["withdraws"] == receipt
    assert WRONG.given not in json.dumps(withdrawal)
    gone = await whole.clients["school"].get(f"/v1/notices/{wrong['id']}")
    assert (gone.status_code, gone.json()["type"].rsplit(":", 1)[-1]) == (410, "notice-withdrawn")
    assert (await whole.progress("police", receipt))["state"] == "needs-person"

    async with whole.database.reading() as session:
        found = await session.execute(
            text("select id from directory.child where register_ref = :ref"),
            {"ref": RIGHT.registered().register_ref},
        )
        right_id = str(found.scalar_one())
    decided = await reviewer.post(
        f"/v1/resolutions/{undone.json()['reopened']}/decision",
        json={"decision": "this-child", "childId": right_id, "reason": WHY},
    )
    assert decided.status_code == 200, decided.text
    (right,) = await whole.wait_for_notices("second-school", 1, receipt)
    assert right["content"]["child"]["name"]["given"] == RIGHT.given
    await whole.settle()

    progress = await whole.progress("police", receipt)
    (child,) = progress["children"]
    told = [
        (one["organisation"], one["profile"], one["state"] == "withdrawn")
        for one in child["recipients"]
        if one.get("organisation") in (DEMO_SCHOOL, DEMO_SECONDARY)
    ]
    assert sorted(told) == sorted(
        [
            (DEMO_SCHOOL, "school-full", True),
            (DEMO_SCHOOL, "withdrawal", False),
            (DEMO_SECONDARY, "school-full", False),
        ]
    )
    taken = next(one for one in child["recipients"] if one["state"] == "withdrawn")
    withdrawn_at = datetime.fromisoformat(taken["times"]["withdrawn"])
    assert abs(withdrawn_at - undone_at) < timedelta(seconds=5)
    assert {one["state"] for one in progress["resolutions"]} == {"undone", "decided"}
    (place,) = (await reviewer.get(of_event)).json()["children"]
    assert place["childId"] == right_id
    withdrawn = {one["organisation"] for one in place["notices"] if one["withdrawnAt"] is not None}
    assert {DEMO_SCHOOL, OWN_MASH} <= withdrawn
    assert DEMO_SECONDARY not in withdrawn
    assert WHY not in json.dumps(progress)
