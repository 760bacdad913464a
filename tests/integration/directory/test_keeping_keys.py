"""Keys stay in step with the register: whatever changes, whoever changes it, when it is cut off.

What is in step is said once, by `in_step`: every child that may be found stands under the keys that
its present row gives, is read as it is, and nobody else stands anywhere.
"""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from services.directory.import_file import import_file
from services.directory.import_lines import CHILD_COLUMNS
from services.directory.keep_keys import keep_keys, refresh_due
from services.directory.learn_matcher import learn_if_due
from services.directory.matcher import Matcher
from services.directory.matching.keys import keys_of
from services.directory.measure_register import OWN_PROCESS_FROM, measure, measure_register
from services.directory.partnership import Partnership
from services.directory.person_text import VERSION, write_person
from services.directory.read_people import read_people, read_registered
from services.directory.write_keys import note_due, refresh_keys
from tests.integration.directory.area import AREA, SCHOOL_A, SCHOOL_B, Pupil
from tests.integration.directory.family import TRUST, asserted
from tests.integration.directory.stage import Stage
from tests.integration.directory.test_import import child, count, write
from tests.integration.directory.town import until_it_waits


async def in_step(stage: Stage) -> bool:
    """Whether keys and lines are those of the register as it is today."""
    async with stage.database.reading() as session:
        ids = [row.id for row in await session.execute(text("select id from directory.child"))]
        people = await read_registered(session, ids, stage.now.date())
        known = await session.execute(text("select number, person from directory.known_person"))
        kept = await session.execute(text("select * from directory.keyed_child where spread"))
        keys = await session.execute(text("select key, child from directory.match_key"))
        there = {(row.key, row.child) for row in keys}
    wanted = {number: keys_of(person) for number, person, _ in people}
    return (
        {row.number: row.person for row in known}
        == {number: write_person(person) for number, person, _ in people}
        and {row.number: (set(row.keys), row.version) for row in kept}
        == {number: (mine, VERSION) for number, mine in wanted.items()}
        and there == {(key, number) for number, mine in wanted.items() for key in mine}
    )


async def school_of(stage: Stage, pupil: Pupil) -> str | None:
    """Of which school the matcher takes a child to be."""
    (number,) = await stage.rows("select number from directory.child where id = :id", id=pupil.id)
    async with stage.database.reading() as session:
        return (await read_people(session, [number[0]]))[number[0]].school


def moves(stage: Stage, pupil: Pupil, starts_on: str) -> Any:
    data = {
        "child": pupil.sent(),
        "status": "registered",
        "organisation": SCHOOL_B,
        "startsOn": starts_on,
    }
    return stage.event("enrolment.changed", data, sender=SCHOOL_B, kind="school")


async def test_a_child_that_moves_is_known_at_its_new_school_within_seconds(stage: Stage) -> None:
    pupil = await stage.child()
    assert await school_of(stage, pupil) == "900001"
    event = moves(stage, pupil, "2026-03-01")
    await stage.feed(event)
    assert await refresh_due(stage.database, stage.partnership)
    # The first school has not ended it: the later enrolment counts.
    assert await school_of(stage, pupil) == "900002"
    assert await in_step(stage)
    assert not await refresh_due(stage.database, stage.partnership)
    await stage.feed(stage.retraction(event.receipt))
    assert await refresh_due(stage.database, stage.partnership)
    assert await school_of(stage, pupil) == "900001"
    assert await in_step(stage)


async def test_a_move_of_next_month_counts_when_the_day_comes(stage: Stage) -> None:
    pupil = await stage.child()
    await stage.feed(moves(stage, pupil, "2026-04-13"))
    await keep_keys(stage.database, stage.partnership)
    assert await school_of(stage, pupil) == "900001"
    stage.later(days=40)
    await keep_keys(stage.database, stage.partnership)
    assert await school_of(stage, pupil) == "900001"
    stage.later(days=1)
    await keep_keys(stage.database, stage.partnership)
    assert await school_of(stage, pupil) == "900002"
    assert await in_step(stage)


