"""What was missed on the way of a notice is found, mended and told: rows are broken by hand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import TextClause, text

from chassis.clock import now
from chassis.database import Database
from chassis.process import running
from services.notifier import mend_deliveries
from services.notifier.bells import Bells
from services.notifier.compose import compose
from services.notifier.endpoints import add_endpoint, remove_endpoint
from services.notifier.routes import record_organisations
from services.notifier.settings import LedgerSettings
from services.notifier.sweep_ledger import LedgerSweeper
from tests.integration.notifier.world import (
    NURSE,
    SCHOOL,
    TO_NURSE,
    TO_SCHOOL,
    addressed,
    group,
    open_notifier,
    organisation,
)
from tests.support.receiver import running_receiver
from tests.support.waiting import eventually

SETTINGS = group().model_copy(
    update={"ledger": LedgerSettings(sweep_seconds=0.05, page_size=2, unsent_seconds=0.0)}
)


async def rows(database: Database, sql: str, **values: Any) -> list[Any]:
    async with database.reading() as session:
        return list(await session.execute(text(sql), values))


async def break_rows(database: Database, sql: str, **values: Any) -> None:
    async with database.transaction() as session:
        done = await session.execute(text(sql), values)
        assert done.rowcount


async def composed(database: Database, count: int, url: str = "http://127.0.0.1:9/x") -> list[UUID]:
    """So many events, each told to a school by webhook and to a nurse by mailbox."""
    async with database.transaction() as session:
        await record_organisations(
            session, [organisation(SCHOOL, channel="webhook"), organisation(NURSE)]
        )
        await add_endpoint(session, SCHOOL, url)
        facts = [addressed(TO_SCHOOL, TO_NURSE) for _ in range(count)]
        await compose(session, facts, now(), SETTINGS.deadlines)
    found = await rows(
        database,
        "select id from notifier.obligation where organisation = :school order by id",
        school=SCHOOL,
    )
    return [row.id for row in found]


async def sweep(database: Database, pages: int = 6) -> int:
    """Whole cycles, by small pages; returns how many were mended."""
    sweeper = LedgerSweeper(database, Bells(), now, SETTINGS)
    return sum([await sweeper.sweep_once() for _ in range(pages)])


async def gaps(database: Database) -> list[tuple[str, list[str]]]:
    found = await rows(
        database,
        "select payload from bus.log where type = 'ledger.gap-found' order by position",
    )
    said = [json.loads(bytes(row.payload)) for row in found]
    return [(one["kind"], sorted(one["notices"])) for one in said]


def names(ids: Sequence[UUID]) -> list[str]:
    return sorted(str(one) for one in ids)


async def test_nothing_is_found_where_nothing_is_missing(database: Database) -> None:
    await composed(database, 3)
    assert await sweep(database) == 0
    assert await gaps(database) == []


async def test_a_lost_delivery_is_queued_again_and_said_once(database: Database) -> None:
    ids = await composed(database, 3)
    await break_rows(database, "delete from notifier.delivery where id = :id", id=ids[1])
    assert await sweep(database) == 1
    assert await gaps(database) == [("not-sent", [str(ids[1])])]
    [row] = await rows(
        database,
        "select state, endpoint = (select id from notifier.endpoint) as right, settled_at"
        " from notifier.delivery where id = :id",
        id=ids[1],
    )
    assert (row.state, row.right, row.settled_at) == ("waiting", True, None)
    assert await sweep(database) == 0, "found twice"
    assert len(await gaps(database)) == 1


async def test_two_sweeps_at_once_mend_and_say_it_once(database: Database) -> None:
    ids = await composed(database, 2)
    await break_rows(database, "delete from notifier.delivery")
    whole = SETTINGS.model_copy(update={"ledger": LedgerSettings(unsent_seconds=0.0)})
    sweepers = [LedgerSweeper(database, Bells(), now, whole) for _ in range(3)]
    mended = await asyncio.gather(*(one.sweep_once() for one in sweepers))
    assert sum(mended) == 2
    assert sorted(one for _, found in await gaps(database) for one in found) == names(ids)


@pytest.mark.parametrize("state", ["done", "failed", "cancelled"])
async def test_a_notice_that_waits_behind_a_settled_delivery_is_queued_again(
    database: Database, state: str
) -> None:
    [only] = await composed(database, 1)
    await break_rows(
        database, "update notifier.delivery set state = :state, settled_at = now()", state=state
    )
    assert await sweep(database) == 1
    assert await gaps(database) == [("not-sent", [str(only)])]
    assert [row.state for row in await rows(database, "select state from notifier.delivery")] == [
        "waiting"
    ]
    assert await sweep(database) == 0


async def test_what_is_mended_is_really_sent_and_sent_once(database: Database) -> None:
    async with running_receiver() as receiver:
        ids = await composed(database, 4, receiver.url())
        await break_rows(database, "delete from notifier.delivery where id = any(:ids)", ids=ids)
        road, service = open_notifier(database, SETTINGS)
        async with running([*road.tasks(), *service.tasks]):

            async def delivered() -> bool:
                [row] = await rows(
                    database,
                    "select count(*) from notifier.obligation where state = 'delivered'",
                )
                return bool(row[0] == 4)

            await eventually(delivered, 10.0, "all are delivered")
        assert receiver.ids() == {str(one): 1 for one in ids}
    assert sorted(one for _, found in await gaps(database) for one in found) == names(ids)


async def test_without_an_endpoint_it_fails_and_its_ladder_goes_on_at_once(
    database: Database,
) -> None:
    ids = await composed(database, 1)
    await break_rows(database, "delete from notifier.delivery")
    async with database.transaction() as session:
        await remove_endpoint(session, SCHOOL)
    assert await sweep(database) == 1
    [row] = await rows(
        database,
        "select state, reason, watch_due_at <= now() as due from notifier.obligation"
        " where id = :id",
        id=ids[0],
    )
    assert (row.state, row.reason, row.due) == ("failed", "no-endpoint", True)
    told = await rows(database, "select 1 from bus.log where type = 'notice.failed'")
    assert len(told) == 1
    assert await sweep(database) == 0


async def test_a_rung_that_was_never_timed_is_timed(database: Database) -> None:
    """A later rung's time starts when it is sent: unsent it would never climb."""
    ids = await composed(database, 1)
    await break_rows(database, "delete from notifier.delivery")
    await break_rows(database, "update notifier.obligation set watch_due_at = null")
    await break_rows(database, "update notifier.recipient set channel = 'mailbox'")
    assert await sweep(database) == 1
    [row] = await rows(
        database,
        "select sent_at, watch_due_at > now() as timed from notifier.obligation where id = :id",
        id=ids[0],
    )
    assert row.sent_at is not None
    assert row.timed
    assert await sweep(database) == 0


