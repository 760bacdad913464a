"""A large file's keys are spread at its end; whatever is cut off or changes meanwhile is right."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text

from chassis.only_one import only_one
from services.directory import import_file as importing
from services.directory import spread_keys as spreading
from services.directory.import_file import Progress, import_file
from services.directory.import_lines import CHILD_COLUMNS
from services.directory.keep_keys import keep_keys
from services.directory.spread_keys import ONE_SPREADS, spread_keys
from services.directory.write_keys import add_keys
from tests.integration.directory.area import Pupil
from tests.integration.directory.stage import Stage
from tests.integration.directory.test_import import child, count, write
from tests.integration.directory.test_keeping_keys import in_step, rename
from tests.integration.directory.town import until_it_waits
from tests.support.postgres import Cluster, open_database


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
        await until_it_waits(stage, spread)
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


async def test_a_register_of_before_is_made_anew_and_spread(stage: Stage) -> None:
    """As the migration leaves it: every child noted, and nothing written of any."""
    pupils = [await stage.child(name, "Specimen") for name in ("Robin", "Kim")]
    async with stage.database.transaction() as session:
        await session.execute(
            text("update directory.keyed_child set keys = '{}', version = 0, spread = false")
        )
        for table in ("known_person", "match_key"):
            await session.execute(text(f"delete from directory.{table}"))
    # One of them changes before the directory has come round to it.
    async with stage.database.transaction() as session:
        await rename(stage, pupils[0], session)
    await keep_keys(stage.database, stage.partnership)
    assert await in_step(stage)


@pytest.mark.usefixtures("large")
async def test_the_services_own_role_spreads(
    stage: Stage, cluster: Cluster, database_name: str
) -> None:
    await waiting(stage, "Robin", "Kim", "Sam")
    async with open_database(cluster.url(database_name, "sgb_directory")) as own:
        await keep_keys(own, stage.partnership)
    assert await in_step(stage)


async def test_whoever_spreads_is_alone(stage: Stage) -> None:
    await waiting(stage, "Robin")
    async with only_one(stage.database, ONE_SPREADS) as mine:
        assert mine is not None
        await keep_keys(stage.database, stage.partnership)
        assert await count(stage, "directory.match_key") == 0
        assert await spread_keys(stage.database, mine) == 1
    assert await in_step(stage)
