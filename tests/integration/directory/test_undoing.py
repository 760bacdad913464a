"""A wrong decision undone: the wrong people get a withdrawal, the right ones are told after all."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from schemas.facts import (
    NoticeWithdrawn,
    ResolutionDecided,
    ResolutionUndone,
    notice_id,
)
from services.directory.decide import Decision, NotPossible
from services.directory.undo import Undone
from tests.integration.directory.area import FAR_MASH, MASH, NURSING, SCHOOL_A, SCHOOL_B, Pupil
from tests.integration.directory.stage import Heard, Stage

WRONG_NAME = {"given": "Rob", "family": "Example"}


async def decided_wrongly(
    stage: Stage, born: date = date(2014, 5, 14)
) -> tuple[Pupil, Pupil, UUID, UUID]:
    """A reviewer takes Ash of school B for the child; it is Robin of school A."""
    wrong = await stage.child("Ash", born=born, school=SCHOOL_B, numbered=False)
    right = await stage.child("Robin", born=born, numbered=False)
    event = stage.abuse(right.sent(name=WRONG_NAME))
    (needed,) = (await stage.feed(event)).needed
    await stage.decide(needed.resolution, Decision.THIS_CHILD, wrong.id)
    stage.later(minutes=5)
    return wrong, right, event.receipt, needed.resolution


def profiles(heard: Heard, child: UUID) -> dict[str, str]:
    return {organisation: profile for organisation, _, profile in heard.told(child)}


async def test_a_wrong_decision_undone_withdraws_and_tells_the_right_school(stage: Stage) -> None:
    wrong, right, receipt, resolution = await decided_wrongly(stage)
    outcome, heard = await stage.undo(resolution)
    assert isinstance(outcome, Undone)
    assert (outcome.withdrawn, outcome.child_id, outcome.undone_at) == (3, wrong.id, stage.now)
    everyone = {SCHOOL_B, NURSING, MASH}
    assert profiles(heard, wrong.id) == dict.fromkeys(everyone, "withdrawal")
    (fact,) = heard.addressed
    assert (fact.receipt, fact.edition, fact.data) == (receipt, 1, {})
    school = notice_id(receipt, wrong.id, SCHOOL_B, "school-full", "whole", 0)
    assert school in fact.withdraws
    gone = {one.notice: one for one in heard.of(NoticeWithdrawn)}
    assert set(gone) == set(fact.withdraws)
    assert (gone[school].at, gone[school].reason) == (stage.now, "decision-undone")
    (undone,) = heard.of(ResolutionUndone)
    (asked,) = heard.needed
    assert (undone.resolution, undone.reopened) == (resolution, asked.resolution)
    assert asked.reason == "possible-candidates"
    assert asked.decide_by > stage.now
    stage.later(minutes=5)
    _, later = await stage.decide(asked.resolution, Decision.THIS_CHILD, right.id)
    assert profiles(later, right.id)[SCHOOL_A] == "school-full"
    assert SCHOOL_B not in later.organisations()
    assert later.told(wrong.id) == set()


async def test_both_schools_records_show_what_was_withdrawn_and_when(stage: Stage) -> None:
    wrong, right, receipt, resolution = await decided_wrongly(stage)
    _, heard = await stage.undo(resolution)
    undone_at = stage.now
    stage.later(minutes=5)
    await stage.decide(heard.needed[0].resolution, Decision.THIS_CHILD, right.id)
    rows = await stage.rows(
        """select organisation, profile, withdrawn_at, withdrawn_because
             from directory.addressed where receipt = :receipt and role = 'school'
            order by addressed_at""",
        receipt=receipt,
    )
    assert [tuple(row) for row in rows] == [
        (SCHOOL_B, "school-full", undone_at, "decision-undone"),
        (SCHOOL_B, "withdrawal", None, None),
        (SCHOOL_A, "school-full", None, None),
    ]
    (kept,) = await stage.rows(
        """select state, decision, decided_child, decided_by, undone_by, undone_at, undone_reason
             from directory.resolution where id = :id""",
        id=resolution,
    )
    assert tuple(kept)[:3] == ("undone", "this-child", wrong.id)
    assert (kept.undone_at, kept.undone_reason) == (undone_at, "the wrong child")
    (again,) = await stage.rows(
        "select reopens from directory.resolution where id = :id", id=heard.needed[0].resolution
    )
    assert again.reopens == resolution


async def test_undone_twice_is_undone_once(stage: Stage) -> None:
    _, _, _, resolution = await decided_wrongly(stage)
    first, heard = await stage.undo(resolution)
    second, silent = await stage.undo(resolution)
    assert isinstance(first, Undone)
    assert isinstance(second, Undone)
    assert (second.repeated, second.reopened) == (True, heard.needed[0].resolution)
    assert silent.facts == []


async def test_an_undone_decision_can_be_made_again_and_everyone_is_told_anew(
    stage: Stage,
) -> None:
    wrong, _, receipt, resolution = await decided_wrongly(stage)
    _, heard = await stage.undo(resolution)
    withdrawal = heard.addressed[0]
    _, later = await stage.decide(heard.needed[0].resolution, Decision.THIS_CHILD, wrong.id)
    (fact,) = later.addressed
    assert profiles(later, wrong.id)[SCHOOL_B] == "school-full"
    again = notice_id(receipt, wrong.id, SCHOOL_B, "school-full", "whole", 0, fact.edition)
    assert fact.edition == withdrawal.edition == 1
    assert again not in withdrawal.withdraws
    stage.later(minutes=1)
    _, third = await stage.undo(heard.needed[0].resolution)
    assert again in third.addressed[0].withdraws
    assert third.addressed[0].edition == 2


async def test_an_open_question_has_nothing_to_undo(stage: Stage) -> None:
    pupil = await stage.child(numbered=False)
    (needed,) = (await stage.feed(stage.abuse(pupil.sent(name=WRONG_NAME)))).needed
    outcome, heard = await stage.undo(needed.resolution)
    assert outcome == NotPossible("not-decided", conflict=True)
    assert heard.facts == []


async def test_an_undone_question_is_answered_by_the_one_that_reopened_it(stage: Stage) -> None:
    wrong, _, _, resolution = await decided_wrongly(stage)
    await stage.undo(resolution)
    outcome, _ = await stage.decide(resolution, Decision.THIS_CHILD, wrong.id)
    assert outcome == NotPossible("undone", conflict=True)


async def test_a_child_registered_by_mistake_is_found_no_more(stage: Stage) -> None:
    pupil = await stage.child()
    block = pupil.sent(nhsNumber=None, name={"given": "Someone", "family": "Else"})
    (needed,) = (await stage.feed(stage.abuse(block))).needed
    made, _ = await stage.decide(needed.resolution, Decision.NEW_CHILD)
    assert not isinstance(made, NotPossible)
    _, heard = await stage.undo(needed.resolution)
    (row,) = await stage.rows(
        "select withdrawn_at, withdrawn_by from directory.child where id = :id", id=made.child_id
    )
    assert tuple(row) == (stage.now, needed.resolution)
    again = await stage.feed(stage.abuse(block))
    assert again.reasons == ["no-candidate"]
    outcome, _ = await stage.decide(heard.needed[0].resolution, Decision.THIS_CHILD, made.child_id)
    assert outcome == NotPossible("child-unknown")


async def test_a_registered_child_that_another_event_speaks_of_stays(stage: Stage) -> None:
    pupil = await stage.child()
    block = pupil.sent(nhsNumber=None, name={"given": "Someone", "family": "Else"})
    (needed,) = (await stage.feed(stage.abuse(block))).needed
    made, _ = await stage.decide(needed.resolution, Decision.NEW_CHILD)
    assert not isinstance(made, NotPossible)
    other = await stage.feed(stage.abuse(block))
    assert {fact.child_id for fact in other.addressed} == {made.child_id}
    await stage.undo(needed.resolution)
    third = await stage.feed(stage.abuse(block))
    assert {fact.child_id for fact in third.addressed} == {made.child_id}


async def test_an_automatic_match_is_undone_by_naming_the_child(stage: Stage) -> None:
    wrong, right = await stage.child("Ash", school=SCHOOL_B), await stage.child("Robin")
    event = stage.abuse(wrong.sent())
    await stage.feed(event)
    outcome, _ = await stage.undo_match(event.receipt, right.id)
    assert outcome == NotPossible("another-child", conflict=True)
    outcome, heard = await stage.undo_match(event.receipt, wrong.id)
    assert isinstance(outcome, Undone)
    assert profiles(heard, wrong.id)[SCHOOL_B] == "withdrawal"
    assert heard.reasons == ["match-undone"]
    again, silent = await stage.undo_match(event.receipt, wrong.id)
    assert isinstance(again, Undone)
    assert (again.resolution, again.repeated, silent.facts) == (outcome.resolution, True, [])
    _, later = await stage.decide(heard.needed[0].resolution, Decision.THIS_CHILD, right.id)
    assert profiles(later, right.id)[SCHOOL_A] == "school-full"
    # A repeat of the first call does not undo what was decided since.
    still, silent = await stage.undo_match(event.receipt, wrong.id)
    assert isinstance(still, Undone)
    assert silent.facts == []


async def test_siblings_of_the_event_are_left_alone(stage: Stage) -> None:
    wrong, sibling = await stage.child("Ash", school=SCHOOL_B), await stage.child("Robin")
    event = stage.abuse(wrong.sent(), sibling.sent())
    await stage.feed(event)
    _, heard = await stage.undo_match(event.receipt, wrong.id)
    assert {fact.child_id for fact in heard.addressed} == {wrong.id}


async def test_a_hand_off_is_undone(stage: Stage) -> None:
    pupil = await stage.child(numbered=False)
    block = pupil.sent(name=WRONG_NAME, address={"postcode": "YY1 1AA"})
    (needed,) = (await stage.feed(stage.abuse(block))).needed
    _, heard = await stage.decide(needed.resolution, Decision.NOT_IN_AREA)
    assert heard.organisations() == {FAR_MASH}
    _, heard = await stage.undo(needed.resolution)
    assert heard.told() == {(FAR_MASH, "other-area", "withdrawal")}
    _, heard = await stage.decide(heard.needed[0].resolution, Decision.NOT_IN_AREA)
    assert [(fact.edition, fact.recipients[0].organisation) for fact in heard.addressed] == [
        (1, FAR_MASH)
    ]


async def test_a_released_text_is_withdrawn_and_the_notice_stands(stage: Stage) -> None:
    robin, ash = await stage.child("Robin"), await stage.child("Ash")
    event = stage.abuse({"child": robin.sent(), "circumstances": "Ash hid."}, ash.sent())
    (needed,) = (await stage.feed(event)).needed
    await stage.decide(needed.resolution, Decision.RELEASE)
    _, heard = await stage.undo(needed.resolution)
    (fact,) = heard.addressed
    assert (fact.part, fact.child_id) == ("text", robin.id)
    assert heard.told() == {(SCHOOL_A, "school", "withdrawal")}
    assert [one.part for one in heard.of(NoticeWithdrawn)] == ["text"]
    assert heard.reasons == ["text-names-others"]
    _, later = await stage.decide(heard.needed[0].resolution, Decision.RELEASE)
    assert [(one.part, one.edition) for one in later.addressed] == [("text", 1)]


async def test_a_withheld_text_is_released_after_all(stage: Stage) -> None:
    robin, ash = await stage.child("Robin"), await stage.child("Ash")
    event = stage.abuse({"child": robin.sent(), "circumstances": "Ash hid."}, ash.sent())
    (needed,) = (await stage.feed(event)).needed
    await stage.decide(needed.resolution, Decision.WITHHOLD)
    _, heard = await stage.undo(needed.resolution)
    assert heard.addressed == []
    _, later = await stage.decide(heard.needed[0].resolution, Decision.RELEASE)
    assert [one.part for one in later.addressed] == ["text"]


async def test_a_released_recipient_is_withdrawn_and_nobody_else(stage: Stage) -> None:
    pupil = await stage.child()
    adults = [{"roleInEvent": "victim", "worksAt": SCHOOL_A}]
    (needed,) = (await stage.feed(stage.abuse(pupil.sent(), adults=adults))).needed
    assert needed.reason == "recipient-to-check"
    await stage.decide(needed.resolution, Decision.RELEASE)
    _, heard = await stage.undo(needed.resolution)
    assert heard.told() == {(SCHOOL_A, "school", "withdrawal")}
    _, later = await stage.decide(heard.needed[0].resolution, Decision.RELEASE)
    assert later.told() == {(SCHOOL_A, "school", "school-full")}


async def test_answers_about_the_wrong_child_go_with_it(stage: Stage) -> None:
    wrong, right = await stage.child("Ash", school=SCHOOL_B), await stage.child("Robin")
    sibling = await stage.child("Kit")
    text = {"child": wrong.sent(), "circumstances": "Kit hid."}
    event = stage.abuse(text, sibling.sent())
    (needed,) = (await stage.feed(event)).needed
    await stage.decide(needed.resolution, Decision.RELEASE)
    _, heard = await stage.undo_match(event.receipt, wrong.id)
    assert needed.resolution in {one.resolution for one in heard.of(ResolutionUndone)}
    (asked,) = heard.needed
    _, later = await stage.decide(asked.resolution, Decision.THIS_CHILD, right.id)
    (fact,) = later.addressed
    assert fact.held == ("/children/0/circumstances",)
    assert later.reasons == ["text-names-others"]


async def test_an_open_question_about_the_wrong_child_ends(stage: Stage) -> None:
    wrong, sibling = await stage.child("Ash", school=SCHOOL_B), await stage.child("Kit")
    text = {"child": wrong.sent(), "circumstances": "Kit hid."}
    event = stage.abuse(text, sibling.sent())
    (needed,) = (await stage.feed(event)).needed
    _, heard = await stage.undo_match(event.receipt, wrong.id)
    ended = {one.resolution: one.decision for one in heard.of(ResolutionDecided)}
    assert ended == {needed.resolution: "superseded"}


async def test_a_missing_report_of_the_wrong_child_leaves_its_episode(stage: Stage) -> None:
    wrong, right = await stage.child("Ash", school=SCHOOL_B), await stage.child("Robin")
    report = stage.missing(wrong.sent())
    await stage.feed(report)
    _, heard = await stage.undo_match(report.receipt, wrong.id)
    await stage.decide(heard.needed[0].resolution, Decision.THIS_CHILD, right.id)
    heard = await stage.feed(stage.found(wrong.sent()))
    assert heard.reasons == ["found-without-report"]
    heard = await stage.feed(stage.found(right.sent()))
    assert SCHOOL_A in heard.organisations()
    assert SCHOOL_B not in heard.organisations()


async def test_a_child_found_by_mistake_is_missing_again(stage: Stage) -> None:
    pupil, other = await stage.child("Robin"), await stage.child("Ash", school=SCHOOL_B)
    await stage.feed(stage.missing(pupil.sent()), stage.missing(other.sent()))
    found = stage.found(pupil.sent())
    await stage.feed(found)
    _, heard = await stage.undo_match(found.receipt, pupil.id)
    assert set(heard.reasons) == {"found-retracted", "match-undone"}
    assert profiles(heard, pupil.id)[SCHOOL_A] == "withdrawal"
    asked = next(one for one in heard.needed if one.reason == "match-undone")
    _, later = await stage.decide(asked.resolution, Decision.THIS_CHILD, other.id)
    assert profiles(later, other.id)[SCHOOL_B] == "missing-found"
    heard = await stage.feed(stage.found(pupil.sent(), foundAt="2026-03-03T06:00:00Z"))
    assert profiles(heard, pupil.id)[SCHOOL_A] == "missing-found"


async def test_an_enrolment_of_the_wrong_child_is_taken_back_with_what_it_ended(
    stage: Stage,
) -> None:
    pupil = await stage.child(school=None, enrolments=[(None, "home-educated")])
    data = {
        "child": pupil.sent(), "organisation": SCHOOL_B, "status": "registered",
        "startsOn": "2026-03-02",
    }  # fmt: skip
    event = stage.event("enrolment.changed", data, sender=MASH, kind="local-authority")
    await stage.feed(event)
    _, heard = await stage.undo_match(event.receipt, pupil.id)
    assert heard.reasons == ["match-undone"]
    rows = await stage.rows(
        "select organisation, status, to_date from directory.enrolment where child = :child",
        child=pupil.id,
    )
    assert [tuple(row) for row in rows] == [(None, "home-educated", None)]
