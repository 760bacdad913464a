"""Father and child are not linked in the police's record, only in health's; one household.

The school and the school nurse are told all the same, and nobody learns whose word it was: every
fact, notice, line of the log and answer is searched for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from deploy.laptop.agencies import AGENCIES
from deploy.laptop.partnership import DEMO_SCHOOL
from tests.support.postgres import Cluster
from tests.support.pupils import Pupil, event, incident
from tests.support.whole import Whole, running_whole

CHILD = Pupil(1, "Marigoldine", "Samplequay", DEMO_SCHOOL)
FATHER: dict[str, Any] = {
    "name": {"given": "Peregrin", "family": "Specimenholt"},
    "dateOfBirth": {"value": "1985-03-19", "precision": "exact"},
}
HOSPITAL = AGENCIES["hospital"]
SOURCE_MARKS = (
    *(HOSPITAL.organisation, HOSPITAL.name.casefold(), HOSPITAL.source),
    *("zqrecord", "zqmarsh", "zqclerk", "father"),
)
"""Who said so, and the words in which it said so; the police do not call him a father."""

NO_BASIS: Mapping[str, frozenset[str]] = {}
BASIS = {"hospital": frozenset({"police"})}


def _asserted(**changes: Any) -> dict[str, Any]:
    data = {
        "adult": {
            **FATHER,
            "recordReference": "zqrecord 17",
            "address": {"lines": ["zqmarsh 1"], "postcode": "ZS1 4QX"},
        },
        "child": CHILD.sent(),
        "kind": "father",
        "sameHousehold": True,
        "contact": {"name": "zqclerk", "role": "Records", "agency": "A", "phone": "0121 496 0102"},
        **changes,
    }
    return event("hospital", "relationship.asserted", data)


def _incident() -> dict[str, Any]:
    adults = [{**FATHER, "roleInEvent": "alleged-perpetrator"}]
    return event("police", "domestic-abuse.recorded", incident(adults=adults))


@pytest.mark.parametrize("sharing", [NO_BASIS, BASIS], ids=["no-basis", "basis"])
async def test_the_school_and_the_nurse_know_and_nobody_knows_from_whom(
    cluster: Cluster,
    database_name: str,
    tmp_path: Path,
    sharing: Mapping[str, frozenset[str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with running_whole(cluster, database_name, tmp_path, [CHILD], sharing) as whole:
        assertion = await whole.accept("hospital", _asserted())
        await whole.settle()
        capsys.readouterr()
        before = await _metrics(whole)
        receipt = await whole.accept("police", _incident())
        (to_school,) = await whole.wait_for_notices("school", 1, receipt)
        (to_nurse,) = await whole.wait_for_notices("school-nursing", 1, receipt)
        (to_mash,) = await whole.wait_for_notices("social-care", 1, receipt)
        await whole.settle()
        for notice in (to_school, to_nurse, to_mash):
            assert notice["content"]["child"]["name"]["given"] == CHILD.given
            assert notice["content"]["derived"] is True
        assert "adults" not in to_nurse["content"]

        progress = await whole.progress("police", receipt)
        (child,) = progress["children"]
        assert (child["index"], child["derived"], child["state"]) == (0, True, "addressed")
        assert {one["role"] for one in child["recipients"]} == {"school", "school-nursing", "mash"}
        # The police may not learn by the way where a child goes to school whom they do not know.
        assert not any("organisation" in one for one in child["recipients"])
        said = [*capsys.readouterr(), *(await _metrics(whole) - before)]
        said += [str(one) for one in (progress, to_school, to_nurse)]
        said += await _everything_kept(whole, receipt, assertion)
        assert [mark for mark in SOURCE_MARKS for one in said if mark in one.casefold()] == []

        if not sharing:
            assert progress["linksMissing"] == []
            return
        (missing,) = progress["linksMissing"]
        assert (missing["childIndex"], missing["adults"], missing["state"]) == (0, [0], "open")
        answer = {"finding": missing["finding"], "answer": "record-corrected"}
        await whole.accept("police", event("police", "record.answered", answer))
        await whole.settle()
        (missing,) = (await whole.progress("police", receipt))["linksMissing"]
        assert missing["state"] == "answered"


async def test_of_two_households_a_person_confirms_first(
    cluster: Cluster, database_name: str, tmp_path: Path
) -> None:
    async with running_whole(cluster, database_name, tmp_path, [CHILD], BASIS) as whole:
        await whole.accept("hospital", _asserted(sameHousehold=False))
        await whole.settle()
        receipt = await whole.accept("police", _incident())
        await whole.settle()
        assert await whole.notices("school") == []
        progress = await whole.progress("police", receipt)
        assert (progress["state"], progress["linksMissing"]) == ("needs-person", [])
        client = whole.clients["social-care"]
        (question,) = (await client.get("/v1/resolutions")).json()["resolutions"]
        shown = (await client.get(f"/v1/resolutions/{question['id']}")).json()
        assert (shown["reason"], shown["derived"]) == ("linked-child", True)
        assert shown["shown"][0]["givenName"] == CHILD.given
        assert HOSPITAL.organisation not in str(shown)
        verdict = {"decision": "release", "reason": "Spoke with the family's worker."}
        kept = await client.post(f"/v1/resolutions/{question['id']}/decision", json=verdict)
        assert kept.status_code == 200, kept.text
        (to_school,) = await whole.wait_for_notices("school", 1, receipt)
        assert to_school["content"]["derived"] is True
        await whole.settle()
        assert len((await whole.progress("police", receipt))["linksMissing"]) == 1


async def _everything_kept(whole: Whole, receipt: str, assertion: str) -> list[str]:
    """What is on the log and in tables of others about the incident; not the hospital's event."""
    async with whole.database.reading() as session:
        facts = await session.execute(
            text("select convert_from(payload, 'UTF8') as said from bus.log where position > 0")
        )
        said = [one.said for one in facts if receipt in one.said and assertion not in one.said]
        for table in ("notifier.obligation", "directory.resolution", "directory.addressed"):
            said += [str(row) for row in await session.execute(text(f"select * from {table}"))]
    assert len(said) > 10
    return said


async def _metrics(whole: Whole) -> set[str]:
    """Lines without their values: each FHIR peer has a gauge whoever asserts what."""
    answer = await whole.clients["police"].get("/metrics")
    return {line.rpartition(" ")[0] for line in answer.text.splitlines()}
