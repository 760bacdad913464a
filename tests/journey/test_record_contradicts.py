"""Police give a girl's number with another birth date: a person decides, police put it right."""

from __future__ import annotations

from pathlib import Path

from deploy.laptop.partnership import DEMO_SCHOOL
from tests.support.postgres import Cluster
from tests.support.pupils import Pupil, event, incident
from tests.support.whole import running_whole

CHILD = Pupil(41, "Quilliana", "Exampleford", DEMO_SCHOOL)
BORN = {"value": "2009-09-09", "precision": "exact"}


async def test_the_sender_hears_which_field_and_answers(
    cluster: Cluster, database_name: str, tmp_path: Path
) -> None:
    async with running_whole(cluster, database_name, tmp_path, (CHILD,)) as whole:
        reviewer, police = whole.clients["social-care"], whole.clients["police"]
        data = incident({"child": CHILD.sent(dateOfBirth=BORN)})
        receipt = await whole.accept("police", event("police", "domestic-abuse.recorded", data))
        await whole.settle()
        (question,) = (await reviewer.get("/v1/resolutions")).json()["resolutions"]
        shown = (await reviewer.get(f"/v1/resolutions/{question['id']}")).json()
        (candidate,) = shown["shown"]
        verdict = {
            "decision": "this-child",
            "childId": candidate["childId"],
            "reason": "Mother confirmed by telephone.",
        }
        kept = await reviewer.post(f"/v1/resolutions/{question['id']}/decision", json=verdict)
        assert kept.status_code == 200, kept.text
        await whole.settle()
        (found,) = (await whole.progress("police", receipt))["contradictions"]
        assert (found["state"], found["childIndex"]) == ("open", 0)
        assert found["evidence"] == [{"field": "birth", "how": "differs"}]
        listed = await police.get("/v1/findings")
        assert [one["finding"] for one in listed.json()["findings"]] == [found["finding"]]
        assert [mark for mark in CHILD.marks if mark in listed.text.casefold()] == []
        assert (await whole.clients["school"].get("/v1/findings")).json()["findings"] == []
        answer = {"finding": found["finding"], "answer": "record-corrected"}
        await whole.accept("police", event("police", "record.answered", answer))
        await whole.settle()
        assert (await police.get("/v1/findings")).json()["findings"] == []
        (found,) = (await whole.progress("police", receipt))["contradictions"]
        assert found["state"] == "answered"
