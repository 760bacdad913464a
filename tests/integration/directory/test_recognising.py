"""Children recognised in spite of slips of the hand, and those of whom a person is asked."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy import text

from tests.integration.directory.area import SCHOOL_B, Pupil
from tests.integration.directory.stage import Stage
from tests.integration.directory.town import settle_town


@pytest.fixture
async def town(stage: Stage) -> Stage:
    """A register with some families, none of them of the children in question."""
    await settle_town(stage)
    return stage


def sent(pupil: Pupil, given: str, family: str, **changes: Any) -> dict[str, Any]:
    """The child as somebody wrote it down without any number."""
    name = {"given": given, "family": family}
    return pupil.sent(**{"name": name, "nhsNumber": None, **changes})


async def robin(stage: Stage, **columns: Any) -> Pupil:
    return await stage.child(
        "Wilhelmina",
        "Quartermaine",
        date(2014, 5, 14),
        postcode="ZZ9 1AA",
        address="12 Mill Lane",
        **columns,
    )


@pytest.mark.parametrize(
    ("given", "family", "born"),
    [
        ("Wilhelmena", "Quartermaine", "2014-05-14"),
        ("Wilhelmina", "Quatermain", "2014-05-14"),
        ("Quartermaine", "Wilhelmina", "2014-05-14"),
        ("Wilhelmina", "Quartermaine", "2014-05-15"),
        ("WILHELMINA", "Quartermaine-Smythe", "2014-05-14"),
    ],
)
async def test_slips_of_the_hand_are_seen_through(
    town: Stage, given: str, family: str, born: str
) -> None:
    pupil = await robin(town)
    block = sent(pupil, given, family, dateOfBirth={"value": born})
    heard = await town.feed(town.abuse(block))
    assert [fact.child_id for fact in heard.addressed] == [pupil.id]


async def test_a_child_added_while_it_runs_is_found_at_once(town: Stage) -> None:
    version = town.matcher.learnt.version if town.matcher.learnt else ""
    pupil = await robin(town)
    heard = await town.feed(town.abuse(sent(pupil, "Wilhelmena", "Quartermaine")))
    assert [fact.child_id for fact in heard.addressed] == [pupil.id]
    assert town.matcher.learnt is not None
    assert town.matcher.learnt.version == version


async def test_how_a_child_was_recognised_is_kept_without_a_value(town: Stage) -> None:
    pupil = await robin(town)
    event = town.abuse(sent(pupil, "Wilhelmena", "Quartermaine"))
    await town.feed(event)
    async with town.database.reading() as session:
        row = (await session.execute(text("select * from directory.recognition"))).one()
    assert (row.receipt, row.child_index, row.child) == (event.receipt, 0, pupil.id)
    assert row.status == "match"
    assert row.probability > 0.99
    said = str(row.steps)
    assert "given name: a slip of the hand apart" in said
    for value in ("Wilhelm", "Quarter", "2014", "ZZ9", "Mill"):
        assert value not in said


async def test_an_unregistered_twin_is_not_taken_for_the_registered_one(town: Stage) -> None:
    pupil = await robin(town)
    heard = await town.feed(town.abuse(sent(pupil, "Leopold", "Quartermaine")))
    assert heard.addressed == []
    (needed,) = heard.needed
    assert (needed.reason, needed.candidates) == ("possible-candidates", 1)


async def test_a_twins_number_against_another_given_name_is_not_believed(town: Stage) -> None:
    pupil = await robin(town)
    name = {"given": "Leopold", "family": "Quartermaine"}
    number = {"value": pupil.nhs, "status": "unverified"}
    heard = await town.feed(town.abuse(pupil.sent(name=name, nhsNumber=number)))
    assert heard.addressed == []
    assert [one.reason for one in heard.needed] == ["contradicted"]


async def test_two_who_are_as_likely_are_both_shown(town: Stage) -> None:
    first, _ = await robin(town), await robin(town, school=SCHOOL_B)
    block = sent(first, "Wilhelmena", "Quartermaine")
    heard = await town.feed(town.abuse(block))
    assert heard.addressed == []
    (needed,) = heard.needed
    assert (needed.reason, needed.candidates) == ("several-candidates", 2)


async def test_a_restricted_child_is_recognised_by_nobody(town: Stage) -> None:
    pupil = await robin(town, restricted=True)
    heard = await town.feed(town.abuse(sent(pupil, "Wilhelmena", "Quartermaine")))
    assert heard.addressed == []
    (needed,) = heard.needed
    assert (needed.reason, needed.candidates) == ("no-candidate", 0)


async def test_who_becomes_restricted_is_found_no_more(town: Stage) -> None:
    pupil = await robin(town)
    async with town.database.transaction() as session:
        await session.execute(
            text("update directory.child set restricted = true where id = :id"), {"id": pupil.id}
        )
    heard = await town.feed(town.abuse(sent(pupil, "Wilhelmena", "Quartermaine")))
    assert heard.addressed == []
    assert [one.candidates for one in heard.needed] == [0]


async def test_a_sister_of_the_same_event_is_sought_in_the_family(town: Stage) -> None:
    elder = await robin(town, household="home-1")
    younger = await town.child(
        "Ottilie", "Quartermaine", date(2017, 8, 2), household="home-1", postcode=None
    )
    bare = {"value": "2017-08-12"}
    written = sent(younger, "Otily", "Quatermane", dateOfBirth=bare, address=None)
    alone = await town.feed(town.abuse(written))
    together = await town.feed(town.abuse(elder.sent(), written))
    assert {fact.child_id for fact in together.addressed} == {elder.id, younger.id}
    assert {fact.child_id for fact in alone.addressed} <= {younger.id}


async def test_the_same_question_gets_the_same_answer(town: Stage) -> None:
    pupil = await robin(town)
    block = sent(pupil, "Wilhelmena", "Quatermain", dateOfBirth={"value": "2014-05-15"})
    for _ in range(3):
        await town.feed(town.abuse(block))
    async with town.database.reading() as session:
        rows = await session.execute(
            text("select probability, steps::text, matcher from directory.recognition")
        )
        assert len({tuple(row) for row in rows}) == 1


async def test_one_record_is_not_taken_for_two_children_of_an_event(town: Stage) -> None:
    pupil = await robin(town)
    twin = sent(pupil, "Wilhelmine", "Quartermaine")
    alone = await town.feed(town.abuse(twin))
    assert [fact.child_id for fact in alone.addressed] == [pupil.id]
    known = await town.feed(town.abuse(pupil.sent(), twin))
    assert [fact.child_index for fact in known.addressed] == [0]
    assert [one.child_index for one in known.needed] == [1]
    both = await town.feed(town.abuse(sent(pupil, "Wilhelmena", "Quartermaine"), twin))
    assert both.addressed == []
    assert [one.child_index for one in both.needed] == [0, 1]
    async with town.database.reading() as session:
        noted = await session.execute(
            text("select detail from directory.resolution where receipt = :receipt"),
            {"receipt": known.needed[0].receipt},
        )
    assert noted.scalars().all() == [["doubt:fits-another"]]
