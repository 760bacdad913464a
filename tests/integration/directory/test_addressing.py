"""Who is told, on a real database: each hard case of who must know."""

from __future__ import annotations

from datetime import date

from services.directory.decide import Decision
from services.directory.settings import DirectorySettings
from tests.integration.directory.area import (
    FAR_MASH,
    HOSPITAL,
    MASH,
    NURSING,
    OTHER_LA,
    SCHOOL_A,
    SCHOOL_B,
    VISITING,
)
from tests.integration.directory.stage import Stage


async def test_a_pupil_s_incident_reaches_school_nurse_and_mash(stage: Stage) -> None:
    pupil = await stage.child()
    heard = await stage.feed(stage.abuse(pupil.sent()))
    assert heard.told() == {
        (SCHOOL_A, "school", "school-full"),
        (NURSING, "school-nursing", "health-minimal"),
        (MASH, "mash", "mash-incident"),
    }
    assert heard.needed == []
    (fact,) = heard.addressed
    assert fact.child_id == pupil.id
    assert fact.bus_key() == str(pupil.id)
    assert fact.identity is not None
    assert fact.identity.nhs_number == pupil.nhs
    owners = {one.organisation: one.owner for one in fact.recipients}
    assert owners == {SCHOOL_A: "notifier", NURSING: "health-broker", MASH: "notifier"}


async def test_each_school_of_a_dual_registration_is_told(stage: Stage) -> None:
    pupil = await stage.child(enrolments=[(SCHOOL_A, "dual"), (SCHOOL_B, "dual")])
    heard = await stage.feed(stage.abuse(pupil.sent()))
    assert {SCHOOL_A, SCHOOL_B} <= heard.organisations()


async def test_a_home_educated_child_s_education_officer_is_told(stage: Stage) -> None:
    pupil = await stage.child(enrolments=[(None, "home-educated")])
    heard = await stage.feed(stage.abuse(pupil.sent()))
    assert (MASH, "education-officer", "la-education") in heard.told()
    assert (NURSING, "school-nursing", "health-minimal") in heard.told()
    assert heard.needed == []


async def test_unknown_education_is_an_incident_while_the_others_are_told(stage: Stage) -> None:
    pupil = await stage.child(enrolments=[(None, "unknown")])
    heard = await stage.feed(stage.abuse(pupil.sent()))
    assert heard.reasons == ["no-route-school"]
    assert heard.organisations() == {NURSING, MASH}
    assert heard.needed[0].recipients[0].organisation == MASH
    assert heard.needed[0].recipients[0].profile == "alert"


async def test_a_released_incident_tells_only_the_new_recipient(stage: Stage) -> None:
    pupil = await stage.child(school=None)
    heard = await stage.feed(stage.abuse(pupil.sent()))
    (needed,) = heard.needed
    await stage.feed(
        stage.event(
            "enrolment.changed",
            {
                "child": pupil.sent(),
                "organisation": SCHOOL_B,
                "status": "registered",
                "startsOn": "2026-03-02",
            },
            sender=MASH,
            kind="local-authority",
        )
    )
    _, heard = await stage.decide(needed.resolution, Decision.RELEASE)
    assert heard.told() == {(SCHOOL_B, "school", "school-full")}
    assert heard.needed == []


async def test_an_academy_is_told_in_place_of_the_school_it_took_over(stage: Stage) -> None:
    await stage.organisations(
        {
            "id": "urn-900000",
            "kind": "school",
            "name": "Old",
            "urn": "900000",
            "successor": SCHOOL_B,
        }
    )
    pupil = await stage.child(school="urn-900000")
    heard = await stage.feed(stage.abuse(pupil.sent()))
    assert SCHOOL_B in heard.organisations()
    assert "urn-900000" not in heard.organisations()


async def test_under_school_entry_the_health_visitor_is_told(stage: Stage) -> None:
    toddler = await stage.child(born=date(2023, 10, 1), school=None)
    heard = await stage.feed(stage.abuse(toddler.sent()))
    assert heard.told() == {
        (VISITING, "health-visiting", "health-minimal"),
        (MASH, "mash", "mash-incident"),
    }
    assert heard.needed == []


async def test_a_child_of_another_area_is_handed_off(stage: Stage) -> None:
    pupil = await stage.child(postcode="YX2 1AA", local_authority=OTHER_LA)
    heard = await stage.feed(stage.abuse(pupil.sent()))
    assert (OTHER_LA, "other-area", "hand-off") in heard.told()
    assert SCHOOL_A in heard.organisations()
    assert MASH not in heard.organisations()


