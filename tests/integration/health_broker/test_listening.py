"""Whatever the directory and the notifier say is understood, with the service's own role."""

from __future__ import annotations

from uuid import uuid4

from chassis.clock import now
from chassis.database import Database
from schemas.facts import (
    Addressee,
    ClockMissed,
    EventApplied,
    Profile,
    ResolutionDecided,
    ResolutionNeeded,
    ResolutionOverdue,
)
from tests.integration.health_broker.broker import running_broker
from tests.support.fhir_peer import running_peer
from tests.support.postgres import Cluster, open_database
from tests.unit.health_broker.samples import addressed, addressee

ABUSE = "domestic-abuse.recorded"


async def test_the_service_needs_no_more_than_its_own_role(
    cluster: Cluster, database_name: str
) -> None:
    url = cluster.url(database_name, "sgb_health_broker")
    async with (
        open_database(url) as database,
        running_peer() as peer,
        running_broker(database) as broker,
    ):
        await broker.add(peer)
        await broker.publish(addressed(ABUSE, addressee(Profile.HEALTH_MINIMAL)))
        [row] = await broker.state("done")
        answer = peer.write_answer(str(row.header), event="notice-acknowledged")
        assert (await broker.post(answer)).status_code == 200
        assert await broker.told_types(2) == ["notice.delivered", "notice.acknowledged"]


async def test_facts_that_ask_nothing_of_the_broker_are_heard_and_left(database: Database) -> None:
    async with running_broker(database) as broker:
        at = now()
        await broker.publish(
            _needed(),
            ResolutionOverdue(
                resolution=uuid4(), receipt=uuid4(), key="k", reason="no-candidate", decide_by=at
            ),
            ResolutionDecided(
                resolution=uuid4(),
                receipt=uuid4(),
                key="k",
                decision="match",
                decided_by="someone",
                decided_at=at,
            ),
            EventApplied(receipt=uuid4(), key="k", at=at),
            ClockMissed(clock="decision", receipt=uuid4(), key="k", started_at=at, due_at=at),
        )
        await broker.heard()
        assert await broker.told() == []


async def test_a_health_system_asked_to_decide_who_a_child_is_parks_visibly(
    database: Database,
) -> None:
    async with running_broker(database, parked=1) as broker:
        await broker.publish(_needed(addressee(Profile.ALERT)))
        await broker.heard()
        assert await broker.parked() == 1
        assert await broker.told() == []


def _needed(*recipients: Addressee) -> ResolutionNeeded:
    event = addressed(ABUSE)
    return ResolutionNeeded(
        receipt=event.receipt,
        event_type=event.event_type,
        key=event.key,
        sender=event.sender,
        occurred_at=event.occurred_at,
        accepted_at=event.accepted_at,
        resolution=uuid4(),
        reason="no-candidate",
        decide_by=now(),
        recipients=recipients,
    )
