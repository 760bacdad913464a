"""What `make run` starts, used as its user would: paste, look, stop, start again."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from deploy.kafka.jars import KafkaUnavailable, ensure_jars, find_java
from deploy.kafka.ports import is_free
from deploy.laptop.postgres import data_folder
from schemas.catalogue import EVENT_TYPES
from tests.support.waiting import eventually

ROOT = Path(__file__).parents[2]
START_SECONDS = 120.0
SCHOOL, NURSING = "urn-900001", "nursing-solihull-example"
_ONLY_FOR_THE_SCHOOL = "pillow over my ears"


@dataclass
class Laptop:
    """One run of everything, and what it says."""

    folder: Path
    port: int
    process: subprocess.Popen[str]

    @property
    def output(self) -> str:
        return (self.folder / "stdout").read_text(encoding="utf-8")

    @property
    def demo(self) -> dict[str, Any]:
        text = (self.folder / "data" / "demo.json").read_text(encoding="utf-8")
        found: dict[str, Any] = json.loads(text)
        return found

    def client(self, name: str) -> httpx.AsyncClient:
        """As this agency."""
        demo = self.demo
        headers = {"Authorization": demo["credentials"][name]["authorization"]}
        return httpx.AsyncClient(base_url=demo["base_url"], headers=headers, timeout=10)

    async def ready(self) -> None:
        """Wait until it says so; `output` has everything if it does not."""

        def said() -> bool:
            assert self.process.poll() is None, self.output
            return "Ready at" in self.output

        await eventually(said, START_SECONDS, "the laptop is ready")

    def stop(self) -> tuple[int, list[psutil.Process]]:
        """Ctrl-C; returns the exit code and which of its processes are still alive."""
        family = psutil.Process(self.process.pid).children(recursive=True)
        assert family, "PostgreSQL is a process of its own"
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(60)
        _, alive = psutil.wait_procs(family, timeout=10)
        return code, alive


def _free_port() -> int:
    """The first of four free ports in a row, below those of outgoing connections."""
    while True:
        port = random.randrange(15_000, 30_000)
        if all(is_free(one) for one in range(port, port + 4)):
            return port


def _start(folder: Path, port: int, *arguments: str) -> Laptop:
    environment = {
        **os.environ,
        "PORT": str(port),
        "SGB_LAPTOP_DATA": str(folder / "data"),
        "SGB_LAPTOP_CHILDREN": "300",
    }
    with (folder / "stdout").open("w") as stdout, (folder / "stderr").open("a") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "deploy.laptop", *arguments],
            cwd=ROOT,
            env=environment,
            stdout=stdout,
            stderr=stderr,
            text=True,
        )
    return Laptop(folder, port, process)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder for a run's data; what it left elsewhere (as root) is removed too."""
    yield tmp_path
    elsewhere = data_folder(tmp_path / "data")
    if elsewhere.exists():
        shutil.rmtree(elsewhere.parent)


def _arguments_for(road: str) -> list[str]:
    """The command line for a road; skips where Kafka cannot be had, except in CI."""
    if road == "embedded":
        return []
    try:
        find_java()
        ensure_jars()
    except KafkaUnavailable as reason:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(reason))
    return ["--kafka"]


async def _post_as_printed(laptop: Laptop) -> str:
    """Paste the printed command into a shell; returns the Location that it answered."""
    command = re.search(r"^curl (?:.+\\\n)+.+$", laptop.output, re.M)
    assert command is not None, laptop.output
    pasted = command[0].replace("curl ", "curl -sS ", 1)
    done = await asyncio.to_thread(
        subprocess.run, ["bash", "-c", pasted], capture_output=True, text=True, check=True
    )
    assert re.search(r"^HTTP/1.1 202", done.stdout), done.stdout
    location = re.search(r"^location: (\S+)", done.stdout, re.M | re.I)
    assert location is not None, done.stdout
    return location[1]


async def _received(laptop: Laptop) -> list[dict[str, Any]]:
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{laptop.demo['receiver_url']}/received")
    found: list[dict[str, Any]] = answer.json()["received"]
    return found


