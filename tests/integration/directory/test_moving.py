"""Enrolments that are stated late: the right school is told after all, the wrong one no longer."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Any

from schemas.facts import NoticeWithdrawn, ResolutionDecided
from services.directory.decide import Decision
from services.directory.settings import DirectorySettings
from services.directory.sweep import readdress_one
from tests.integration.directory.area import (
    HOSPITAL,
    MASH,
    NURSING,
    SCHOOL_A,
    SCHOOL_B,
    VISITING,
    Pupil,
)
from tests.integration.directory.stage import Heard, Stage

OTHER_NURSING, SCHOOL_C = "nursing-other", "urn-900003"


async def state(
    stage: Stage, pupil: Pupil, school: str | None, starts: str, ends: str | None = None,
    **more: Any,
) -> None:  # fmt: skip
    """The authority says where a pupil is, or was."""
    data = {
        "child": pupil.sent(), "status": "registered", "startsOn": starts, **more,
        **({"organisation": school} if school else {}), **({"endsOn": ends} if ends else {}),
    }  # fmt: skip
    await stage.feed(stage.event("enrolment.changed", data, sender=MASH, kind="local-authority"))


async def never_at_a_but_at_b(stage: Stage, pupil: Pupil, since: str = "2026-02-20") -> None:
    await state(stage, pupil, SCHOOL_B, since)
    await state(stage, pupil, SCHOOL_A, "2025-09-01", "2026-02-19")


def by_organisation(heard: Heard) -> dict[str, str]:
    return {organisation: profile for organisation, _, profile in heard.told()}


async def test_a_correction_five_days_late_tells_the_right_school_once(stage: Stage) -> None:
    pupil = await stage.child()
    event = stage.abuse(pupil.sent())
    assert SCHOOL_A in (await stage.feed(event)).organisations()
    stage.later(days=5)
    await never_at_a_but_at_b(stage, pupil)
    heard = await stage.readdress()
    # The nursing provider is that of both schools, and the MASH knows: neither is told again.
    assert by_organisation(heard) == {SCHOOL_A: "withdrawal", SCHOOL_B: "school-full"}
    assert {fact.receipt for fact in heard.addressed} == {event.receipt}
    (gone,) = heard.of(NoticeWithdrawn)
    assert (gone.organisation, gone.reason, gone.at) == (SCHOOL_A, "not-at-this-school", stage.now)
    assert (await stage.readdress()).facts == []
    await state(stage, pupil, SCHOOL_B, "2026-02-20")
    assert (await stage.readdress()).addressed == []


async def test_the_school_of_the_incident_keeps_what_it_was_told_when_a_child_moves(
    stage: Stage,
) -> None:
    pupil = await stage.child()
    await stage.feed(stage.abuse(pupil.sent()))
    stage.later(days=5)
    await state(stage, pupil, SCHOOL_A, "2025-09-01", "2026-03-05")
    await state(stage, pupil, SCHOOL_B, "2026-03-06")
    heard = await stage.readdress()
    assert heard.told() == {(SCHOOL_B, "school", "school-full")}


async def test_another_school_s_nurses_are_told_and_the_first_ones_withdrawn(
    stage: Stage,
) -> None:
    await stage.organisations(
        {"id": OTHER_NURSING, "kind": "school-nursing", "name": "Other Nursing"},
        {"id": SCHOOL_C, "kind": "school", "name": "C", "nursing_provider": OTHER_NURSING},
    )
    pupil = await stage.child()
    await stage.feed(stage.abuse(pupil.sent()))
    await state(stage, pupil, SCHOOL_C, "2026-02-20")
    await state(stage, pupil, SCHOOL_A, "2025-09-01", "2026-02-19")
    heard = await stage.readdress()
    assert by_organisation(heard) == {
        SCHOOL_A: "withdrawal",
        NURSING: "withdrawal",
        SCHOOL_C: "school-full",
        OTHER_NURSING: "health-minimal",
    }


async def test_a_school_that_turns_out_right_after_all_is_told_anew(stage: Stage) -> None:
    pupil = await stage.child()
    await stage.feed(stage.abuse(pupil.sent()))
    await never_at_a_but_at_b(stage, pupil)
    await stage.readdress()
    await state(stage, pupil, SCHOOL_A, "2025-09-01")
    heard = await stage.readdress()
    (fact,) = heard.addressed
    assert (by_organisation(heard), fact.edition) == ({SCHOOL_A: "school-full"}, 1)


async def test_an_event_older_than_the_window_stays_as_it_was(stage: Stage) -> None:
    pupil = await stage.child()
    await stage.feed(stage.abuse(pupil.sent()))
    stage.later(days=29)
    await never_at_a_but_at_b(stage, pupil)
    assert (await stage.readdress()).facts == []
    stage.settings = DirectorySettings(readdress_days=40)
    await state(stage, pupil, SCHOOL_B, "2026-02-20")
    assert SCHOOL_B in (await stage.readdress()).organisations()


async def test_an_event_that_was_taken_back_is_told_to_nobody_new(stage: Stage) -> None:
    pupil = await stage.child()
    event = stage.abuse(pupil.sent())
    await stage.feed(event)
    await stage.feed(stage.retraction(event.receipt))
    await never_at_a_but_at_b(stage, pupil)
    assert (await stage.readdress()).addressed == []


async def test_a_missing_child_s_new_school_is_alerted_until_it_is_found(stage: Stage) -> None:
    pupil = await stage.child()
    await stage.feed(stage.missing(pupil.sent()))
    await never_at_a_but_at_b(stage, pupil)
    heard = await stage.readdress()
    assert by_organisation(heard) == {SCHOOL_A: "withdrawal", SCHOOL_B: "missing-alert"}
    heard = await stage.feed(stage.found(pupil.sent()))
    assert heard.organisations() == {SCHOOL_B, NURSING, MASH, HOSPITAL}
    await state(stage, pupil, SCHOOL_A, "2026-02-20")
    assert (await stage.readdress()).addressed == []


async def test_what_a_person_was_asked_to_repair_is_repaired(stage: Stage) -> None:
    pupil = await stage.child(school=None)
    (needed,) = (await stage.feed(stage.abuse(pupil.sent()))).needed
    assert needed.reason == "no-route-school"
    await state(stage, pupil, SCHOOL_B, "2026-02-20")
    heard = await stage.readdress()
    assert heard.told() == {(SCHOOL_B, "school", "school-full")}
    assert heard.needed == []
    assert [(one.resolution, one.decision) for one in heard.of(ResolutionDecided)] == [
        (needed.resolution, "repaired")
    ]


async def test_a_child_who_is_nowhere_now_is_a_question(stage: Stage) -> None:
    pupil = await stage.child()
    await stage.feed(stage.abuse(pupil.sent()))
    await state(stage, pupil, SCHOOL_A, "2025-09-01", "2026-02-19")
    heard = await stage.readdress()
    assert by_organisation(heard) == {SCHOOL_A: "withdrawal"}
    assert heard.reasons == ["no-route-school"]


async def test_a_child_who_started_school_has_a_school_nurse(stage: Stage) -> None:
    pupil = await stage.child(born=date(2021, 10, 1), school=None)
    await stage.feed(stage.abuse(pupil.sent()))
    await state(stage, pupil, SCHOOL_B, "2026-02-20")
    heard = await stage.readdress()
    assert by_organisation(heard) == {
        SCHOOL_B: "school-full", NURSING: "health-minimal", VISITING: "withdrawal",
    }  # fmt: skip


async def test_an_undone_enrolment_tells_the_school_of_before(stage: Stage) -> None:
    pupil = await stage.child(school=None, enrolments=[(None, "home-educated")])
    await stage.feed(stage.abuse(pupil.sent()))
    data = {
        "child": pupil.sent(), "organisation": SCHOOL_B, "status": "registered",
        "startsOn": "2026-02-20",
    }  # fmt: skip
    event = stage.event("enrolment.changed", data, sender=MASH, kind="local-authority")
    await stage.feed(event)
    assert SCHOOL_B in (await stage.readdress()).organisations()
    await stage.undo_match(event.receipt, pupil.id)
    heard = await stage.readdress()
    assert by_organisation(heard)[SCHOOL_B] == "withdrawal"


async def test_a_held_text_that_was_released_follows_to_the_new_school(stage: Stage) -> None:
    robin, ash = await stage.child("Robin"), await stage.child("Ash")
    event = stage.abuse({"child": robin.sent(), "circumstances": "Ash hid."}, ash.sent())
    (needed,) = (await stage.feed(event)).needed
    await stage.decide(needed.resolution, Decision.RELEASE)
    await never_at_a_but_at_b(stage, robin)
    heard = await stage.readdress()
    new = next(fact for fact in heard.addressed if fact.data)
    assert new.held == ()
    assert {one.part for one in heard.of(NoticeWithdrawn)} == {"whole", "text"}


async def test_two_sweeps_at_once_tell_once(stage: Stage) -> None:
    pupil = await stage.child()
    await stage.feed(stage.abuse(pupil.sent()))
    await never_at_a_but_at_b(stage, pupil)
    stage.later(seconds=11)
    await asyncio.gather(*(readdress_one(stage.database, stage.partnership) for _ in range(4)))
    heard = await stage.heard()
    assert len(heard.addressed) == 2


async def test_a_move_just_now_waits_for_what_is_being_addressed(stage: Stage) -> None:
    pupil = await stage.child()
    await stage.feed(stage.abuse(pupil.sent()))
    await never_at_a_but_at_b(stage, pupil)
    assert not await readdress_one(stage.database, stage.partnership)
    assert SCHOOL_B in (await stage.readdress()).organisations()
