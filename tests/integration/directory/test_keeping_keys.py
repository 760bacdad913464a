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

from services.directory import import_file as importing
from services.directory import spread_keys as spreading
from services.directory.import_file import Progress, import_file
from services.directory.import_lines import CHILD_COLUMNS
from services.directory.keep_keys import keep_keys, refresh_due
from services.directory.learn_matcher import learn_if_due
from services.directory.matcher import Matcher
from services.directory.matching.keys import keys_of
from services.directory.measure_register import OWN_PROCESS_FROM, measure, measure_register
from services.directory.only_one import only_one
from services.directory.partnership import Partnership
from services.directory.person_text import VERSION, write_person
from services.directory.read_people import read_people, read_registered
from services.directory.spread_keys import ONE_SPREADS, spread_keys
from services.directory.write_keys import add_keys, refresh_keys
from tests.integration.directory.area import AREA, SCHOOL_A, SCHOOL_B, Pupil
from tests.integration.directory.family import TRUST, asserted
from tests.integration.directory.stage import Stage
from tests.integration.directory.test_import import child, count, write


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


@pytest.mark.parametrize("change", ["restricted = true", "withdrawn_at = now()"])
async def test_whoever_hides_a_child_by_hand_hides_it_at_once(stage: Stage, change: str) -> None:
    pupil = await stage.child()
    async with stage.database.transaction() as session:
        await session.execute(
            text(f"update directory.child set {change} where id = :id"), {"id": pupil.id}
        )
    assert await count(stage, "directory.known_person") == 0


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
        await asyncio.sleep(0.2)
        assert not second.done()
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


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is large from its third child on, and so are chunks and slices."""
    monkeypatch.setattr(importing, "LARGE", 2)
    monkeypatch.setattr(importing, "CHUNK_LINES", 2)
    monkeypatch.setattr(spreading, "FEWEST", 3)


@pytest.mark.usefixtures("large")
async def test_the_keys_of_a_large_file_are_spread_at_its_end(stage: Stage, tmp_path: Path) -> None:
    path = write(tmp_path / "children.csv", CHILD_COLUMNS, *(child(n) for n in range(1, 12)))
    told: list[Progress] = []
    await import_file(stage.database, path, told.append)
    assert await in_step(stage)
    assert [one.waiting for one in told][-4:] == [9, 6, 3, 0]
    assert told[-1].written == 11
    # Changed lines and the rest: only what differs is written, at once.
    lines = [child(n, postcode="ZZ9 2BB" if n % 3 else "ZZ9 1AA") for n in range(1, 14)]
    await import_file(stage.database, write(path, CHILD_COLUMNS, *lines))
    assert await count(stage, "directory.known_person") == 13
    assert await in_step(stage)


class CutOffError(Exception):
    """The process ends here."""


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("after", [1, 2, 4, 6, 7, 8])
@pytest.mark.parametrize("again", [True, False])
async def test_a_large_file_that_is_cut_off_is_finished(
    stage: Stage, tmp_path: Path, after: int, again: bool
) -> None:
    path = write(tmp_path / "children.csv", CHILD_COLUMNS, *(child(n) for n in range(1, 12)))
    calls = 0

    def cut_off(_: Progress) -> None:
        nonlocal calls
        calls += 1
        if calls == after:
            raise CutOffError

    with pytest.raises(CutOffError):
        await import_file(stage.database, path, cut_off)
    if again:
        await import_file(stage.database, path)
        assert await count(stage, "directory.child") == 11
    await keep_keys(stage.database, stage.partnership)
    assert await in_step(stage)


async def waiting(stage: Stage, *names: str) -> list[Pupil]:
    """Children as a large file leaves them until its end."""
    pupils = [await stage.child(name, "Specimen") for name in names]
    async with stage.database.transaction() as session:
        await session.execute(text("delete from directory.keyed_child"))
        await session.execute(text("delete from directory.known_person"))
        await add_keys(session, [one.id for one in pupils], stage.now.date(), later=True)
    assert await count(stage, "directory.match_key") == 0
    return pupils


async def rename(stage: Stage, pupil: Pupil, session: Any) -> None:
    await session.execute(
        text("update directory.child set given_name = 'Other' where id = :id"), {"id": pupil.id}
    )
    await refresh_keys(session, [pupil.id], stage.now.date())


async def test_a_child_that_changes_before_it_is_spread_has_its_new_keys_only(stage: Stage) -> None:
    first, _ = await waiting(stage, "Robin", "Kim")
    async with stage.database.transaction() as session:
        await rename(stage, first, session)
    await keep_keys(stage.database, stage.partnership)
    assert await in_step(stage)


async def test_a_child_that_changes_while_it_is_spread_has_its_new_keys_only(stage: Stage) -> None:
    first, _ = await waiting(stage, "Robin", "Kim")
    async with stage.database.transaction() as session:
        await rename(stage, first, session)
        # The old keys are taken and spread; then the row is waited for.
        spread = asyncio.create_task(keep_keys(stage.database, stage.partnership))
        await asyncio.sleep(0.3)
        assert not spread.done()
    await spread
    assert await in_step(stage)


async def test_keys_that_were_there_already_stop_nothing(stage: Stage) -> None:
    await waiting(stage, "Robin", "Kim")
    async with stage.database.transaction() as session:
        await session.execute(
            text("""insert into directory.match_key
                    select keys[1], number from directory.keyed_child""")
        )
    await keep_keys(stage.database, stage.partnership)
    assert await in_step(stage)


async def test_whoever_spreads_is_alone(stage: Stage) -> None:
    await waiting(stage, "Robin")
    async with only_one(stage.database, ONE_SPREADS) as mine:
        assert mine is not None
        await keep_keys(stage.database, stage.partnership)
        assert await count(stage, "directory.match_key") == 0
        assert await spread_keys(stage.database, mine) == 1
    assert await in_step(stage)


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
