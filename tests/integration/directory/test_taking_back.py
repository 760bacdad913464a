"""Corrections, retractions, missing children found: in any order."""

from __future__ import annotations

import pytest

from schemas.facts import (
    EventApplied,
    EventRetracted,
    OrganisationRecorded,
    ResolutionDecided,
)
from services.directory.decide import Decision
from tests.integration.directory.area import HOSPITAL, MASH, NURSING, SCHOOL_A, SCHOOL_B
from tests.integration.directory.stage import Stage


async def test_a_retraction_withdraws_from_everyone_who_was_told(stage: Stage) -> None:
    pupil = await stage.child()
    event = stage.abuse(pupil.sent())
    before = await stage.feed(event)
    stage.later(minutes=1)
    heard = await stage.feed(stage.retraction(event.receipt))
    (retracted,) = heard.of(EventRetracted)
    assert (retracted.retracts, retracted.replaced_by) == (event.receipt, None)
    assert heard.organisations() == before.organisations()
    assert {profile for _, _, profile in heard.told()} == {"withdrawal"}
    (fact,) = heard.addressed
    assert (fact.supersedes, fact.data) == (event.receipt, {})


async def test_an_original_after_its_retraction_is_told_to_nobody(stage: Stage) -> None:
    pupil = await stage.child()
    event = stage.abuse(pupil.sent())
    first = await stage.feed(stage.retraction(event.receipt))
    assert [one.retracts for one in first.of(EventRetracted)] == [event.receipt]
    heard = await stage.feed(event)
    assert heard.addressed == []
    assert [one.outcome for one in heard.of(EventApplied)] == ["superseded"]


async def test_the_same_within_one_batch(stage: Stage) -> None:
    pupil = await stage.child()
    event = stage.abuse(pupil.sent())
    heard = await stage.feed(stage.retraction(event.receipt), event)
    assert heard.addressed == []
    assert [one.outcome for one in heard.of(EventApplied)] == ["superseded"]


async def test_a_correction_restates_and_withdraws_from_the_others(stage: Stage) -> None:
    wrong, right = await stage.child("Ash", school=SCHOOL_B), await stage.child("Robin")
    event = stage.abuse(wrong.sent())
    await stage.feed(event)
    stage.later(minutes=1)
    heard = await stage.feed(stage.abuse(right.sent(), supersedes=event.receipt))
    (retracted,) = heard.of(EventRetracted)
    assert retracted.replaced_by == retracted.receipt
    assert SCHOOL_A in heard.organisations(right.id)
    assert {profile for _, _, profile in heard.told(wrong.id)} == {"withdrawal"}
    assert SCHOOL_B in heard.organisations(wrong.id)


async def test_a_correction_of_the_content_withdraws_from_nobody(stage: Stage) -> None:
    pupil = await stage.child()
    event = stage.abuse(pupil.sent())
    await stage.feed(event)
    heard = await stage.feed(stage.abuse(pupil.sent(), supersedes=event.receipt))
    assert "withdrawal" not in {profile for _, _, profile in heard.told()}
    assert len(heard.told()) == 3


async def test_a_correction_that_needs_a_person_withdraws_after_the_decision(stage: Stage) -> None:
    ash = await stage.child("Ash", school=SCHOOL_B)
    robin = await stage.child("Robin", numbered=False)
    event = stage.abuse(ash.sent())
    await stage.feed(event)
    stage.later(minutes=1)
    unclear = robin.sent(name={"given": "Rob", "family": "Example"})
    heard = await stage.feed(stage.abuse(unclear, supersedes=event.receipt))
    assert heard.addressed == []
    _, later = await stage.decide(heard.needed[0].resolution, Decision.THIS_CHILD, robin.id)
    assert {profile for _, _, profile in later.told(ash.id)} == {"withdrawal"}
    assert SCHOOL_A in later.organisations(robin.id)


async def test_a_correction_of_a_correction_that_came_first(stage: Stage) -> None:
    ash, robin = await stage.child("Ash", school=SCHOOL_B), await stage.child("Robin")
    first = stage.abuse(ash.sent())
    second = stage.abuse(ash.sent(), supersedes=first.receipt)
    third = stage.abuse(robin.sent(), supersedes=second.receipt)
    await stage.feed(first)
    stage.later(minutes=1)
    heard = await stage.feed(third)
    assert SCHOOL_A in heard.organisations(robin.id)
    late = await stage.feed(second)
    assert {profile for _, _, profile in late.told(ash.id)} == {"withdrawal"}
    assert {fact.receipt for fact in late.addressed} == {third.receipt}


async def test_a_retraction_ends_the_questions_about_its_original(stage: Stage) -> None:
    event = stage.abuse(textSpeaksOfChild=True)
    (needed,) = (await stage.feed(event)).needed
    heard = await stage.feed(stage.retraction(event.receipt))
    (decided,) = heard.of(ResolutionDecided)
    assert (decided.resolution, decided.decision) == (needed.resolution, "superseded")


