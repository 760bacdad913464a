"""Progress is pushed to its sender: signed, gathered, in order, never lost and never silent."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text
from standardwebhooks import Webhook, WebhookVerificationError

from bus import fact_of
from chassis.clock import now
from chassis.database import Database
from chassis.process import Task, running
from schemas import examples
from schemas.facts import NoticeAcknowledged, NoticeDeclined, NoticeDelivered, NoticeOpened
from services.intake.measure import measure
from services.intake.push import Pusher
from services.intake.settings import CanarySettings, PushSettings, SandboxSettings
from tests.integration.intake.conftest import SECRET, Agency, Intake, open_intake
from tests.integration.intake.test_progress import (
    hear,
    notice,
    posted,
    story,
)
from tests.support.processes import ServiceProcess
from tests.support.receiver import Receiver, running_receiver
from tests.support.waiting import eventually

LOOPBACK = ["127.0.0.0/8"]
QUICK = {
    "gather_seconds": 0.2, "poll_seconds": 0.05, "allowed_networks": LOOPBACK,
    "retry_first_seconds": 0.05, "retry_last_seconds": 0.1, "pause_after_failures": 3,
    "pause_first_seconds": 0.2, "pause_last_seconds": 0.2,
}  # fmt: skip


@asynccontextmanager
async def pushing(database: Database, **options: Any) -> AsyncIterator[tuple[Intake, Receiver]]:
    """An intake that pushes quickly to loopback, and a receiver."""
    async with (
        open_intake(database, push={**QUICK, **options}) as intake,
        running_receiver() as receiver,
    ):
        yield intake, receiver


async def ask(
    intake: Intake, method: str, path: str, body: Any = None, by: Agency | None = None
) -> httpx.Response:
    headers = {"authorization": (by or intake.police).authorization}
    return await intake.client.request(method, path, json=body, headers=headers)


async def subscribe(intake: Intake, receiver: Receiver, by: Agency | None = None) -> dict[str, Any]:
    answer = await ask(intake, "POST", "/v1/subscriptions", {"url": receiver.url()}, by)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def shown(intake: Intake) -> dict[str, Any]:
    (found,) = (await ask(intake, "GET", "/v1/subscriptions")).json()["subscriptions"]
    assert isinstance(found, dict)
    return found


def bodies(receiver: Receiver) -> list[dict[str, Any]]:
    return [json.loads(one.body)["data"] for one in receiver.received]


def recipients(told: list[dict[str, Any]]) -> dict[str, str]:
    """The state of each recipient's line after these pushes, in order."""
    return {
        change["line"]: change["state"]
        for one in told
        for change in one["changes"]
        if change["what"] == "recipient"
    }


def in_progress(progress: dict[str, Any]) -> dict[str, str]:
    return {
        one["line"]: one["state"] for child in progress["children"] for one in child["recipients"]
    }


async def test_a_push_says_what_changed_in_codes_and_names_nobody(database: Database) -> None:
    async with pushing(database) as (intake, receiver):
        made = await subscribe(intake, receiver)
        receipt = await posted(intake, "codes")
        await hear(database, story(receipt), 50)
        await eventually(lambda: receiver.received)
        (said,) = receiver.verify(made["secret"])
        assert said["type"] == "progress.changed"
        data = said["data"]
        progress = (await intake.get(f"/v1/events/{receipt}")).json()
        assert (data["receipt"], data["version"]) == (str(receipt), 1)
        assert (data["state"], data["counts"]) == (progress["state"], progress["counts"])
        assert recipients([data]) == in_progress(progress)
        by_what = {change["what"] for change in data["changes"]}
        assert by_what == {"event", "child", "recipient", "resolution", "escalation", "clock"}
        body = receiver.received[0].body.decode()
        for name in ("Robin", "Example", "urn-9", "The ", "nobody confirmed", "asked"):
            assert name not in body
        assert data["url"].endswith(f"/v1/events/{receipt}")


