"""Derived children through corrections, retractions and second thoughts."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from schemas.facts import PersonLinkMissing, Profile, ResolutionDecided
from schemas.profiles import render
from services.directory.decide import Decided, Decision
from services.directory.settings import DirectorySettings
from tests.integration.directory.area import MASH, NURSING, SCHOOL_A, SCHOOL_B, Pupil
from tests.integration.directory.family import TRUST, asserted, incident
from tests.integration.directory.stage import Stage

THREE = {SCHOOL_A, NURSING, MASH}
WITHDRAWN = "withdrawal"


@pytest.fixture
async def known(stage: Stage) -> Stage:
    """Health's trust is an organisation of the bus, and police may be told what it knows."""
    await stage.organisations(TRUST)
    stage.settings = DirectorySettings(link_sharing={"mental-health": frozenset({"police"})})
    await stage.heard()
    return stage


def misspelt(pupil: Pupil) -> dict[str, object]:
    """As police write a child whom they cannot number: a person must say who it is."""
    return pupil.sent(
        name={"given": "Robyn", "family": pupil.family},
        nhsNumber={"reasonAbsent": "not-known"},
    )


async def test_a_retracted_incident_is_withdrawn_for_a_derived_child_too(known: Stage) -> None:
    child = await known.child(household="house-1")
    await known.feed(asserted(known, child))
    event = incident(known)
    await known.feed(event)
    heard = await known.feed(known.retraction(event.receipt))
    assert {(org, profile) for org, _, profile in heard.told(child.id)} == {
        (organisation, WITHDRAWN) for organisation in THREE
    }


async def test_a_correction_that_names_nobody_of_hers_withdraws_and_one_that_does_restates(
    known: Stage,
) -> None:
    child = await known.child(household="house-1")
    await known.feed(asserted(known, child))
    event = incident(known)
    await known.feed(event)
    known.later(minutes=5)
    again = incident(known, supersedes=event.receipt, policeReference="EX-2")
    restated = await known.feed(again)
    assert {profile for _, _, profile in restated.told(child.id)} == {
        "school-full",
        "health-minimal",
        "mash-incident",
    }
    assert restated.addressed[0].derived
    known.later(minutes=5)
    other = {"name": {"given": "Somebody", "family": "Else"}}
    without = await known.feed(incident(known, father=other, supersedes=again.receipt))
    assert {profile for _, _, profile in without.told(child.id)} == {WITHDRAWN}


async def test_while_a_person_looks_at_a_corrections_link_nobody_is_withdrawn_from(
    known: Stage,
) -> None:
    child = await known.child()
    await known.feed(asserted(known, child, sameHousehold=False))
    event = incident(known)
    asked = await known.feed(event)
    _, told = await known.decide(asked.needed[0].resolution, Decision.RELEASE)
    assert told.organisations(child.id) == THREE
    assert [one.state for one in told.of(PersonLinkMissing)] == ["open"]
    known.later(minutes=5)
    heard = await known.feed(incident(known, supersedes=event.receipt))
    assert (heard.addressed, heard.reasons) == ([], ["linked-child"])
    _, after = await known.decide(heard.needed[0].resolution, Decision.WITHHOLD)
    assert {profile for _, _, profile in after.told(child.id)} == {WITHDRAWN}


async def test_a_wrong_child_is_withdrawn_at_once_whoever_else_waits(known: Stage) -> None:
    wrong, right = await known.child(), await known.child(given="Kit", school=SCHOOL_B)
    waiting = await known.child(given="Ash", school=SCHOOL_B)
    await known.feed(asserted(known, waiting, sameHousehold=False))
    event = incident(known, wrong.sent())
    asked = await known.feed(event)
    await known.decide(asked.needed[0].resolution, Decision.RELEASE)
    known.later(minutes=5)
    heard = await known.feed(incident(known, right.sent(), supersedes=event.receipt))
    assert heard.reasons == ["linked-child"]
    assert {profile for _, _, profile in heard.told(wrong.id)} == {WITHDRAWN}
    assert heard.told(waiting.id) == set()


async def test_a_retracted_link_is_a_question_about_what_was_told_because_of_it(
    known: Stage,
) -> None:
    child = await known.child(household="house-1")
    link = asserted(known, child)
    await known.feed(link)
    event = incident(known)
    await known.feed(event)
    heard = await known.feed(known.retraction(link.receipt))
    assert [(one.reason, one.receipt, one.child_id) for one in heard.needed] == [
        ("link-withdrawn", event.receipt, child.id)
    ]
    assert [one.state for one in heard.of(PersonLinkMissing)] == ["withdrawn"]
    assert (await known.feed(incident(known))).addressed == []


async def test_a_retracted_link_ends_the_question_that_rests_on_it(known: Stage) -> None:
    child = await known.child()
    link = asserted(known, child, sameHousehold=False)
    await known.feed(link)
    await known.feed(incident(known))
    heard = await known.feed(known.retraction(link.receipt))
    assert [one.decision for one in heard.of(ResolutionDecided)] == ["superseded"]
    assert heard.needed == []