async def test_a_parent_who_becomes_known_is_a_key_until_it_is_taken_back(stage: Stage) -> None:
    await stage.organisations(TRUST)
    pupil = await stage.child()
    event = asserted(stage, pupil)
    await stage.feed(event)
    assert await refresh_due(stage.database, stage.partnership)
    (line,) = await stage.rows("select person from directory.known_person")
    assert "sandy" in line.person
    retraction = stage.event(
        "event.retracted",
        {"reason": "sent-in-error"},
        supersedes=event.receipt,
        sender="trust-quillmark",
        kind="mental-health",
    )
    await stage.feed(retraction)
    assert await refresh_due(stage.database, stage.partnership)
    (line,) = await stage.rows("select person from directory.known_person")
    assert "sandy" not in line.person
    assert await in_step(stage)


async def test_a_school_that_gets_another_number_changes_its_pupils(stage: Stage) -> None:
    pupil = await stage.child()
    school = next(one for one in AREA if one["id"] == SCHOOL_A)
    stage.later(minutes=1)
    await stage.organisations({**school, "urn": "900077"})
    assert await refresh_due(stage.database, stage.partnership)
    assert await school_of(stage, pupil) == "900077"
    assert await in_step(stage)


async def test_nothing_stays_of_a_child_that_becomes_restricted(
    stage: Stage, tmp_path: Path
) -> None:
    lines = [child(seed) for seed in (1, 2)]
    path = tmp_path / "children.csv"
    await import_file(stage.database, write(path, CHILD_COLUMNS, *lines))
    lines[0]["restricted"] = "true"
    await import_file(stage.database, write(path, CHILD_COLUMNS, *lines))
    for table in ("known_person", "keyed_child"):
        assert await count(stage, f"directory.{table}") == 1
    assert await in_step(stage)
    lines[0]["restricted"] = "false"
    await import_file(stage.database, write(path, CHILD_COLUMNS, *lines))
    assert await count(stage, "directory.known_person") == 2
    assert await in_step(stage)


async def rename(stage: Stage, pupil: Pupil, session: Any) -> None:
    await session.execute(
        text("update directory.child set given_name = 'Other' where id = :id"), {"id": pupil.id}
    )
    await refresh_keys(session, [pupil.id], stage.now.date())


HIDDEN = ("restricted = true", "withdrawn_at = now()")
SEEN = "restricted = false, withdrawn_at = null"


async def set_by_hand(stage: Stage, pupil: Pupil, change: str) -> None:
    async with stage.database.transaction() as session:
        await session.execute(
            text(f"update directory.child set {change} where id = :id"), {"id": pupil.id}
        )


@pytest.mark.parametrize("change", HIDDEN)
async def test_whoever_hides_a_child_by_hand_hides_it_at_once(stage: Stage, change: str) -> None:
    pupil = await stage.child()
    await set_by_hand(stage, pupil, change)
    assert await count(stage, "directory.known_person") == 0
    assert await refresh_due(stage.database, stage.partnership)
    assert await in_step(stage)
    await set_by_hand(stage, pupil, SEEN)
    assert await refresh_due(stage.database, stage.partnership)
    assert await count(stage, "directory.known_person") == 1
    assert await in_step(stage)


@pytest.mark.parametrize("change", HIDDEN)
async def test_a_child_that_is_hidden_while_it_is_refreshed_is_hidden(
    stage: Stage, change: str
) -> None:
    pupil = await stage.child()
    async with stage.database.transaction() as session:
        await rename(stage, pupil, session)
        hiding = asyncio.create_task(set_by_hand(stage, pupil, change))
        await until_it_waits(stage, hiding)
    await hiding
    assert await count(stage, "directory.known_person") == 0


@pytest.mark.parametrize("change", HIDDEN)
async def test_a_child_that_is_refreshed_while_it_is_hidden_is_hidden(
    stage: Stage, change: str
) -> None:
    pupil = await stage.child()
    async with stage.database.transaction() as session:
        await note_due(session, [pupil.id])
    async with stage.database.transaction() as session:
        await session.execute(
            text(f"update directory.child set {change} where id = :id"), {"id": pupil.id}
        )
        refreshing = asyncio.create_task(refresh_due(stage.database, stage.partnership))
        await until_it_waits(stage, refreshing)
    assert await refreshing
    assert await count(stage, "directory.known_person") == 0
    assert await in_step(stage)


