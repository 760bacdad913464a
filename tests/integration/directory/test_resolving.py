"""Who a child is, on a real database: exact matches, and questions for everything else."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import text

from schemas.facts import ResolutionDecided, ResolutionOverdue
from services.directory.decide import Decided, Decision, NotPossible
from services.directory.sweep import tell_overdue
from tests.integration.directory.area import MASH, OTHER_LA, SCHOOL_A, SCHOOL_B, nhs_number, upn
from tests.integration.directory.stage import Stage


async def test_a_verified_number_matches_whatever_the_name_is(stage: Stage) -> None:
    pupil = await stage.child()
    block = pupil.sent(name={"given": "Robyn", "family": "Sampel"}, address=None)
    heard = await stage.feed(stage.abuse(block))
    assert [fact.child_id for fact in heard.addressed] == [pupil.id]


async def test_a_number_whose_birth_date_contradicts_is_a_question(stage: Stage) -> None:
    pupil = await stage.child()
    heard = await stage.feed(stage.abuse(pupil.sent(dateOfBirth={"value": "2014-05-15"})))
    assert heard.addressed == []
    (needed,) = heard.needed
    assert (needed.reason, needed.candidates, needed.child_index) == ("contradicted", 1, 0)


async def test_a_pupil_number_is_used_after_the_nhs_number(stage: Stage) -> None:
    pupil = await stage.child()
    heard = await stage.feed(stage.abuse(pupil.sent(nhsNumber=None, address=None, upn=pupil.upn)))
    assert [fact.child_id for fact in heard.addressed] == [pupil.id]


async def test_a_failed_check_digit_is_used_for_nothing(stage: Stage) -> None:
    pupil = await stage.child(numbered=False, nhs_number="9990000011", nhs_verified=True)
    block = pupil.sent(
        nhsNumber={"value": "9990000011", "status": "verified"}, name={"given": "X", "family": "Y"}
    )
    heard = await stage.feed(stage.abuse(block))
    assert heard.reasons == ["no-candidate"]


async def test_an_exact_name_birth_date_and_postcode_match(stage: Stage) -> None:
    pupil = await stage.child("Zoë", "O'Sample", numbered=False)
    block = pupil.sent(name={"given": "ZOE", "family": "O’SAMPLE"})
    heard = await stage.feed(stage.abuse(block))
    assert [fact.child_id for fact in heard.addressed] == [pupil.id]


async def test_an_alternative_name_matches(stage: Stage) -> None:
    names = [{"given": "Bobbie", "family": "Former"}]
    pupil = await stage.child(numbered=False, alternative_names=names)
    heard = await stage.feed(stage.abuse(pupil.sent(name={"given": "Bobbie", "family": "Former"})))
    assert [fact.child_id for fact in heard.addressed] == [pupil.id]
    assert heard.addressed[0].identity is not None
    assert heard.addressed[0].identity.given_name == "Robin"


@pytest.mark.parametrize(
    ("changes", "matches"),
    [
        ({}, True),
        ({"name": {"given": "R", "family": "Other"}}, False),
        ({"dateOfBirth": {"value": "2014-05-01", "precision": "month"}}, False),
    ],
)
async def test_an_unverified_number_needs_birth_date_and_family_name(
    stage: Stage, changes: dict[str, object], matches: bool
) -> None:
    pupil = await stage.child()
    number = {"value": pupil.nhs, "status": "unverified"}
    block = pupil.sent(nhsNumber=number, address=None, **changes)
    heard = await stage.feed(stage.abuse(block))
    assert bool(heard.addressed) is matches
    assert heard.reasons == ([] if matches else ["not-confirmed"])


async def test_a_co_twin_s_number_is_a_question(stage: Stage) -> None:
    robin, ash = await stage.child("Robin"), await stage.child("Ash")
    number = {"value": ash.nhs, "status": "verified"}
    heard = await stage.feed(stage.abuse(robin.sent(nhsNumber=number)))
    assert heard.reasons == ["identifiers-disagree"]
    assert heard.needed[0].candidates == 2


async def test_a_number_on_two_children_of_an_event_is_whose_name_it_bears(stage: Stage) -> None:
    robin = await stage.child("Robin")
    twin = robin.sent(name={"given": "Ash", "family": "Example"})
    heard = await stage.feed(stage.abuse(robin.sent(), twin))
    assert [fact.child_index for fact in heard.addressed] == [0]
    assert [(one.reason, one.child_index) for one in heard.needed] == [("contradicted", 1)]


async def test_one_child_twice_in_an_event_is_a_question_for_both(stage: Stage) -> None:
    robin = await stage.child("Robin")
    again = robin.sent(name={"given": "Robyn", "family": "Example"})
    heard = await stage.feed(stage.abuse(robin.sent(), again))
    assert heard.addressed == []
    assert heard.reasons == ["same-child-twice", "same-child-twice"]


async def test_several_children_with_one_name_are_a_question(stage: Stage) -> None:
    first = await stage.child(numbered=False)
    await stage.child(numbered=False)
    heard = await stage.feed(stage.abuse(first.sent()))
    assert (heard.reasons, heard.needed[0].candidates) == (["several-candidates"], 2)


async def test_a_near_child_is_shown_and_never_chosen(stage: Stage) -> None:
    pupil = await stage.child(numbered=False)
    heard = await stage.feed(stage.abuse(pupil.sent(name={"given": "Rob", "family": "Example"})))
    assert (heard.reasons, heard.needed[0].candidates) == (["possible-candidates"], 1)


async def test_an_unborn_child_is_a_question(stage: Stage) -> None:
    block = {"name": {"family": "Example"}, "expectedDateOfDelivery": "2026-06-01"}
    heard = await stage.feed(stage.abuse(block))
    assert heard.reasons == ["unborn"]


async def test_an_estimated_birth_date_contradicts_only_from_afar(stage: Stage) -> None:
    pupil = await stage.child()
    near = {"value": "2013-01-01", "precision": "estimated"}
    far = {"value": "2010-01-01", "precision": "estimated"}
    assert (await stage.feed(stage.abuse(pupil.sent(dateOfBirth=near)))).addressed
    assert (await stage.feed(stage.abuse(pupil.sent(dateOfBirth=far)))).reasons == ["contradicted"]


async def test_a_restricted_child_is_found_by_numbers_and_never_shown(stage: Stage) -> None:
    names = [{"given": "Former", "family": "Name"}]
    pupil = await stage.child("New", "Name", restricted=True, alternative_names=names)
    heard = await stage.feed(stage.abuse(pupil.sent()))
    assert [fact.child_id for fact in heard.addressed] == [pupil.id]
    old = {"name": {"given": "Former", "family": "Name"}, "nhsNumber": None}
    heard = await stage.feed(stage.abuse(pupil.sent(**old)))
    assert (heard.reasons, heard.needed[0].candidates) == (["no-candidate"], 0)
    wrong = pupil.sent(dateOfBirth={"value": "2011-01-01"})
    heard = await stage.feed(stage.abuse(wrong))
    assert (heard.reasons, heard.needed[0].candidates) == (["no-candidate"], 0)


async def test_a_restricted_child_s_old_name_in_a_text_is_held(stage: Stage) -> None:
    names = [{"given": "Former", "family": "Before"}]
    pupil = await stage.child("New", "Name", restricted=True, alternative_names=names)
    item = {"child": pupil.sent(), "circumstances": "Called Former by the neighbour."}
    heard = await stage.feed(stage.abuse(item))
    assert heard.addressed[0].held == ("/children/0/circumstances",)


async def test_text_that_speaks_of_a_child_without_one_is_a_question(stage: Stage) -> None:
    heard = await stage.feed(stage.abuse(textSpeaksOfChild=True))
    assert heard.reasons == ["children-not-named"]
    assert heard.needed[0].recipients[0].organisation == MASH


async def test_a_person_registers_a_new_child_who_is_then_told_of(stage: Stage) -> None:
    block = {
        "name": {"given": "New", "family": "Here"},
        "dateOfBirth": {"value": "2023-01-02"},
        "nhsNumber": {"value": nhs_number(77), "status": "verified"},
        "address": {"postcode": "zz9 1aa"},
    }
    event = stage.abuse(block)
    (needed,) = (await stage.feed(event)).needed
    outcome, heard = await stage.decide(needed.resolution, Decision.NEW_CHILD)
    assert isinstance(outcome, Decided)
    assert heard.of(ResolutionDecided)[0].decision == "new-child"
    assert MASH in heard.organisations()
    again = await stage.feed(stage.abuse(block))
    assert [fact.child_id for fact in again.addressed] == [outcome.child_id]


async def test_a_child_registered_since_is_not_registered_twice(stage: Stage) -> None:
    block = {
        "name": {"given": "New", "family": "Here"},
        "dateOfBirth": {"value": "2023-01-02"},
        "nhsNumber": {"value": nhs_number(77), "status": "verified"},
        "address": {"postcode": "zz9 1aa"},
    }
    first = (await stage.feed(stage.abuse(block))).needed[0]
    second = (await stage.feed(stage.abuse(block))).needed[0]
    await stage.decide(first.resolution, Decision.NEW_CHILD)
    outcome, heard = await stage.decide(second.resolution, Decision.NEW_CHILD)
    assert outcome == NotPossible("registered-since", conflict=True)
    assert heard.facts == []


async def test_a_child_not_in_the_area_is_handed_off(stage: Stage) -> None:
    await stage.organisations(
        {"id": OTHER_LA, "kind": "social-care", "name": "E", "covers_postcodes": ("YX2",)}
    )
    block = {"name": {"given": "Far", "family": "Away"}, "address": {"postcode": "YX2 1AA"}}
    event = stage.abuse(block)
    (needed,) = (await stage.feed(event)).needed
    _, heard = await stage.decide(needed.resolution, Decision.NOT_IN_AREA)
    assert heard.told() == {(OTHER_LA, "other-area", "hand-off")}


async def test_deciding_twice_is_refused_unless_it_is_the_same(stage: Stage) -> None:
    pupil = await stage.child(numbered=False)
    event = stage.abuse(pupil.sent(name={"given": "Rob", "family": "Example"}))
    (needed,) = (await stage.feed(event)).needed
    first, _ = await stage.decide(needed.resolution, Decision.THIS_CHILD, pupil.id)
    same, silent = await stage.decide(needed.resolution, Decision.THIS_CHILD, pupil.id)
    other, nothing = await stage.decide(needed.resolution, Decision.CANNOT_SAY)
    assert isinstance(first, Decided)
    assert isinstance(same, Decided)
    assert same.repeated
    assert other == NotPossible("decided-already", conflict=True)
    assert silent.facts == nothing.facts == []


async def test_nobody_is_two_children_of_one_event(stage: Stage) -> None:
    robin = await stage.child("Robin")
    other = robin.sent(name={"given": "Rob", "family": "Example"}, nhsNumber=None)
    (needed,) = (await stage.feed(stage.abuse(robin.sent(), other))).needed
    outcome, _ = await stage.decide(needed.resolution, Decision.THIS_CHILD, robin.id)
    assert outcome == NotPossible("child-at-another-position")


async def test_an_urgent_question_has_half_an_hour_and_is_overdue_once(stage: Stage) -> None:
    heard = await stage.feed(stage.abuse(textSpeaksOfChild=True))
    assert heard.needed[0].decide_by - stage.now == timedelta(minutes=30)
    stage.later(minutes=29)
    async with stage.database.transaction() as session:
        assert await tell_overdue(session, stage.partnership) == 0
    stage.later(minutes=2)
    for _ in range(2):
        async with stage.database.transaction() as session:
            await tell_overdue(session, stage.partnership)
    (overdue,) = (await stage.heard()).of(ResolutionOverdue)
    assert overdue.resolution == heard.needed[0].resolution
    assert [one.role.value for one in overdue.recipients] == ["duty-officer"]


async def test_a_batch_is_answered_like_single_events(stage: Stage) -> None:
    pupils = [await stage.child(f"Robin{number}") for number in range(20)]
    heard = await stage.feed(*(stage.abuse(pupil.sent()) for pupil in pupils))
    assert [fact.child_id for fact in heard.addressed] == [pupil.id for pupil in pupils]


async def test_a_schools_new_pupil_with_a_number_is_registered(stage: Stage) -> None:
    block = {
        "name": {"given": "New", "family": "Pupil"},
        "dateOfBirth": {"value": "2014-01-02"},
        "upn": upn(900),
        "address": {"postcode": "ZZ9 1AA"},
    }
    change = {"child": block, "school": {"urn": "900001"}, "status": "registered"}
    event = stage.event(
        "enrolment.changed", {**change, "startsOn": "2026-03-02"}, sender=SCHOOL_A, kind="school"
    )
    assert (await stage.feed(event)).needed == []
    heard = await stage.feed(stage.abuse(block))
    assert SCHOOL_A in heard.organisations()


async def test_a_school_cannot_enrol_another_s_pupil(stage: Stage) -> None:
    pupil = await stage.child()
    change = {"child": pupil.sent(), "organisation": SCHOOL_B, "status": "registered"}
    event = stage.event(
        "enrolment.changed", {**change, "startsOn": "2026-03-02"}, sender=SCHOOL_A, kind="school"
    )
    heard = await stage.feed(event)
    assert heard.reasons == ["enrolment-of-another"]
    assert SCHOOL_B not in (await stage.feed(stage.abuse(pupil.sent()))).organisations()
    _, heard = await stage.decide(heard.needed[0].resolution, Decision.RELEASE)
    assert SCHOOL_B in (await stage.feed(stage.abuse(pupil.sent()))).organisations()


async def test_an_enrolment_that_ends_is_followed_by_the_next(stage: Stage) -> None:
    pupil = await stage.child()
    for organisation, status, starts, ends in (
        (SCHOOL_A, "registered", "2025-09-01", "2026-03-01"),
        (SCHOOL_B, "registered", "2026-03-02", None),
    ):
        data = {
            "child": pupil.sent(),
            "organisation": organisation,
            "status": status,
            "startsOn": starts,
            "endsOn": ends,
        }
        await stage.feed(
            stage.event("enrolment.changed", data, sender=MASH, kind="local-authority")
        )
    heard = await stage.feed(stage.abuse(pupil.sent()))
    assert SCHOOL_B in heard.organisations()
    assert SCHOOL_A not in heard.organisations()


async def test_nothing_personal_stands_in_keys(stage: Stage) -> None:
    pupil = await stage.child("Marked", "Person", born=date(2014, 1, 2))
    await stage.feed(stage.abuse(pupil.sent()), stage.abuse(pupil.sent(nhsNumber=None)))
    async with stage.database.reading() as session:
        keys = list((await session.execute(text("select key from bus.log"))).scalars())
    assert not [key for key in keys if "Marked" in key or str(pupil.nhs) in key]
