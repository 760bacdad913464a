"""Settling is one statement: what it tells the bus is what Python would tell."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text

from chassis import outbound
from chassis.clock import now
from chassis.database import Database, Session
from chassis.webhooks import Delivered, Outcome, Refused, Unreachable
from schemas.facts import NOTICE_FACTS, NoticeDelivered, NoticeFact, NoticeFailed
from services.notifier.compose import compose
from services.notifier.endpoints import add_endpoint
from services.notifier.report import COLUMNS, notice_fact
from services.notifier.routes import record_organisations
from services.notifier.settings import DeadlineSettings, SendSettings
from services.notifier.settle import Sending, Settled, settle_sendings
from services.notifier.tables import Delivery
from tests.integration.notifier.world import SCHOOL, TO_SCHOOL, addressed, organisation
from tests.support.postgres import open_database

SEND = SendSettings(retry_first_seconds=30.0)
BUSY = Unreachable("busy", 503, after_seconds=60.0)


async def claimed(database: Database, count: int) -> tuple[UUID, list[Any]]:
    """So many notices of one school, composed and claimed."""
    async with database.transaction() as session:
        await record_organisations(session, [organisation(SCHOOL, channel="webhook")])
        await add_endpoint(session, SCHOOL, "http://127.0.0.1:1/")
        facts = [addressed(TO_SCHOOL) for _ in range(count)]
        await compose(session, facts, now(), DeadlineSettings())
    async with database.transaction() as session:
        claim = await outbound.claim(session, Delivery, limit=count, lease_seconds=30)
    return claim.token, list(claim.rows)


async def settle(database: Database, sendings: list[Sending]) -> Settled:
    """A round of its own."""
    async with database.transaction() as session:
        return await settle_sendings(session, sendings, now(), SEND, DeadlineSettings())


def sending(row: Any, token: UUID, outcome: Outcome) -> Sending:
    """A claimed row, sent just now."""
    return Sending(row.id, row.endpoint, token, row.attempts, row.composed_at, now(), 7, outcome)


async def rows(database: Database, sql: str, **values: Any) -> list[Any]:
    """What a query finds."""
    async with database.reading() as session:
        return list((await session.execute(text(sql), values)).all())


async def test_a_round_tells_of_each_notice_what_python_would_tell(database: Database) -> None:
    token, waiting = await claimed(database, 4)
    outcomes: list[Outcome] = [Delivered(204), Refused("endpoint-gone", 410), BUSY, Delivered(200)]
    sent = [sending(row, token, one) for row, one in zip(waiting, outcomes, strict=True)]
    settled = await settle(database, sent)
    assert settled == Settled(delivered=2, failed=1, retried=1, late=0)
    told = await rows(database, "select * from bus.log where topic = 'notices' order by position")
    assert len(told) == 3
    kinds: dict[str, type[NoticeFact]] = {one.fact_type: one for one in NOTICE_FACTS}
    reasons = {sent[1].notice: "endpoint-gone"}
    for fact in told:
        said = kinds[fact.type].model_validate_json(fact.payload)
        assert isinstance(said, NoticeFailed if said.notice in reasons else NoticeDelivered)
        [row] = await rows(
            database, f"select {COLUMNS} from notifier.obligation o where id = :id", id=said.notice
        )
        same = notice_fact(type(said), row, said.at, reason=reasons.get(said.notice), attempt=1)
        assert kinds[fact.type].model_validate_json(same.payload) == said
        assert json.loads(fact.payload).keys() == json.loads(same.payload).keys()
        assert (fact.type, fact.topic, fact.key, fact.source) == (
            same.type, same.topic, same.key, same.source,
        )  # fmt: skip


async def test_a_round_leaves_rows_that_agree(database: Database) -> None:
    token, waiting = await claimed(database, 3)
    sent = [
        sending(waiting[0], token, Delivered(204)),
        sending(waiting[1], token, Refused("endpoint-gone", 410)),
        sending(waiting[2], token, BUSY),
    ]
    await settle(database, sent)
    found = await rows(
        database,
        """select d.id, d.state as sending, d.settled_at, d.due_at, d.claim_token,
                  o.state, o.reason, o.delivered_at, o.sent_at, o.watch_due_at, o.deadline_at
             from notifier.delivery d join notifier.obligation o using (id)""",
    )
    done, failed, again = (next(row for row in found if row.id == one.notice) for one in sent)
    assert [row.claim_token for row in found] == [None, None, None]
    assert (done.sending, done.state, done.reason) == ("done", "delivered", None)
    assert done.delivered_at == done.sent_at is not None
    assert done.watch_due_at == done.deadline_at
    assert (failed.sending, failed.state, failed.reason) == ("failed", "failed", "endpoint-gone")
    # Who cannot be reached does not wait for the deadline.
    assert failed.watch_due_at == failed.sent_at < failed.deadline_at
    assert (again.sending, again.state, again.settled_at) == ("waiting", "waiting", None)
    assert again.due_at > now() + timedelta(seconds=50)
    assert again.delivered_at is None
    assert again.sent_at is not None
    tried = await rows(database, "select notice, outcome, status, late from notifier.attempt")
    assert {row.notice: tuple(row)[1:] for row in tried} == {
        sent[0].notice: ("delivered", 204, False),
        sent[1].notice: ("endpoint-gone", 410, False),
        sent[2].notice: ("busy", 503, False),
    }


async def test_what_another_claim_holds_is_only_noted(database: Database) -> None:
    _, [row] = await claimed(database, 1)
    settled = await settle(database, [sending(row, uuid4(), Delivered(200))])
    assert settled == Settled(delivered=0, failed=0, retried=0, late=1)
    [left] = await rows(database, "select state from notifier.delivery")
    [tried] = await rows(database, "select late from notifier.attempt")
    assert (left.state, tried.late) == ("claimed", True)
    assert await rows(database, "select 1 from bus.log where topic = 'notices'") == []


async def test_a_claim_reads_what_it_takes_of_a_queue_without_statistics(
    database: Database, database_url: str
) -> None:
    async with database.transaction() as session:
        await session.execute(
            text("""insert into notifier.delivery (id, endpoint, composed_at, state, due_at)
                    select gen_random_uuid(), gen_random_uuid(), now(), 'waiting', now()
                      from generate_series(1, 3000)""")
        )
    async with open_database(database_url, name="claimer") as own, own.transaction() as session:
        before = await reads(session)
        for _ in range(8):  # More often than it takes to be prepared.
            claim = await outbound.claim(session, Delivery, limit=50, lease_seconds=30)
            settlements = [outbound.Settlement(row.id, outbound.DONE) for row in claim.rows]
            assert len(await outbound.settle(session, Delivery, claim.token, settlements)) == 50
        after = await reads(session)
    assert after.whole == before.whole
    # Each row is met by its due time, again by its id, and for each the claims before it.
    assert after.rows - before.rows < 8 * 50 * 12


async def reads(session: Session) -> Any:
    """What this connection has read of the queue: whole tables, and rows by an index."""
    found = await session.execute(
        text("""select seq_scan as whole, coalesce(idx_tup_fetch, 0) as rows
                  from pg_stat_xact_user_tables
                 where schemaname = 'notifier' and relname = 'delivery'""")
    )
    return found.one()
