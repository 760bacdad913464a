"""A missing child who is regraded: an update leaves nobody with the older state, in any order."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from schemas.facts import EventAccepted, EventApplied
from tests.integration.directory.area import HOSPITAL, SCHOOL_A
from tests.integration.directory.stage import Heard, Stage


def update(stage: Stage, child: dict[str, Any], grade: str, **more: Any) -> EventAccepted:
    """The report restated an hour later."""
    stage.later(hours=1)
    data = {
        "updatedAt": stage.now.isoformat(), "grade": grade, "children": [{"child": child}],
        **more,
    }  # fmt: skip
    return stage.event("missing.updated", data)


def alerted(heard: Heard) -> set[str]:
    return {organisation for organisation, _, _ in heard.told()}


async def test_a_higher_grade_reaches_the_hospitals_and_ends_the_report(stage: Stage) -> None:
    pupil = await stage.child()
    report = stage.missing(pupil.sent(), grade="low")
    assert HOSPITAL not in alerted(await stage.feed(report))
    heard = await stage.feed(update(stage, pupil.sent(), "high", report=str(report.receipt)))
    assert {HOSPITAL, SCHOOL_A} <= alerted(heard)
    assert [fact.closes for fact in heard.addressed] == [(report.receipt,)]


async def test_a_lower_grade_reaches_everybody_who_was_told(stage: Stage) -> None:
    pupil = await stage.child()
    report = stage.missing(pupil.sent(), grade="high")
    first = await stage.feed(report)
    heard = await stage.feed(update(stage, pupil.sent(), "low"))
    assert alerted(heard) == alerted(first)
    assert (HOSPITAL, "emergency-department", "missing-alert") in heard.told()
    found = await stage.feed(stage.found(pupil.sent(), foundAt=stage.now.isoformat()))
    assert alerted(found) == alerted(first)
    assert len(found.addressed[0].closes) == 2, "the report and its update"


async def test_a_report_that_comes_after_its_update_alerts_nobody(stage: Stage) -> None:
    pupil = await stage.child()
    report = stage.missing(pupil.sent(), grade="high")
    heard = await stage.feed(update(stage, pupil.sent(), "low"))
    assert SCHOOL_A in alerted(heard)
    late = await stage.feed(report)
    assert late.addressed == []
    assert [one.outcome for one in late.of(EventApplied)] == ["overtaken"]


async def test_of_two_updates_the_later_stands(stage: Stage) -> None:
    pupil = await stage.child()
    await stage.feed(stage.missing(pupil.sent(), grade="low"))
    earlier = update(stage, pupil.sent(), "medium")
    later = update(stage, pupil.sent(), "high")
    await stage.feed(later)
    heard = await stage.feed(earlier)
    assert heard.addressed == []


async def test_who_has_become_a_conflict_since_waits_for_a_person(stage: Stage) -> None:
    pupil = await stage.child()
    await stage.feed(stage.missing(pupil.sent(), grade="low"))
    adult = {"worksAt": SCHOOL_A, "roleInEvent": "other"}
    heard = await stage.feed(update(stage, pupil.sent(), "high", adults=[adult]))
    assert SCHOOL_A not in alerted(heard)
    assert heard.reasons == ["recipient-to-check"]


async def test_an_update_without_a_report_alerts_as_one(stage: Stage) -> None:
    pupil = await stage.child()
    heard = await stage.feed(update(stage, pupil.sent(), "high", report=str(UUID(int=7))))
    assert {HOSPITAL, SCHOOL_A} <= alerted(heard)


async def test_an_update_of_a_child_who_was_found_since_alerts_nobody(stage: Stage) -> None:
    pupil = await stage.child()
    await stage.feed(stage.missing(pupil.sent()))
    late = update(stage, pupil.sent(), "high")
    stage.later(hours=1)
    await stage.feed(stage.found(pupil.sent(), foundAt=stage.now.isoformat()))
    heard = await stage.feed(late)
    assert heard.addressed == []
    assert [one.outcome for one in heard.of(EventApplied)] == ["found-already"]
