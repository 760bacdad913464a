"""Two records that seem to be of one person: whose they are is told, nothing is merged."""

from __future__ import annotations

import asyncio
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError
from sqlalchemy import text

from schemas.facts import EventApplied, PersonDuplicateSuspected
from services.directory import report_duplicates
from services.directory.decide import Decision
from services.directory.import_file import import_file
from services.directory.report_duplicates import compare_some
from services.directory.settings import DirectorySettings
from services.directory.track_changed import note_changed
from services.directory.write_keys import refresh_keys
from tests.integration.directory.area import MASH, NURSING, POLICE, SCHOOL_A, Pupil, nhs_number
from tests.integration.directory.area import upn as upn_of
from tests.integration.directory.stage import Heard, Stage
from tests.integration.directory.town import settle_town

VALUES = ("Wilhelm", "Quarter", "2014", "ZZ9", "Mill Lane", "999")

OWNED = {"register": MASH, "census": MASH, "health": NURSING}


@pytest.fixture
async def town(stage: Stage) -> Stage:
    """A register with some families, none of them of the children in question."""
    await settle_town(stage)
    stage.settings = DirectorySettings(record_owners=OWNED)
    return stage


async def one(stage: Stage, given: str = "Wilhelmina", **columns: Any) -> Pupil:
    """A child with little to tell it by, noted as whoever changes one notes it."""
    columns = {"numbered": False, "born": date(2014, 5, 14), "register_ref": None, **columns}
    ref = columns.pop("register_ref")
    pupil = await stage.child(given, "Quartermaine", postcode="ZZ9 1AA", **columns)
    async with stage.database.transaction() as session:
        await session.execute(
            text("update directory.child set register_ref = :ref where id = :id"),
            {"ref": ref, "id": pupil.id},
        )
    await note(stage, pupil.id)
    return pupil


async def note(stage: Stage, *children: UUID) -> None:
    async with stage.database.transaction() as session:
        await note_changed(session, stage.partnership, children)


async def twice(stage: Stage) -> tuple[Pupil, Pupil]:
    """The same girl, under two keys of one register."""
    first = await one(stage, register_ref="r-1")
    return first, await one(stage, "Wilhelmena", register_ref="r-2")


async def compare(stage: Stage, **later: float) -> list[PersonDuplicateSuspected]:
    """What the task finds once it is due."""
    stage.later(**later or {"seconds": 11})
    while await compare_some(stage.database, stage.partnership):
        pass
    return (await stage.heard()).of(PersonDuplicateSuspected)


async def states(stage: Stage) -> list[tuple[str | None, str]]:
    rows = await stage.rows("select agency, state from directory.finding order by finding")
    return [(row.agency, row.state) for row in rows]


async def answer(stage: Stage, finding: UUID, sender: str, kind: str, said: str) -> Heard:
    data = {"finding": str(finding), "answer": said}
    return await stage.feed(stage.event("record.answered", data, sender=sender, kind=kind))


async def test_whose_register_has_a_child_twice_is_told_by_its_own_references(town: Stage) -> None:
    await twice(town)
    (found,) = await compare(town)
    assert (found.agency, found.state) == (MASH, "open")
    assert set(found.records) == {"register:r-1", "register:r-2"}
    levels = {said.field: said.how for said in found.evidence}
    assert (levels["given"], levels["family"], levels["birth"]) == ("close", "same", "same")
    said = str(found.model_dump(exclude={"finding", "key", "at"}))
    assert [value for value in VALUES if value in said] == []


async def test_nothing_is_merged_and_a_repeat_tells_nobody_again(town: Stage) -> None:
    first, second = await twice(town)
    assert len(await compare(town)) == 1
    await note(town, first.id, second.id)
    assert await compare(town) == []
    rows = await town.rows(
        "select id from directory.child where family_name = 'Quartermaine' and withdrawn_at is null"
    )
    assert {row.id for row in rows} == {first.id, second.id}


async def test_two_processes_at_once_find_it_once(town: Stage) -> None:
    first, second = await twice(town)
    await note(town, first.id, second.id)
    town.later(seconds=11)

    async def work() -> None:
        while await compare_some(town.database, town.partnership):
            pass

    await asyncio.gather(work(), work(), work())
    assert len((await town.heard()).of(PersonDuplicateSuspected)) == 1
    assert await town.rows("select 1 from directory.changed") == []


