"""What recipients give back: told by telephone, declined, questions, many at once, reminders."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import text

from chassis.database import Database
from chassis.process import create_api
from schemas.facts import QuestionAnswered
from schemas.organisations import OrganisationKind, RecipientRole
from services.notifier.bells import Bells
from services.notifier.channels.pulls import set_interval
from services.notifier.chase import Chaser
from services.notifier.compose import compose
from services.notifier.credentials import add_credential
from services.notifier.escalate import Swept, sweep
from services.notifier.question import hear_answers
from services.notifier.remind_to_file import latest_overdue
from services.notifier.routes import record_organisations
from services.notifier.settings import DeadlineSettings
from tests.integration.notifier.world import (
    DUTY,
    MARCH,
    MASH,
    SCHOOL,
    TO_SCHOOL,
    SetClock,
    addressed,
    group,
    open_notifier,
    organisation,
)

SETTINGS = DeadlineSettings()
LADDER = ((SCHOOL, RecipientRole.DEPUTY), (DUTY, RecipientRole.DUTY_OFFICER))
CALL = {"state": "told-by-telephone", "toldBy": "mash-worker", "toldTo": "head-teacher"}


class School:
    """A school's system, and MASH's, over HTTP, on a clock that is turned."""

    def __init__(self, database: Database, http: httpx.AsyncClient, clock: SetClock) -> None:
        self.database = database
        self.http = http
        self.clock = clock
        self.keys: dict[str, dict[str, str]] = {}

    async def key(self, name: str, kind: OrganisationKind) -> None:
        async with self.database.transaction() as session:
            made = await add_credential(session, name, kind)
        self.keys[name] = {"Authorization": f"Bearer {made}"}

    async def told(self, count: int = 1) -> list[UUID]:
        facts = [addressed(TO_SCHOOL, at=self.clock()) for _ in range(count)]
        async with self.database.transaction() as session:
            await compose(session, facts, self.clock(), SETTINGS)
        receipts = [fact.receipt for fact in facts]
        found = await self.rows("select id, receipt from notifier.obligation where rung = 0")
        by_receipt = {row.receipt: row.id for row in found}
        return [by_receipt[one] for one in receipts]

    async def receipt(self, notice: UUID, who: str = SCHOOL, **body: Any) -> httpx.Response:
        path = f"/v1/notices/{notice}/receipts"
        return await self.http.post(path, json=body, headers=self.keys[who])

    async def get(self, path: str, who: str = SCHOOL) -> httpx.Response:
        return await self.http.get(f"/v1/notices{path}", headers=self.keys[who])

    async def sweep(self) -> Swept:
        async with self.database.transaction() as session:
            return await sweep(session, self.clock(), SETTINGS)

    async def rows(self, sql: str, **values: Any) -> list[Any]:
        async with self.database.reading() as session:
            return list((await session.execute(text(sql), values)).all())

    async def facts(self) -> list[tuple[str, Any]]:
        found = await self.rows("select type, payload from bus.log order by position")
        return [(row.type, json.loads(bytes(row.payload)).get("reason")) for row in found]

    async def ladder(self) -> list[tuple[int, str]]:
        found = await self.rows("select rung, watch from notifier.obligation order by rung")
        return [tuple(row) for row in found]


@pytest.fixture
async def school(database: Database) -> AsyncIterator[School]:
    clock = SetClock(MARCH)
    async with database.transaction() as session:
        await record_organisations(
            session,
            [
                organisation(SCHOOL, ladder=LADDER),
                organisation(DUTY, OrganisationKind.LOCAL_AUTHORITY),
                organisation(MASH, OrganisationKind.SOCIAL_CARE),
            ],
        )
    _, notifier = open_notifier(database, clock=clock)
    transport = httpx.ASGITransport(create_api([notifier], "test"))
    async with httpx.AsyncClient(transport=transport, base_url="http://bus") as http:
        one = School(database, http, clock)
        await one.key(SCHOOL, OrganisationKind.SCHOOL)
        await one.key(MASH, OrganisationKind.SOCIAL_CARE)
        yield one


async def test_declined_is_no_acknowledgement_and_the_next_is_told_at_once(school: School) -> None:
    [notice] = await school.told()
    words = {"state": "declined", "reason": "left-this-school", "text": "moved in January"}
    for _ in range(2):
        answer = await school.receipt(notice, **words)
        assert answer.status_code == 200, answer.text
        assert answer.json()["declinedAt"]
    swept = await school.sweep()
    assert (swept.overdue, swept.climbed) == (1, 1)
    assert await school.ladder() == [(0, "climbed"), (1, "watching")]
    assert await school.facts() == [
        ("notice.delivered", None),
        ("notice.declined", "left-this-school"),
        ("notice.escalated", "declined"),
    ]
    log = await school.rows("select payload from bus.log")
    assert not any(b"January" in bytes(row.payload) for row in log)
    assert (await school.get("?state=unacknowledged")).json()["notices"] != []
    listed = (await school.get("?state=unacknowledged")).json()["notices"]
    assert str(notice) not in {one["id"] for one in listed}


async def test_declining_what_was_acknowledged_starts_its_ladder_again(school: School) -> None:
    [notice] = await school.told()
    await school.receipt(notice, state="acknowledged", by="office")
    assert await school.ladder() == [(0, "ended")]
    await school.receipt(notice, state="declined", reason="not-our-child")
    assert (await school.sweep()).climbed == 1
    # Taken on after all: the rung that was told meanwhile has nothing to do any more.
    again = await school.receipt(notice, state="acknowledged", by="safeguarding lead")
    assert again.json()["state"] == "acknowledged"
    assert "declinedAt" not in again.json()
    assert await school.ladder() == [(0, "climbed"), (1, "ended")]
    # And declined once more: nobody has it, so the rung above is watched again, to its own time.
    await school.receipt(notice, state="declined", reason="not-our-child")
    assert await school.ladder() == [(0, "climbed"), (1, "watching")]
    assert (await school.sweep()).climbed == 0
    school.clock.forward(minutes=61)
    assert (await school.sweep()).climbed == 1


async def test_declining_after_another_rung_confirmed_climbs_no_further(school: School) -> None:
    [notice] = await school.told()
    school.clock.forward(hours=12)
    await school.sweep()
    [deputy] = await school.rows("select id from notifier.obligation where rung = 1")
    await school.receipt(deputy.id, state="acknowledged", by="deputy")
    await school.receipt(notice, state="declined", reason="cannot-accept")
    school.clock.forward(hours=12)
    assert (await school.sweep()).climbed == 0
    assert await school.ladder() == [(0, "climbed"), (1, "ended")]


async def test_a_call_that_the_recipient_records_ends_its_ladder(school: School) -> None:
    [notice] = await school.told()
    when = (MARCH + timedelta(minutes=5)).isoformat()
    school.clock.forward(minutes=6)
    for _ in range(2):
        answer = await school.receipt(notice, **CALL, when=when)
        assert answer.status_code == 200, answer.text
    # Its system has not got it by that: it is listed still, and settles by itself.
    assert answer.json()["state"] == "waiting"
    assert answer.json()["telephonedAt"]
    assert await school.ladder() == [(0, "ended")]
    [row] = await school.rows("select type, payload from bus.log")
    told = json.loads(bytes(row.payload))
    assert (row.type, told["toldBy"], told["toldTo"]) == (
        "notice.telephoned", "mash-worker", "head-teacher",
    )  # fmt: skip
    school.clock.forward(days=1)
    assert (await school.sweep()).overdue == 0
    assert len((await school.get("")).json()["notices"]) == 1
    await school.receipt(notice, state="filed", by="office", recordReference="R-1")
    assert [kind for kind, _ in await school.facts()] == [
        "notice.telephoned", "notice.delivered", "notice.acknowledged", "notice.filed",
    ]  # fmt: skip


async def test_social_care_records_a_call_only_where_silence_lasted_too_long(
    school: School,
) -> None:
    [notice] = await school.told()
    school.clock.forward(minutes=2)
    early = await school.receipt(notice, MASH, **CALL, when=school.clock().isoformat())
    assert early.status_code == 404
    for hours in (12, 2, 2):
        school.clock.forward(hours=hours)
        await school.sweep()
    assert await school.ladder() == [(0, "climbed"), (1, "climbed"), (2, "exhausted")]
    assert (await school.get("/to-telephone", SCHOOL)).status_code == 403
    [ring] = (await school.get("/to-telephone", MASH)).json()["notices"]
    assert (ring["id"], ring["organisation"]) == (str(notice), SCHOOL)
    assert "Robin" not in json.dumps(ring)
    assert (await school.receipt(notice, MASH, state="acknowledged", by="us")).status_code == 404
    done = await school.receipt(notice, MASH, **CALL, when=school.clock().isoformat())
    assert done.json() == {
        "id": str(notice), "state": "told-by-telephone",
        "telephonedAt": done.json()["telephonedAt"],
    }  # fmt: skip
    assert await school.ladder() == [(0, "climbed"), (1, "climbed"), (2, "ended")]
    assert (await school.get("/to-telephone", MASH)).json()["notices"] == []
    audit = await school.rows("select actor, operation, object from notifier.audit")
    assert [tuple(row) for row in audit] == [(MASH, "told-by-telephone-notice", str(notice))]


@pytest.mark.parametrize(
    ("minutes", "body"),
    [
        (1, {}),
        (-60, {}),
        (0, {"toldTo": "Mrs Example"}),
        (0, {"toldTo": None}),
        (0, {"state": "declined"}),
        (0, {"state": "declined", "reason": "busy"}),
        (0, {"state": "declined", "reason": "duplicate", "text": "a\u0000b"}),
        (0, {"state": "declined", "reason": "duplicate", "text": "x" * 501}),
    ],
)
async def test_a_call_in_the_future_or_too_early_and_other_nonsense_is_refused(
    school: School, minutes: int, body: dict[str, Any]
) -> None:
    [notice] = await school.told()
    when = (school.clock() + timedelta(minutes=minutes)).isoformat()
    answer = await school.receipt(notice, **{**CALL, "when": when, **body})
    assert answer.status_code == 422, answer.text
    assert "Mrs" not in answer.text
    assert await school.facts() == []


async def test_five_hundred_are_confirmed_at_once_and_one_bad_one_fails_alone(
    school: School,
) -> None:
    notices = await school.told(496)
    items: list[dict[str, Any]] = [
        {"notice": str(one), "state": "acknowledged", "by": "office"} for one in notices[:400]
    ]
    items += [
        {"notice": str(one), "state": "filed", "by": "office", "recordReference": f"R-{place}"}
        for place, one in enumerate(notices[400:])
    ]
    items[3] = {"notice": "no id", "state": "acknowledged", "by": "office"}
    items[4] = {"notice": str(uuid4()), "state": "acknowledged", "by": "office"}
    items[5] = {"notice": str(notices[5]), "state": "acknowledged", "by": "a\u0000b"}
    items[6] = {"notice": str(notices[6]), "state": "declined", "reason": "duplicate"}
    items += [items[0], {"notice": str(notices[1]), "state": "filed", "by": "office"}]
    seen: list[Any] = []
    for _ in range(2):
        answer = await school.http.post(
            "/v1/notices/receipts", json={"receipts": items}, headers=school.keys[SCHOOL]
        )
        assert answer.status_code == 200, answer.text
        seen.append(answer.json()["results"])
        statuses = [one["status"] for one in seen[-1]]
        assert [place for place, one in enumerate(statuses) if one != 200] == [3, 4, 5]
        assert [statuses[place] for place in (3, 4, 5)] == [422, 404, 422]
    assert seen[0] == seen[1]
    counts: dict[str, int] = {}
    for kind, _ in await school.facts():
        counts[kind] = counts.get(kind, 0) + 1
    assert counts == {
        "notice.delivered": 493, "notice.acknowledged": 492, "notice.filed": 97,
        "notice.declined": 1,
    }  # fmt: skip
    [row] = await school.rows(
        "select record_reference from notifier.obligation where id = :id", id=notices[450]
    )
    assert row.record_reference == "R-50"
    many = {"receipts": [items[0]] * 501}
    refused = await school.http.post("/v1/notices/receipts", json=many, headers=school.keys[SCHOOL])
    assert refused.status_code == 422


async def test_a_question_goes_to_the_sender_and_its_answer_comes_back(school: School) -> None:
    [notice] = await school.told()
    path = f"/v1/notices/{notice}/questions"
    asked = {"text": "Is it Robin of year 4?", "by": "safeguarding lead"}
    ids = set()
    for _ in range(2):
        answer = await school.http.post(path, json=asked, headers=school.keys[SCHOOL])
        assert answer.status_code == 201, answer.text
        ids.add(answer.json()["question"])
    [question] = ids
    [row] = await school.rows("select type, key, payload from bus.log")
    said = json.loads(bytes(row.payload))
    assert (row.type, said["question"], said["text"]) == (
        "notice.questioned", question, asked["text"],
    )  # fmt: skip
    school.clock.forward(minutes=45)
    [shown] = (await school.get(f"/{notice}/questions")).json()["questions"]
    assert (shown["waitingMinutes"], shown["answers"]) == (45, [])
    heard = QuestionAnswered(
        answer=uuid4(), question=UUID(question), notice=notice, receipt=uuid4(),
        child_id=UUID(row.key), text="Yes, year 4.", answered_by="officer", at=school.clock(),
    )  # fmt: skip
    for _ in range(2):
        async with school.database.transaction() as session:
            await hear_answers(session, [heard])
    [shown] = (await school.get(f"/{notice}/questions")).json()["questions"]
    assert "waitingMinutes" not in shown
    assert [one["text"] for one in shown["answers"]] == ["Yes, year 4."]
    # It is no acknowledgement.
    assert await school.ladder() == [(0, "watching")]
    for body in ({"text": ""}, {"text": "a\u0000b"}, {"text": "x" * 2001}):
        refused = await school.http.post(path, json=body, headers=school.keys[SCHOOL])
        assert refused.status_code == 422
    assert (await school.get(f"/{notice}/questions", MASH)).status_code == 404


async def test_what_was_acknowledged_and_not_filed_is_asked_for_once(school: School) -> None:
    chaser = Chaser(school.database, Bells(), school.clock, group())
    first, second = await school.told(2)
    await school.receipt(first, state="acknowledged", by="lead")
    await school.receipt(second, state="filed", by="lead")
    school.clock.forward(days=3, minutes=-1)
    assert await chaser.remind_once() == 0
    assert (await school.get("?state=unfiled")).json()["notices"] == []
    school.clock.forward(minutes=3)
    assert [await chaser.remind_once() for _ in range(2)] == [1, 0]
    assert (await school.facts())[-1] == ("notice.reminded", None)
    [head] = (await school.get("?state=unfiled")).json()["notices"]
    assert head["id"] == str(first)
    await school.receipt(first, state="filed", by="lead")
    assert (await school.get("?state=unfiled")).json()["notices"] == []


def test_working_days_to_file_leave_out_a_bank_holiday_weekend() -> None:
    # Thursday before Good Friday 2026, 10:00: three working days end on Wednesday, 10:00.
    thursday = MARCH.replace(month=4, day=2, hour=9, minute=0)
    wednesday = MARCH.replace(month=4, day=9, hour=9, minute=0)
    assert latest_overdue(wednesday - timedelta(minutes=2), 3) < thursday
    assert thursday - latest_overdue(wednesday, 3) <= timedelta(minutes=1)


async def test_a_mailbox_that_is_not_pulled_is_escalated_once_a_lapse(school: School) -> None:
    chaser = Chaser(school.database, Bells(), school.clock, group())
    async with school.database.transaction() as session:
        await set_interval(session, SCHOOL, 15, school.clock())
    await school.told(3)
    school.clock.forward(minutes=15)
    assert await chaser.lapse_once() == 0
    school.clock.forward(minutes=1)
    assert [await chaser.lapse_once() for _ in range(3)] == [1, 0, 0]
    [row] = await school.rows("select payload from bus.log where type = 'mailbox.not-collected'")
    said = json.loads(bytes(row.payload))
    assert (said["organisation"], said["waiting"], said["intervalMinutes"]) == (SCHOOL, 3, 15)
    assert (await school.sweep()).climbed == 3
    # A pull ends the lapse; the next silence is another.
    await school.get("?after=0")
    school.clock.forward(minutes=10)
    assert await chaser.lapse_once() == 0
    school.clock.forward(minutes=6)
    assert [await chaser.lapse_once() for _ in range(2)] == [1, 0]


async def test_two_systems_that_confirm_the_same_at_once_tell_it_once(school: School) -> None:
    notices = await school.told(60)
    items: list[dict[str, Any]] = [
        {"notice": str(one), "state": state, "by": by, **more}
        for one in notices
        for state, by, more in (
            ("acknowledged", "office", {}),
            ("filed", "lead", {"recordReference": "R"}),
        )
    ]
    orders = [items, items[::-1], items[40:] + items[:40], items]
    answers = await asyncio.gather(
        *(
            school.http.post(
                "/v1/notices/receipts", json={"receipts": order}, headers=school.keys[SCHOOL]
            )
            for order in orders
        ),
        *(school.get("?after=0") for _ in range(3)),
    )
    assert [answer.status_code for answer in answers] == [200] * 7
    kinds = [kind for kind, _ in await school.facts()]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {
        "notice.delivered": 60, "notice.acknowledged": 60, "notice.filed": 60,
    }  # fmt: skip
