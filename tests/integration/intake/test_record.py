"""Group commit: requests share commits and never fates; only a certain commit is a 202."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from chassis.clock import now
from chassis.database import Database
from chassis.problems import Problem
from deploy.laptop.postgres import EmbeddedPostgres
from deploy.migrate import migrate_everything
from services.intake.identify import Identifier
from services.intake.judge import Judge, Prepared
from services.intake.record import Conflict, GroupRecorder, OtherSecretError, Outcome, Recorded
from services.intake.settings import IntakeSettings
from services.intake.tables import Credential
from tests.integration.intake.conftest import SECRET, event, open_intake
from tests.support.postgres import open_database
from tests.support.waiting import eventually

IDENTIFIER = Identifier(SECRET)
SENDER = Credential(
    id="k", secret_hash=b"", organisation="police-example", name="Police", kind="police",
    source="police.example", created_at=now(),
)  # fmt: skip


def prepare(name: str, **attributes: Any) -> Prepared:
    """An event ready to be recorded."""
    return Judge(IDENTIFIER, 300).judge(event(id=name, **attributes), SENDER, now())


def unstorable(name: str) -> Prepared:
    """An event whose row PostgreSQL refuses: what no door should ever let through."""
    prepared = prepare(name)
    row = {**json.loads(prepared.row), "sender_id": "a\x00b"}
    return dataclasses.replace(prepared, row=json.dumps(row))


def recorder_for(database: Database, **settings: Any) -> GroupRecorder:
    values = {"identity_secret": SECRET, **settings}
    return GroupRecorder(database, IDENTIFIER, IntakeSettings.model_validate(values))


async def flush(recorder: GroupRecorder) -> None:
    """Run the recorder until it is told to stop, which flushes what waits."""
    running_task = asyncio.create_task(recorder.run())
    await asyncio.sleep(0)
    running_task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running_task


async def record_all(recorder: GroupRecorder, *events: Prepared) -> list[Outcome | BaseException]:
    """Let all of them wait at once, then start the recorder: they share a group."""
    waiting = asyncio.gather(*(recorder.record(one) for one in events), return_exceptions=True)
    await asyncio.sleep(0)
    flusher = asyncio.create_task(recorder.run())
    outcomes = await waiting
    flusher.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await flusher
    return outcomes


async def count(database: Database, table: str) -> int:
    async with database.reading() as session:
        return int((await session.execute(text(f"select count(*) from {table}"))).scalar_one())


async def test_one_bad_row_fails_alone(database: Database) -> None:
    events = [unstorable("bad") if n == 13 else prepare(f"good-{n}") for n in range(40)]
    outcomes = await record_all(recorder_for(database), *events)
    failed = [n for n, outcome in enumerate(outcomes) if not isinstance(outcome, Recorded)]
    assert failed == [13]
    problem = outcomes[13]
    assert isinstance(problem, Problem)
    assert problem.status == 422
    assert await count(database, "intake.event") == await count(database, "bus.log") == 39


async def test_a_group_keeps_the_order_of_arrival_in_the_log(database: Database) -> None:
    events = [prepare(f"in-order-{n}", correlationid="one case") for n in range(30)]
    await record_all(recorder_for(database, group_size=7), *events)
    async with database.reading() as session:
        rows = await session.execute(text("select payload, key from bus.log order by position"))
        logged = [(json.loads(bytes(row.payload))["receipt"], row.key) for row in rows]
    assert logged == [(str(one.receipt), events[0].key) for one in events]


async def test_of_several_alike_in_a_group_the_first_counts(database: Database) -> None:
    same, other = prepare("twice"), prepare("twice", causationid="another")
    outcomes = await record_all(recorder_for(database), same, other, same)
    assert [type(outcome) for outcome in outcomes] == [Recorded, Conflict, Recorded]
    assert [getattr(outcome, "replayed", None) for outcome in outcomes] == [False, None, True]


async def test_a_request_that_went_away_leaves_the_others_alone(database: Database) -> None:
    recorder = recorder_for(database)
    tasks = [asyncio.create_task(recorder.record(prepare(f"gone-{n}"))) for n in range(6)]
    await asyncio.sleep(0)
    tasks[2].cancel()
    await asyncio.sleep(0)
    async with running_recorder(recorder):
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(outcomes[2], asyncio.CancelledError)
    assert all(isinstance(outcome, Recorded) for n, outcome in enumerate(outcomes) if n != 2)
    assert await count(database, "bus.log") == 5


@contextlib.asynccontextmanager
async def running_recorder(recorder: GroupRecorder) -> Any:
    task = asyncio.create_task(recorder.run())
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_what_waits_at_the_end_is_flushed(database: Database) -> None:
    recorder = recorder_for(database, group_size=2)
    async with running_recorder(recorder):
        # The secret is checked first; only then does it wait for work.
        await record_one(recorder, "first")
        tasks = [asyncio.create_task(recorder.record(prepare(f"last-{n}"))) for n in range(9)]
        await asyncio.sleep(0)
    outcomes = await asyncio.gather(*tasks)
    assert all(isinstance(outcome, Recorded) for outcome in outcomes)
    assert await count(database, "bus.log") == 10


async def record_one(recorder: GroupRecorder, name: str) -> None:
    assert isinstance(await recorder.record(prepare(name)), Recorded)


async def test_a_full_queue_and_a_late_flush_are_refused_as_not_stored(database: Database) -> None:
    recorder = recorder_for(database, queue_size=1000, record_seconds=0.05)
    outcomes = await asyncio.gather(
        *(recorder.record(prepare("same")) for _ in range(1001)), return_exceptions=True
    )
    for outcome in outcomes:
        assert isinstance(outcome, Problem)
        assert (outcome.status, outcome.code) == (503, "too-busy")
        assert outcome.headers["Retry-After"]
    await flush(recorder)
    assert await count(database, "bus.log") == 0


async def test_another_secret_is_never_recorded_under(database: Database) -> None:
    await record_all(recorder_for(database), prepare("under the first secret"))
    other = GroupRecorder(
        database,
        Identifier("another secret, as long as the first one"),
        IntakeSettings.model_validate({"identity_secret": SECRET}),
    )
    with pytest.raises(OtherSecretError):
        await other.run()


async def test_a_database_that_is_away_is_a_503_and_never_a_202() -> None:
    with tempfile.TemporaryDirectory(prefix="sgb-test-", dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        server = EmbeddedPostgres(Path(folder) / "postgres")
        server.start()
        try:
            migrate_everything(server.url(), roles=False)
            async with open_database(server.url()) as database, open_intake(database) as intake:
                body = json.dumps(event(id="before")).encode()
                assert (await intake.post(body)).status_code == 202
                posts = [
                    asyncio.create_task(intake.post(json.dumps(event(id=f"during-{n}")).encode()))
                    for n in range(20)
                ]
                await asyncio.sleep(0)
                server.kill()
                during = await asyncio.gather(*posts)
                after = await intake.post(json.dumps(event(id="after")).encode())
                read = await intake.get("/v1/events")
                assert {answer.status_code for answer in during} <= {202, 503}
                assert (after.status_code, read.status_code) == (503, 503)
                assert after.headers["retry-after"]
                assert after.headers["content-type"] == "application/problem+json"
                server.start()
                again = await eventually(lambda: _taken(intake, "after"), 30)
                assert again
                stored = {answer.json()["receipt"] for answer in during if answer.is_success}
                async with database.reading() as session:
                    rows = await session.execute(text("select receipt from intake.event"))
                    assert stored <= {str(row[0]) for row in rows}
        finally:
            server.stop()


async def _taken(intake: Any, name: str) -> bool:
    answer = await intake.post(json.dumps(event(id=name)).encode())
    assert answer.status_code in (202, 503)
    return bool(answer.status_code == 202)
