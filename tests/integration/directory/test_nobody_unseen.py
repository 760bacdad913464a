"""An incident reaches every child known to be linked to its adults, and nobody learns from whom."""

from __future__ import annotations

import json
from datetime import date

import pytest
from sqlalchemy import text

from schemas.facts import EventApplied, PersonLinkMissing, Profile
from schemas.profiles import render
from services.directory.decide import Decision
from services.directory.settings import DirectorySettings
from services.directory.show import show_one
from tests.integration.directory.area import MASH, NURSING, POLICE, SCHOOL_A, SCHOOL_B
from tests.integration.directory.family import (
    FATHER,
    HEALTH,
    SECRETS,
    TRUST,
    asserted,
    incident,
)
from tests.integration.directory.stage import Heard, Stage

ALL = {"all": True, "organisations": []}
THREE = {SCHOOL_A, NURSING, MASH}


@pytest.fixture
async def known(stage: Stage) -> Stage:
    """Health's trust is an organisation of the bus."""
    await stage.organisations(TRUST)
    await stage.heard()
    return stage


def says_nothing_of_the_source(heard: Heard, *more: str) -> bool:
    said = [fact.model_dump_json(by_alias=True) for fact in heard.facts] + list(more)
    return not [mark for mark in SECRETS for one in said if mark.casefold() in one.casefold()]


async def applied(stage: Stage, *events: object) -> None:
    heard = await stage.feed(*events)  # type: ignore[arg-type]
    assert {one.outcome for one in heard.of(EventApplied)} == {"applied"}


