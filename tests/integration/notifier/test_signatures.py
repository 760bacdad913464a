"""Webhooks are verified by the receiver's own means: before, during and after a change of key."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from standardwebhooks.webhooks import WebhookVerificationError

from chassis.clock import now
from chassis.database import Database
from chassis.process import running
from chassis.webhook_keys import Kind
from services.notifier.compose import compose
from services.notifier.endpoints import add_endpoint, rotate_endpoint
from services.notifier.routes import record_organisations
from services.notifier.settings import DeadlineSettings
from tests.integration.notifier.world import (
    SCHOOL,
    TO_SCHOOL,
    addressed,
    open_notifier,
    organisation,
)
from tests.support.receiver import Receiver, running_receiver
from tests.support.waiting import eventually


@pytest.fixture
async def receiver(database: Database) -> AsyncIterator[Receiver]:
    async with database.transaction() as session:
        await record_organisations(session, [organisation(SCHOOL, channel="webhook")])
    async with running_receiver() as receiver:
        yield receiver


async def give(database: Database, receiver: Receiver, kind: Kind) -> str:
    async with database.transaction() as session:
        return await add_endpoint(session, SCHOOL, receiver.url(), kind=kind)


async def rotate(database: Database, kind: Kind | None = None) -> str:
    async with database.transaction() as session:
        key = await rotate_endpoint(session, SCHOOL, kind=kind)
    assert key is not None
    return key


async def end_overlap(database: Database) -> None:
    """The time until which the old key signs is over."""
    async with database.transaction() as session:
        await session.execute(text("update notifier.endpoint set previous_until = now()"))


async def hear_three(database: Database, receiver: Receiver) -> None:
    """Three webhooks, sent by a notifier that has just started; what came before is forgotten."""
    receiver.received.clear()
    async with database.transaction() as session:
        facts = [addressed(TO_SCHOOL) for _ in range(3)]
        await compose(session, facts, now(), DeadlineSettings())
    _, notifier = open_notifier(database)
    async with running(notifier.tasks[:1]):
        await eventually(lambda: len(receiver.received) == 3)


def versions(receiver: Receiver) -> set[tuple[str, ...]]:
    """Of which versions the signatures of each request are."""
    return {tuple(version for version, _ in one.signatures()) for one in receiver.received}


async def test_hmac_before_during_and_after_a_rotation(
    database: Database, receiver: Receiver
) -> None:
    old = await give(database, receiver, "hmac")
    await hear_three(database, receiver)
    assert len(receiver.verify(old)) == 3
    new = await rotate(database)
    await hear_three(database, receiver)
    assert receiver.verify(old) == receiver.verify(new)
    assert versions(receiver) == {("v1", "v1")}
    await end_overlap(database)
    await hear_three(database, receiver)
    assert len(receiver.verify(new)) == 3
    with pytest.raises(WebhookVerificationError):
        receiver.verify(old)


async def test_ed25519_before_during_and_after_a_rotation(
    database: Database, receiver: Receiver
) -> None:
    old = await give(database, receiver, "ed25519")
    assert old.startswith("whpk_")
    await hear_three(database, receiver)
    assert receiver.verify_public(old) == 3
    assert versions(receiver) == {("v1a",)}
    new = await rotate(database)
    await hear_three(database, receiver)
    assert receiver.verify_public(old) == receiver.verify_public(new) == 3
    await end_overlap(database)
    await hear_three(database, receiver)
    assert receiver.verify_public(new) == 3
    with pytest.raises(AssertionError):
        receiver.verify_public(old)


async def test_a_change_of_kind_overlaps_as_well(database: Database, receiver: Receiver) -> None:
    secret = await give(database, receiver, "hmac")
    public = await rotate(database, "ed25519")
    await hear_three(database, receiver)
    assert versions(receiver) == {("v1a", "v1")}
    # The library takes what it knows and passes over what it does not.
    assert len(receiver.verify(secret)) == receiver.verify_public(public) == 3
    await end_overlap(database)
    await hear_three(database, receiver)
    assert versions(receiver) == {("v1a",)}
    assert receiver.verify_public(public) == 3
    secret = await rotate(database, "hmac")
    await hear_three(database, receiver)
    assert versions(receiver) == {("v1", "v1a")}
    assert len(receiver.verify(secret)) == receiver.verify_public(public) == 3