async def test_a_burst_is_one_push_and_the_latest_state_wins(database: Database) -> None:
    async with pushing(database, gather_seconds=0.5) as (intake, receiver):
        await subscribe(intake, receiver)
        receipt = await posted(intake, "burst")
        for fact in story(receipt):
            await hear(database, [fact], 1)
        await eventually(lambda: receiver.received)
        first = bodies(receiver)
        assert len(first) == 1
        assert first[0]["version"] == len(story(receipt))
        progress = (await intake.get(f"/v1/events/{receipt}")).json()
        assert recipients(first) == in_progress(progress)
        # The same again is a change of nothing, and is not pushed; then one line alone is.
        await hear(database, story(receipt), 50)
        await hear(database, [fact_of(notice(receipt, NoticeAcknowledged, 90), "test")], 1)
        await eventually(lambda: len(receiver.received) > 1)
        assert len(receiver.received) == 2
        whole, change = bodies(receiver)[1]["changes"]
        assert whole == {"what": "event", "state": "addressed"}
        assert (change["what"], change["role"], change["state"]) == (
            "recipient", "school", "acknowledged",
        )  # fmt: skip
        print(f"\n{len(story(receipt))} facts: 1 push; 15 again and one new: 1 push of one line")


async def test_what_changes_while_a_push_is_under_way_is_pushed_after_it(
    database: Database,
) -> None:
    async with pushing(database) as (intake, receiver):
        await subscribe(intake, receiver)
        receipt = await posted(intake, "meanwhile")
        receiver.hang(times=1)
        await hear(database, [fact_of(notice(receipt, NoticeDelivered, 1), "test")], 1)
        await eventually(lambda: receiver.open_requests)
        await hear(database, [fact_of(notice(receipt, NoticeOpened, 2), "test")], 1)
        receiver.release()
        await eventually(lambda: len(receiver.received) == 2)
        first, second = bodies(receiver)
        assert first["version"] < second["version"]
        assert set(recipients([first]).values()) == {"delivered"}
        assert set(recipients([second]).values()) == {"opened"}


async def test_whatever_happens_on_the_way_the_receiver_ends_with_what_the_sender_reads(
    database: Database,
) -> None:
    """Facts in any order while pushes are sent, dropped and refused: versions rise, and the last
    state of every line is that of `GET /v1/events/{receipt}`."""
    chance = random.Random(24)
    quick = {"gather_seconds": 0.05, "pause_after_failures": 50}
    settings = PushSettings.model_validate({**QUICK, **quick})
    other = Pusher(database, settings, SandboxSettings(), "http://127.0.0.1:8000", now)
    async with (
        pushing(database, **quick) as (intake, receiver),
        running([Task("another process pushes too", other.run)]),
    ):
        await subscribe(intake, receiver)
        receipts = [await posted(intake, f"any {number}") for number in range(8)]
        facts = [fact for receipt in receipts for fact in story(receipt)]
        facts += chance.sample(facts, 20)
        chance.shuffle(facts)
        while facts:
            match chance.randrange(6):
                case 0:
                    receiver.drop(times=1)
                case 1:
                    receiver.answer(500, times=1)
            size = chance.choice((1, 2, 5))
            await hear(database, facts[:size], size)
            del facts[:size]

        async def all_told() -> bool:
            return bool((await shown(intake))["waiting"] == 0)

        await eventually(all_told, 20.0)
        for receipt in receipts:
            told = [one for one in bodies(receiver) if one["receipt"] == str(receipt)]
            versions = [one["version"] for one in told]
            assert versions == sorted(versions)
            progress = (await intake.get(f"/v1/events/{receipt}")).json()
            assert recipients(told) == in_progress(progress)
            assert told[-1]["counts"] == progress["counts"]
        again = sum(count - 1 for count in receiver.ids().values())
        print(f"\n{len(receiver.received)} pushes of 8 events, {again} of them retries")


