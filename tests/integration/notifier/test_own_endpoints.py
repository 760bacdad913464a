"""An organisation manages where its webhooks go and how they are signed; nothing is lost by it, and
nothing goes to what was before."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import text

from chassis.clock import now
from chassis.database import Database
from chassis.process import running
from schemas.facts import Profile, notice_id
from schemas.organisations import RecipientRole
from services.notifier.compose import compose
from services.notifier.endpoints import add_endpoint
from services.notifier.routes import record_organisations
from services.notifier.settings import DeadlineSettings
from tests.integration.notifier.desk import ME, Desk, make_key, open_desk
from tests.integration.notifier.world import (
    DUTY,
    SCHOOL,
    TO_SCHOOL,
    addressed,
    group,
    open_notifier,
    organisation,
)
from tests.support.receiver import running_receiver
from tests.support.waiting import eventually

OTHER = "urn-900002"


@pytest.fixture(autouse=True)
async def partnership(database: Database) -> None:
    ladder = [(DUTY, RecipientRole.DUTY_OFFICER)]
    async with database.transaction() as session:
        await record_organisations(
            session,
            [
                organisation(SCHOOL, channel="webhook", ladder=ladder),
                organisation(OTHER, channel="webhook"),
                organisation(DUTY),
            ],
        )


async def tell(database: Database, count: int = 1) -> list[str]:
    """So many notices for the school; their ids."""
    facts = [addressed(TO_SCHOOL) for _ in range(count)]
    async with database.transaction() as session:
        await compose(session, facts, now(), DeadlineSettings())
    return [
        str(notice_id(one.receipt, one.child_id, SCHOOL, Profile.SCHOOL_FULL, "whole", 0))
        for one in facts
    ]


async def states(desk: Desk) -> dict[str, int]:
    found = await desk.rows(
        """select state || coalesce(':' || reason, '') as state, count(*) as count
             from notifier.obligation where organisation = :school group by 1""",
        school=SCHOOL,
    )
    return {row.state: row.count for row in found}


async def add(desk: Desk, url: str, **more: Any) -> dict[str, Any]:
    answer = await desk.ask("POST", "/endpoints", json={"url": url, **more})
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    shown: dict[str, Any] = answer.json()
    return shown


async def change(desk: Desk, endpoint: str, **more: Any) -> dict[str, Any]:
    answer = await desk.ask("PATCH", f"/endpoints/{endpoint}", json=more)
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


async def test_an_endpoint_is_added_shown_changed_disabled_enabled_and_removed(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    async with running_receiver() as receiver, open_desk(database) as desk:
        assert (await desk.get("/endpoints")) == {
            "organisation": SCHOOL, "channel": "webhook", "endpoints": [],
        }  # fmt: skip
        url = receiver.url("/token-of-ours")
        added = await add(desk, url, perSecond=50)
        assert added["key"].startswith("whsec_")
        [shown] = (await desk.get("/endpoints"))["endpoints"]
        assert "key" not in shown
        assert (shown["state"], shown["perSecond"], shown["url"]) == ("enabled", 50, url)
        notices = await tell(database, 3)
        async with running(desk.sending):
            await eventually(lambda: len(receiver.ids()) == 3)
        assert set(receiver.ids()) == set(notices)
        assert receiver.verify(added["key"])

        endpoint = added["id"]
        assert (await change(desk, endpoint, perSecond=7))["perSecond"] == 7
        assert "perSecond" not in await change(desk, endpoint, perSecond=None)
        await tell(database, 2)
        assert (await change(desk, endpoint, enabled=False))["state"] == "disabled: removed"
        async with running(desk.sending):

            async def failed() -> bool:
                return (await states(desk)).get("failed:no-endpoint") == 2

            await eventually(failed, what="what waited failed at once")
        due = "select 1 from notifier.obligation where watch = 'watching' and watch_due_at <= now()"
        assert len(await desk.rows(due)) == 2
        refused = await desk.ask("PATCH", f"/endpoints/{endpoint}", json={"perSecond": 3})
        assert (refused.status_code, refused.json()["type"][-17:]) == (409, "endpoint-disabled")
        assert (await change(desk, endpoint, enabled=True))["state"] == "enabled"
        for _ in range(2):
            assert (await desk.ask("DELETE", f"/endpoints/{endpoint}")).status_code == 204
        assert (await desk.get("/endpoints"))["endpoints"][0]["enabled"] is False

        audit = await desk.rows("select operation, object, actor from notifier.audit order by at")
        assert [row.operation for row in audit] == [
            "add-endpoint", "change-endpoint", "change-endpoint", "disable-endpoint",
            "enable-endpoint", "disable-endpoint", "disable-endpoint",
        ]  # fmt: skip
        assert {(row.object, row.actor) for row in audit} == {(endpoint, SCHOOL)}
        said = capsys.readouterr().out
        assert "endpoint_changed" in said
        assert "token-of-ours" not in said
        assert added["key"] not in said


async def test_only_who_was_given_the_right_changes_only_its_own(database: Database) -> None:
    async with running_receiver() as receiver, open_desk(database) as desk:
        added = await add(desk, receiver.url())
        reader = await make_key(database, SCHOOL, rights=())
        others = await make_key(database, OTHER)
        supplier = await make_key(database, "supplier-example", SCHOOL, OTHER)
        path = f"{ME}/endpoints"
        asked: dict[str, Any] = {"url": receiver.url("/elsewhere")}
        client = desk.client
        for method, where, body in (
            ("GET", path, None),
            ("POST", path, asked),
            ("PATCH", f"{path}/{added['id']}", asked),
            ("DELETE", f"{path}/{added['id']}", None),
            ("POST", f"{path}/{added['id']}/keys", {}),
            ("DELETE", f"{path}/{added['id']}/keys/previous", None),
        ):
            answer = await client.request(method, where, json=body)
            assert answer.status_code == 401, (method, where)
            answer = await client.request(method, where, json=body, headers=reader)
            assert answer.json()["type"].endswith("right-not-given"), (method, where)
            if where != path:
                answer = await client.request(method, where, json=body, headers=others)
                assert answer.status_code == 404, (method, where)
            elsewhere = f"{where}?organisation={SCHOOL}"
            answer = await client.request(method, elsewhere, json=body, headers=others)
            assert answer.status_code == 404, (method, where)
        [shown] = (await desk.get("/endpoints"))["endpoints"]
        assert (shown["url"], shown["state"]) == (receiver.url(), "enabled")
        answer = await client.get(f"{path}?organisation={SCHOOL}", headers=supplier)
        assert answer.json()["endpoints"][0]["id"] == added["id"]


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("http://198.51.100.7/hook", "address"),
        ("https://10.0.0.1/hook", "address"),
        ("https://169.254.169.254/latest", "address"),
        ("https://[::1]/hook", "address"),
        ("ftp://127.0.0.1/hook", "address"),
        ("https://user:word@127.0.0.1/hook", "address"),
        ("https://127.0.0.1:99999/hook", "address"),
        ("https://no-such-host.invalid/hook", "address"),
        ("https://host example/", "string_pattern_mismatch"),
        ("", "string_too_short"),
    ],
)
async def test_an_address_where_webhooks_may_not_go_is_refused_and_changes_nothing(
    database: Database, url: str, rule: str
) -> None:
    async with open_desk(database, group(timeout_seconds=5.0, lease_seconds=10.0)) as desk:
        answer = await desk.ask("POST", "/endpoints", json={"url": url})
        assert answer.status_code == 422, answer.text
        [error] = answer.json()["errors"]
        assert (error["pointer"], error["rule"]) == ("/url", rule)
        assert (await desk.get("/endpoints"))["endpoints"] == []
        async with database.transaction() as session:
            await add_endpoint(session, SCHOOL, "https://receiver.example/hook")
        [before] = (await desk.get("/endpoints"))["endpoints"]
        answer = await desk.ask("PATCH", f"/endpoints/{before['id']}", json={"url": url})
        assert answer.status_code == 422
        assert (await desk.get("/endpoints"))["endpoints"] == [before]


async def test_keys_overlap_change_their_kind_and_the_old_one_ends_when_it_is_said(
    database: Database,
) -> None:
    async with running_receiver() as receiver, open_desk(database) as desk:
        first = await add(desk, receiver.url())
        keys = f"/endpoints/{first['id']}/keys"
        answer = await desk.ask("POST", keys, json={"kind": "ed25519", "overlapHours": 2})
        assert answer.status_code == 201
        second = answer.json()
        assert second["key"].startswith("whpk_")
        assert "previousKeyUntil" in second
        async with running(desk.sending):
            await tell(database, 2)
            await eventually(lambda: len(receiver.ids()) == 2)
            assert receiver.verify(first["key"])
            assert receiver.verify_public(second["key"]) == 2

            assert (await desk.ask("DELETE", f"{keys}/previous")).status_code == 204
            receiver.received.clear()
            # At once: whoever was told that the old key has ended is never sent it again.
            await tell(database, 5)
            await eventually(lambda: len(receiver.ids()) == 5)
        assert receiver.verify_public(second["key"]) == 5
        assert {version for one in receiver.received for version, _ in one.signatures()} == {"v1a"}
        [shown] = (await desk.get("/endpoints"))["endpoints"]
        assert "previousKeyUntil" not in shown
        assert (await desk.ask("DELETE", f"{keys}/previous")).status_code == 204


async def test_after_a_change_of_address_is_answered_nothing_goes_to_the_old_one_and_all_arrives(
    database: Database,
) -> None:
    """Two processes send; notices are composed all the time; the old receiver is slow."""
    settings = group(per_receiver=4, timeout_seconds=2.0, lease_seconds=4.0)
    async with (
        running_receiver() as old,
        running_receiver() as new,
        open_desk(database, settings) as desk,
    ):
        _, another = open_notifier(database, settings)
        added = await add(desk, old.url())
        notices = await tell(database, 150)
        old.hang(times=4)
        made = asyncio.Event()

        async def compose_on() -> None:
            while not made.is_set():
                notices.extend(await tell(database, 5))
                await asyncio.sleep(0.02)

        async with running([*desk.sending, another.tasks[0]]), asyncio.TaskGroup() as work:
            work.create_task(compose_on())
            await eventually(lambda: len(old.received) > 20)
            began = time.monotonic()
            changed = await change(desk, added["id"], url=new.url())
            answered = time.monotonic()
            assert (changed["id"], changed["url"]) == (added["id"], new.url())
            before = len(old.received)
            reached = len(new.received)
            await eventually(lambda: len(new.received) > reached + 100)
            made.set()
            await eventually(
                lambda: set(notices) <= {*old.ids(), *new.ids()}, what="every notice arrived"
            )

            async def all_delivered() -> bool:
                return await states(desk) == {"delivered": len(notices)}

            await eventually(all_delivered, within_seconds=20)
        assert len(old.received) == before
        assert all(one.at < answered for one in old.received)
        print(
            f"{len(notices)} notices: {len(old.ids())} at the old address, {len(new.ids())} at the"
            f" new one; answered after {answered - began:.2f} s, none to the old one afterwards"
        )


async def test_what_the_old_address_says_at_the_end_neither_disables_nor_pauses_the_new_one(
    database: Database,
) -> None:
    settings = group(per_receiver=4, pause_after_failures=2, pause_first_seconds=60.0)
    async with (
        running_receiver() as old,
        running_receiver() as new,
        open_desk(database, settings) as desk,
    ):
        added = await add(desk, old.url())
        answers = asyncio.Event()

        async def gone(_: Any) -> Any:
            await answers.wait()
            return web.Response(status=410)

        old._take(gone, None)
        notices = await tell(database, 4)
        async with running(desk.sending):
            await eventually(lambda: old.open_requests == 4)
            waiting = asyncio.create_task(change(desk, added["id"], url=new.url()))

            async def committed() -> Any:
                return await desk.rows(
                    "select 1 from notifier.endpoint where url = :url", url=new.url()
                )

            await eventually(committed)
            # The copy of the process is read anew, then the old address answers.
            await asyncio.sleep(settings.send.endpoint_copy_seconds)
            answers.set()
            assert (await waiting)["state"] == "enabled"
            await eventually(lambda: set(new.ids()) == set(notices))

            async def all_delivered() -> bool:
                return await states(desk) == {"delivered": 4}

            await eventually(all_delivered)
        [shown] = (await desk.get("/endpoints"))["endpoints"]
        assert (shown["state"], shown["url"]) == ("enabled", new.url())


async def test_another_endpoint_takes_over_what_the_first_one_s_lane_held(
    database: Database,
) -> None:
    async with running_receiver() as old, running_receiver() as new, open_desk(database) as desk:
        first = await add(desk, old.url(), perSecond=2)
        notices = await tell(database, 30)
        async with running(desk.sending):
            await eventually(lambda: old.received)
            second = await add(desk, new.url())
            before = len(old.received)
            await eventually(lambda: set(notices) <= {*old.ids(), *new.ids()})

            async def all_delivered() -> bool:
                return await states(desk) == {"delivered": 30}

            await eventually(all_delivered)
        assert len(old.received) == before
        found = (await desk.get("/endpoints"))["endpoints"]
        assert [(one["id"], one["state"]) for one in found] == [
            (second["id"], "enabled"), (first["id"], "disabled: replaced"),
        ]  # fmt: skip
        enabled = await desk.ask("PATCH", f"/endpoints/{first['id']}", json={"enabled": True})
        assert enabled.json()["type"].endswith("endpoint-replaced")


async def test_two_who_add_at_the_same_time_leave_one_endpoint(database: Database) -> None:
    async with running_receiver() as receiver, open_desk(database) as desk:
        added = await asyncio.gather(
            *(add(desk, receiver.url(f"/{number}")) for number in range(4))
        )
        found = (await desk.get("/endpoints"))["endpoints"]
        assert [one["enabled"] for one in found] == [True, False, False, False]
        assert found[0]["id"] in {one["id"] for one in added}


async def test_a_change_in_the_way_of_a_round_of_settling_is_made_all_the_same(
    database: Database,
) -> None:
    """Settling takes deliveries and then endpoints; a change takes them the other way round."""
    async with running_receiver() as receiver, open_desk(database) as desk:
        added = await add(desk, receiver.url())
        receiver.answer(503, {"Retry-After": "300"})
        await tell(database, 1)
        async with running(desk.sending):
            await eventually(lambda: desk.rows("select 1 from notifier.attempt"))
        async with database.transaction() as session:
            await session.execute(text("select from notifier.delivery for update"))
            removing = asyncio.create_task(desk.ask("DELETE", f"/endpoints/{added['id']}"))

            async def waits() -> Any:
                return await desk.rows(
                    "select 1 from pg_stat_activity where wait_event_type = 'Lock'"
                )

            await eventually(waits)
            # The change waits for us, and now we for it: the server ends it, and it begins again.
            await session.execute(text("update notifier.endpoint set pauses = 1"))
        assert (await removing).status_code == 204
        [shown] = (await desk.get("/endpoints"))["endpoints"]
        assert shown["state"] == "disabled: removed"
