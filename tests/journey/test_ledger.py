"""The ledger between services: what the notifier lost, and what a sender was not told, comes back.

Rows are broken by hand, as a restored backup would break them; only facts go between the services.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import TextClause, text

import bus
from bus.log import read_said
from chassis.clock import now
from chassis.cycle import Cycle
from chassis.database import Database
from deploy.laptop.partnership import DEMO_SCHOOL
from schemas.examples import load
from schemas.facts import AskedNotice, LedgerAsked
from services.directory import announce_again, ask_ledger
from services.directory.ask_ledger import ask_page
from services.intake import ask_ledger as asking
from services.intake.ask_ledger import Asker
from services.intake.settings import LedgerSettings
from services.notifier import answer_ledger
from services.notifier.answer_ledger import answer
from services.notifier.settings import LedgerSettings as OfNotifier
from tests.support.postgres import Cluster
from tests.support.pupils import Pupil, event, incident
from tests.support.waiting import eventually
from tests.support.whole import Whole, running_whole

ZERO = timedelta(0)
PUPIL_ID = uuid4()
RETRACTION = load("event.retracted")["data"]
PUPILS = (
    Pupil(31, "Ferdinandine", "Exampleweir", DEMO_SCHOOL),
    Pupil(32, "Theodorika", "Exampleford", DEMO_SCHOOL),
)


@pytest.fixture
async def whole(cluster: Cluster, database_name: str, tmp_path: Path) -> AsyncIterator[Whole]:
    async with running_whole(cluster, database_name, tmp_path, PUPILS) as opened:
        yield opened


async def rows(database: Database, sql: str, **values: Any) -> list[Any]:
    async with database.reading() as session:
        return list(await session.execute(text(sql), values))


async def do(database: Database, sql: str, **values: Any) -> None:
    async with database.transaction() as session:
        done = await session.execute(text(sql), values)
        assert done.rowcount


async def gaps(database: Database) -> list[tuple[str, int]]:
    found = await rows(
        database, "select payload from bus.log where type = 'ledger.gap-found' order by position"
    )
    said = [json.loads(bytes(row.payload)) for row in found]
    return [(one["kind"], len(one["notices"])) for one in said]


async def ask_directory(whole: Whole) -> int:
    async with whole.database.transaction() as session:
        return await ask_page(session, Cycle(timedelta(hours=1), ZERO, ZERO), now(), 500)


async def ask_intake(whole: Whole) -> int:
    """A round through every agency."""
    asker = Asker(LedgerSettings(age_seconds=0))
    asked = 0
    for _ in range(30):
        async with whole.database.transaction() as session:
            asked += await asker.ask_page(session, now())
    return asked


async def told(whole: Whole) -> str:
    """An incident with both children, told to everybody; its receipt."""
    children = [{"child": one.sent(), "circumstances": "Synthetic."} for one in PUPILS]
    posted = event("police", "domestic-abuse.recorded", incident(*children))
    receipt = await whole.accept("police", posted)
    await whole.settle()
    return receipt


async def notices(whole: Whole) -> set[str]:
    return {str(row.id) for row in await rows(whole.database, "select id from notifier.obligation")}


async def test_nothing_is_missing_after_events_of_every_kind(whole: Whole) -> None:
    """No question is answered where nothing is missing: withdrawn, restated, or never told."""
    first = await told(whole)
    await told(whole)
    taken_back = event("police", "event.retracted", RETRACTION, supersedes=first)
    await whole.accept("police", taken_back)
    await whole.settle()
    assert await ask_directory(whole) > 0
    assert await ask_intake(whole) > 0
    await whole.settle()
    assert await gaps(whole.database) == []


async def test_what_the_notifier_lost_is_announced_again_and_composed_once(whole: Whole) -> None:
    await told(whole)
    before = await notices(whole)
    found = await rows(whole.database, "select id from notifier.obligation order by id limit 3")
    ids = [row.id for row in found]
    await do(whole.database, "delete from notifier.obligation where id = any(:ids)", ids=ids)
    async with whole.database.transaction() as session:
        await session.execute(
            text("delete from notifier.delivery where id = any(:ids)"), {"ids": ids}
        )
    assert await ask_directory(whole) == len(before)

    async def is_back() -> bool:
        return await notices(whole) == before

    await eventually(is_back, 15.0, "every notice is back")
    await whole.settle()
    assert await gaps(whole.database) == [("not-composed", 3)]
    addressed = await rows(
        whole.database, "select count(*) from bus.log where type = 'event.addressed'"
    )
    await ask_directory(whole)
    await whole.settle()
    assert await gaps(whole.database) == [("not-composed", 3)], "found twice"
    assert addressed == await rows(
        whole.database, "select count(*) from bus.log where type = 'event.addressed'"
    )


async def test_what_stays_missing_is_announced_seldom_and_then_left_to_a_person(
    whole: Whole,
) -> None:
    receipt = await told(whole)
    [row] = await rows(
        whole.database, "select distinct receipt, child_id from notifier.obligation limit 1"
    )
    at = now()
    counts = []
    for minutes in (0, 1, 31, 100, 300, 600, 1200, 9000):
        async with whole.database.transaction() as session:
            counts.append(
                await announce_again.announce_again(
                    session, [(row.receipt, row.child_id)], at + timedelta(minutes=minutes)
                )
            )
    assert str(row.receipt) == receipt
    assert counts == [1, 0, 1, 1, 1, 1, 0, 0], "five times, each later, then a person"


async def test_what_a_sender_was_not_told_is_told_again(whole: Whole) -> None:
    receipt = await told(whole)
    before = await whole.told("police", receipt)
    assert any("delivered" in one["times"] for one in before.values())
    await do(
        whole.database,
        "update intake.progress_notice set delivered_at = null, failed_at = null"
        " where organisation = :school",
        school=DEMO_SCHOOL,
    )
    assert await whole.told("police", receipt) != before
    assert await ask_intake(whole) > 0

    async def is_told() -> bool:
        return await whole.told("police", receipt) == before

    await eventually(is_told, 15.0, "the sender sees it again, with its time")
    await whole.settle()
    assert await gaps(whole.database) == [("not-told", 2)]
    await ask_intake(whole)
    await whole.settle()
    assert len(await gaps(whole.database)) == 1, "found twice"


async def test_an_old_question_and_one_to_a_notifier_that_is_behind_are_left(
    database: Database,
) -> None:
    missing = AskedNotice(notice=PUPIL_ID, receipt=PUPIL_ID, child_id=PUPIL_ID)
    at = now()

    async def answered(asked_at: Any) -> int:
        async with database.transaction() as session:
            asked = LedgerAsked(service="directory", at=asked_at, notices=(missing,))
            await answer(session, [asked], at, OfNotifier())
        return len(await gaps(database))

    assert await answered(at - timedelta(hours=1)) == 0
    await do(
        database,
        """insert into bus.part (service, what, state, since, measured_at)
           values ('notifier', 'reader notifier', 'slow', now(), now())""",
    )
    assert await answered(at) == 0
    await do(database, "update bus.part set state = 'ok'")
    assert await answered(at) == 1


async def test_a_fact_is_found_in_the_log_by_its_time(database: Database) -> None:
    facts = [
        bus.Fact(uuid4(), "thing.said", "events", f"k{number % 3}", b"{}", "test",
                 now() + timedelta(seconds=number))
        for number in range(60)
    ]  # fmt: skip
    async with database.transaction() as session:
        assert await read_said(session, "thing.said", "k1", now(), now()) == []
        await bus.append(session, *facts)
    async with database.reading() as session:
        found = await read_said(session, "thing.said", "k1", facts[20].at, facts[30].at)
    assert [one.id for one in found] == [one.id for one in facts[20:31] if one.key == "k1"]


VALUES: dict[str, Any] = {
    "after": now(), "until": now(), "limit": 10, "agency": "a", "receipts": [], "ids": [],
    "receipt": None, "child": None, "at": now(), "before": now(),
}  # fmt: skip
STATEMENTS = {
    f"{module.__name__}.{name}": statement
    for module in (ask_ledger, asking, announce_again, answer_ledger)
    for name, statement in vars(module).items()
    if isinstance(statement, TextClause)
}


@pytest.mark.parametrize("name", STATEMENTS)
async def test_each_look_between_services_goes_by_an_index(database: Database, name: str) -> None:
    statement = STATEMENTS[name]
    values = {key: VALUES[key] for key in statement.compile().params}
    if name.endswith("_NEXT_AGENCY"):
        values["after"] = "a"
    if name.endswith(("_WHEN", "_NOTE")):
        values |= {"receipt": PUPIL_ID, "child": PUPIL_ID}
    async with database.transaction() as session:
        found = await session.execute(text(f"explain {statement.text}"), values)
        plan = "\n".join(row[0] for row in found)
    assert "Seq Scan" not in plan, plan
