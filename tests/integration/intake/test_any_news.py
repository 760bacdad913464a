""" "Any news?" is answered from the ledger and counted, without a row of its own."""

from __future__ import annotations

from prometheus_client import REGISTRY

from bus import fact_of
from schemas.facts import NoticeAcknowledged, NoticeDelivered, NoticeFiled
from tests.integration.intake.conftest import Intake
from tests.integration.intake.test_progress import OTHER_CHILD, hear, notice, posted, story


def total() -> float:
    return REGISTRY.get_sample_value("intake_any_news_total") or 0.0


async def test_a_read_is_counted_while_something_is_still_to_come(intake: Intake) -> None:
    receipt, other = await posted(intake, "news"), await posted(intake, "other")
    path = f"/v1/events/{receipt}"
    before = total()
    assert "asked" not in (await intake.get(path)).json()
    await hear(intake.database, [fact_of(notice(receipt, NoticeDelivered, 1), "test")], 1)
    rows = await intake.count("intake.audit")
    assert [(await intake.get(path)).json()["asked"] for _ in range(3)] == [1, 2, 3]
    # One row a read, as ever: there is one child.
    assert await intake.count("intake.audit") == rows + 3
    assert "asked" not in (await intake.get(f"/v1/events/{other}")).json()
    await hear(intake.database, [fact_of(notice(receipt, NoticeAcknowledged, 2), "test")], 1)
    assert [(await intake.get(path)).json()["asked"] for _ in range(2)] == [3, 3]
    assert total() - before == 3


async def test_to_wait_for_a_person_counts_and_what_is_settled_does_not(intake: Intake) -> None:
    receipt = await posted(intake, "person")
    path = f"/v1/events/{receipt}"
    facts = story(receipt)
    await hear(intake.database, [one for one in facts if one.type == "resolution.needed"], 1)
    assert (await intake.get(path)).json()["asked"] == 1
    await hear(intake.database, facts, 50)
    told = (await intake.get(path)).json()
    assert told["asked"] == 2
    # Both schools confirm: what is left is withheld, and nothing is to come of that.
    last = [
        notice(receipt, NoticeFiled, 90, child_index=1, child_id=OTHER_CHILD),
        notice(receipt, NoticeAcknowledged, 91),
    ]
    await hear(intake.database, [fact_of(one, "test") for one in last], 1)
    told = (await intake.get(path)).json()
    doing = {one["doing"] for child in told["children"] for one in child["outstanding"]}
    assert doing == {"withheld"}
    assert told["asked"] == 2
