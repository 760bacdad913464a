"""An agency's record that contradicts the register is named to it, once a person has decided."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from schemas.facts import EventAccepted, RecordContradicts
from services.directory.decide import Decision
from services.directory.keep_findings import forget_findings
from services.directory.report_duplicates import compare_some
from services.directory.track_changed import note_changed
from tests.integration.directory.area import POLICE, SCHOOL_A, SCHOOL_B, Pupil, nhs_number
from tests.integration.directory.stage import Heard, Stage

FAR = {"value": "2011-01-30", "precision": "exact"}


def number(value: str | None, status: str = "verified") -> dict[str, Any]:
    return {"value": value, "status": status}


async def two(stage: Stage, **columns: Any) -> tuple[Pupil, Pupil]:
    """Robin, whom the event is about, and Kit, whose number it gives."""
    robin = await stage.child()
    return robin, await stage.child("Kit", school=SCHOOL_B, born=date(2012, 3, 9), **columns)


async def asked(stage: Stage, event: EventAccepted) -> UUID:
    (needed,) = (await stage.feed(event)).needed
    return needed.resolution


async def decided(
    stage: Stage, event: EventAccepted, child: UUID | None
) -> tuple[UUID, list[RecordContradicts]]:
    """A person says who it is (None: nobody known); what is told of the record."""
    resolution = await asked(stage, event)
    said = Decision.THIS_CHILD if child else Decision.NEW_CHILD
    _, heard = await stage.decide(resolution, said, child)
    return resolution, found_in(heard)


def found_in(heard: Heard) -> list[RecordContradicts]:
    return heard.of(RecordContradicts)


def evidence(found: RecordContradicts) -> list[tuple[str, str]]:
    return [(one.field, one.how) for one in found.evidence]


async def test_another_childs_number_is_named_and_no_value(stage: Stage) -> None:
    robin, kit = await two(stage)
    event = stage.abuse(robin.sent(nhsNumber=number(kit.nhs)))
    _, (found,) = await decided(stage, event, robin.id)
    assert (found.agency, found.receipt, found.child_index) == (POLICE, event.receipt, 0)
    assert (found.state, evidence(found)) == ("open", [("nhs-number", "of-another-child")])
    said = found.model_dump_json()
    assert [one for one in (robin.nhs, kit.nhs, "Robin", "Kit", "2014-05", "2012-03")
            if one and one in said] == []  # fmt: skip
    rows = await stage.rows("select evidence::text as said from directory.finding")
    assert kit.nhs not in rows[0].said


async def test_a_birth_date_that_differs_from_that_of_the_numbers_child(stage: Stage) -> None:
    robin = await stage.child()
    _, (found,) = await decided(stage, stage.abuse(robin.sent(dateOfBirth=FAR)), robin.id)
    assert evidence(found) == [("birth", "differs")]


async def test_a_number_that_differs_from_the_verified_one_of_the_child(stage: Stage) -> None:
    robin = await stage.child()
    event = stage.abuse(robin.sent(nhsNumber=number(nhs_number(9000))))
    _, (found,) = await decided(stage, event, robin.id)
    assert evidence(found) == [("nhs-number", "differs")]


async def test_a_new_child_whose_number_is_another_childs(stage: Stage) -> None:
    robin, kit = await two(stage)
    block = robin.sent(
        name={"given": "Nobody", "family": "Known"}, nhsNumber=number(kit.nhs), address=None
    )
    _, (found,) = await decided(stage, stage.abuse(block), None)
    assert evidence(found) == [("nhs-number", "of-another-child")]


async def test_where_nothing_hard_contradicts_nothing_is_told(stage: Stage) -> None:
    robin = await stage.child(numbered=False)
    other = await stage.child("Ash", numbered=False)
    block = robin.sent(name={"given": "Rob", "family": "Example"})
    _, found = await decided(stage, stage.abuse(block), other.id)
    assert found == []


async def test_a_number_that_the_register_has_not_verified_proves_nobody_wrong(
    stage: Stage,
) -> None:
    robin, kit = await two(stage, nhs_verified=False)
    block = robin.sent(
        name={"given": "Rob", "family": "Example"}, nhsNumber=number(kit.nhs, "unverified")
    )
    _, found = await decided(stage, stage.abuse(block), robin.id)
    assert [evidence(one) for one in found] == [[("nhs-number", "differs")]]
    async with stage.database.transaction() as session:
        await session.execute(text("update directory.child set nhs_verified = false"))
    stage.later(minutes=1)
    _, none = await decided(stage, stage.abuse(block), robin.id)
    assert none == []


async def test_the_number_of_a_restricted_child_is_no_evidence(stage: Stage) -> None:
    kit = await stage.child("Kit", born=date(2012, 3, 9), restricted=True)
    robin = await stage.child(numbered=False)
    block = robin.sent(
        name={"given": "Rob", "family": "Example"}, nhsNumber=number(kit.nhs, "unverified")
    )
    _, found = await decided(stage, stage.abuse(block), robin.id)
    assert found == []


async def test_of_a_restricted_child_nothing_is_told_or_kept(stage: Stage) -> None:
    robin = await stage.child()
    event = stage.abuse(robin.sent(dateOfBirth=FAR))
    resolution = await asked(stage, event)
    async with stage.database.transaction() as session:
        await session.execute(text("update directory.child set restricted = true"))
    _, heard = await stage.decide(resolution, Decision.THIS_CHILD, robin.id)
    assert found_in(heard) == []
    assert await stage.rows("select 1 from directory.finding") == []


async def test_undone_it_is_withdrawn_and_the_next_answer_raises_its_own(stage: Stage) -> None:
    robin, kit = await two(stage)
    resolution, (found,) = await decided(
        stage, stage.abuse(robin.sent(nhsNumber=number(kit.nhs))), robin.id
    )
    stage.later(minutes=5)
    _, undone = await stage.undo(resolution)
    (gone,) = found_in(undone)
    assert (gone.finding, gone.state, gone.evidence) == (found.finding, "withdrawn", ())
    assert found_in((await stage.undo(resolution))[1]) == []
    _, kits = await stage.decide(undone.needed[0].resolution, Decision.THIS_CHILD, kit.id)
    (other,) = found_in(kits)
    assert evidence(other) == [("birth", "differs")]
    _, again = await stage.undo(undone.needed[0].resolution)
    _, robins = await stage.decide(again.needed[0].resolution, Decision.THIS_CHILD, robin.id)
    (last,) = found_in(robins)
    assert (evidence(last), last.state) == (evidence(found), "open")
    assert last.finding != found.finding


async def test_only_the_child_that_was_undone_loses_its_finding(stage: Stage) -> None:
    robin, ash = await stage.child(), await stage.child("Ash")
    event = stage.abuse(robin.sent(dateOfBirth=FAR), ash.sent(dateOfBirth=FAR))
    first, second = (await stage.feed(event)).needed
    await stage.decide(first.resolution, Decision.THIS_CHILD, robin.id)
    await stage.decide(second.resolution, Decision.THIS_CHILD, ash.id)
    _, heard = await stage.undo(first.resolution)
    assert [one.child_index for one in found_in(heard)] == [first.child_index]
    rows = await stage.rows("select child_index, state from directory.finding order by 1")
    states = dict(sorted(tuple(row) for row in rows))
    assert states == {first.child_index: "withdrawn", second.child_index: "open"}


@pytest.mark.parametrize("corrected", [True, False])
async def test_a_retracted_or_corrected_event_ends_it(stage: Stage, corrected: bool) -> None:
    robin = await stage.child()
    event = stage.abuse(robin.sent(dateOfBirth=FAR))
    _, (found,) = await decided(stage, event, robin.id)
    stage.later(minutes=5)
    after = stage.retraction(event.receipt)
    if corrected:
        after = stage.abuse(robin.sent(), supersedes=event.receipt)
    heard = await stage.feed(after)
    assert [(one.finding, one.state) for one in found_in(heard)] == [(found.finding, "withdrawn")]
    assert found_in(await stage.feed(after)) == []


async def test_what_was_answered_stays_answered(stage: Stage) -> None:
    robin = await stage.child()
    event = stage.abuse(robin.sent(dateOfBirth=FAR))
    resolution, (found,) = await decided(stage, event, robin.id)
    said = {"finding": str(found.finding), "answer": "record-corrected"}
    other = await stage.feed(stage.event("record.answered", said, sender=SCHOOL_A, kind="school"))
    assert found_in(other) == []
    heard = await stage.feed(stage.event("record.answered", said))
    assert [one.state for one in found_in(heard)] == ["answered"]
    stage.later(minutes=5)
    _, undone = await stage.undo(resolution)
    assert found_in(undone) == []


async def test_an_event_about_one_child_has_its_finding_and_its_undoing(stage: Stage) -> None:
    robin = await stage.child()
    data = {
        "child": robin.sent(dateOfBirth=FAR),
        "status": "registered",
        "organisation": SCHOOL_A,
        "startsOn": "2026-01-01",
    }
    event = stage.event("enrolment.changed", data, sender=SCHOOL_A, kind="school")
    resolution, (found,) = await decided(stage, event, robin.id)
    assert (found.agency, found.child_index) == (SCHOOL_A, None)
    stage.later(minutes=5)
    _, undone = await stage.undo(resolution)
    assert [one.state for one in found_in(undone)] == ["withdrawn"]


async def test_once_the_register_is_put_right_it_is_withdrawn(stage: Stage) -> None:
    robin = await stage.child()
    await stage.learn()
    _, (found,) = await decided(stage, stage.abuse(robin.sent(dateOfBirth=FAR)), robin.id)
    async with stage.database.transaction() as session:
        await session.execute(text("update directory.child set date_of_birth = '2011-01-30'"))
        await note_changed(session, stage.partnership, [robin.id])
    stage.later(seconds=11)
    await compare_some(stage.database, stage.partnership)
    gone = found_in(await stage.heard())
    assert [(one.finding, one.state) for one in gone] == [(found.finding, "withdrawn")]


async def test_a_child_that_is_restricted_later_leaves_nothing(stage: Stage) -> None:
    robin = await stage.child()
    _, (found,) = await decided(stage, stage.abuse(robin.sent(dateOfBirth=FAR)), robin.id)
    async with stage.database.transaction() as session:
        gone = await forget_findings(session, stage.partnership, [robin.id])
    assert [(one.finding, one.evidence) for one in gone
            if isinstance(one, RecordContradicts)] == [(found.finding, ())]  # fmt: skip
    assert await stage.rows("select 1 from directory.finding") == []
