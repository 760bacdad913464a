"""An organisation has notices sent again: the same ids, what still stands, after what is new."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from chassis.clock import now
from chassis.database import Database
from chassis.process import running
from schemas.facts import EventAddressed, EventRetracted, Profile, notice_id
from schemas.organisations import RecipientRole
from services.notifier.compose import compose
from services.notifier.endpoints import add_endpoint, remove_endpoint
from services.notifier.measure import measure
from services.notifier.routes import record_organisations
from services.notifier.settings import DeadlineSettings, StatusSettings
from tests.integration.notifier.desk import ME, Desk, make_key, open_desk
from tests.integration.notifier.world import (
    DUTY,
    MASH,
    SCHOOL,
    TO_MASH,
    TO_SCHOOL,
    SetClock,
    addressed,
    group,
    organisation,
)
from tests.support.hostile_receivers import Heard
from tests.support.receiver import Receiver, running_receiver
from tests.support.waiting import eventually

WHOLE = {"since": "2026-01-01T00:00:00Z"}


@pytest.fixture(autouse=True)
async def partnership(database: Database) -> None:
    ladder = [(DUTY, RecipientRole.DUTY_OFFICER)]
    async with database.transaction() as session:
        await record_organisations(
            session,
            [
                organisation(SCHOOL, channel="webhook", ladder=ladder),
                organisation(DUTY),
                organisation(MASH),
            ],
        )


def name_of(fact: EventAddressed, name: str = SCHOOL) -> str:
    profile = Profile.SCHOOL_FULL if name == SCHOOL else Profile.MASH_INCIDENT
    return str(notice_id(fact.receipt, fact.child_id, name, profile, "whole", 0))


async def tell(database: Database, count: int, at: Any = None) -> list[EventAddressed]:
    """So many notices for the school and the MASH, each composed after the one before."""
    facts = [addressed(TO_SCHOOL, TO_MASH) for _ in range(count)]
    for number, fact in enumerate(facts):
        when = at + timedelta(milliseconds=number) if at else now()
        async with database.transaction() as session:
            await compose(session, [fact], when, DeadlineSettings())
    return facts


async def retract(database: Database, fact: EventAddressed) -> None:
    gone = EventRetracted(
        receipt=UUID(int=fact.receipt.int ^ 1), retracts=fact.receipt, key="key", at=now()
    )  # fmt: skip
    async with database.transaction() as session:
        await compose(session, [gone], now(), DeadlineSettings())


async def give_endpoint(database: Database, receiver: Receiver, **more: Any) -> None:
    async with database.transaction() as session:
        await add_endpoint(session, SCHOOL, receiver.url(), **more)


async def state_of(desk: Desk, condition: str = "true") -> list[Any]:
    return await desk.rows(
        f"""select id, state, reason, watch, watch_due_at, deadline_at, sent_at, delivered_at,
                   opened_at, acknowledged_at from notifier.obligation
             where organisation = :school and {condition} order by id""",
        school=SCHOOL,
    )


async def settled(desk: Desk) -> bool:
    return not await desk.rows("select 1 from notifier.delivery where settled_at is null")


async def facts(desk: Desk) -> list[str]:
    found = await desk.rows("select type from bus.log where topic = 'notices' order by position")
    return [row.type for row in found]


async def replay(desk: Desk, path: str = "/replays", **asked: Any) -> dict[str, Any]:
    answer = await desk.ask("POST", path, json=asked or None)
    assert answer.status_code == 202, answer.text
    said: dict[str, Any] = answer.json()
    return said


async def test_what_still_stands_is_sent_again_with_the_same_id_and_nothing_else_changes(
    database: Database,
) -> None:
    async with running_receiver() as receiver, open_desk(database) as desk:
        await give_endpoint(database, receiver)
        told = await tell(database, 6)
        async with running(desk.sending):
            await eventually(lambda: settled(desk))
        first = {one.id: one.body for one in receiver.received}
        await retract(database, told[1])
        # Never sent, and overtaken since.
        async with database.transaction() as session:
            await remove_endpoint(session, SCHOOL)
        await give_endpoint(database, receiver)
        [unsent] = await tell(database, 1)
        await retract(database, unsent)
        [waiting] = await tell(database, 1)
        receiver.received.clear()
        before, said = await state_of(desk), await facts(desk)
        answer = await replay(desk, **WHOLE)
        assert (answer["replayed"], answer["notSent"]) == (
            5, {"withdrawn": 1, "superseded": 1, "waiting": 1},
        )  # fmt: skip
        again = await replay(desk, **WHOLE)
        assert (again["replayed"], again["notSent"]["waiting"]) == (0, 6)
        async with running(desk.sending):
            await eventually(lambda: settled(desk))
        # What is new first, though it was composed last; then in the order of old.
        expected = [name_of(one) for one in (waiting, told[0], *told[2:])]
        assert [one.id for one in receiver.received] == expected
        assert all(first.get(one.id, one.body) == one.body for one in receiver.received)
        assert len(await facts(desk)) == len(said) + 1
        fresh = UUID(name_of(waiting))
        assert [row for row in await state_of(desk) if row.id != fresh] == [
            row for row in before if row.id != fresh
        ]
        # Nobody else is sent anything.
        assert not set(receiver.ids()) & {name_of(one, MASH) for one in told}
        shown = await desk.get(f"/deliveries/{expected[1]}/attempts")
        assert [one["number"] for one in shown["sendings"]] == [1, 2]
        assert shown["replayedAt"]


async def test_one_is_sent_again_and_only_by_its_own_organisation(database: Database) -> None:
    async with running_receiver() as receiver, open_desk(database) as desk:
        await give_endpoint(database, receiver)
        [fact] = await tell(database, 1)
        notice = name_of(fact)
        async with running(desk.sending):
            await eventually(lambda: settled(desk))
            others = await make_key(database, MASH)
            for path in (f"{ME}/deliveries/{notice}/replay", f"{ME}/deliveries/{fact.receipt}/x"):
                assert (await desk.client.post(path, headers=others)).status_code == 404
            assert (await replay(desk, f"/deliveries/{notice}/replay"))["replayed"] == 1
            await eventually(lambda: receiver.ids()[notice] == 2)
        audit = "select object, actor from notifier.audit where operation = 'replay-notices'"
        assert [(row.object, row.actor) for row in await desk.rows(audit)] == [(notice, SCHOOL)]
        # What is pulled has no webhook to be sent again.
        answer = await desk.client.post(f"{ME}/replays", headers=others, json=WHOLE)
        assert answer.json()["notSent"] == {"not-by-webhook": 1}
        later = {"since": (now() + timedelta(hours=1)).isoformat()}
        assert (await desk.ask("POST", "/replays", json=later)).status_code == 422


async def test_a_new_notice_goes_before_what_is_asked_for_again_and_the_rate_is_kept(
    database: Database,
) -> None:
    async with running_receiver() as receiver, open_desk(database) as desk:
        await give_endpoint(database, receiver)
        await tell(database, 60)
        async with running(desk.sending):
            await eventually(lambda: settled(desk))
        receiver.received.clear()
        [endpoint] = (await desk.get("/endpoints"))["endpoints"]
        await desk.ask("PATCH", f"/endpoints/{endpoint['id']}", json={"perSecond": 20})
        assert (await replay(desk, **WHOLE))["replayed"] == 60
        async with database.reading() as session:
            queue = (await measure(session, now(), StatusSettings()))[0]
        # Partners are not told that the notices of children are behind.
        assert (queue.what, queue.waiting) == ("deliveries", 0)
        async with running(desk.sending):
            await eventually(lambda: len(receiver.received) >= 10)
            [new] = await tell(database, 1)
            before = len(receiver.received)
            await eventually(lambda: receiver.ids()[name_of(new)])
            after = next(i for i, one in enumerate(receiver.received) if one.id == name_of(new))
            await eventually(lambda: settled(desk), within_seconds=20)
        # Some are on their way, or claimed, already.
        assert after - before <= 25
        most = Heard([one.at for one in receiver.received]).most_in_a_second()
        assert most <= 20
        print(f"60 again at 20 a second, most in a second {most}; a new one after {after - before}")


async def test_a_retraction_reaches_what_waits_to_be_sent_again(database: Database) -> None:
    async with running_receiver() as receiver, open_desk(database) as desk:
        await give_endpoint(database, receiver)
        told = await tell(database, 3)
        async with running(desk.sending):
            await eventually(lambda: settled(desk))
        receiver.received.clear()
        assert (await replay(desk, **WHOLE))["replayed"] == 3
        await retract(database, told[0])
        async with running(desk.sending):
            await eventually(lambda: settled(desk))
        assert [one.id for one in receiver.received] == [name_of(one) for one in told[1:]]


async def test_an_old_notice_is_tried_again_as_long_as_a_new_one_and_pulling_does_not_stop_it(
    database: Database,
) -> None:
    async with running_receiver() as receiver, open_desk(database) as desk:
        await give_endpoint(database, receiver)
        [fact] = await tell(database, 1, at=now() - timedelta(days=3))
        async with running(desk.sending):
            await eventually(lambda: settled(desk))
            notice = name_of(fact)
            receiver.received.clear()
            receiver.answer(503, times=2)
            await replay(desk, f"/deliveries/{notice}/replay")
            await eventually(lambda: len(receiver.received) == 1)
            listed = await desk.client.get("/v1/notices?after=0", headers=desk.key)
            assert [one["id"] for one in listed.json()["notices"]] == [notice]
            await eventually(lambda: receiver.ids()[notice] == 3)
            await eventually(lambda: settled(desk))
        [row] = await desk.rows("select state from notifier.delivery")
        assert row.state == "done"


async def test_what_had_failed_is_delivered_by_it_and_its_ladder_is_left_as_it_is(
    database: Database,
) -> None:
    clock = SetClock(now())
    async with running_receiver() as receiver, open_desk(database, clock=clock) as desk:
        [lost] = await tell(database, 1)
        await give_endpoint(database, receiver)
        receiver.answer(404, times=1)
        [refused] = await tell(database, 1)
        async with running(desk.sending):
            await eventually(lambda: settled(desk))
        before = {row.id: row for row in await state_of(desk)}
        assert {row.reason for row in before.values()} == {"no-endpoint", "refused"}
        clock.forward(minutes=20)
        assert (await replay(desk, **WHOLE))["replayed"] == 2
        async with running(desk.sending):
            await eventually(lambda: settled(desk))
        for row in await state_of(desk):
            assert (row.state, row.delivered_at is None) == ("delivered", False)
            assert (row.watch, row.watch_due_at) == (
                before[row.id].watch, before[row.id].watch_due_at,
            )  # fmt: skip
        assert set(receiver.ids()) == {name_of(lost), name_of(refused)}
        assert (await facts(desk)).count("notice.delivered") == 2


async def test_what_the_old_address_refused_goes_to_the_new_one(database: Database) -> None:
    settings = group()
    async with (
        running_receiver() as old,
        running_receiver() as new,
        open_desk(database, settings) as desk,
    ):
        await give_endpoint(database, old)
        old.answer(404)
        told = await tell(database, 3)
        async with running(desk.sending):
            await eventually(lambda: settled(desk))
            [endpoint] = (await desk.get("/endpoints"))["endpoints"]
            path = f"/endpoints/{endpoint['id']}"
            assert (await desk.ask("PATCH", path, json={"url": new.url()})).status_code == 200
            await eventually(lambda: set(new.ids()) == {name_of(one) for one in told})
            await eventually(lambda: settled(desk))
        assert {row.state for row in await state_of(desk)} == {"delivered"}