async def test_both_secrets_sign_until_the_overlap_ends(database: Database) -> None:
    async with pushing(database) as (intake, receiver):
        made = await subscribe(intake, receiver)
        path = f"/v1/subscriptions/{made['subscription']}/secret"
        receipt = await posted(intake, "rotation")

        async def push(minutes: int) -> Any:
            before = len(receiver.received)
            kinds = (NoticeDelivered, NoticeOpened, NoticeAcknowledged)
            await hear(database, [fact_of(notice(receipt, kinds[minutes], minutes), "test")], 1)
            await eventually(lambda: len(receiver.received) > before)
            return receiver.received[-1]

        before = await push(0)
        Webhook(made["secret"]).verify(before.body, dict(before.headers))
        answer = (await ask(intake, "POST", path, {"overlapHours": 1})).json()
        during = await push(1)
        for secret in (made["secret"], answer["secret"]):
            Webhook(secret).verify(during.body, dict(during.headers))
        latest = (await ask(intake, "POST", path, {"overlapHours": 0})).json()["secret"]
        after = await push(2)
        Webhook(latest).verify(after.body, dict(after.headers))
        for secret in (made["secret"], answer["secret"]):
            with pytest.raises(WebhookVerificationError):
                Webhook(secret).verify(after.body, dict(after.headers))


async def test_a_failing_receiver_is_shown_paused_and_told_the_latest_when_it_is_back(
    database: Database,
) -> None:
    async with pushing(database) as (intake, receiver):
        await subscribe(intake, receiver)
        receiver.answer(500)
        receipt = await posted(intake, "failing")
        await hear(database, [fact_of(notice(receipt, NoticeDelivered, 1), "test")], 1)
        await eventually(lambda: len(receiver.received) >= 4, 10.0, "paused and probed")
        found = await shown(intake)
        assert found["state"] in ("paused", "probing", "failing")
        assert (found["lastOutcome"], found["lastStatus"]) == ("failing", 500)
        assert found["failingSince"]
        assert found["waiting"] == 1
        assert len(receiver.ids()) == 1
        async with database.transaction() as session:
            parts = {one.what: one for one in await measure(session, now(), CanarySettings())}
        assert parts["subscriptions failing"].waiting == 1
        await hear(database, [fact_of(notice(receipt, NoticeOpened, 2), "test")], 1)
        receiver.recover()
        await eventually(
            lambda: set(recipients(bodies(receiver)[-1:]).values()) == {"opened"}, 10.0
        )

        async def is_well() -> bool:
            return bool((await shown(intake))["state"] == "well")

        await eventually(is_well)
        assert (await shown(intake))["waiting"] == 0


async def test_what_may_or_may_not_have_arrived_is_told_again_whatever_it_is_by_then(
    database: Database,
) -> None:
    """Told `acknowledged`; told `declined` and the answer lost; acknowledged again before the
    retry. The receiver may have the one or the other, so it is told, though nothing is new."""
    once = {"pause_after_failures": 1, "pause_first_seconds": 1.0}
    async with pushing(database, **once) as (intake, receiver):
        await subscribe(intake, receiver)
        receipt = await posted(intake, "doubtful")

        async def tell(kind: type, minutes: int) -> None:
            await hear(database, [fact_of(notice(receipt, kind, minutes, **of_kind(kind)), "t")], 1)

        await tell(NoticeAcknowledged, 1)
        await eventually(lambda: len(receiver.received) == 1)
        receiver.drop(times=1)
        await tell(NoticeDeclined, 2)
        await eventually(lambda: len(receiver.received) == 2)
        await tell(NoticeAcknowledged, 3)
        await eventually(lambda: len(receiver.received) == 3)
        assert [set(recipients([one]).values()) for one in bodies(receiver)] == [
            {"acknowledged"}, {"declined"}, {"acknowledged"},
        ]  # fmt: skip
        versions = [one["version"] for one in bodies(receiver)]
        assert versions == sorted(set(versions))


async def test_a_retry_is_the_same_to_the_last_byte(database: Database) -> None:
    async with pushing(database) as (intake, receiver):
        await subscribe(intake, receiver)
        receipt = await posted(intake, "retry")
        receiver.drop(times=2)
        await hear(database, story(receipt), 50)
        await eventually(lambda: len(receiver.received) == 3)
        assert len(receiver.ids()) == 1
        assert len({one.body for one in receiver.received}) == 1


def of_kind(kind: type) -> dict[str, Any]:
    return {"reason": "not-ours"} if kind is NoticeDeclined else {}


