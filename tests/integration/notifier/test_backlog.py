"""A backlog is drained by deadline, not by arrival; a missing child overtakes everything."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, time
from typing import Any
from uuid import UUID

from sqlalchemy import text

from chassis import outbound
from chassis.clock import now
from chassis.database import Database
from chassis.process import Task, running
from chassis.webhooks import Delivered, Outcome
from schemas.facts import EventAddressed, Profile
from schemas.organisations import RecipientRole
from services.notifier.bells import Bells
from services.notifier.channels import mailbox
from services.notifier.compose import compose
from services.notifier.deliver import Deliverer
from services.notifier.endpoints import add_endpoint
from services.notifier.routes import record_organisations
from services.notifier.settings import DeadlineSettings
from services.notifier.tables import Delivery
from services.notifier.targets import Target
from tests.integration.notifier.test_settling import reads
from tests.integration.notifier.world import SCHOOL, TO_SCHOOL, addressed, group, organisation, to
from tests.support.postgres import open_database
from tests.support.waiting import eventually

OPENINGS = {"urn-900002": time(7, 45), SCHOOL: time(8, 30), "urn-900003": time(9, 10)}
MONDAY_NIGHT = datetime(2026, 3, 2, 22, 40, tzinfo=UTC)
MISSING = TO_SCHOOL.model_copy(update={"profile": Profile.MISSING_ALERT})


async def rows(database: Database, sql: str, **values: Any) -> list[Any]:
    async with database.reading() as session:
        return list((await session.execute(text(sql), values)).all())


async def make_schools(database: Database, channel: str = "webhook") -> None:
    async with database.transaction() as session:
        await record_organisations(
            session,
            [
                organisation(name, channel=channel, opens_at=opens)
                for name, opens in OPENINGS.items()
            ],
        )
        for name in OPENINGS:
            await add_endpoint(session, name, "http://127.0.0.1:1/")


async def tell(database: Database, *facts: EventAddressed, at: datetime | None = None) -> None:
    async with database.transaction() as session:
        await compose(session, facts, at or now(), DeadlineSettings())


def for_school(name: str, **more: Any) -> EventAddressed:
    return addressed(to(name, RecipientRole.SCHOOL, Profile.SCHOOL_FULL), at=MONDAY_NIGHT, **more)


def missing_child(**more: Any) -> EventAddressed:
    return addressed(MISSING, event_type="missing.reported", **more)


async def claim_one(database: Database) -> UUID | None:
    async with database.transaction() as session:
        claim = await outbound.claim(session, Delivery, limit=1, lease_seconds=30)
    return claim.rows[0].id if claim.rows else None


async def receipts(database: Database, *notices: UUID | None) -> list[UUID]:
    found = await rows(database, "select id, receipt from notifier.obligation")
    by_id = {row.id: row.receipt for row in found}
    return [by_id[one] for one in notices if one is not None]


async def test_a_backlog_is_claimed_by_deadline_and_a_missing_child_first(
    database: Database,
) -> None:
    await make_schools(database)
    late, usual, early = (for_school(name) for name in ("urn-900003", SCHOOL, "urn-900002"))
    missing = missing_child(at=MONDAY_NIGHT)
    for fact in (late, usual, early, missing):
        await tell(database, fact, at=MONDAY_NIGHT)
    claimed = [await claim_one(database) for _ in range(5)]
    assert claimed[4] is None
    assert await receipts(database, *claimed) == [
        missing.receipt, early.receipt, usual.receipt, late.receipt,
    ]  # fmt: skip


async def test_what_is_to_be_tried_again_later_is_not_claimed_and_then_in_its_turn(
    database: Database,
) -> None:
    await make_schools(database)
    early, usual = for_school("urn-900002"), for_school(SCHOOL)
    await tell(database, early, usual, at=MONDAY_NIGHT)
    async with database.transaction() as session:
        claim = await outbound.claim(session, Delivery, limit=1, lease_seconds=30)
    assert await receipts(database, claim.rows[0].id) == [early.receipt]

    async def settle(seconds: float) -> None:
        async with database.transaction() as session:
            again = outbound.Settlement(claim.rows[0].id, outbound.WAITING, seconds)
            assert await outbound.settle(session, Delivery, claim.token, [again])

    await settle(600)
    taken = await claim_one(database)
    assert await receipts(database, taken) == [usual.receipt]
    assert await claim_one(database) is None
    async with database.reading() as session:
        due_in = await outbound.next_due_seconds(session, Delivery)
    assert due_in is not None
    assert 0 < due_in <= 30  # The lease of the other ends before it is tried again.
    async with database.transaction() as session:
        await session.execute(text("update notifier.delivery set due_at = now() where not ready"))
    later = for_school("urn-900003")
    await tell(database, later, at=MONDAY_NIGHT)
    # What rested is made ready by one claim, and goes first in the next.
    claimed = [await claim_one(database), await claim_one(database)]
    assert await receipts(database, *claimed) == [later.receipt, early.receipt]


async def test_many_urgent_ones_that_rest_make_no_claim_slow(
    database: Database, database_url: str
) -> None:
    async with database.transaction() as session:
        await session.execute(
            text("""insert into notifier.delivery
                           (id, endpoint, composed_at, state, due_at, overtakes, turn_at, ready)
                    select gen_random_uuid(), gen_random_uuid(), now(), 'waiting',
                           now() + make_interval(secs => case when n <= 5000 then 3600 else 0 end),
                           n <= 5000, now() + make_interval(secs => n), n > 5000
                      from generate_series(1, 5400) n""")
        )
    async with open_database(database_url, name="claimer") as own, own.transaction() as session:
        before = await reads(session)
        for _ in range(8):  # More often than it takes to be prepared.
            claim = await outbound.claim(session, Delivery, limit=50, lease_seconds=30)
            assert len(claim.rows) == 50
            assert not any(row.overtakes for row in claim.rows)
        after = await reads(session)
    assert after.whole == before.whole
    assert after.rows - before.rows < 8 * 50 * 12


async def test_a_claim_leaves_the_row_on_its_page(database: Database) -> None:
    """It changes no column of an index: what is claimed a thousand times a second is cheap."""
    await make_schools(database)
    await tell(database, *(for_school(SCHOOL) for _ in range(20)), at=MONDAY_NIGHT)
    async with database.transaction() as session:
        claim = await outbound.claim(session, Delivery, limit=20, lease_seconds=30)
        assert len(claim.rows) == 20
        found = await session.execute(
            text("""select n_tup_upd as updated, n_tup_hot_upd as hot
                      from pg_stat_xact_user_tables
                     where schemaname = 'notifier' and relname = 'delivery'""")
        )
        counted = found.one()
    assert (counted.updated, counted.hot) == (20, 20)


class Gate:
    """A channel whose receiver answers one request for each time that it is let through."""

    def __init__(self) -> None:
        self.begun: list[UUID] = []
        self.let_through = asyncio.Semaphore(0)

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def send(
        self, target: Target, notice: UUID, at: datetime, *, test: bool = False
    ) -> Outcome:
        self.begun.append(notice)
        await self.let_through.acquire()
        return Delivered(204)


async def test_a_missing_child_overtakes_what_waits_in_a_lane_that_is_full(
    database: Database,
) -> None:
    await make_schools(database)
    await tell(database, *(for_school(SCHOOL) for _ in range(40)), at=MONDAY_NIGHT)
    gate, bells = Gate(), Bells()
    settings = group(per_receiver=1, claim_size=4, timeout_seconds=5.0, lease_seconds=60.0)
    deliverer = Deliverer(database, gate, bells, now, settings)  # type: ignore[arg-type]

    async def claimed() -> list[UUID]:
        found = await rows(database, "select id from notifier.delivery where state = 'claimed'")
        return [row.id for row in found]

    async with running([Task("deliver", deliverer.run)]):
        await eventually(lambda: gate.begun, what="the first is on its way")
        missing = missing_child()
        await tell(database, missing)
        [alert] = await rows(
            database, "select id from notifier.obligation where receipt = :r", r=missing.receipt
        )
        bells.deliver.set()

        async def is_taken() -> bool:
            return alert.id in await claimed()

        await eventually(is_taken, what="the alert is taken though its lane is full")
        assert len(await claimed()) < 20, "and everything else waits in the queue"
        for _ in range(41):
            gate.let_through.release()
        await eventually(lambda: len(gate.begun) == 41, what="all are sent")
    assert gate.begun[1] == alert.id


async def test_a_mailbox_lists_a_missing_child_first_and_then_by_deadline(
    database: Database,
) -> None:
    await make_schools(database, "mailbox")
    usual, early = for_school(SCHOOL), for_school("urn-900002")
    second, missing = for_school(SCHOOL), missing_child(at=MONDAY_NIGHT)
    for fact in (usual, early, second, missing):
        await tell(database, fact, at=MONDAY_NIGHT)
    for show in ("waiting", "unopened", "unacknowledged"):
        async with database.reading() as session:
            found, _ = await mailbox.collect(
                session,
                list(OPENINGS),
                show,
                10,
                MONDAY_NIGHT,
            )
        listed = await receipts(database, *(row.id for row in found))
        assert listed[:2] == [missing.receipt, early.receipt]
        assert set(listed[2:]) == {usual.receipt, second.receipt}
