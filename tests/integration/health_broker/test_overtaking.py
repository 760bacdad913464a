"""What is told no further, what is withdrawn, and in which order a peer hears of one child."""

from __future__ import annotations

from uuid import uuid4

from chassis.clock import now
from chassis.database import Database
from schemas.facts import (
    EventAddressed,
    EventRetracted,
    Profile,
    notice_id,
)
from tests.integration.health_broker.broker import running_broker
from tests.support.fhir_peer import running_peer
from tests.support.waiting import eventually
from tests.unit.health_broker.samples import (
    addressed,
    addressee,
    components,
    resource,
    resources,
)

ABUSE, MISSING, FOUND = "domestic-abuse.recorded", "missing.reported", "missing.found"


async def test_a_retraction_before_its_original_stops_it(database: Database) -> None:
    async with running_peer() as peer, running_broker(database) as broker:
        await broker.add(peer)
        event = addressed(ABUSE, addressee(Profile.HEALTH_MINIMAL))
        await broker.publish(_retraction(event), event)
        assert await broker.told_types(1) == ["notice.superseded"]
        assert (await broker.told())[0].reason == "retracted"
        assert peer.posts == 0


async def test_a_retraction_stops_what_still_waits_and_withdraws_what_was_sent(
    database: Database,
) -> None:
    async with running_peer() as peer, running_broker(database) as broker:
        await broker.add(peer)
        sent = addressed(MISSING, addressee(Profile.MISSING_ALERT))
        await broker.publish(sent)
        await broker.state("done")
        peer.answer_next(500, times=1000)
        waiting = addressed(MISSING, addressee(Profile.MISSING_ALERT))
        await broker.publish(waiting)

        async def tried() -> bool:
            return len(await broker.rows("attempt")) >= 2

        await eventually(tried)
        withdrawal = addressed(
            "missing.reported",
            addressee(Profile.WITHDRAWAL),
            child_id=sent.child_id,
            supersedes=sent.receipt,
        )
        await broker.publish(_retraction(waiting), _retraction(sent), withdrawal)
        await broker.state("cancelled")
        peer.forget_errors()
        await broker.state("done", 2)
        first, second = (one.message for one in peer.received)
        assert resource(second, "MessageHeader")["reason"]["coding"][0]["code"] == "delete"
        assert resource(second, "Flag")["status"] == "entered-in-error"
        assert resource(second, "Flag")["id"] == resource(first, "Flag")["id"]
        assert resources(second, "Patient") == []
        types = await broker.told_types(3)
        assert sorted(types) == ["notice.delivered", "notice.delivered", "notice.superseded"]


async def test_one_notice_that_is_taken_back_is_withdrawn_and_can_be_told_anew(
    database: Database,
) -> None:
    async with running_peer() as peer, running_broker(database) as broker:
        await broker.add(peer)
        sent = addressed(MISSING, addressee(Profile.MISSING_ALERT))
        await broker.publish(sent)
        await broker.state("done")
        one = sent.recipients[0]
        notice = notice_id(sent.receipt, sent.child_id, one.organisation, one.profile, sent.part, 0)
        withdrawal = sent.model_copy(
            update={
                "recipients": (addressee(Profile.WITHDRAWAL),),
                "withdraws": (notice,),
                "edition": 1,
                "data": {},
            }
        )
        again = sent.model_copy(update={"edition": 1})
        await broker.publish(withdrawal, again)
        await broker.state("done", 3)
        reasons = [
            resource(one.message, "MessageHeader")["reason"]["coding"][0]["code"]
            for one in peer.received
        ]
        assert reasons[:2] == ["new", "delete"]
        assert resource(peer.received[1].message, "Flag")["status"] == "entered-in-error"
        assert resource(peer.received[2].message, "Flag")["status"] == "active"


