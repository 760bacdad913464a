"""From a fact on the bus to a signed webhook, and back as a fact: each once in effect."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from sqlalchemy import text

from chassis.database import Database
from chassis.process import running
from schemas.facts import Profile, notice_id
from services.notifier.endpoints import add_endpoint
from tests.integration.notifier.world import (
    SCHOOL,
    TO_SCHOOL,
    addressed,
    open_notifier,
    organisation,
    publish,
)
from tests.support.receiver import Receiver, running_receiver
from tests.support.waiting import eventually


async def rows(database: Database, sql: str, **values: Any) -> list[Any]:
    async with database.reading() as session:
        return list((await session.execute(text(sql), values)).all())


async def give_endpoint(database: Database, receiver: Receiver, name: str = SCHOOL) -> str:
    async with database.transaction() as session:
        return await add_endpoint(session, name, receiver.url())


async def test_a_school_is_told_by_a_signed_webhook_that_says_nothing(database: Database) -> None:
    async with running_receiver() as receiver:
        secret = await give_endpoint(database, receiver)
        road, notifier = open_notifier(database)
        fact = addressed(TO_SCHOOL)
        async with running([*road.tasks(), *notifier.tasks]):
            await publish(database, organisation(SCHOOL, channel="webhook"), fact)
            await eventually(lambda: receiver.received)
            notice = notice_id(fact.receipt, fact.child_id, SCHOOL, Profile.SCHOOL_FULL, "whole", 0)
            await eventually(
                lambda: rows(
                    database,
                    "select 1 from notifier.obligation where id = :id and state = 'delivered'",
                    id=notice,
                )
            )
        [body] = receiver.verify(secret)
        assert receiver.received[0].id == str(notice)
        assert body == {
            "type": "notice.waiting",
            "timestamp": body["timestamp"],
            "data": {"notice": str(notice), "url": f"http://notices.example/v1/notices/{notice}"},
        }
        facts = await rows(
            database, "select type, key, payload from bus.log where topic = 'notices'"
        )
        assert [(row.type, row.key) for row in facts] == [("notice.delivered", str(fact.child_id))]
        assert json.loads(bytes(facts[0].payload))["notice"] == str(notice)


async def test_a_repeated_fact_has_no_second_effect(database: Database) -> None:
    async with running_receiver() as receiver:
        await give_endpoint(database, receiver)
        road, notifier = open_notifier(database)
        fact = addressed(TO_SCHOOL)
        async with running([*road.tasks(), *notifier.tasks]):
            await publish(database, organisation(SCHOOL, channel="webhook"), fact, fact)
            await publish(database, fact)
            other = addressed(TO_SCHOOL)
            await publish(database, other)
            await eventually(lambda: len(receiver.ids()) == 2)
        assert set(receiver.ids().values()) == {1}
        assert isinstance(UUID(receiver.received[0].id), UUID)