async def test_gone_disables_and_enabling_tells_what_changed_meanwhile(
    database: Database,
) -> None:
    async with pushing(database) as (intake, receiver):
        made = await subscribe(intake, receiver)
        receiver.answer(410, times=1)
        receipt = await posted(intake, "gone")
        await hear(database, [fact_of(notice(receipt, NoticeDelivered, 1), "test")], 1)

        async def is_disabled() -> bool:
            return bool((await shown(intake))["state"] == "disabled")

        await eventually(is_disabled)
        assert (await shown(intake))["disabledReason"] == "endpoint-gone"
        await hear(database, [fact_of(notice(receipt, NoticeOpened, 2), "test")], 1)
        other = await posted(intake, "gone too")
        await hear(database, [fact_of(notice(other, NoticeDelivered, 3), "test")], 1)
        await asyncio.sleep(0.5)  # Nothing is to happen, so there is nothing to wait for.
        assert len(receiver.received) == 1
        path = f"/v1/subscriptions/{made['subscription']}/enable"
        assert (await ask(intake, "POST", path)).status_code == 200
        await eventually(lambda: len(receiver.received) == 3)
        told = {one["receipt"]: set(recipients([one]).values()) for one in bodies(receiver)[1:]}
        assert told == {str(receipt): {"opened"}, str(other): {"delivered"}}


async def test_a_pause_that_is_taken_off_ends_at_once(database: Database) -> None:
    once = {"pause_after_failures": 1, "pause_first_seconds": 60, "pause_last_seconds": 60}
    async with pushing(database, **once) as (intake, receiver):
        made = await subscribe(intake, receiver)
        receiver.answer(500, times=1)
        receipt = await posted(intake, "paused")
        await hear(database, [fact_of(notice(receipt, NoticeDelivered, 1), "test")], 1)

        async def is_paused() -> bool:
            return bool((await shown(intake))["state"] == "paused")

        await eventually(is_paused)
        assert len(receiver.received) == 1
        await ask(intake, "POST", f"/v1/subscriptions/{made['subscription']}/enable")
        await eventually(lambda: len(receiver.received) == 2)


async def test_one_that_fails_for_days_is_disabled(database: Database) -> None:
    async with pushing(database, give_up_hours=1) as (intake, receiver):
        await subscribe(intake, receiver)
        receiver.answer(404)
        receipt = await posted(intake, "days")
        await hear(database, [fact_of(notice(receipt, NoticeDelivered, 1), "test")], 1)

        async def is_failing() -> bool:
            return "failingSince" in await shown(intake)

        await eventually(is_failing)
        async with database.transaction() as session:
            await session.execute(
                text("update intake.subscription set failing_since = :at"),
                {"at": now() - timedelta(hours=2)},
            )

        async def is_disabled() -> bool:
            return (await shown(intake)).get("disabledReason") == "failing"

        await eventually(is_disabled)


async def test_a_hanging_receiver_keeps_no_other_waiting(database: Database) -> None:
    async with pushing(database) as (intake, receiver), running_receiver() as hanging:
        hanging.hang()
        await subscribe(intake, hanging, intake.social_care)
        await subscribe(intake, receiver)
        await hear(
            database,
            [
                fact_of(notice(await posted(intake, f"event {n}"), NoticeDelivered, 1), "test")
                for n in range(5)
            ],
            50,
        )
        referral = {**examples.load("referral.submitted"), "source": intake.social_care.source}
        body = json.dumps(referral).encode()
        answer = await intake.post(body, by=intake.social_care)
        slow = UUID(answer.json()["receipt"])
        await hear(database, [fact_of(notice(slow, NoticeDelivered, 1), "test")], 1)
        await eventually(lambda: hanging.open_requests)
        receipt = await posted(intake, "beside")
        await hear(database, [fact_of(notice(receipt, NoticeDelivered, 1), "test")], 1)
        await eventually(lambda: str(receipt) in {one["receipt"] for one in bodies(receiver)}, 5.0)
        assert hanging.open_requests == 1