async def test_the_letters_case_a_child_whom_only_health_links_to_the_father(
    known: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    child = await known.child(household="house-1")
    await applied(known, asserted(known, child))
    capsys.readouterr()
    heard = await known.feed(incident(known))
    assert heard.told(child.id) == {
        (SCHOOL_A, "school", "school-full"),
        (NURSING, "school-nursing", "health-minimal"),
        (MASH, "mash", "mash-incident"),
    }
    (fact,) = heard.addressed
    assert (fact.derived, fact.child_index) == (True, 0)
    assert heard.of(PersonLinkMissing) == []
    to_school = render(Profile.SCHOOL_FULL, fact).as_json()
    assert to_school["child"]["name"] == {"given": "Robin", "family": "Example"}
    assert to_school["derived"] is True
    assert not {"circumstances", "voice", "present"} & to_school.keys()
    to_nurse = render(Profile.HEALTH_MINIMAL, fact).as_json()
    assert to_nurse["child"]["nhsNumber"] == {"value": child.nhs, "status": "verified"}
    assert to_nurse["incidentAt"] == "2026-03-02T20:15:00Z"
    to_mash = render(Profile.MASH_INCIDENT, fact).as_json()
    assert to_mash["child"]["name"]["given"] == "Robin"
    notices = [json.dumps(one) for one in (to_school, to_nurse, to_mash)]
    out, err = capsys.readouterr()
    assert says_nothing_of_the_source(heard, *notices, out, err)


async def test_the_other_household_waits_for_a_person(known: Stage) -> None:
    child = await known.child(household="house-2")
    await applied(known, asserted(known, child, sameHousehold=False))
    event = incident(known)
    heard = await known.feed(event)
    assert heard.addressed == []
    (question,) = heard.needed
    assert (question.reason, question.child_index) == ("linked-child", 0)
    assert (question.decide_by - known.now).total_seconds() == 1800
    async with known.database.reading() as session:
        shown = await show_one(session, known.partnership, ALL, question.resolution)
    assert shown is not None
    assert shown.derived
    assert (shown.shown[0].given_name, shown.detail) == (
        "Robin",
        ("/adults/0", "relationship:father"),
    )
    assert set(shown.decisions) == {"release", "withhold"}
    assert says_nothing_of_the_source(heard, shown.model_dump_json())
    _, after = await known.decide(question.resolution, Decision.RELEASE)
    assert after.organisations(child.id) == THREE
    assert [fact.derived for fact in after.addressed] == [True]
    assert says_nothing_of_the_source(after)


async def test_a_person_may_say_that_a_linked_child_is_not_told_of(known: Stage) -> None:
    child = await known.child()
    await applied(known, asserted(known, child, sameHousehold=None))
    heard = await known.feed(incident(known))
    _, after = await known.decide(heard.needed[0].resolution, Decision.WITHHOLD)
    assert after.addressed == []
    assert after.of(PersonLinkMissing) == []


async def test_nothing_crosses_to_a_restricted_child(known: Stage) -> None:
    hidden = await known.child(household="house-1", restricted=True)
    open_one = await known.child(given="Kit", school=SCHOOL_B, household="house-1")
    await applied(known, asserted(known, hidden), asserted(known, open_one))
    known.settings = sharing()
    heard = await known.feed(incident(known))
    assert {fact.child_id for fact in heard.addressed} == {open_one.id}
    assert heard.needed == []
    assert len(heard.of(PersonLinkMissing)) == 1
    async with known.database.reading() as session:
        kept = await session.execute(text("select child from directory.relationship"))
        assert [row.child for row in kept] == [open_one.id]


async def test_a_child_restricted_later_is_found_no_more(known: Stage) -> None:
    child = await known.child(household="house-1")
    await applied(known, asserted(known, child))
    async with known.database.transaction() as session:
        await session.execute(text("update directory.child set restricted = true"))
    heard = await known.feed(incident(known))
    assert (heard.addressed, heard.needed) == ([], [])
    assert [one.outcome for one in heard.of(EventApplied)] == ["no-child-known"]


def sharing() -> DirectorySettings:
    return DirectorySettings(link_sharing={"mental-health": frozenset({"police"})})


async def test_police_learn_that_a_link_is_missing_only_where_there_is_a_basis(
    known: Stage,
) -> None:
    child = await known.child(household="house-1")
    await applied(known, asserted(known, child))
    assert (await known.feed(incident(known))).of(PersonLinkMissing) == []
    known.settings = sharing()
    event = incident(known)
    heard = await known.feed(event)
    (missing,) = heard.of(PersonLinkMissing)
    assert (missing.agency, missing.receipt, missing.state) == (POLICE, event.receipt, "open")
    assert (missing.child_index, missing.adults) == (0, (0,))
    assert says_nothing_of_the_source(heard)
    answer = {"finding": str(missing.finding), "answer": "record-corrected"}
    other = await known.feed(known.event("record.answered", answer, sender=SCHOOL_A, kind="school"))
    assert [one.outcome for one in other.of(EventApplied)] == ["finding-unknown"]
    answered = await known.feed(known.event("record.answered", answer))
    assert [one.state for one in answered.of(PersonLinkMissing)] == ["answered"]
    async with known.database.reading() as session:
        rows = await session.execute(text("select agency, state, answer from directory.finding"))
        assert [tuple(row) for row in rows] == [(POLICE, "answered", "record-corrected")]


async def test_police_who_listed_the_child_or_know_the_link_are_told_nothing(
    known: Stage,
) -> None:
    known.settings = sharing()
    child = await known.child(household="house-1")
    await applied(known, asserted(known, child))
    listed = await known.feed(incident(known, child.sent()))
    assert len(listed.addressed) == 1
    assert not listed.addressed[0].derived
    assert listed.of(PersonLinkMissing) == []
    await applied(known, asserted(known, child, sender=POLICE, sender_kind="police"))
    derived = await known.feed(incident(known))
    assert derived.organisations(child.id) == THREE
    assert derived.of(PersonLinkMissing) == []


async def test_the_whole_household_is_seen_and_ended_links_are_not(known: Stage) -> None:
    first = await known.child(household="house-1")
    second = await known.child(given="Kit", school=SCHOOL_B, household="house-1")
    elsewhere = await known.child(given="Ash", school=SCHOOL_B, household="house-3")
    await applied(known, asserted(known, first))
    await applied(known, asserted(known, elsewhere, endsOn="2026-01-31"))
    heard = await known.feed(incident(known, first.sent()))
    assert {fact.child_id: fact.child_index for fact in heard.addressed} == {
        first.id: 0,
        second.id: 1,
    }
    assert SCHOOL_B in heard.organisations(second.id)
    assert heard.needed == []


async def test_an_agencys_last_word_about_two_people_stands(known: Stage) -> None:
    child = await known.child(household="house-1")
    await applied(known, asserted(known, child))
    known.later(days=1)
    await applied(known, asserted(known, child, endsOn="2026-03-01"))
    heard = await known.feed(incident(known))
    assert heard.addressed == []


async def test_an_adult_without_a_birth_date_is_a_question_and_a_namesake_is_nobody(
    known: Stage,
) -> None:
    child = await known.child(household="house-1")
    home = {"lines": ["Wexford Marsh"], "postcode": "ZZ9 1AA"}
    await applied(known, asserted(known, child, adult={"address": home}))
    unsure = await known.feed(
        incident(known, father={"dateOfBirth": None, "address": {"postcode": "zz91aa"}})
    )
    assert unsure.addressed == []
    assert unsure.reasons == ["linked-child"]
    nowhere = await known.feed(incident(known, father={"dateOfBirth": None}))
    born = {"value": "1986-02-12", "precision": "exact"}
    another = await known.feed(incident(known, father={"dateOfBirth": born, "address": home}))
    assert (nowhere.facts[0].outcome, another.facts[0].outcome) == ("no-child-known",) * 2


async def test_an_adult_with_another_part_in_the_incident_is_a_question(known: Stage) -> None:
    child = await known.child(household="house-1")
    await applied(known, asserted(known, child))
    heard = await known.feed(incident(known, father={"roleInEvent": "other"}))
    assert (heard.addressed, heard.reasons) == ([], ["linked-child"])


async def test_a_text_that_speaks_of_a_child_is_still_a_question(known: Stage) -> None:
    child = await known.child(household="house-1")
    alone = await known.feed(incident(known, textSpeaksOfChild=True))
    assert alone.reasons == ["children-not-named"]
    await applied(known, asserted(known, child))
    heard = await known.feed(incident(known, textSpeaksOfChild=True))
    assert heard.organisations(child.id) == THREE
    assert heard.reasons == ["children-not-named"]


async def test_a_text_that_speaks_of_one_more_child_than_are_listed_is_a_question(
    known: Stage,
) -> None:
    child = await known.child()
    heard = await known.feed(incident(known, child.sent(), textSpeaksOfChild=True))
    assert heard.organisations(child.id) == THREE
    assert heard.reasons == ["children-not-named"]


async def test_a_child_linked_to_both_adults_is_told_of_once(known: Stage) -> None:
    child = await known.child(household="house-1")
    mother = {
        "name": {"given": "Jo", "family": "Specimen"},
        "dateOfBirth": {"value": "1988-07-01", "precision": "exact"},
    }
    await applied(
        known,
        asserted(known, child, sameHousehold=None),
        asserted(known, child, adult=mother, kind="mother"),
    )
    heard = await known.feed(known.abuse(adults=[FATHER, mother]))
    (fact,) = heard.addressed
    assert (fact.child_id, heard.needed) == (child.id, [])


async def test_case_accents_and_punctuation_do_not_tell_adults_apart(known: Stage) -> None:
    child = await known.child(household="house-1")
    await applied(
        known,
        asserted(known, child, adult={"name": {"given": "Sándy", "family": "O’Specimen"}}),
    )
    name = {"given": "SANDY", "family": "O Specimen"}
    heard = await known.feed(incident(known, father={"name": name}))
    assert heard.organisations(child.id) == THREE


async def test_a_grown_child_is_no_child(known: Stage) -> None:
    grown = await known.child(household="house-1", born=date(2008, 3, 3))
    await applied(known, asserted(known, grown))
    heard = await known.feed(incident(known))
    assert (heard.addressed, heard.needed) == ([], [])


async def test_a_referral_is_about_the_children_it_names(known: Stage) -> None:
    listed = await known.child()
    linked = await known.child(given="Kit", household="house-1")
    await applied(known, asserted(known, linked))
    heard = await known.feed(known.referral(listed.sent(), adults=[FATHER]))
    about_children = [fact for fact in heard.addressed if fact.identity is not None]
    assert [fact.child_id for fact in about_children] == [listed.id], "the receipt is about none"


async def test_a_listed_childs_text_that_names_a_derived_one_is_held(known: Stage) -> None:
    listed = await known.child()
    linked = await known.child(given="Zephyrine", school=SCHOOL_B, household="house-1")
    await applied(known, asserted(known, linked))
    item = {"child": listed.sent(), "circumstances": "Hid with Zephyrine."}
    heard = await known.feed(incident(known, item))
    held = {fact.child_id: fact.held for fact in heard.addressed}
    assert held == {listed.id: ("/children/0/circumstances",), linked.id: ()}
    to_other = next(fact for fact in heard.addressed if fact.child_id == linked.id)
    content = json.dumps(render(Profile.SCHOOL_FULL, to_other).as_json())
    assert "Hid with" not in content
    assert "Robin" not in content


async def test_a_relationship_whose_child_nobody_knows_waits_and_then_links(known: Stage) -> None:
    child = await known.child(household="house-1")
    unknown = child.sent(nhsNumber={"reasonAbsent": "not-known"}, address=None)
    heard = await known.feed(asserted(known, child, child=unknown))
    assert heard.reasons == ["possible-candidates"]
    _, after = await known.decide(heard.needed[0].resolution, Decision.THIS_CHILD, child.id)
    assert [one.outcome for one in after.of(EventApplied)] == ["applied"]
    assert (await known.feed(incident(known))).organisations(child.id) == THREE


async def test_every_agencys_word_is_kept_apart(known: Stage) -> None:
    child = await known.child(household="house-1")
    mine = asserted(known, child)
    await applied(known, mine, asserted(known, child, sender=HEALTH + "-2"))
    async with known.database.reading() as session:
        rows = await session.execute(text("select count(*) from directory.adult"))
        assert rows.scalar_one() == 2
    await known.feed(known.event("event.retracted", {"reason": "other"}, supersedes=mine.receipt))
    assert (await known.feed(incident(known))).organisations(child.id) == THREE