async def test_a_crash_loses_nobody_and_holds_up_nobody(
    town: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await twice(town)
    whole = report_duplicates.compare_children

    async def fail(*_: Any) -> Any:
        raise OSError("gone")

    monkeypatch.setattr(report_duplicates, "compare_children", fail)
    town.later(seconds=11)
    with pytest.raises(OSError, match="gone"):
        await compare_some(town.database, town.partnership)
    assert await states(town) == []
    monkeypatch.setattr(report_duplicates, "compare_children", whole)
    assert await compare_some(town.database, town.partnership) == 0
    # Each alone: whichever it was that failed fails alone from now on.
    town.later(minutes=2)
    assert await compare_some(town.database, town.partnership) == 1
    (found,) = await compare(town)
    assert (found.state, await town.rows("select 1 from directory.changed")) == ("open", [])


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"given": "Wilhelmina"}, {"given": "Leopold"}),
        ({"nhs_number": nhs_number(9000), "nhs_verified": True},
         {"nhs_number": nhs_number(9009), "nhs_verified": True}),
        ({"upn": upn_of(9001)}, {"upn": upn_of(9002)}),
        ({"household": "h-1"}, {"household": "h-1", "given": "Wilhelmena"}),
        ({}, {"born": date(2009, 11, 2)}),
    ],
    ids=["co-twins", "verified numbers", "upns", "one household", "birth dates"],
)  # fmt: skip
async def test_whom_the_register_tells_apart_is_not_suspected(
    town: Stage, first: dict[str, Any], second: dict[str, Any]
) -> None:
    await one(town, **first)
    await one(town, **second)
    assert await compare(town) == []


async def test_one_listed_twice_in_one_household_is_suspected(town: Stage) -> None:
    await one(town, household="h-1")
    await one(town, household="h-1")
    assert len(await compare(town)) == 1


async def test_a_record_that_may_be_either_of_two_twins_is_raised_for_neither(
    town: Stage,
) -> None:
    await one(town, nhs_number=nhs_number(9000), nhs_verified=True)
    await one(town, nhs_number=nhs_number(9009), nhs_verified=True)
    await one(town)
    assert await compare(town) == []


async def test_of_three_records_of_one_person_every_pair_is_suspected(town: Stage) -> None:
    children = [await one(town) for _ in range(3)]
    assert len(await compare(town)) == 3
    pairs = {
        frozenset((row.child_id, row.other))
        for row in await town.rows("select child_id, other from directory.finding")
    }
    ids = [child.id for child in children]
    assert pairs == {frozenset(pair) for pair in (ids[:2], ids[1:], ids[::2])}


async def test_a_restricted_child_is_suspected_by_nobody(town: Stage) -> None:
    await one(town, restricted=True)
    await one(town)
    assert await compare(town) == []
    assert await states(town) == []


async def test_who_becomes_restricted_leaves_no_finding_behind(town: Stage, tmp_path: Path) -> None:
    await twice(town)
    (found,) = await compare(town)
    path = tmp_path / "children.csv"
    path.write_text(
        "register_ref,given_name,family_name,restricted\nr-1,Wilhelmina,Quartermaine,true\n"
    )
    await import_file(town.database, path, partnership=town.partnership)
    (gone,) = (await town.heard()).of(PersonDuplicateSuspected)
    assert (gone.finding, gone.state) == (found.finding, "withdrawn")
    assert (gone.records, gone.evidence) == ((), ())
    assert await states(town) == []
    assert await compare(town) == []


async def test_a_finding_that_is_raised_while_a_child_becomes_restricted_goes_soon(
    town: Stage,
) -> None:
    first, _ = await twice(town)
    (found,) = await compare(town)
    async with town.database.transaction() as session:
        await session.execute(
            text("update directory.child set restricted = true where id = :id"), {"id": first.id}
        )
        await note_changed(session, town.partnership, [first.id])
    assert [one.finding for one in await compare(town)] == [found.finding]
    assert await states(town) == []


async def test_a_corrected_record_ends_it_and_a_later_likeness_raises_it_again(
    town: Stage,
) -> None:
    first, _ = await twice(town)
    (found,) = await compare(town)

    async def born(day: str) -> list[PersonDuplicateSuspected]:
        async with town.database.transaction() as session:
            await session.execute(
                text(
                    "update directory.child set date_of_birth = cast(:day as date) where id = :id"
                ),
                {"day": day, "id": first.id},
            )
            await refresh_keys(session, [first.id], town.partnership.today())
            await note_changed(session, town.partnership, [first.id])
        return await compare(town)

    (ended,) = await born("2009-11-02")
    assert (ended.finding, ended.state) == (found.finding, "withdrawn")
    (again,) = await born("2014-05-14")
    assert again.state == "open"
    assert again.finding != found.finding


async def test_the_agency_answers_and_what_it_disputes_is_never_raised_again(
    town: Stage,
) -> None:
    first, second = await twice(town)
    (found,) = await compare(town)
    stranger = await answer(town, found.finding, POLICE, "police", "disputed")
    assert [said.outcome for said in stranger.of(EventApplied)] == ["finding-unknown"]
    heard = await answer(town, found.finding, MASH, "social-care", "disputed")
    assert [said.state for said in heard.of(PersonDuplicateSuspected)] == ["answered"]
    await note(town, first.id, second.id)
    assert await compare(town) == []
    assert await states(town) == [(MASH, "answered")]


async def test_two_agencies_without_a_basis_are_the_reviewers_business(town: Stage) -> None:
    await one(town, register_ref="r-1")
    second = await one(town)
    await reference(town, second, "fhir:p-7")
    (found,) = await compare(town)
    assert (found.agency, found.records) == (None, ())
    (row,) = await town.rows("select reviewers from directory.finding")
    assert row.reviewers == MASH


