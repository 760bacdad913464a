"""Agencies and their keys, by command and in use; and the tables as the code describes them."""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from chassis.credentials import Credentials
from chassis.database import Database
from chassis.problems import Problem
from schemas.organisations import OrganisationKind
from services.intake.agencies import (
    AgencyError,
    add_agency,
    list_agencies,
    revoke_agency,
    rotate_key,
)
from services.intake.tables import METADATA, Credential
from tests.integration.intake.conftest import SECRET, add

ROOT = Path(__file__).parents[3]


async def is_valid(database: Database, key: str) -> bool:
    try:
        await Credentials(Credential, database).authenticate(f"Bearer {key}")
    except Problem as problem:
        return problem.status != 401
    return True


async def test_a_rotated_key_overlaps_and_a_revoked_one_does_not(database: Database) -> None:
    first = (await add(database, "police.example", OrganisationKind.POLICE)).authorization[7:]
    async with database.transaction() as session:
        second = await rotate_key(session, "police-example", timedelta(hours=24))
        (line,) = await list_agencies(session)
    assert line.keys == 2
    assert await is_valid(database, first)
    assert await is_valid(database, second)
    async with database.transaction() as session:
        third = await rotate_key(session, "police-example", timedelta(0))
    assert [await is_valid(database, key) for key in (first, second, third)] == [False, False, True]
    async with database.transaction() as session:
        assert await revoke_agency(session, "police-example") == 1
    assert not await is_valid(database, third)


async def test_a_source_belongs_to_one_agency(database: Database) -> None:
    await add(database, "police.example", OrganisationKind.POLICE)
    for organisation, source in (("other", "police.example"), ("police-example", "new"), ("x", "")):
        async with database.transaction() as session:
            with pytest.raises(AgencyError):
                await add_agency(
                    session, organisation, kind=OrganisationKind.POLICE, name="n", source=source
                )
    async with database.transaction() as session:
        with pytest.raises(AgencyError):
            await rotate_key(session, "unknown", timedelta(0))


async def test_the_command_adds_lists_rotates_and_revokes(
    database: Database, database_url: str
) -> None:
    environment = {
        **os.environ,
        "SGB_DATABASE__URL": database_url,
        "SGB_INTAKE__IDENTITY_SECRET": SECRET,
    }

    async def run(*arguments: str) -> tuple[int | None, str]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "services.intake", *arguments),
            stdout=asyncio.subprocess.PIPE,
            env=environment,
            cwd=ROOT,
        )
        printed, _ = await process.communicate()
        return process.returncode, printed.decode().strip()

    details = ("--kind", "police", "--name", "Example Police", "--source", "police.example")
    code, key = await run("agency", "add", "police-example", *details)
    assert code == 0
    assert await is_valid(database, key)
    assert (await run("agency", "add", "police-example", *details))[0] == 1
    _, newer = await run("agency", "rotate", "police-example", "--overlap-hours", "1")
    assert await is_valid(database, newer)
    assert "2 valid keys" in (await run("agency", "list"))[1]
    assert (await run("agency", "revoke", "police-example"))[1].startswith("2 keys")
    assert not await is_valid(database, newer)
    _, printed = await run("settings")
    assert "clock_skew_seconds" in printed
    assert SECRET not in printed


async def test_the_tables_are_what_the_code_says(database: Database) -> None:
    async with database.reading() as session:
        rows = await session.execute(
            text("""select table_name, column_name, is_nullable = 'YES'
                      from information_schema.columns
                     where table_schema = 'intake' and table_name <> 'alembic_version'""")
        )
        present = {tuple(row) for row in rows}
    described = {
        (table.name, column.name, bool(column.nullable))
        for table in METADATA.tables.values()
        for column in table.columns
    }
    assert described == present