async def test_keys_go_with_a_child_that_is_deleted(stage: Stage) -> None:
    pupil = await stage.child()
    await stage.child("Kim", "Specimen")
    async with stage.database.transaction() as session:
        await session.execute(text("delete from directory.child where id = :id"), {"id": pupil.id})
    assert await in_step(stage)


async def test_of_two_who_change_a_child_at_once_the_later_sees_both(stage: Stage) -> None:
    pupil = await stage.child()
    today = stage.now.date()

    async def change(column: str, value: str) -> None:
        async with stage.database.transaction() as session:
            await session.execute(
                text(f"update directory.child set {column} = :value where id = :id"),
                {"value": value, "id": pupil.id},
            )
            await refresh_keys(session, [pupil.id], today)

    async with stage.database.transaction() as session:
        await session.execute(
            text("""update directory.enrolment set organisation = :other where child = :id"""),
            {"other": SCHOOL_B, "id": pupil.id},
        )
        await refresh_keys(session, [pupil.id], today)
        second = asyncio.create_task(change("address", "14 Mill Lane"))
        await until_it_waits(stage, second)
    await second
    assert await in_step(stage)


async def test_what_another_version_of_the_code_wrote_is_made_anew(stage: Stage) -> None:
    await stage.child()
    await stage.child("Kim", "Specimen")
    async with stage.database.transaction() as session:
        await session.execute(
            text("update directory.keyed_child set version = :old"), {"old": VERSION - 1}
        )
        await session.execute(text("update directory.known_person set person = 'another form'"))
    # No matcher reads what it would not understand.
    assert not await learn_if_due(stage.database, stage.partnership)
    await keep_keys(stage.database, stage.partnership)
    assert await in_step(stage)
    assert await learn_if_due(stage.database, stage.partnership)


async def test_one_of_many_processes_learns_and_the_others_read_it(stage: Stage) -> None:
    await stage.child()

    def another() -> Partnership:
        return Partnership(stage.partnership.policy, stage.settings, lambda: stage.now, Matcher())

    processes = [another() for _ in range(3)]
    learnt = await asyncio.gather(*(learn_if_due(stage.database, one) for one in processes))
    assert learnt.count(True) == 1
    for one in processes:
        assert not await learn_if_due(stage.database, one)
    assert len({one.matcher.learnt.version for one in processes if one.matcher.learnt}) == 1
    assert all(one.matcher.learnt for one in processes)


async def test_gaps_in_the_numbers_are_no_reason_to_learn_again(stage: Stage) -> None:
    await stage.child()
    async with stage.database.transaction() as session:
        await session.execute(text("alter table directory.child alter number restart with 5000"))
    await stage.child("Kim", "Specimen")
    assert await learn_if_due(stage.database, stage.partnership)
    assert not await learn_if_due(stage.database, stage.partnership)


async def test_a_process_of_its_own_measures_the_same(stage: Stage, database_url: str) -> None:
    for given in ("Robin", "Kim", "Sam"):
        await stage.child(given, "Specimen", address="14 Mill Lane")
    here = measure(database_url, OWN_PROCESS_FROM)
    assert await measure_register(database_url, OWN_PROCESS_FROM) == here
    assert here.people == 3


async def test_a_child_of_long_ago_is_looked_at_once(stage: Stage) -> None:
    await stage.child()
    async with stage.database.transaction() as session:
        await session.execute(
            text("update directory.enrolment set to_date = :day"),
            {"day": date(2026, 3, 3) - timedelta(days=1)},
        )
        await session.execute(text("update directory.keyed_child set stale_on = '2026-03-03'"))
    await keep_keys(stage.database, stage.partnership)
    assert await stage.rows("select 1 from directory.keyed_child where stale_on is not null") == []
    assert await in_step(stage)