async def test_with_a_basis_each_agency_hears_of_its_own_record_alone(town: Stage) -> None:
    town.settings = DirectorySettings(
        record_owners={"register": MASH, "health": NURSING},
        link_sharing={MASH: frozenset({"school-nursing"})},
    )
    await one(town, register_ref="r-1")
    second = await one(town)
    await reference(town, second, f"health:{nhs_number(9000)}|wilhelmina|quartermaine|2014-05-14")
    (found,) = await compare(town)
    assert (found.agency, found.records) == (NURSING, (f"health:{nhs_number(9000)}",))


async def reference(stage: Stage, pupil: Pupil, ref: str) -> None:
    async with stage.database.transaction() as session:
        await session.execute(
            text("insert into directory.child_ref values (:ref, :child)"),
            {"ref": ref, "child": pupil.id},
        )


async def test_an_import_that_makes_a_second_child_of_a_misspelt_line_is_noticed(
    town: Stage, tmp_path: Path
) -> None:
    children = tmp_path / "children.csv"
    children.write_text(
        "register_ref,given_name,family_name,date_of_birth,postcode,address\n"
        "r-1,Wilhelmina,Quartermaine,2014-05-14,ZZ9 1AA,12 Mill Lane\n"
    )
    await import_file(town.database, children, partnership=town.partnership)
    census = tmp_path / "census.csv"
    census.write_text(
        "UPN,Forename,Surname,Date of birth,Entry date,URN,Postcode,Address line 1\n"
        f"{upn_of(9003)},Wilhelmena,Quartermaine,14/05/2014,01/09/2025,900001,ZZ9 1AA,12 Mill Ln\n"
    )
    await import_file(town.database, census, partnership=town.partnership)
    assert await town.rows("select 1 from directory.child where family_name = 'Quartermaine'") == [
        (1,), (1,)
    ]  # fmt: skip
    (found,) = await compare(town)
    assert set(found.records) == {"register:r-1", f"census:{upn_of(9003)}"}


async def test_whom_a_reviewer_registers_as_new_is_compared_and_its_undoing_ends_it(
    town: Stage,
) -> None:
    first = await one(town, register_ref="r-1", numbered=True)
    await compare(town)
    block = first.sent(
        name={"given": "Leopold", "family": "Quartermaine"}, nhsNumber=None, address=None
    )
    heard = await town.feed(town.abuse(block))
    _, after = await town.decide(heard.needed[0].resolution, Decision.NEW_CHILD)
    made = after.addressed[0].child_id
    async with town.database.transaction() as session:
        await session.execute(
            text("""update directory.child set given_name = 'Wilhelmina', postcode = 'ZZ9 1AA'
                     where id = :id"""),
            {"id": made},
        )
        await refresh_keys(session, [made], town.partnership.today())
    (found,) = await compare(town)
    assert (found.agency, found.state) == (None, "open")
    _, undone = await town.undo(heard.needed[0].resolution)
    assert [said.state for said in undone.of(PersonDuplicateSuspected)] == ["withdrawn"]


async def test_whom_one_event_matches_alike_is_compared(town: Stage) -> None:
    first, second = await twice(town)
    async with town.database.transaction() as session:
        await session.execute(text("delete from directory.changed"))
    heard = await town.feed(town.abuse(first.sent(name={"given": "Wilhelmyna",
                                                        "family": "Quartermaine"})))  # fmt: skip
    assert heard.reasons == ["several-candidates"]
    (found,) = await compare(town)
    assert found.agency == MASH
    rows = await town.rows("select child_id, other from directory.finding")
    assert {rows[0].child_id, rows[0].other} == {first.id, second.id}


async def test_before_a_matcher_is_learnt_they_wait(stage: Stage) -> None:
    await one(stage)
    assert await compare(stage) == []
    assert len(await stage.rows("select 1 from directory.changed")) == 1


async def test_a_sender_whose_events_put_both_on_the_register_is_told_which_events(
    stage: Stage,
) -> None:
    receipts = set()
    for given, known in (("Wilhelmina", {"upn": upn_of(9100)}),
                         ("Wilhelmena", {"nhsNumber": {"value": nhs_number(9000),
                                                       "status": "verified"}})):  # fmt: skip
        child = {
            "name": {"given": given, "family": "Quartermaine"},
            "dateOfBirth": {"value": "2014-05-14"},
            **known,
        }
        data = {"child": child, "status": "registered", "organisation": SCHOOL_A,
                "startsOn": "2026-01-01"}  # fmt: skip
        event = stage.event("enrolment.changed", data, sender=SCHOOL_A, kind="school")
        receipts.add(f"event:{event.receipt}")
        heard = await stage.feed(event)
        if heard.needed:
            await stage.decide(heard.needed[0].resolution, Decision.NEW_CHILD)
    await stage.learn()
    (found,) = await compare(stage)
    assert (found.agency, set(found.records)) == (SCHOOL_A, receipts)


def test_an_owner_of_files_that_nobody_loads_is_refused_at_start() -> None:
    with pytest.raises(ValidationError):
        DirectorySettings.model_validate({"record_owners": {"sensus": MASH}})