async def test_nobody_subscribes_inside_our_walls_or_to_anothers_events(
    database: Database,
) -> None:
    async with pushing(database) as (intake, receiver):
        for url, rule in (
            ("https://169.254.169.254/latest", "address-refused"),
            ("https://10.0.0.1/hook", "address-refused"),
            ("http://93.184.216.34/hook", "address-refused"),
            ("ftp://93.184.216.34/hook", "url"),
            ("https://user:word@93.184.216.34/hook", "url"),
        ):
            answer = await ask(intake, "POST", "/v1/subscriptions", {"url": url})
            assert answer.status_code == 422, url
            assert answer.json()["errors"][0]["rule"] == rule
        made = await subscribe(intake, receiver)
        other = intake.social_care
        path = f"/v1/subscriptions/{made['subscription']}"
        seen = await ask(intake, "GET", "/v1/subscriptions", by=other)
        assert seen.json() == {"subscriptions": []}
        for method, further in (("POST", "/secret"), ("POST", "/enable"), ("DELETE", "")):
            answer = await ask(intake, method, path + further, by=other)
            assert answer.status_code == 404
        for _ in range(4):
            await subscribe(intake, receiver)
        too_many = await ask(intake, "POST", "/v1/subscriptions", {"url": receiver.url()})
        assert too_many.status_code == 409
        assert (await ask(intake, "DELETE", path)).status_code == 204
        assert len((await ask(intake, "GET", "/v1/subscriptions")).json()["subscriptions"]) == 4


async def test_an_event_that_cannot_be_told_keeps_no_other_back(database: Database) -> None:
    async with pushing(database, gather_seconds=0.5) as (intake, receiver):
        await subscribe(intake, receiver)
        lost, kept = await posted(intake, "lost"), await posted(intake, "kept")
        for receipt in (lost, kept):
            await hear(database, [fact_of(notice(receipt, NoticeDelivered, 1), "test")], 1)
        async with database.transaction() as session:
            await session.execute(
                text("delete from intake.event where receipt = :receipt"), {"receipt": lost}
            )
        await eventually(lambda: receiver.received)

        async def is_quiet() -> bool:
            return bool((await shown(intake))["waiting"] == 0)

        await eventually(is_quiet)
        assert [one["receipt"] for one in bodies(receiver)] == [str(kept)]


async def test_a_redirect_is_not_followed(database: Database) -> None:
    async with pushing(database) as (intake, receiver), running_receiver() as elsewhere:
        await subscribe(intake, receiver)
        receiver.answer(307, {"Location": elsewhere.url()}, times=1)
        receipt = await posted(intake, "redirected")
        await hear(database, [fact_of(notice(receipt, NoticeDelivered, 1), "test")], 1)
        await eventually(lambda: len(receiver.received) >= 2)
        assert elsewhere.received == []


async def test_a_crash_between_the_commit_and_the_push_loses_nothing(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    """Killed while it sends, and killed before it sends: after the restart all of it is told."""
    environment = {
        "SGB_DATABASE__URL": database_url,
        "SGB_INTAKE__IDENTITY_SECRET": SECRET,
        "SGB_INTAKE__PUSH__ALLOWED_NETWORKS": json.dumps(LOOPBACK),
        "SGB_INTAKE__PUSH__GATHER_SECONDS": "0.1",
        "SGB_INTAKE__PUSH__TIMEOUT_SECONDS": "1",
        "SGB_INTAKE__PUSH__LEASE_SECONDS": "2",
    }
    process = ServiceProcess("intake", ["-m", "services.intake"], environment, tmp_path / "log")
    # The intake of this process is never quick enough to push.
    async with pushing(database, poll_seconds=3600) as (intake, receiver):
        await subscribe(intake, receiver)
        first, second = await posted(intake, "crash 1"), await posted(intake, "crash 2")
        receiver.hang(times=1)
        try:
            process.start()
            await process.ready()
            await hear(database, [fact_of(notice(first, NoticeDelivered, 1), "test")], 1)
            await eventually(lambda: receiver.open_requests, 20.0)
            process.kill()
            await hear(database, [fact_of(notice(second, NoticeDelivered, 1), "test")], 1)
            await hear(database, [fact_of(notice(first, NoticeOpened, 2), "test")], 1)
            process.start()
            await eventually(
                lambda: (
                    {one["receipt"] for one in bodies(receiver)[1:]} == {str(first), str(second)}
                ),
                30.0,
            )
        finally:
            process.stop()
        states = recipients(bodies(receiver))
        progress = [(await intake.get(f"/v1/events/{one}")).json() for one in (first, second)]
        assert states == {**in_progress(progress[0]), **in_progress(progress[1])}
        print(f"\nkilled {process.kills} time; pushes {len(receiver.received)}, all told")
