"""Every command of deploy/compose.yaml runs as the file gives it, on Kafka and PostgreSQL.

No Docker engine is needed: the commands are processes here, and only addresses are moved.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from chassis.database import Database
from deploy.laptop.postgres import EmbeddedPostgres
from deploy.migrate import SERVICES
from schemas.organisations import OrganisationKind
from services.directory.import_file import import_file
from services.intake.agencies import add_agency
from services.notifier.endpoints import add_endpoint
from tests.support import compose
from tests.support.kafka import Broker
from tests.support.partnership import POLICE, SOURCE, Partnership, incident
from tests.support.postgres import open_database, system_binaries
from tests.support.processes import ROOT, ServiceProcess, free_port
from tests.support.receiver import running_receiver
from tests.support.waiting import eventually

DATABASE, OWNER = "safeguarding", "sgb_owner"
STOPPED = b'"event": "process_stopped"'


@pytest.fixture
def server() -> Iterator[EmbeddedPostgres]:
    """The machine's own PostgreSQL where one is installed, else the wheel's; on a port."""
    with tempfile.TemporaryDirectory(prefix="sgb-compose-", dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        binaries = system_binaries()
        server = EmbeddedPostgres(Path(folder) / "postgres", {}, binaries, port=free_port())
        server.start()
        try:
            yield server
        finally:
            server.stop()


@pytest.mark.real_kafka
async def test_every_command_of_the_compose_file_runs_as_it_stands(
    server: EmbeddedPostgres, kafka_broker: Broker, tmp_path: Path
) -> None:
    await _make_database(server)
    given = {name: secrets.token_hex(24) for name in compose.variables()}
    given["SGB_NOTIFIER_PUBLIC_URL"] = "http://notices.example"
    moved = {
        "kafka:9092": kafka_broker.bootstrap_servers,
        "postgres:5432": f"127.0.0.1:{server.port}",
    }
    commands = compose.commands(given, moved)
    # The broker may be shared with other tests, and outlive them.
    prefix = f"c{secrets.token_hex(4)}."
    for command in commands.values():
        command.environment["SGB_BUS__TOPIC_PREFIX"] = prefix
    migrated = await asyncio.to_thread(_run, commands.pop("migrate"))
    assert migrated.returncode == 0, migrated.stderr
    assert set(commands) == {"relay", *SERVICES}
    waiting = {one for command in commands.values() for one in command.after}
    assert waiting == {"postgres", "kafka", "migrate"}, "nothing waits for one of these processes"

    async with AsyncExitStack() as stack:
        owner = await stack.enter_async_context(open_database(server.url(DATABASE, OWNER)))
        receiver = await stack.enter_async_context(running_receiver())
        partnership = Partnership.make(schools=1, pupils=1)
        key = await _load(owner, partnership, tmp_path, receiver.url())
        processes = {name: _process(name, command, tmp_path) for name, command in commands.items()}
        for process in processes.values():
            stack.callback(process.stop)
            process.start()
        await asyncio.gather(*(process.ready() for process in processes.values()))

        http = await stack.enter_async_context(httpx.AsyncClient(timeout=10))
        answer = await http.post(
            f"{processes['intake'].url}/v1/events",
            json=incident("compose-0001", partnership.pupils),
            headers={
                "Authorization": f"Bearer {key}",
                "Content-Type": "application/cloudevents+json",
            },
        )
        assert answer.status_code == 202, answer.text
        await eventually(lambda: len(receiver.ids()) == 3, 20.0, "school, nurse and MASH are told")
        assert b"http://notices.example/v1/notices/" in receiver.received[0].body
        location = f"{processes['intake'].url}{answer.headers['location']}"

        async def states() -> set[str]:
            progress: dict[str, Any] = (
                await http.get(location, headers={"Authorization": f"Bearer {key}"})
            ).json()
            return {one["state"] for child in progress["children"] for one in child["recipients"]}

        async def all_delivered() -> bool:
            return await states() == {"delivered"}

        await eventually(all_delivered, 20.0, "the sender sees who knows")
        async with owner.reading() as session:
            carried = await session.execute(_CARRIED)
            assert carried.scalar_one(), "by Kafka, not past it"

        for name, process in processes.items():
            status = await asyncio.to_thread(process.stop)
            assert status == 0, f"{name}: {process.log.read_text()[-2000:]}"
            assert STOPPED in process.log.read_bytes(), f"{name} stopped in order"


@pytest.mark.parametrize("name", ["relay", *SERVICES])
def test_a_setting_that_is_refused_is_named_and_not_shown(name: str) -> None:
    secret = "unfit"
    command = compose.commands(dict.fromkeys(compose.variables(), secret))[name]
    command.environment["SGB_DATABASE__POOL_SIZE"] = secret
    done = _run(command)
    assert done.returncode != 0
    assert "pool_size" in done.stderr
    assert secret not in done.stdout + done.stderr


_CARRIED = text("""
    select position = (select max(position) from bus.log)
       and not exists (select from bus.cursors where reader <> 'relay')
      from bus.cursors where reader = 'relay'""")


async def _make_database(server: EmbeddedPostgres) -> None:
    """What the image of PostgreSQL makes at its first start: an owner and its database."""
    async with (
        open_database(server.url()) as first,
        first.reading() as session,
    ):
        await session.execute(text(f"create role {OWNER} superuser login"))
        await session.execute(text(f"create database {DATABASE} owner {OWNER}"))


async def _load(owner: Database, partnership: Partnership, folder: Path, url: str) -> str:
    """The partnership, its webhooks, and the police's key."""
    for file in partnership.write(folder):
        assert (await import_file(owner, file)).skipped == []
    async with owner.transaction() as session:
        for organisation in partnership.recipients:
            await add_endpoint(session, organisation, url)
        return await add_agency(
            session, POLICE, kind=OrganisationKind.POLICE, name="Example Police", source=SOURCE
        )


def _process(name: str, command: compose.Command, folder: Path) -> ServiceProcess:
    """The command with this Python, on a port of its own, on loopback."""
    python, *arguments = command.argv
    assert python == "python"
    environment = {
        **command.environment,
        "SGB_HTTP__HOST": "127.0.0.1",
        "SGB_NOTIFIER__SEND__ALLOWED_NETWORKS": '["127.0.0.0/8"]',
    }
    return ServiceProcess(name, arguments, environment, folder / f"{name}.log")


def _run(command: compose.Command) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SGB_")}
    return subprocess.run(
        [sys.executable, *command.argv[1:]],
        cwd=ROOT,
        env={**kept, **command.environment},
        capture_output=True,
        text=True,
        check=False,
    )
