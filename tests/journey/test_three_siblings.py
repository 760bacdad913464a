"""Three siblings at two schools, one of whom needs a person: each school sees its own pupils only.

Everything that a school can fetch is searched, byte for byte, for what would tell it of a sibling.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from deploy.laptop.partnership import DEMO_SCHOOL, DEMO_SECONDARY, OWN_MASH, OWN_NURSING
from tests.support.postgres import Cluster
from tests.support.pupils import Pupil, event, incident
from tests.support.waiting import eventually
from tests.support.whole import Whole, running_whole

ELDEST = Pupil(1, "Marigoldine", "Samplequay", DEMO_SECONDARY, years=13)
MIDDLE = Pupil(2, "Caspianus", "Samplequay", DEMO_SCHOOL, years=9)
YOUNGEST = Pupil(3, "Zephyrine", "Samplequay", DEMO_SCHOOL, years=7)
SIBLINGS = (ELDEST, MIDDLE, YOUNGEST)
PET_NAME = "Biscuit"
"""What she calls herself: no likeness to her name, so a person must say who she is."""
SCHOOLS = {"school": (MIDDLE, YOUNGEST), "second-school": (ELDEST,)}
TELLS_OF_A_SIBLING = f"Hid in the cupboard with {ELDEST.given}."


@pytest.fixture
async def whole(cluster: Cluster, database_name: str, tmp_path: Path) -> AsyncIterator[Whole]:
    async with running_whole(cluster, database_name, tmp_path, SIBLINGS) as started:
        yield started


def _item(child: dict[str, Any], **texts: Any) -> dict[str, Any]:
    voice = {"captured": "spoken-to", "words": "I want it to stop."}
    return {"child": child, "present": True, "welfareCheckDone": True, "voice": voice, **texts}


def _three() -> dict[str, Any]:
    """The eldest and the middle one are known by number; nothing is sure of the youngest."""
    unsure = YOUNGEST.sent(
        name={"given": PET_NAME, "family": YOUNGEST.family},
        nhsNumber={"reasonAbsent": "not-known"},
        upn=None,
    )
    return event(
        "police",
        "domestic-abuse.recorded",
        incident(
            _item(ELDEST.sent(), circumstances="Called the police herself."),
            _item(MIDDLE.sent(), circumstances="Awake in the next room."),
            _item(unsure, circumstances="Asleep throughout."),
        ),
    )


async def _fetch_everything(whole: Whole, agency: str, receipt: str) -> list[httpx.Response]:
    """Every answer that this agency can get: its notices, and the doors that should be shut."""
    client = whole.clients[agency]
    answers = [
        await client.get(f"/v1/notices?state={state}")
        for state in ("waiting", "unopened", "unacknowledged")
    ]
    for head in answers[-1].json()["notices"]:
        answers.append(await client.get(f"/v1/notices/{head['id']}"))
        confirmed = {"state": "acknowledged", "by": "Designated safeguarding lead"}
        answers.append(await client.post(f"/v1/notices/{head['id']}/receipts", json=confirmed))
    async with whole.database.reading() as session:
        rows = await session.execute(text("select id from notifier.obligation"))
        answers += [await client.get(f"/v1/notices/{row.id}") for row in rows]
        rows = await session.execute(text("select id from directory.resolution"))
        answers += [await client.get(f"/v1/resolutions/{row.id}") for row in rows]
    for path in ("/v1/events", f"/v1/events/{receipt}", "/v1/resolutions", "/metrics"):
        answers.append(await client.get(path))
    return answers


def _bytes_of(answers: list[httpx.Response]) -> str:
    whole = b"\n".join(
        name + b": " + value for one in answers for name, value in one.headers.raw
    ) + b"\n".join(one.content for one in answers)
    return whole.decode().casefold()


def _marks_of_others(agency: str) -> list[str]:
    others = [child for child in SIBLINGS if child not in SCHOOLS[agency]]
    marks = [mark for child in others for mark in child.marks]
    return marks if YOUNGEST in SCHOOLS[agency] else [*marks, PET_NAME.casefold()]


async def test_each_school_is_told_of_its_own_pupils_and_of_the_third_once_a_person_decided(
    whole: Whole,
) -> None:
    receipt = await whole.accept("police", _three())
    (of_eldest,) = await whole.wait_for_notices("second-school", 1, receipt)
    (of_middle,) = await whole.wait_for_notices("school", 1, receipt)
    await whole.settle()
    assert of_eldest["content"]["child"]["name"]["given"] == ELDEST.given
    assert of_middle["content"]["child"]["name"]["given"] == MIDDLE.given
    assert len(await whole.wait_for_notices("school-nursing", 2, receipt)) == 2

    progress = await whole.progress("police", receipt)
    assert progress["state"] == "needs-person"
    assert [child["state"] for child in progress["children"]] == [
        *("addressed", "addressed", "needs-person")
    ]

    await _decide(whole, receipt, of_child=2, decision="this-child", register_ref="ref-3")
    both = await whole.wait_for_notices("school", 2, receipt)
    await whole.settle()
    names = [one["content"]["child"]["name"]["given"] for one in both]
    assert names == [MIDDLE.given, YOUNGEST.given], "the register's spelling, each once"
    assert len({one["id"] for one in both}) == 2
    assert both[0]["id"] == of_middle["id"]
    assert len(await whole.wait_for_notices("school-nursing", 3, receipt)) == 3
    assert len(await whole.wait_for_notices("second-school", 1, receipt)) == 1

    for agency in SCHOOLS:
        answers = await _fetch_everything(whole, agency, receipt)
        assert max(one.status_code for one in answers) < 500
        seen = _bytes_of(answers)
        for own in SCHOOLS[agency]:
            assert own.given.casefold() in seen
        assert [mark for mark in _marks_of_others(agency) if mark in seen] == []
    sent = [one.body.decode().casefold() for one in whole.receiver.received]
    assert whole.receiver.ids() == {one["id"]: 1 for one in both}
    assert [mark for child in SIBLINGS for mark in child.marks if mark in "".join(sent)] == []

    await _police_see_all_of_it(whole, receipt)
    await _is_nobody_elses(whole, receipt)


async def _police_see_all_of_it(whole: Whole, receipt: str) -> None:
    final = await whole.progress("police", receipt)
    told = [
        {(one.get("organisation"), one["profile"]) for one in child["recipients"]}
        for child in final["children"]
    ]
    others = {(OWN_NURSING, "health-minimal"), (OWN_MASH, "mash-incident")}
    # While nobody knows who the child is, the reviewer is shown as a class only.
    reviewer = (None, "alert")
    assert told == [
        {(DEMO_SECONDARY, "school-full"), *others},
        {(DEMO_SCHOOL, "school-full"), *others},
        {(DEMO_SCHOOL, "school-full"), *others, reviewer},
    ]
    assert final["state"] == "addressed"
    (answered,) = final["resolutions"]
    assert (answered["state"], answered["decision"]) == ("decided", "this-child")
    states = {
        one["organisation"]: one["state"]
        for child in final["children"]
        for one in child["recipients"]
        if one["role"] == "school"
    }
    assert states == {DEMO_SCHOOL: "acknowledged", DEMO_SECONDARY: "acknowledged"}


async def _is_nobody_elses(whole: Whole, receipt: str) -> None:
    """Whoever did not send it learns not even that it is there."""
    unknown = await whole.clients["care-home"].get(f"/v1/events/{UUID(int=0)}")
    for agency in ("care-home", "social-care", "school", "hospital"):
        answer = await whole.clients[agency].get(f"/v1/events/{receipt}")
        assert answer.status_code == 404
        assert answer.json() == unknown.json()
        assert (await whole.clients[agency].get("/v1/events")).json()["events"] == []


async def _decide(
    whole: Whole, receipt: str, *, of_child: int, decision: str, register_ref: str | None = None
) -> None:
    """As the reviewer does: list, look, choose, say it; and say it again without effect."""
    client = whole.clients["social-care"]
    listed = (await client.get("/v1/resolutions")).json()["resolutions"]
    (question,) = [one for one in listed if one["receipt"] == receipt]
    assert question["childIndex"] == of_child
    assert decision in question["decisions"]
    answer: dict[str, Any] = {"decision": decision, "reason": "Spoke with the family's worker."}
    if register_ref is not None:
        shown = (await client.get(f"/v1/resolutions/{question['id']}")).json()
        candidate, *others = shown["shown"]
        # Brothers and sisters of one house may be shown below, never above.
        assert {one["givenName"] for one in others} <= {ELDEST.given, MIDDLE.given}
        assert candidate["givenName"] == YOUNGEST.given
        assert candidate["agrees"]["givenName"] is False
        assert candidate["agrees"]["dateOfBirth"] is True
        answer["childId"] = candidate["childId"]
    for _ in range(2):
        kept = await client.post(f"/v1/resolutions/{question['id']}/decision", json=answer)
        assert kept.status_code == 200, kept.text
    assert (await client.get("/v1/resolutions")).json()["resolutions"] == []


async def test_a_text_that_names_a_sibling_waits_for_a_person_and_the_rest_does_not(
    whole: Whole,
) -> None:
    receipt = await whole.accept(
        "police",
        event(
            "police",
            "domestic-abuse.recorded",
            incident(
                _item(ELDEST.sent(), circumstances="Called the police herself."),
                _item(MIDDLE.sent(), circumstances=TELLS_OF_A_SIBLING),
            ),
        ),
    )
    (at_once,) = await whole.wait_for_notices("school", 1, receipt)
    await whole.settle()
    content = at_once["content"]
    assert content["child"]["name"]["given"] == MIDDLE.given
    assert content["voice"]["words"] == "I want it to stop."
    assert "circumstances" not in content
    assert content["heldFields"] == ["circumstances"]
    seen = _bytes_of(await _fetch_everything(whole, "school", receipt))
    assert [mark for mark in _marks_of_others("school") if mark in seen] == []
    assert "cupboard" not in seen
    (to_mash,) = [
        one
        for one in await whole.wait_for_notices("social-care", 2, receipt)
        if one["content"].get("childIndex") == 1
    ]
    assert to_mash["content"]["data"]["children"][1]["circumstances"] == TELLS_OF_A_SIBLING

    client = whole.clients["social-care"]
    (question,) = (await client.get("/v1/resolutions")).json()["resolutions"]
    shown = (await client.get(f"/v1/resolutions/{question['id']}")).json()
    assert shown["texts"] == {"/children/1/circumstances": TELLS_OF_A_SIBLING}
    await _decide(whole, receipt, of_child=1, decision="release")

    async def released() -> list[dict[str, Any]]:
        heads = [one for one in await whole.notices("school") if one["id"] != at_once["id"]]
        return [await whole.read("school", one["id"]) for one in heads]

    (later,) = await eventually(released, 10.0, "the released text")
    await whole.settle()
    assert later["circumstances"] == TELLS_OF_A_SIBLING
    assert later["part"] == "text"
    assert len(await released()) == 1
    assert len(await whole.wait_for_notices("second-school", 1, receipt)) == 1
    told = await whole.told("police", receipt)
    assert (DEMO_SCHOOL, "school-full", "whole") in told
    assert told[DEMO_SCHOOL, "school-full", "text"]["state"] == "opened"
    assert (OWN_NURSING, "health-minimal", "text") not in told
    assert not [key for key in told if key[0] == DEMO_SECONDARY and key[2] == "text"]