async def _notices(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    answer = await client.get("/v1/notices")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["notices"]
    return found


async def _canary_is_back(client: httpx.AsyncClient) -> bool:
    """Any partner reads in the status how the canary does."""
    parts = (await client.get("/v1/status")).raise_for_status().json()["parts"]
    return any(
        (one["service"], one["what"], one["state"]) == ("intake", "canary", "ok")
        and one["oldestSeconds"] > 0
        for one in parts
    )


@pytest.mark.parametrize("road", ["embedded", "kafka"])
async def test_the_printed_event_reaches_school_and_nurse_and_survives_a_restart(
    folder: Path, road: str
) -> None:
    if shutil.which("curl") is None:
        pytest.skip("there is no curl to paste into")
    arguments = _arguments_for(road)
    # Kafka's readers join their groups in the first seconds after a start.
    told_within_seconds = 2.0 if road == "embedded" else 10.0
    port = _free_port()
    laptop = _start(folder, port, *arguments)
    try:
        await laptop.ready()
        location = await _post_as_printed(laptop)
        webhooks = await eventually(lambda: _received(laptop), told_within_seconds, "a webhook")
        assert [(one["organisation"], one["verified"]) for one in webhooks] == [(SCHOOL, True)]
        assert "webhook received for" in laptop.output
        assert webhooks[0]["message"] in (folder / "data" / "receiver.log").read_text()

        async with laptop.client("school") as school, laptop.client("school-nursing") as nurse:
            url = httpx.URL(webhooks[0]["body"]["data"]["url"])
            told_school = await school.get(url.path)
            assert told_school.status_code == 200, told_school.text
            [waiting] = await eventually(lambda: _notices(nurse), 2.0, "the nurse's notice")
            told_nurse = await nurse.get(f"/v1/notices/{waiting['id']}")
            assert told_nurse.status_code == 200, told_nurse.text
            # Neither may read the other's.
            assert (await nurse.get(url.path)).status_code == 404
        assert _ONLY_FOR_THE_SCHOOL in told_school.text
        assert _ONLY_FOR_THE_SCHOOL not in told_nurse.text
        assert "Exampleelm" in told_school.text
        assert "Exampleelm" in told_nurse.text

        async with laptop.client("police") as police:
            await eventually(lambda: _both_have_it(police, location), 5.0, "both delivered")
            await eventually(lambda: _canary_is_back(police), 30.0, "the canary is back")

        code, alive = laptop.stop()
        assert (code, alive) == (0, []), laptop.output

        laptop = _start(folder, port, *arguments)
        await laptop.ready()
        assert "First start" not in laptop.output
        async with laptop.client("police") as police:
            assert await _both_have_it(police, location), "the data was kept"
        await _post_as_printed(laptop)
        await eventually(lambda: _received(laptop), told_within_seconds, "after the restart")
        code, alive = laptop.stop()
        assert (code, alive) == (0, []), laptop.output
        errors = (folder / "stderr").read_text()
        assert "Traceback" not in errors
        assert "Task exception" not in errors
    finally:
        _end(laptop)


async def test_every_event_of_the_demo_file_is_accepted_as_it_is(folder: Path) -> None:
    laptop = _start(folder, _free_port())
    try:
        await laptop.ready()
        events = laptop.demo["events"]
        assert set(events) == set(EVENT_TYPES)
        for event_type, event in events.items():
            async with laptop.client(event["as"]) as sender:
                answer = await sender.post(
                    "/v1/events",
                    content=json.dumps(event["body"]),
                    headers={"Content-Type": "application/cloudevents+json"},
                )
                assert answer.status_code == 202, (event_type, answer.text)
                assert answer.json()["flags"] == []

        async with httpx.AsyncClient(base_url=laptop.demo["base_url"]) as visitor:
            home = await visitor.get("/")
            assert "Try it" in home.text
            assert "<script" not in home.text
            assert (await visitor.get("/tutorial")).status_code == 200
            assert (await visitor.get("/health/live")).status_code == 200
            assert (await visitor.get("/health/ready")).json()["failed"] == []
    finally:
        _end(laptop)


async def test_a_first_start_that_was_killed_goes_on_at_the_next(folder: Path) -> None:
    port = _free_port()
    laptop = _start(folder, port)
    marker = folder / "data" / "demo" / "loaded.json"
    try:
        await eventually(
            lambda: (folder / "data" / "demo" / "organisations.csv").exists(), START_SECONDS
        )
        assert not marker.exists()
        laptop.process.kill()
        laptop.process.wait(10)

        laptop = _start(folder, port)
        await laptop.ready()
        assert marker.exists()
        await _post_as_printed(laptop)
        await eventually(lambda: _received(laptop), 2.0, "a webhook")
        code, alive = laptop.stop()
        assert (code, alive) == (0, []), laptop.output
    finally:
        _end(laptop)


async def test_a_taken_port_is_told_and_nothing_is_started(folder: Path) -> None:
    laptop = _start(folder, _free_port())
    try:
        await laptop.ready()
        second = folder / "second"
        second.mkdir()
        other = _start(second, laptop.port)
        assert await asyncio.to_thread(other.process.wait, 30) == 1
        errors = (second / "stderr").read_text()
        assert f"Port {laptop.port} is in use" in errors
        assert "Traceback" not in errors
    finally:
        _end(laptop)


async def _both_have_it(police: httpx.AsyncClient, location: str) -> bool:
    answer = await police.get(httpx.URL(location).path)
    assert answer.status_code == 200, answer.text
    [child] = answer.json()["children"] or [{"recipients": []}]
    states = {one["organisation"]: one["state"] for one in child["recipients"]}
    return {states.get(SCHOOL), states.get(NURSING)} <= {"delivered", "opened"}


def _end(laptop: Laptop) -> None:
    """Leave nothing running, whatever happened."""
    if laptop.process.poll() is None:
        laptop.stop()
