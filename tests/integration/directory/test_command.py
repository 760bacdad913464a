"""`python -m services.directory`, as an operator runs it."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from pathlib import Path

import httpx

from services.directory.settings import DirectorySettings
from tests.integration.directory.area import MASH, POLICE
from tests.integration.directory.family import asserted, incident
from tests.integration.directory.stage import Stage
from tests.support.waiting import eventually


async def run(
    database_url: str, *arguments: str, **environment: str
) -> tuple[int | None, str, str]:
    """Run the command to its end: exit status, output, messages."""
    process = await start(database_url, *arguments, **environment)
    output, messages = await process.communicate()
    return process.returncode, output.decode(), messages.decode()


async def start(
    database_url: str, *arguments: str, **environment: str
) -> asyncio.subprocess.Process:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SGB_")}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.directory", *arguments,
        env={**kept, "SGB_DATABASE__URL": database_url, **environment},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def test_import_reports_bad_lines_and_exits_with_one(
    stage: Stage, database_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "children.csv"
    path.write_text("register_ref,given_name,nhs_number\na,Secretname,\nb,Secretname,123\n")
    status, _, messages = await run(database_url, "import", str(path))
    assert status == 1
    assert "line 3: nhs_number: check-digit-or-form; skipped" in messages
    assert "1 children written, 1 lines skipped" in messages
    assert "Secretname" not in messages
    path.write_text("register_ref,given_name\na,Secretname\n")
    assert (await run(database_url, "import", str(path)))[0] == 0
    path.write_text("something\n1\n")
    assert (await run(database_url, "import", str(path)))[0] == 2


async def test_a_reviewer_s_key_is_printed_once_and_revoked(
    stage: Stage, database_url: str
) -> None:
    status, output, _ = await run(database_url, "reviewer", "add", MASH)
    assert (status, output.startswith("sgb_")) == (0, True)
    status, _, messages = await run(database_url, "reviewer", "revoke", MASH)
    assert (status, messages.startswith("1 keys end")) == (0, True)
    assert (await run(database_url, "reviewer", "add", "nobody"))[0] == 1


async def test_settings_are_printed_with_secrets_masked(database_url: str) -> None:
    status, output, _ = await run(
        database_url, "settings", SGB_DIRECTORY__AREAS='["la-exampleton"]'
    )
    assert status == 0
    assert "la-exampleton" in output
    assert database_url not in output


async def test_it_serves_alone_and_says_when_it_is_ready(database_url: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = await start(database_url, SGB_HTTP__PORT=str(port))
    url = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient() as client:

        async def ready() -> bool:
            try:
                return (await client.get(f"{url}/health/ready")).status_code == 200
            except httpx.TransportError:
                return False

        await eventually(ready, within_seconds=60)
        assert (await client.get(f"{url}/v1/resolutions")).status_code == 401
    process.terminate()
    await process.communicate()
    assert process.returncode == 0


async def test_findings_are_counted_per_agency_and_kind(stage: Stage, database_url: str) -> None:
    stage.settings = DirectorySettings(link_sharing={"mental-health": frozenset({"police"})})
    child = await stage.child(household="house-1")
    await stage.feed(asserted(stage, child), incident(stage))
    status, output, _ = await run(database_url, "findings")
    assert (
        status,
        output.startswith(f"{POLICE}: person.link-missing: open 1, answered 0, withdrawn 0"),
    ) == (0, True)