async def test_a_claim_that_nobody_settles_is_let_go(database: Database) -> None:
    ids = await composed(database, 3)
    long_ago = now() - timedelta(hours=1)
    await break_rows(
        database,
        """update notifier.delivery set state = 'claimed', claim_token = :token,
                  due_at = :ago, claimed_until = :ago where id = any(:ids)""",
        token=uuid4(),
        ago=long_ago,
        ids=ids[:2],
    )
    assert await sweep(database) == 2
    assert await gaps(database) == [("not-settled", names(ids[:2]))]
    states = await rows(database, "select state, claim_token from notifier.delivery")
    assert {(row.state, row.claim_token) for row in states} == {("waiting", None)}
    assert await sweep(database) == 0


async def test_a_claim_within_its_leases_is_left_alone(database: Database) -> None:
    await composed(database, 1)
    await break_rows(
        database,
        """update notifier.delivery set state = 'claimed', due_at = now(),
                  claimed_until = clock_timestamp() - make_interval(secs => :seconds)""",
        seconds=SETTINGS.send.lease_seconds * 2,
    )
    assert await sweep(database) == 0


async def test_a_notice_that_is_lost_with_its_delivery_kept_is_composed_again(
    database: Database,
) -> None:
    async with database.transaction() as session:
        await record_organisations(session, [organisation(SCHOOL, channel="webhook")])
        await add_endpoint(session, SCHOOL, "http://127.0.0.1:9/x")
    fact = addressed(TO_SCHOOL)
    for _ in range(2):
        async with database.transaction() as session:
            assert (await compose(session, [fact], now(), SETTINGS.deadlines)).made == 1
        await break_rows(database, "delete from notifier.obligation")
    assert len(await rows(database, "select 1 from notifier.delivery")) == 1


VALUES: dict[str, Any] = {
    "organisation": "o",
    "composed_at": now(),
    "id": uuid4(),
    "before": now(),
    "limit": 10,
    "ids": [uuid4()],
    "endpoints": [uuid4()],
    "at": now(),
    "due": now(),
    "seconds": 1.0,
}
STATEMENTS = {
    name: one for name, one in vars(mend_deliveries).items() if isinstance(one, TextClause)
}


@pytest.mark.parametrize("name", STATEMENTS)
async def test_each_look_goes_by_an_index(database: Database, name: str) -> None:
    statement = STATEMENTS[name]
    values = {key: VALUES[key] for key in statement.compile().params}
    async with database.transaction() as session:
        found = await session.execute(text(f"explain {statement.text}"), values)
        plan = "\n".join(row[0] for row in found)
    assert "Seq Scan" not in plan, plan
    if name == "_PAGE":
        assert "Index Cond: (ROW(organisation, composed_at, id) >" in plan, plan
    if name == "_RELEASE":
        assert "delivery_turn" in plan, plan