async def test_a_configured_area_hands_off_to_another_mash(stage: Stage) -> None:
    stage.settings = DirectorySettings(areas=frozenset({MASH}))
    pupil = await stage.child(postcode="YY1 1AA", local_authority=FAR_MASH)
    heard = await stage.feed(stage.abuse(pupil.sent()))
    assert (FAR_MASH, "other-area", "hand-off") in heard.told()


async def test_another_area_that_nobody_knows_is_a_question(stage: Stage) -> None:
    pupil = await stage.child(postcode="YX2 1AA", local_authority="la-nowhere")
    heard = await stage.feed(stage.abuse(pupil.sent()))
    assert heard.reasons == ["no-route-other-area"]
    assert SCHOOL_A in heard.organisations()


async def test_a_child_in_care_has_its_responsible_authority_told_as_well(stage: Stage) -> None:
    pupil = await stage.child(responsible_authority=FAR_MASH)
    heard = await stage.feed(stage.missing(pupil.sent()))
    assert (FAR_MASH, "responsible-authority", "mash-incident") in heard.told()
    assert (MASH, "mash", "mash-incident") in heard.told()


async def test_hospitals_hear_of_graded_missing_children_only(stage: Stage) -> None:
    first, second = await stage.child(), await stage.child("Ash", "Sample")
    low = await stage.feed(stage.missing(first.sent(), grade="low"))
    high = await stage.feed(stage.missing(second.sent(), grade="high"))
    assert HOSPITAL not in low.organisations()
    assert (HOSPITAL, "emergency-department", "missing-alert") in high.told()
    abuse = await stage.feed(stage.abuse(first.sent(), grade="high"))
    assert HOSPITAL not in abuse.organisations()


async def test_whom_the_sender_withholds_from_appears_with_the_reason(stage: Stage) -> None:
    pupil = await stage.child()
    wishes = [{"organisation": SCHOOL_A, "reason": "A parent works there."}]
    heard = await stage.feed(stage.abuse(pupil.sent(), withholdFrom=wishes))
    assert heard.withheld() == {SCHOOL_A: "A parent works there."}
    assert SCHOOL_A not in heard.organisations()
    by_role = [{"role": "school-nursing", "reason": "Not them."}]
    heard = await stage.feed(stage.abuse(pupil.sent(), withholdFrom=by_role))
    assert heard.withheld() == {NURSING: "Not them."}


async def test_staff_alleged_are_not_told_but_the_designated_officer(stage: Stage) -> None:
    pupil = await stage.child()
    adults = [{"roleInEvent": "alleged-perpetrator", "worksAt": SCHOOL_A}]
    heard = await stage.feed(stage.abuse(pupil.sent(), adults=adults))
    assert SCHOOL_A in heard.withheld()
    assert SCHOOL_A not in heard.organisations()
    assert (MASH, "designated-officer", "school-full") in heard.told()
    assert (MASH, "mash", "mash-incident") in heard.told()


async def test_a_parent_on_the_staff_holds_the_notice_for_a_person(stage: Stage) -> None:
    pupil = await stage.child()
    adults = [{"roleInEvent": "victim", "worksAt": SCHOOL_A}]
    heard = await stage.feed(stage.abuse(pupil.sent(), adults=adults))
    assert SCHOOL_A not in heard.organisations()
    assert heard.reasons == ["recipient-to-check"]
    _, later = await stage.decide(heard.needed[0].resolution, Decision.RELEASE)
    assert later.told() == {(SCHOOL_A, "school", "school-full")}


async def test_early_years_and_practices_need_an_agreement(stage: Stage) -> None:
    toddler = await stage.child(
        born=date(2023, 10, 1), school="nursery-example", status="early-years"
    )
    block = toddler.sent(gp={"odsCode": "Y90001"})
    heard = await stage.feed(stage.abuse(block))
    assert not {"nursery-example", "ods-y90001"} & heard.organisations()
    stage.settings = DirectorySettings(agreements=frozenset({"nursery-example", "ods-y90001"}))
    heard = await stage.feed(stage.abuse(block))
    assert ("nursery-example", "early-years", "early-years-minimal") in heard.told()
    assert ("ods-y90001", "general-practice", "health-minimal") in heard.told()