async def test_a_found_child_is_told_to_everyone_who_was_told(stage: Stage) -> None:
    pupil = await stage.child()
    report = stage.missing(pupil.sent())
    before = await stage.feed(report)
    heard = await stage.feed(stage.found(pupil.sent()))
    assert heard.organisations() == before.organisations() == {SCHOOL_A, NURSING, MASH, HOSPITAL}
    assert {profile for _, _, profile in heard.told()} == {"missing-found"}
    assert heard.addressed[0].closes == (report.receipt,)
    assert heard.needed == []


async def test_two_reports_are_one_episode(stage: Stage) -> None:
    pupil = await stage.child()
    home = stage.missing(pupil.sent(), grade="low")
    police = stage.missing(pupil.sent(), reportedAt="2026-03-02T20:30:00Z", grade="high")
    await stage.feed(home, police)
    heard = await stage.feed(stage.found(pupil.sent()))
    assert set(heard.addressed[0].closes) == {home.receipt, police.receipt}
    assert HOSPITAL in heard.organisations()
    again = await stage.feed(stage.found(pupil.sent()))
    assert again.reasons == ["found-without-report"]


async def test_a_report_that_arrives_after_the_found_alerts_nobody(stage: Stage) -> None:
    pupil = await stage.child()
    found = await stage.feed(stage.found(pupil.sent()))
    assert found.reasons == ["found-without-report"]
    assert found.organisations() == set()
    heard = await stage.feed(stage.missing(pupil.sent()))
    assert heard.addressed == []
    assert [one.outcome for one in heard.of(EventApplied)] == ["found-already"]


async def test_a_child_missing_again_is_alerted_again(stage: Stage) -> None:
    pupil = await stage.child()
    await stage.feed(stage.missing(pupil.sent()))
    await stage.feed(stage.found(pupil.sent()))
    heard = await stage.feed(stage.missing(pupil.sent(), reportedAt="2026-03-03T08:00:00Z"))
    assert SCHOOL_A in heard.organisations()
    late = await stage.feed(stage.found(pupil.sent()))
    assert late.reasons == ["found-without-report"]


async def test_a_found_taken_back_is_told_to_a_person(stage: Stage) -> None:
    pupil = await stage.child()
    await stage.feed(stage.missing(pupil.sent()))
    found = stage.found(pupil.sent())
    await stage.feed(found)
    stage.later(minutes=1)
    heard = await stage.feed(stage.retraction(found.receipt))
    assert heard.reasons == ["found-retracted"]
    again = await stage.feed(stage.found(pupil.sent()))
    assert SCHOOL_A in again.organisations()


async def test_a_corrected_report_frees_the_wrong_child(stage: Stage) -> None:
    wrong, right = await stage.child("Ash", school=SCHOOL_B), await stage.child("Robin")
    report = stage.missing(wrong.sent())
    await stage.feed(report)
    stage.later(minutes=1)
    await stage.feed(stage.missing(right.sent(), supersedes=report.receipt))
    heard = await stage.feed(stage.found(wrong.sent()))
    assert heard.reasons == ["found-without-report"]
    heard = await stage.feed(stage.found(right.sent()))
    assert SCHOOL_A in heard.organisations()


async def test_an_organisation_is_restated_and_published(stage: Stage) -> None:
    organisation = {"id": SCHOOL_A, "kind": "school", "name": "Renamed", "urn": "900001"}
    event = stage.event(
        "organisation.changed", {"organisation": organisation}, sender=MASH, kind="social-care"
    )
    heard = await stage.feed(event)
    assert [one.organisation.name for one in heard.of(OrganisationRecorded)] == ["Renamed"]
    assert [one.outcome for one in heard.of(EventApplied)] == ["applied"]
    stage.later(days=-1)
    older = {**organisation, "name": "Older"}
    heard = await stage.feed(
        stage.event("organisation.changed", {"organisation": older}, sender=MASH)
    )
    assert heard.of(OrganisationRecorded) == []


@pytest.mark.parametrize("newest_first", [False, True])
async def test_of_two_corrections_of_one_event_the_later_stands(
    stage: Stage, newest_first: bool
) -> None:
    ash, robin = await stage.child("Ash", school=SCHOOL_B), await stage.child("Robin")
    event = stage.abuse(ash.sent(), robin.sent())
    await stage.feed(event)
    stage.later(minutes=1)
    older = stage.abuse(ash.sent(), supersedes=event.receipt)
    stage.later(minutes=1)
    newer = stage.abuse(robin.sent(), supersedes=event.receipt)
    order = [newer, older] if newest_first else [older, newer]
    told = []
    for one in order:
        stage.later(minutes=1)
        told += (await stage.feed(one)).addressed
    last = {}
    for fact in told:
        for recipient in fact.recipients:
            last[fact.child_id, recipient.organisation] = recipient.profile.value
    assert last[robin.id, SCHOOL_A] == "school-full"
    assert last[ash.id, SCHOOL_B] == "withdrawal"