async def test_a_notice_taken_back_before_it_is_composed_is_not_sent(database: Database) -> None:
    async with running_peer() as peer, running_broker(database) as broker:
        await broker.add(peer)
        event = addressed(MISSING, addressee(Profile.MISSING_ALERT))
        one = event.recipients[0]
        notice = notice_id(
            event.receipt, event.child_id, one.organisation, one.profile, event.part, 0
        )
        taken = event.model_copy(
            update={"recipients": (), "withdraws": (notice,), "edition": 1, "data": {}}
        )
        await broker.publish(taken, event)
        assert await broker.told_types(1) == ["notice.superseded"]
        assert (await broker.told())[0].reason == "withdrawn"
        assert peer.posts == 0


async def test_a_found_after_a_delivered_alert_is_sent(database: Database) -> None:
    async with running_peer() as peer, running_broker(database) as broker:
        await broker.add(peer)
        alert = addressed(MISSING, addressee(Profile.MISSING_ALERT))
        sibling = alert.model_copy(update={"child_id": uuid4()})
        await broker.publish(alert)
        await broker.state("done")
        await broker.publish(_found(alert))
        await broker.state("done", 2)
        await broker.publish(sibling)
        await broker.state("done", 3)
        reasons = [
            resource(one.message, "MessageHeader")["reason"]["coding"][0]["code"]
            for one in peer.received
        ]
        assert reasons == ["new", "update", "new"]
        flags = [resource(one.message, "Flag") for one in peer.received]
        assert [flag["status"] for flag in flags] == ["active", "inactive", "active"]
        assert flags[0]["id"] == flags[1]["id"] != flags[2]["id"]


async def test_a_found_is_not_told_where_the_alert_never_went(database: Database) -> None:
    async with running_peer() as peer, running_broker(database) as broker:
        alert = addressed(MISSING, addressee(Profile.MISSING_ALERT))
        await broker.publish(alert)
        assert await broker.told_types(1) == ["notice.failed"]
        await broker.add(peer)
        await broker.publish(_found(alert))
        assert await broker.told_types(2) == ["notice.failed", "notice.withheld"]
        assert (await broker.told())[1].reason == "nothing-was-sent"
        assert peer.posts == 0


async def test_messages_about_one_child_keep_their_order_at_a_peer(database: Database) -> None:
    async with running_peer() as peer, running_broker(database) as broker:
        await broker.add(peer)
        peer.answer_next(500, times=2)
        whole = addressed(
            MISSING, addressee(Profile.MISSING_ALERT), held=("/children/0/description",)
        )
        later = whole.model_copy(update={"part": "text", "held": ()})
        await broker.publish(whole, later)
        await broker.state("done", 2)
        first, second = (one.message for one in peer.received)
        assert "description" not in components(resource(first, "Observation"))
        assert "description" in components(resource(second, "Observation"))
        header = resource(second, "MessageHeader")
        assert header["reason"]["coding"][0]["code"] == "update"
        for kind in ("Communication", "Flag", "Observation"):
            assert resource(first, kind)["id"] == resource(second, kind)["id"]


async def test_a_chain_of_restatements_is_one_concern(database: Database) -> None:
    async with running_peer() as peer, running_broker(database) as broker:
        await broker.add(peer)
        recipient = addressee(Profile.MISSING_ALERT)
        event = addressed(MISSING, recipient)
        for number in range(1, 4):
            await broker.publish(event)
            await broker.state("done", number)
            event = addressed(MISSING, recipient, child_id=event.child_id, supersedes=event.receipt)
        flags = {resource(one.message, "Flag")["id"] for one in peer.received}
        assert len(flags) == 1


def _retraction(event: EventAddressed) -> EventRetracted:
    return EventRetracted(receipt=uuid4(), retracts=event.receipt, key=event.key, at=now())


def _found(alert: EventAddressed) -> EventAddressed:
    return addressed(
        FOUND,
        addressee(Profile.MISSING_FOUND),
        child_id=alert.child_id,
        closes=(alert.receipt,),
    )