async def test_a_childminder_is_told_after_a_person_looked(stage: Stage) -> None:
    stage.settings = DirectorySettings(
        agreements=frozenset({"childminder-example"}),
        childminders=frozenset({"childminder-example"}),
    )
    toddler = await stage.child(
        born=date(2023, 10, 1), school="childminder-example", status="early-years"
    )
    heard = await stage.feed(stage.abuse(toddler.sent()))
    assert "childminder-example" not in heard.organisations()
    _, later = await stage.decide(heard.needed[0].resolution, Decision.RELEASE)
    assert later.organisations() == {"childminder-example"}


async def test_an_area_s_own_exploitation_team_hears_of_missing_children(stage: Stage) -> None:
    stage.settings = DirectorySettings(exploitation_teams={MASH: "team-example"})
    pupil = await stage.child()
    heard = await stage.feed(stage.missing(pupil.sent()))
    assert ("team-example", "exploitation-team", "mash-incident") in heard.told()


async def test_a_school_without_a_channel_is_a_question(stage: Stage) -> None:
    await stage.organisations(
        {"id": "urn-900003", "kind": "school", "name": "C", "urn": "900003", "channel": "none"}
    )
    pupil = await stage.child(school="urn-900003")
    heard = await stage.feed(stage.abuse(pupil.sent()))
    assert heard.reasons == ["no-route-school"]
    assert heard.organisations() == {NURSING, MASH}


async def test_a_text_that_names_a_sibling_is_held_and_the_rest_is_not(stage: Stage) -> None:
    robin = await stage.child("Robin")
    ash = await stage.child("Ash", school=SCHOOL_B)
    event = stage.abuse(
        {"child": robin.sent(), "circumstances": "Robin hid while Ash called for help."},
        {"child": ash.sent(), "circumstances": "Was asleep."},
    )
    heard = await stage.feed(event)
    held = {fact.child_id: fact.held for fact in heard.addressed}
    assert held == {robin.id: ("/children/0/circumstances",), ash.id: ()}
    assert heard.reasons == ["text-names-others"]
    assert {SCHOOL_A, SCHOOL_B} <= heard.organisations()
    _, later = await stage.decide(heard.needed[0].resolution, Decision.RELEASE)
    (text,) = later.addressed
    assert (text.part, text.held, text.child_id) == ("text", (), robin.id)
    assert later.told() == {(SCHOOL_A, "school", "school-full")}


async def test_a_sibling_s_name_in_the_register_holds_a_text_too(stage: Stage) -> None:
    ash = await stage.child("Ashley")
    robin = await stage.child("Robin", numbered=False)
    nearly = robin.sent(name={"given": "Rob", "family": "Example"})
    event = stage.abuse(
        ash.sent(name={"given": "Ash", "family": "Example"}),
        {"child": nearly, "circumstances": "Ashley opened the door."},
    )
    (needed,) = (await stage.feed(event)).needed
    _, heard = await stage.decide(needed.resolution, Decision.THIS_CHILD, robin.id)
    assert heard.addressed[0].held == ("/children/1/circumstances",)


async def test_a_withheld_text_is_never_sent(stage: Stage) -> None:
    robin, ash = await stage.child("Robin"), await stage.child("Ash")
    event = stage.abuse({"child": robin.sent(), "circumstances": "Ash too."}, ash.sent())
    heard = await stage.feed(event)
    _, later = await stage.decide(heard.needed[0].resolution, Decision.WITHHOLD)
    assert later.addressed == []


async def test_three_siblings_at_two_schools_one_after_a_person(stage: Stage) -> None:
    robin = await stage.child("Robin")
    ash = await stage.child("Ash", school=SCHOOL_B)
    lee = await stage.child("Lee", numbered=False)
    event = stage.abuse(robin.sent(), ash.sent(), lee.sent(name={"given": "Leigh"}))
    heard = await stage.feed(event)
    assert SCHOOL_B not in heard.organisations(robin.id)
    assert SCHOOL_A not in heard.organisations(ash.id)
    (needed,) = heard.needed
    assert needed.child_index == 2
    _, later = await stage.decide(needed.resolution, Decision.THIS_CHILD, lee.id)
    (fact,) = later.addressed
    assert (fact.receipt, fact.child_index, fact.child_id) == (event.receipt, 2, lee.id)
    assert SCHOOL_A in later.organisations(lee.id)