async def test_a_restated_link_between_the_same_people_asks_nobody(known: Stage) -> None:
    child = await known.child(household="house-1")
    link = asserted(known, child)
    await known.feed(link)
    await known.feed(incident(known))
    known.later(minutes=5)
    restated = asserted(known, child, endsOn="2026-03-02", supersedes=link.receipt)
    heard = await known.feed(restated)
    assert (heard.needed, heard.of(PersonLinkMissing)) == ([], [])
    assert (await known.feed(incident(known))).addressed == []
    retracted = await known.feed(known.retraction(restated.receipt))
    assert [one.reason for one in retracted.needed] == ["link-withdrawn"]


async def test_a_link_retracted_before_it_came_links_nobody(known: Stage) -> None:
    child = await known.child(household="house-1")
    link = asserted(known, child)
    await known.feed(known.retraction(link.receipt), link)
    assert (await known.feed(incident(known))).addressed == []


async def test_a_listed_child_who_proves_to_be_the_derived_one_keeps_one_notice_and_its_text(
    known: Stage,
) -> None:
    child = await known.child(household="house-1", postcode="ZZ9 9ZZ")
    await known.feed(asserted(known, child))
    item = {"child": misspelt(child), "present": True, "circumstances": "Was awake."}
    heard = await known.feed(incident(known, item))
    assert [fact.child_index for fact in heard.addressed] == [1]
    assert heard.reasons == ["possible-candidates"]
    outcome, after = await known.decide(heard.needed[0].resolution, Decision.THIS_CHILD, child.id)
    assert isinstance(outcome, Decided)
    assert [one.state for one in after.of(PersonLinkMissing)] == ["withdrawn"]
    (fact,) = after.addressed
    assert (fact.child_index, fact.derived, fact.part) == (0, False, "text")
    assert after.organisations(child.id) == THREE
    assert render(Profile.SCHOOL_FULL, fact).as_json()["circumstances"] == "Was awake."
    async with known.database.reading() as session:
        rows = await session.execute(
            text("select children from directory.event where type like 'dom%'")
        )
        assert rows.scalar_one() == {"0": str(child.id)}


async def test_its_text_that_names_a_sibling_waits_for_a_person(known: Stage) -> None:
    child = await known.child(household="house-1", postcode="ZZ9 9ZZ")
    sibling = await known.child(given="Zephyrine", school=SCHOOL_B, household="house-1")
    await known.feed(asserted(known, child))
    item = {"child": misspelt(child), "circumstances": "Held Zephyrine."}
    heard = await known.feed(incident(known, item))
    assert {fact.child_id for fact in heard.addressed} == {child.id, sibling.id}
    _, after = await known.decide(heard.needed[0].resolution, Decision.THIS_CHILD, child.id)
    assert SCHOOL_A not in after.organisations(child.id)
    assert after.reasons == ["text-names-others"]
    _, released = await known.decide(after.needed[0].resolution, Decision.RELEASE)
    (fact,) = released.addressed
    assert {one.organisation for one in fact.recipients} == {SCHOOL_A}
    assert render(Profile.SCHOOL_FULL, fact).as_json()["circumstances"] == "Held Zephyrine."


async def test_a_listed_child_who_proves_to_be_one_that_waits_is_told_of_once(
    known: Stage,
) -> None:
    child = await known.child(postcode="ZZ9 9ZZ")
    await known.feed(asserted(known, child, sameHousehold=False))
    heard = await known.feed(incident(known, {"child": misspelt(child)}))
    assert sorted(heard.reasons) == ["linked-child", "possible-candidates"]
    (who,) = [one for one in heard.needed if one.reason == "possible-candidates"]
    _, after = await known.decide(who.resolution, Decision.THIS_CHILD, child.id)
    assert [(fact.child_index, fact.part) for fact in after.addressed] == [(0, "whole")]
    assert after.organisations(child.id) == THREE
    assert [one.decision for one in after.of(ResolutionDecided)] == ["this-child", "superseded"]


async def test_a_derived_child_whose_school_nobody_knows_is_a_question(known: Stage) -> None:
    child = await known.child(household="house-1", school=None)
    await known.feed(asserted(known, child))
    heard = await known.feed(incident(known))
    assert heard.organisations(child.id) == {NURSING, MASH}
    assert heard.reasons == ["no-route-school"]
    async with known.database.transaction() as session:
        await session.execute(
            text("""insert into directory.enrolment (child, organisation, status, from_date,
                    recorded_at) values (:child, :school, 'registered', '2025-09-01', :at)"""),
            {"child": child.id, "school": SCHOOL_B, "at": known.now},
        )
    _, after = await known.decide(heard.needed[0].resolution, Decision.RELEASE)
    assert after.organisations(child.id) == {SCHOOL_B}
    assert [fact.derived for fact in after.addressed] == [True]
