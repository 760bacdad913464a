"""The way of a referral: received, triaged, decided, assessed, told without asking."""

from __future__ import annotations

from uuid import uuid4

import pytest

from bus import Park, Retry
from schemas.facts import EventAccepted
from services.directory.decide import Decision
from services.directory.settings import DirectorySettings
from tests.integration.directory.area import AREA, FAR_MASH, MASH, SCHOOL_A
from tests.integration.directory.stage import Stage

RECEIPT = (SCHOOL_A, "referrer", "receipt")
OUTCOME = (SCHOOL_A, "referrer", "referrer-outcome")


async def test_a_decision_goes_back_to_the_referrer_per_child(stage: Stage) -> None:
    robin, ash = await stage.child("Robin"), await stage.child("Ash")
    referral = stage.referral(robin.sent(), ash.sent())
    heard = await stage.feed(referral)
    assert heard.told() == {(MASH, "mash", "mash-incident"), RECEIPT}
    heard = await stage.feed(stage.decision(referral.receipt))
    assert heard.told() == {(SCHOOL_A, "referrer", "referrer-outcome")}
    assert [fact.child_id for fact in heard.addressed] == [robin.id, ash.id]
    assert {fact.closes for fact in heard.addressed} == {(referral.receipt,)}


async def test_a_decision_about_one_child_speaks_of_that_child(stage: Stage) -> None:
    robin, ash = await stage.child("Robin"), await stage.child("Ash")
    referral = stage.referral(robin.sent(), ash.sent())
    await stage.feed(referral)
    rationale = "Ash will be seen; Robin will not."
    decision = stage.decision(referral.receipt, childPositions=[1], rationaleShareable=rationale)
    heard = await stage.feed(decision)
    (fact,) = heard.addressed
    assert (fact.child_id, fact.held) == (ash.id, ("/rationaleShareable",))
    assert heard.reasons == ["text-names-others"]
    _, later = await stage.decide(heard.needed[0].resolution, Decision.RELEASE)
    assert [(one.part, one.child_index) for one in later.addressed] == [("text", 1)]


async def test_a_member_of_the_public_gets_a_receipt_and_no_outcome(stage: Stage) -> None:
    pupil = await stage.child()
    referral = stage.referral(pupil.sent(), referrerIsPublic=True)
    heard = await stage.feed(referral)
    assert RECEIPT in heard.told()
    heard = await stage.feed(stage.triage(referral.receipt), stage.decision(referral.receipt))
    assert heard.told() == set()
    assert [fact.closes for fact in heard.addressed] == [(), (referral.receipt,)]


async def test_only_a_mash_that_was_told_may_decide(stage: Stage) -> None:
    pupil = await stage.child()
    referral = stage.referral(pupil.sent())
    await stage.feed(referral)
    heard = await stage.feed(stage.decision(referral.receipt, sender=FAR_MASH))
    assert heard.addressed == []
    assert heard.reasons == ["decider-not-addressed"]
    _, later = await stage.decide(heard.needed[0].resolution, Decision.RELEASE)
    assert later.told() == {(SCHOOL_A, "referrer", "referrer-outcome")}


async def test_a_decision_before_its_referral_is_tried_again(stage: Stage) -> None:
    with pytest.raises(Retry):
        await stage.feed(stage.decision(uuid4()))


async def test_a_child_in_care_s_referral_reaches_both_authorities(stage: Stage) -> None:
    pupil = await stage.child(responsible_authority=FAR_MASH)
    heard = await stage.feed(stage.referral(pupil.sent()))
    assert heard.told() == {
        (MASH, "mash", "mash-incident"),
        (FAR_MASH, "responsible-authority", "mash-incident"),
        RECEIPT,
    }


async def test_a_decision_ahead_of_its_referral_in_one_batch_is_tried_again(stage: Stage) -> None:
    pupil = await stage.child()
    referral = stage.referral(pupil.sent())
    with pytest.raises(Retry):
        await stage.feed(stage.decision(referral.receipt), referral)
    heard = await stage.feed(referral, stage.decision(referral.receipt))
    assert [fact.event_type for fact in heard.addressed] == [
        "referral.submitted",
        "referral.submitted",
        "referral.decided",
    ]


async def test_a_receipt_comes_at_once_though_nobody_knows_the_child(stage: Stage) -> None:
    pupil = await stage.child()
    unknown = pupil.sent(
        name={"given": "Nobody", "family": "Known"}, nhsNumber=None, upn=None, address=None,
        dateOfBirth={"value": "2011-01-01"},
    )  # fmt: skip
    heard = await stage.feed(stage.referral(unknown))
    assert heard.told() == {RECEIPT}
    assert len(heard.needed) == 1


@pytest.mark.parametrize("channel", ["fhir", "none"])
async def test_no_receipt_goes_where_none_can_be_told(stage: Stage, channel: str) -> None:
    clinic = {"id": "clinic-example", "kind": "hospital", "name": "Clinic", "channel": channel}
    await stage.organisations(clinic)
    referral = stage.referral((await stage.child()).sent())
    sender = referral.sender.model_copy(update={"organisation": "clinic-example"})
    heard = await stage.feed(referral.model_copy(update={"sender": sender}))
    assert heard.told() == {(MASH, "mash", "mash-incident")}


