"""From a fact on the bus to a signed webhook, and back as a fact: each once in effect."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from chassis import outbound
from chassis.clock import now
from chassis.database import Database
from chassis.process import Task, running
from chassis.webhooks import Delivered
from schemas.facts import EventAddressed, Profile, notice_id
from services.notifier.endpoints import add_endpoint, remove_endpoint, rotate_endpoint
from services.notifier.settings import NotifierGroup
from services.notifier.settle import Sending, settle_sendings
from services.notifier.tables import Delivery
from tests.integration.notifier.world import (
    SCHOOL,
    TO_SCHOOL,
    addressed,
    group,
    open_notifier,
    organisation,
    publish,
    to,
)
from tests.support.receiver import Receiver, running_receiver
from tests.support.waiting import eventually


async def rows(database: Database, sql: str, **values: Any) -> list[Any]:
    async with database.reading() as session:
        return list((await session.execute(text(sql), values)).all())


async def give_endpoint(database: Database, receiver: Receiver, name: str = SCHOOL) -> str:
    async with database.transaction() as session:
        return await add_endpoint(session, name, receiver.url())


def tasks(database: Database, settings: NotifierGroup | None = None) -> Sequence[Task]:
    road, notifier = open_notifier(database, settings)
    return [*road.tasks(), *notifier.tasks]


async def state_of(database: Database, fact: EventAddressed) -> str | None:
    found = await rows(
        database, "select state from notifier.obligation where receipt = :r and rung = 0",
        r=fact.receipt,
    )  # fmt: skip
    return str(found[0].state) if found else None


async def reaches(database: Database, fact: EventAddressed, state: str) -> None:
    async def there() -> bool:
        return await state_of(database, fact) == state

    await eventually(there, what=f"the notice is {state}")


async def attempts(database: Database) -> list[tuple[str, int | None]]:
    found = await rows(database, "select outcome, status from notifier.attempt order by line")
    return [(row.outcome, row.status) for row in found]


async def facts(database: Database) -> list[str]:
    found = await rows(
        database, "select type from bus.log where topic = 'notices' order by position"
    )
    return [row.type for row in found]


@pytest.fixture(autouse=True)
async def school(database: Database) -> None:
    await publish(database, organisation(SCHOOL, channel="webhook"))


async def test_a_school_is_told_by_a_signed_webhook_that_says_nothing(database: Database) -> None:
    async with running_receiver() as receiver:
        secret = await give_endpoint(database, receiver)
        fact = addressed(TO_SCHOOL)
        async with running(tasks(database)):
            await publish(database, fact)
            await reaches(database, fact, "delivered")
        notice = notice_id(fact.receipt, fact.child_id, SCHOOL, Profile.SCHOOL_FULL, "whole", 0)
        [body] = receiver.verify(secret)
        assert receiver.received[0].id == str(notice)
        assert body == {
            "type": "notice.waiting",
            "timestamp": body["timestamp"],
            "data": {"notice": str(notice), "url": f"http://notices.example/v1/notices/{notice}"},
        }
        whole = json.dumps(dict(receiver.received[0].headers)) + json.dumps(body)
        assert not [word for word in ("Robin", "abuse", "school", "9990") if word in whole]
        log = await rows(database, "select type, key, payload from bus.log where topic='notices'")
        assert [(row.type, row.key) for row in log] == [("notice.delivered", str(fact.child_id))]
        assert json.loads(bytes(log[0].payload))["notice"] == str(notice)


async def test_a_repeated_fact_has_no_second_effect(database: Database) -> None:
    async with running_receiver() as receiver:
        await give_endpoint(database, receiver)
        fact, other = addressed(TO_SCHOOL), addressed(TO_SCHOOL)
        async with running(tasks(database)):
            await publish(database, fact, fact)
            await publish(database, fact)
            await publish(database, other)
            await reaches(database, other, "delivered")
            await reaches(database, fact, "delivered")
        assert sorted(receiver.ids().values()) == [1, 1]
        assert await facts(database) == ["notice.delivered"] * 2


async def test_a_busy_receiver_is_tried_again_with_the_same_id(database: Database) -> None:
    async with running_receiver() as receiver:
        secret = await give_endpoint(database, receiver)
        receiver.answer(500, times=1)
        receiver.answer(503, {"Retry-After": "1"}, times=1)
        receiver.drop(times=1)
        receiver.answer(429, times=1)
        fact = addressed(TO_SCHOOL)
        async with running(tasks(database)):
            await publish(database, fact)
            await reaches(database, fact, "delivered")
        assert len(receiver.ids()) == 1
        assert await attempts(database) == [
            ("failing", 500), ("busy", 503), ("not-connected", None), ("busy", 429),
            ("delivered", 204),
        ]  # fmt: skip
        assert receiver.received[2].at - receiver.received[1].at >= 0.95
        assert len(receiver.verify(secret)) == 5
        assert await facts(database) == ["notice.delivered"]


@pytest.mark.parametrize(("status", "reason"), [(410, "endpoint-gone"), (400, "refused")])
async def test_a_refusal_fails_at_once_and_escalates(
    database: Database, status: int, reason: str
) -> None:
    async with running_receiver() as receiver:
        await give_endpoint(database, receiver)
        receiver.answer(status)
        fact = addressed(TO_SCHOOL)
        async with running(tasks(database)):
            await publish(database, fact)
            await reaches(database, fact, "failed")
            await eventually(
                lambda: rows(database, "select 1 from notifier.obligation where watch='exhausted'")
            )
        assert await attempts(database) == [(reason, status)]
        assert await facts(database) == ["notice.failed", "notice.exhausted"]


async def test_a_redirect_is_not_followed(database: Database) -> None:
    async with running_receiver() as receiver, running_receiver() as elsewhere:
        await give_endpoint(database, receiver)
        receiver.answer(302, {"Location": elsewhere.url()})
        fact = addressed(TO_SCHOOL)
        async with running(tasks(database)):
            await publish(database, fact)
            await reaches(database, fact, "failed")
        assert elsewhere.received == []


async def test_a_receiver_that_answers_and_then_hangs_has_it(database: Database) -> None:
    async with running_receiver() as receiver:
        await give_endpoint(database, receiver)
        receiver.hang_half_way()
        fact = addressed(TO_SCHOOL)
        async with running(tasks(database)):
            await publish(database, fact)
            await reaches(database, fact, "delivered")
        assert await attempts(database) == [("delivered", 200)]


async def test_a_hanging_receiver_starves_no_other(database: Database) -> None:
    async with running_receiver() as hanging, running_receiver() as healthy:
        hanging.hang()
        await give_endpoint(database, hanging)
        await give_endpoint(database, healthy, "urn-900002")
        other = to("urn-900002", TO_SCHOOL.role, TO_SCHOOL.profile)
        settings = group(per_receiver=4, claim_size=10, timeout_seconds=2.0, lease_seconds=5.0)
        await publish(database, organisation("urn-900002", channel="webhook"))
        await publish(database, *(addressed(TO_SCHOOL) for _ in range(60)))
        await publish(database, *(addressed(other) for _ in range(40)))
        async with running(tasks(database, settings)):
            await eventually(lambda: len(healthy.ids()) == 40, within_seconds=5)
            assert hanging.most_open <= 4
            hanging.recover()
            hanging.release()
            await eventually(lambda: len(hanging.ids()) == 60, within_seconds=30)


async def test_two_processes_deliver_each_notice_once(database: Database) -> None:
    async with running_receiver() as receiver:
        await give_endpoint(database, receiver)
        _, one = open_notifier(database, group(claim_size=7))
        _, two = open_notifier(database, group(claim_size=7))
        deliverers = [each.tasks[0] for each in (one, two)]
        road, composing = open_notifier(database)
        sent = [addressed(TO_SCHOOL) for _ in range(120)]
        async with running([*road.tasks(), *composing.tasks[2:], *deliverers]):
            await publish(database, *sent)
            await eventually(
                lambda: rows(
                    database,
                    "select 1 from notifier.obligation where state='delivered' having count(*)=120",
                )
            )
        assert len(receiver.ids()) == 120
        assert set(receiver.ids().values()) == {1}
        assert len(await facts(database)) == 120


async def compose_one(database: Database) -> EventAddressed:
    """Composed, and not yet sent."""
    fact = addressed(TO_SCHOOL)
    road, notifier = open_notifier(database)
    async with running([*road.tasks(), *notifier.tasks[2:]]):
        await publish(database, fact)
        await eventually(lambda: rows(database, "select 1 from notifier.delivery"))
    return fact


async def take(database: Database, lease_seconds: float) -> outbound.Claim:
    async with database.transaction() as session:
        return await outbound.claim(session, Delivery, limit=10, lease_seconds=lease_seconds)


async def test_a_process_that_dies_while_sending_is_made_good_after_the_lease(
    database: Database,
) -> None:
    async with running_receiver() as receiver:
        await give_endpoint(database, receiver)
        fact = await compose_one(database)
        dead = await take(database, 0.3)
        assert len(dead.rows) == 1
        async with running(tasks(database)):
            await reaches(database, fact, "delivered")
        assert list(receiver.ids().values()) == [1]


async def test_what_settles_too_late_is_recorded_and_changes_nothing(database: Database) -> None:
    async with running_receiver() as receiver:
        await give_endpoint(database, receiver)
        fact = await compose_one(database)
        paused = await take(database, 0.01)
        settings = group()
        async with running(tasks(database)):
            await reaches(database, fact, "delivered")
        [row] = paused.rows
        late = Sending(row.id, row.endpoint, paused.token, 1, row.composed_at, now(), 5,
                       Delivered(200))  # fmt: skip
        async with database.transaction() as session:
            settled = await settle_sendings(
                session, [late], now(), settings.send, settings.deadlines
            )
        assert (settled.late, settled.delivered) == (1, 0)
        found = await rows(database, "select late from notifier.attempt order by line")
        assert [one.late for one in found] == [False, True]
        assert await facts(database) == ["notice.delivered"]


async def test_a_removed_endpoint_fails_what_waits_for_it(database: Database) -> None:
    async with running_receiver() as receiver:
        await give_endpoint(database, receiver)
        fact = await compose_one(database)
        async with database.transaction() as session:
            assert await remove_endpoint(session, SCHOOL)
        async with running(tasks(database)):
            await reaches(database, fact, "failed")
        assert receiver.received == []
        assert await attempts(database) == [("no-endpoint", None)]


async def test_during_a_rotation_both_secrets_verify(database: Database) -> None:
    async with running_receiver() as receiver:
        old = await give_endpoint(database, receiver)
        async with database.transaction() as session:
            new = await rotate_endpoint(session, SCHOOL)
        assert new is not None
        fact = addressed(TO_SCHOOL)
        async with running(tasks(database)):
            await publish(database, fact)
            await reaches(database, fact, "delivered")
        assert receiver.verify(old) == receiver.verify(new)


async def test_retries_end_after_a_limit_and_escalate(database: Database) -> None:
    async with running_receiver() as receiver:
        await give_endpoint(database, receiver)
        receiver.answer(500)
        fact = addressed(TO_SCHOOL)
        async with running(tasks(database, group(give_up_seconds=0.3))):
            await publish(database, fact)
            await reaches(database, fact, "failed")
        assert len(await attempts(database)) > 1


async def test_a_retraction_during_the_retries_stops_them(database: Database) -> None:
    from schemas.facts import EventRetracted

    async with running_receiver() as receiver:
        await give_endpoint(database, receiver)
        receiver.answer(503)
        fact = addressed(TO_SCHOOL)
        async with running(tasks(database)):
            await publish(database, fact)
            await eventually(lambda: receiver.received)
            await publish(
                database,
                EventRetracted(receipt=UUID(int=7), retracts=fact.receipt, key="key", at=now()),
            )
            await reaches(database, fact, "superseded")
        before = len(receiver.received)
        receiver.recover()
        async with running(tasks(database)):
            marker = addressed(TO_SCHOOL)
            await publish(database, marker)
            await reaches(database, marker, "delivered")
        assert len(receiver.received) <= before + 1
        assert await state_of(database, fact) == "superseded"


async def test_sending_survives_the_end_of_a_process_in_order(database: Database) -> None:
    async with running_receiver() as receiver:
        await give_endpoint(database, receiver)
        sent = [addressed(TO_SCHOOL) for _ in range(50)]
        await publish(database, *sent)
        for _ in range(3):
            async with running(tasks(database, group(claim_size=5))):
                await asyncio.wait_for(
                    eventually(lambda: len(receiver.received) >= 5, within_seconds=10), 10
                )
        async with running(tasks(database)):
            await eventually(
                lambda: rows(
                    database,
                    "select 1 from notifier.obligation where state='delivered' having count(*)=50",
                )
            )
        assert len(receiver.ids()) == 50
        assert (await facts(database)).count("notice.delivered") == 50
