"""Undoing beside a correction, a retraction, a found, another undoing: whatever comes first."""

from __future__ import annotations

import asyncio
from datetime import date

import pytest

from services.directory.decide import Decision, NotPossible
from services.directory.undo import Undone
from tests.integration.directory.area import SCHOOL_A, SCHOOL_B
from tests.integration.directory.stage import Stage
from tests.integration.directory.test_races import at_once
from tests.integration.directory.test_undoing import WRONG_NAME, decided_wrongly, profiles


async def test_after_a_retraction_nothing_is_left_to_undo(stage: Stage) -> None:
    _, _, receipt, resolution = await decided_wrongly(stage)
    await stage.feed(stage.retraction(receipt))
    outcome, heard = await stage.undo(resolution)
    assert isinstance(outcome, Undone)
    assert (outcome.withdrawn, outcome.reopened) == (0, None)
    assert heard.addressed == []
    assert heard.needed == []


async def test_before_a_correction_is_resolved_the_wrong_school_is_freed_at_once(
    stage: Stage,
) -> None:
    wrong, right, receipt, resolution = await decided_wrongly(stage)
    correction = stage.abuse(right.sent(name=WRONG_NAME), supersedes=receipt)
    (asked,) = (await stage.feed(correction)).needed
    stage.later(minutes=1)
    outcome, heard = await stage.undo(resolution)
    assert isinstance(outcome, Undone)
    assert outcome.reopened is None
    assert profiles(heard, wrong.id)[SCHOOL_B] == "withdrawal"
    (fact,) = heard.addressed
    assert (fact.receipt, fact.supersedes, fact.withdraws) == (correction.receipt, receipt, ())
    _, later = await stage.decide(asked.resolution, Decision.THIS_CHILD, right.id)
    assert SCHOOL_A in later.organisations(right.id)
    assert later.told(wrong.id) == set()


async def test_a_retraction_after_an_undone_decision_reaches_those_told_last(
    stage: Stage,
) -> None:
    wrong, right, receipt, resolution = await decided_wrongly(stage)
    _, heard = await stage.undo(resolution)
    await stage.decide(heard.needed[0].resolution, Decision.THIS_CHILD, right.id)
    heard = await stage.feed(stage.retraction(receipt))
    assert profiles(heard, right.id)[SCHOOL_A] == "withdrawal"
    assert heard.told(wrong.id) == set()


@pytest.mark.parametrize("kind", ["correction", "retraction"])
async def test_undoing_beside_what_ends_the_event_leaves_no_wrong_notice(
    stage: Stage, kind: str
) -> None:
    for day in range(1, 6):
        wrong, right, receipt, resolution = await decided_wrongly(stage, date(2014, 5, day))
        last = (
            stage.retraction(receipt)
            if kind == "retraction"
            else stage.abuse(right.sent(address={"postcode": "ZZ9 1AA"}), supersedes=receipt)
        )
        outcomes = await asyncio.gather(at_once(stage, last), stage.undo(resolution))
        assert isinstance(outcomes[1][0], Undone)
        (still,) = await stage.rows(
            """select count(*) from directory.addressed
                where child_id = :child and withdrawn_at is null and profile <> 'withdrawal'""",
            child=wrong.id,
        )
        assert still.count == 0
        await stage.heard()


async def test_of_two_undoings_at_once_one_withdraws(stage: Stage) -> None:
    for day in range(1, 6):
        _, _, receipt, resolution = await decided_wrongly(stage, date(2014, 5, day))
        await asyncio.gather(*(stage.undo(resolution) for _ in range(3)))
        rows = await stage.rows(
            """select organisation from directory.addressed
                where receipt = :receipt and profile = 'withdrawal'""",
            receipt=receipt,
        )
        asked = await stage.rows(
            "select id from directory.resolution where reopens = :id", id=resolution
        )
        assert (len(rows), len(asked)) == (3, 1)
        await stage.heard()


async def test_undoing_a_report_beside_the_found_leaves_nobody_looking(stage: Stage) -> None:
    for day in range(1, 6):
        wrong = await stage.child(f"Ash{day}", school=SCHOOL_B)
        report = stage.missing(wrong.sent())
        await stage.feed(report)
        stage.later(minutes=1)
        found = stage.found(wrong.sent())
        outcomes = await asyncio.gather(
            at_once(stage, found), stage.undo_match(report.receipt, wrong.id)
        )
        assert isinstance(outcomes[1][0], Undone)
        rows = await stage.rows(
            """select profile from directory.addressed
                where child_id = :child and organisation = :school and withdrawn_at is null""",
            child=wrong.id,
            school=SCHOOL_B,
        )
        assert "withdrawal" in {row.profile for row in rows}
        assert "missing-alert" not in {row.profile for row in rows}
        open_episodes = await stage.rows(
            "select 1 from directory.episode where child = :child and closed_at is null",
            child=wrong.id,
        )
        assert open_episodes == []
        await stage.heard()


async def test_undo_then_decide_at_once_tells_the_right_school_once(stage: Stage) -> None:
    wrong, right, receipt, resolution = await decided_wrongly(stage)
    _, heard = await stage.undo(resolution)
    asked = heard.needed[0].resolution
    outcomes = await asyncio.gather(
        stage.decide(asked, Decision.THIS_CHILD, right.id),
        stage.undo(resolution),
        stage.decide(asked, Decision.THIS_CHILD, right.id),
    )
    assert not any(isinstance(outcome, NotPossible) for outcome, _ in outcomes)
    rows = await stage.rows(
        """select child_id from directory.addressed
            where receipt = :receipt and role = 'school' and profile = 'school-full'
            order by addressed_at""",
        receipt=receipt,
    )
    assert [row.child_id for row in rows] == [wrong.id, right.id]
