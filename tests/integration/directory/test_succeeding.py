"""Events, enrolments and withdrawals that name a school that is another one by now."""

from __future__ import annotations

from typing import Any

from services.directory.decide import Decision
from tests.integration.directory.area import MASH, NURSING, SCHOOL_A, SCHOOL_B
from tests.integration.directory.stage import Stage

OLD, OLDER = "urn-900010", "urn-900011"


def school(id_: str, **more: Any) -> dict[str, Any]:
    number = id_.removeprefix("urn-")
    return {"id": id_, "kind": "school", "name": f"School {number}", "urn": number, **more}


async def test_an_enrolment_at_an_old_number_is_one_at_the_school_that_took_over(
    stage: Stage,
) -> None:
    await stage.organisations(
        school(OLDER, successor=OLD), school(OLD, successor=SCHOOL_B, ukprn="10000010")
    )
    places: tuple[dict[str, Any], ...] = (
        {"organisation": OLDER},
        {"school": {"urn": "900011"}},
        {"school": {"ukprn": "10000010"}},
    )
    for number, place in enumerate(places):
        pupil = await stage.child(f"Robin{number}", school=None)
        data = {
            "child": pupil.sent(), "status": "registered", "startsOn": "2026-03-02", **place,
        }  # fmt: skip
        await stage.feed(
            stage.event("enrolment.changed", data, sender=MASH, kind="local-authority")
        )
        heard = await stage.feed(stage.abuse(pupil.sent()))
        assert heard.organisations() == {SCHOOL_B, NURSING, MASH}


async def test_a_school_of_two_that_merged_is_told_once(stage: Stage) -> None:
    await stage.organisations(school(OLD, successor=SCHOOL_B), school(OLDER, successor=SCHOOL_B))
    pupil = await stage.child(enrolments=[(OLD, "dual"), (OLDER, "dual")])
    heard = await stage.feed(stage.abuse(pupil.sent()))
    assert [one for one in heard.told() if one[1] == "school"] == [
        (SCHOOL_B, "school", "school-full")
    ]


async def test_until_its_day_the_old_school_is_told(stage: Stage) -> None:
    await stage.organisations(
        school(OLD, successor=SCHOOL_B, successor_from="2026-03-10", nursing_provider=NURSING)
    )
    pupil = await stage.child(school=OLD)
    assert OLD in (await stage.feed(stage.abuse(pupil.sent()))).organisations()
    stage.later(days=7)
    assert SCHOOL_B in (await stage.feed(stage.abuse(pupil.sent()))).organisations()


async def test_a_school_that_split_is_a_question_and_everyone_else_is_told(
    stage: Stage,
) -> None:
    await stage.organisations(school(OLD, split_into=(SCHOOL_A, SCHOOL_B)))
    pupil = await stage.child(school=OLD)
    heard = await stage.feed(stage.abuse(pupil.sent()))
    assert heard.reasons == ["no-route-school"]
    assert heard.organisations() == {MASH, NURSING}
    data = {
        "child": pupil.sent(), "organisation": OLD, "status": "registered",
        "startsOn": "2026-03-02",
    }  # fmt: skip
    asked = await stage.feed(
        stage.event("enrolment.changed", data, sender=MASH, kind="local-authority")
    )
    assert asked.reasons == ["unknown-organisation"]
    moved = {**data, "organisation": SCHOOL_A}
    await stage.feed(stage.event("enrolment.changed", moved, sender=MASH, kind="local-authority"))
    _, heard = await stage.decide(heard.needed[0].resolution, Decision.RELEASE)
    assert (SCHOOL_A, "school", "school-full") in heard.told()
    assert heard.needed == []


async def test_whom_the_sender_keeps_out_is_kept_out_under_its_old_id(stage: Stage) -> None:
    await stage.organisations(school(OLD, successor=SCHOOL_A))
    pupil = await stage.child()
    wish = [{"organisation": OLD, "reason": "a parent works there"}]
    heard = await stage.feed(stage.abuse(pupil.sent(), withholdFrom=wish))
    assert heard.withheld() == {SCHOOL_A: "a parent works there"}


async def test_a_withdrawal_reaches_a_school_that_split_since(stage: Stage) -> None:
    pupil = await stage.child()
    event = stage.abuse(pupil.sent())
    await stage.feed(event)
    stage.later(minutes=1)
    await stage.organisations(school(SCHOOL_A, split_into=(SCHOOL_B, OLD)))
    heard = await stage.feed(stage.retraction(event.receipt))
    assert (SCHOOL_A, "school", "withdrawal") in heard.told()


async def test_a_pupil_who_leaves_an_academy_has_left_the_school_it_was(stage: Stage) -> None:
    await stage.organisations(school(OLD, successor=SCHOOL_A))
    pupil = await stage.child(school=OLD)
    data = {"child": pupil.sent(), "status": "registered"}
    stays = {**data, "organisation": SCHOOL_A, "startsOn": "2026-02-01", "endsOn": "2026-02-27"}
    moves = {**data, "organisation": SCHOOL_B, "startsOn": "2026-03-01"}
    for change in (stays, moves):
        await stage.feed(
            stage.event("enrolment.changed", change, sender=MASH, kind="local-authority")
        )
    heard = await stage.feed(stage.abuse(pupil.sent()))
    assert heard.organisations() == {SCHOOL_B, NURSING, MASH}