async def test_one_receipt_whatever_the_number_of_children_and_none_for_a_correction(
    stage: Stage,
) -> None:
    robin, ash = await stage.child("Robin"), await stage.child("Ash")
    referral = stage.referral(robin.sent(), ash.sent())
    heard = await stage.feed(referral)
    receipts = [
        one for fact in heard.addressed for one in fact.recipients if one.profile == "receipt"
    ]
    assert len(receipts) == 1
    stage.later(minutes=1)
    again = stage.event(
        "referral.submitted", referral.data, sender=SCHOOL_A, kind="school",
        supersedes=referral.receipt,
    )  # fmt: skip
    heard = await stage.feed(again)
    assert heard.told() == {(MASH, "mash", "mash-incident")}, "and nothing is taken back"


async def test_each_stage_goes_back_to_the_referrer_and_only_the_decision_ends_it(
    stage: Stage,
) -> None:
    pupil = await stage.child()
    referral = stage.referral(pupil.sent())
    await stage.feed(referral)
    for said, ends in (
        (stage.triage(referral.receipt), False),
        (stage.decision(referral.receipt), True),
        (stage.assessment(referral.receipt), False),
    ):
        heard = await stage.feed(said)
        assert heard.told() == {OUTCOME}
        (fact,) = heard.addressed
        about = (referral.receipt,)
        assert (fact.closes, fact.regards) == ((about, ()) if ends else ((), about))


async def test_an_interview_regards_the_found_and_tells_nobody(stage: Stage) -> None:
    robin, ash = await stage.child("Robin"), await stage.child("Ash")
    await stage.feed(stage.missing(robin.sent(), ash.sent()))
    found = stage.found(robin.sent(), ash.sent())
    await stage.feed(found)
    data = {"found": str(found.receipt), "completedAt": "2026-03-03T10:00:00Z"}
    for positions, children in (([], [robin.id, ash.id]), ([1], [ash.id])):
        said = {**data, "childPositions": positions}
        heard = await stage.feed(
            stage.event("return-interview.completed", said, sender=MASH, kind="social-care")
        )
        assert [fact.child_id for fact in heard.addressed] == children
        assert {fact.regards for fact in heard.addressed} == {(found.receipt,)}
        assert heard.told() == set()


async def test_an_interview_waits_for_its_found_and_is_about_nothing_else(stage: Stage) -> None:
    def interview(found: object) -> EventAccepted:
        data = {"found": str(found), "completedAt": "2026-03-03T10:00:00Z"}
        return stage.event("return-interview.completed", data, sender=MASH, kind="social-care")

    with pytest.raises(Retry):
        await stage.feed(interview(uuid4()))
    report = stage.missing((await stage.child()).sent())
    await stage.feed(report)
    with pytest.raises(Park):
        await stage.feed(interview(report.receipt))


MANAGER = "school-manager-example"
MANAGER_TOLD = (MANAGER, "referrer-manager", "referrer-outcome")


async def _with_manager(stage: Stage, *, of_record: bool) -> None:
    """School A has a head's mailbox of its own; its record may name it."""
    school = next(one for one in AREA if one["id"] == SCHOOL_A)
    head = {"id": MANAGER, "kind": "school", "name": "Head", "local_authority": MASH}
    stage.settings = DirectorySettings(units={SCHOOL_A: frozenset({MANAGER})})
    stage.later(minutes=1)
    await stage.organisations(head, {**school, "manager": MANAGER if of_record else None})
    await stage.heard()


@pytest.mark.parametrize("of_record", [True, False])
async def test_the_referrers_manager_is_told_of_every_stage(stage: Stage, of_record: bool) -> None:
    await _with_manager(stage, of_record=of_record)
    pupil = await stage.child()
    named = {} if of_record else {"referrerManager": MANAGER}
    referral = stage.referral(pupil.sent(), **named)
    assert MANAGER not in (await stage.feed(referral)).organisations(), "a receipt is the sender's"
    for said in (stage.triage, stage.decision, stage.assessment):
        heard = await stage.feed(said(referral.receipt))
        assert heard.told() == {OUTCOME, MANAGER_TOLD}


async def test_another_agencys_mailbox_is_no_manager_of_the_referrer(stage: Stage) -> None:
    pupil = await stage.child()
    referral = stage.referral(pupil.sent(), referrerManager="urn-900002")
    await stage.feed(referral)
    heard = await stage.feed(stage.decision(referral.receipt))
    assert heard.told() == {OUTCOME}
    assert heard.reasons == ["manager-of-another"]


async def test_a_member_of_the_public_has_no_manager(stage: Stage) -> None:
    await _with_manager(stage, of_record=True)
    pupil = await stage.child()
    referral = stage.referral(pupil.sent(), referrerIsPublic=True, referrerManager=MANAGER)
    await stage.feed(referral)
    heard = await stage.feed(stage.triage(referral.receipt), stage.decision(referral.receipt))
    assert heard.told() == set()


async def test_an_outcome_may_be_withheld_from_the_manager_alone(stage: Stage) -> None:
    await _with_manager(stage, of_record=True)
    pupil = await stage.child()
    referral = stage.referral(pupil.sent())
    await stage.feed(referral)
    wish = [{"role": "referrer-manager", "reason": "Synthetic."}]
    heard = await stage.feed(stage.decision(referral.receipt, withholdFrom=wish))
    assert heard.told() == {OUTCOME}
    assert heard.withheld() == {MANAGER: "Synthetic."}
