"""What a sender reads of its event: whatever order the facts came in, and nobody else's."""

from __future__ import annotations

import itertools
import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from bus import Fact, Park, append, fact_of
from chassis.database import Database
from schemas.facts import (
    FACTS,
    Addressee,
    ChildIdentity,
    ClockMissed,
    EventAddressed,
    EventApplied,
    EventRetracted,
    NoticeAcknowledged,
    NoticeDelivered,
    NoticeEscalated,
    NoticeFiled,
    NoticeOpened,
    NoticeUndelivered,
    NoticeWithdrawn,
    PersonLinkMissing,
    Profile,
    ResolutionDecided,
    ResolutionNeeded,
    ResolutionOverdue,
    ResolutionUndone,
    Sender,
    notice_id,
)
from schemas.organisations import RecipientRole
from services.intake import listen
from tests.integration.intake.conftest import Intake, event, open_intake
from tests.support.waiting import eventually

START = datetime(2026, 3, 2, 23, tzinfo=UTC)
CHILD, OTHER_CHILD, RESOLUTION = (UUID(int=n) for n in (1, 2, 3))


def at(minutes: int) -> datetime:
    return START + timedelta(minutes=minutes)


def about(receipt: UUID) -> dict[str, Any]:
    return {
        "receipt": receipt,
        "event_type": "domestic-abuse.recorded",
        "key": "k",
        "sender": Sender(organisation="police-example", name="Police", kind="police"),
        "occurred_at": START,
        "accepted_at": START,
    }


def to(organisation: str, role: RecipientRole, profile: Profile, **more: Any) -> Addressee:
    return Addressee(
        organisation=organisation, name=f"The {organisation}", role=role, profile=profile,
        owner="notifier", rule="r", **more,
    )  # fmt: skip


def notice(receipt: UUID, kind: type, minutes: int, **more: Any) -> Any:
    values: dict[str, Any] = {
        "receipt": receipt, "child_index": 0, "child_id": CHILD, "organisation": "urn-900001",
        "recipient_name": "The urn-900001", "role": RecipientRole.SCHOOL,
        "profile": Profile.SCHOOL_FULL, "owner": "notifier", "at": at(minutes), **more,
    }  # fmt: skip
    values.setdefault(
        "notice",
        notice_id(
            receipt, values["child_id"], values["organisation"], values["profile"],
            values.get("part", "whole"), values.get("rung", 0),
        ),
    )  # fmt: skip
    return kind(**values)


def story(receipt: UUID) -> list[Fact]:
    """Two children; one told and escalated, one looked at by a person, whose identity is hidden."""
    school = to("urn-900001", RecipientRole.SCHOOL, Profile.SCHOOL_FULL)
    nurse = to("nursing-example", RecipientRole.SCHOOL_NURSING, Profile.HEALTH_MINIMAL)
    father = to(
        "urn-900002", RecipientRole.SCHOOL, Profile.SCHOOL_FULL, withheld="the sender asked"
    )
    models: list[Any] = [
        EventAddressed(
            **about(receipt), child_index=0, child_id=CHILD,
            identity=ChildIdentity(given_name="Robin", family_name="Example"),
            recipients=(school, nurse, father), data={},
        ),
        EventAddressed(
            **about(receipt), child_index=1, child_id=OTHER_CHILD, identity=None,
            recipients=(school,), data={},
        ),
        ResolutionNeeded(
            **about(receipt), resolution=RESOLUTION, child_index=1, reason="several-candidates",
            candidates=2, decide_by=at(60),
        ),
        ResolutionOverdue(
            resolution=RESOLUTION, receipt=receipt, key="k", child_index=1,
            reason="several-candidates", decide_by=at(60),
        ),
        ResolutionDecided(
            resolution=RESOLUTION, receipt=receipt, key="k", child_index=1, decision="matched",
            decided_by="somebody", decided_at=at(70),
        ),
        notice(receipt, NoticeDelivered, 1),
        notice(receipt, NoticeDelivered, 2),
        notice(receipt, NoticeOpened, 3),
        notice(receipt, NoticeUndelivered, 60, reason="nobody confirmed"),
        notice(
            receipt, NoticeEscalated, 61, next_notice=uuid4(), next_organisation="la-example",
            next_role=RecipientRole.DUTY_OFFICER,
        ),
        notice(receipt, NoticeDelivered, 62, organisation="la-example", rung=1,
               role=RecipientRole.DUTY_OFFICER, recipient_name="The authority"),
        notice(receipt, NoticeAcknowledged, 65, organisation="la-example", rung=1,
               role=RecipientRole.DUTY_OFFICER, recipient_name="The authority"),
        notice(receipt, NoticeDelivered, 72, child_index=1, child_id=OTHER_CHILD),
        notice(receipt, NoticeFiled, 75, organisation="nursing-example",
               role=RecipientRole.SCHOOL_NURSING, profile=Profile.HEALTH_MINIMAL,
               recipient_name="The nursing-example"),
        ClockMissed(clock="referral-decision", receipt=receipt, key="k", started_at=at(0),
                    due_at=at(50)),
    ]  # fmt: skip
    return [fact_of(model, "test") for model in models]


async def posted(intake: Intake, name: str) -> UUID:
    answer = await intake.post(json.dumps(event(id=name)).encode())
    return UUID(answer.json()["receipt"])


async def hear(database: Database, facts: list[Fact], batch: int) -> None:
    for group in itertools.batched(facts, batch) if hasattr(itertools, "batched") else (
        facts[start : start + batch] for start in range(0, len(facts), batch)
    ):  # fmt: skip
        async with database.transaction() as session:
            await listen.keep_progress(session, list(group))


async def test_progress_is_the_same_in_whatever_order_the_facts_come(intake: Intake) -> None:
    receipt = await posted(intake, "story")
    facts = story(receipt)
    shuffle = random.Random(7)
    seen = []
    for round_number in range(25):
        async with intake.database.transaction() as session:
            for table in ("child", "notice", "resolution", "outcome", "clock"):
                await session.execute(text(f"delete from intake.progress_{table}"))
        order = facts[:] + shuffle.sample(facts, 4)
        if round_number:
            shuffle.shuffle(order)
        await hear(intake.database, order, shuffle.choice((1, 3, 50)))
        progress = (await intake.get(f"/v1/events/{receipt}")).json()
        del progress["asked"]
        seen.append(progress)
    assert all(one == seen[0] for one in seen)


async def test_progress_shows_who_knows_and_who_was_told_next(intake: Intake) -> None:
    receipt = await posted(intake, "shown")
    await hear(intake.database, story(receipt), 50)
    progress = (await intake.get(f"/v1/events/{receipt}")).json()
    assert progress["state"] == "addressed"
    first, second = progress["children"]
    states = {(one["role"], one["rung"]): one["state"] for one in first["recipients"]}
    assert states == {
        ("duty-officer", 1): "acknowledged",
        ("school", 0): "withheld",
        ("school-nursing", 0): "filed",
    } | {("school", 0): states["school", 0]}
    schools = {one["organisation"]: one for one in first["recipients"] if one["role"] == "school"}
    assert schools["urn-900001"]["state"] == "undelivered"
    assert schools["urn-900001"]["reason"] == "nobody confirmed"
    assert datetime.fromisoformat(schools["urn-900001"]["times"]["delivered"]) == at(1)
    assert schools["urn-900002"]["state"] == "withheld"
    assert schools["urn-900002"]["reason"] == "the sender asked"
    (hidden,) = second["recipients"]
    assert "name" not in hidden
    assert "organisation" not in hidden
    assert (hidden["role"], hidden["state"]) == ("school", "delivered")
    (escalation,) = progress["escalations"]
    assert escalation["toOrganisation"] == "la-example"
    (resolution,) = progress["resolutions"]
    assert (resolution["state"], resolution["decision"]) == ("decided", "matched")
    assert progress["clocks"][0]["clock"] == "referral-decision"


async def test_what_was_withdrawn_and_when_is_shown(intake: Intake) -> None:
    receipt = await posted(intake, "withdrawn")
    undone = ResolutionUndone(
        resolution=RESOLUTION, receipt=receipt, key="k", child_index=1, undone_by="somebody",
        undone_at=at(80),
    )  # fmt: skip
    taken_back = notice(receipt, NoticeWithdrawn, 80, reason="decision-undone")
    facts = [*story(receipt), fact_of(taken_back, "test"), fact_of(undone, "test")]
    await hear(intake.database, facts[::-1], 3)
    progress = (await intake.get(f"/v1/events/{receipt}")).json()
    first, _ = progress["children"]
    (school,) = (one for one in first["recipients"] if one["organisation"] == "urn-900001")
    assert (school["state"], school["reason"]) == ("withdrawn", "decision-undone")
    assert datetime.fromisoformat(school["times"]["withdrawn"]) == at(80)
    assert datetime.fromisoformat(school["times"]["delivered"]) == at(1)
    (resolution,) = progress["resolutions"]
    assert resolution["state"] == "undone"
    assert datetime.fromisoformat(resolution["undoneAt"]) == at(80)
    assert progress["state"] == "addressed"


async def test_a_notice_heard_of_first_names_nobody_yet(intake: Intake) -> None:
    receipt = await posted(intake, "early")
    await hear(intake.database, [fact_of(notice(receipt, NoticeDelivered, 1), "test")], 1)
    (child,) = (await intake.get(f"/v1/events/{receipt}")).json()["children"]
    assert "name" not in child["recipients"][0]
    assert child["recipients"][0]["state"] == "delivered"


async def test_an_event_that_needs_a_person_says_so(intake: Intake) -> None:
    receipt = await posted(intake, "question")
    before = (await intake.get(f"/v1/events/{receipt}")).json()
    assert (before["state"], before["children"]) == ("accepted", [])
    await hear(intake.database, [one for one in story(receipt) if "needed" in one.type], 1)
    progress = (await intake.get(f"/v1/events/{receipt}")).json()
    assert progress["state"] == "needs-person"
    assert progress["children"] == [
        {"index": 1, "state": "needs-person", "recipients": [], "outstanding": []}
    ]
    assert progress["resolutions"][0]["reason"] == "several-candidates"
    assert "candidates" not in progress["resolutions"][0]


async def test_applied_and_retracted_events_say_so(intake: Intake) -> None:
    applied, retracted = await posted(intake, "applied"), await posted(intake, "retracted")
    by = uuid4()
    await hear(
        intake.database,
        [
            fact_of(EventApplied(receipt=applied, key="k", at=at(1)), "test"),
            fact_of(EventRetracted(receipt=by, retracts=retracted, key="k", at=at(2)), "test"),
        ],
        50,
    )
    assert (await intake.get(f"/v1/events/{applied}")).json()["state"] == "applied"
    told = (await intake.get(f"/v1/events/{retracted}")).json()
    assert (told["state"], told["retracted"]["byReceipt"]) == ("retracted", str(by))


async def test_an_incident_whose_child_is_found_late_is_addressed(intake: Intake) -> None:
    receipt = await posted(intake, "late")
    said = [
        EventApplied(receipt=receipt, key="k", at=at(1), outcome="no-child-known"),
        EventAddressed(
            **about(receipt), child_index=0, child_id=CHILD, derived=True, identity=None,
            recipients=(), data={},
        ),
    ]  # fmt: skip
    for count, state in ((1, "applied"), (2, "addressed")):
        await hear(intake.database, [fact_of(one, "directory") for one in said[:count]], 50)
        assert (await intake.get(f"/v1/events/{receipt}")).json()["state"] == state


async def test_only_the_sender_sees_it_and_every_read_leaves_a_trace(intake: Intake) -> None:
    receipt = await posted(intake, "mine")
    await hear(intake.database, story(receipt), 50)
    for path in (f"/v1/events/{receipt}", f"/v1/events/{uuid4()}", "/v1/events/no-uuid"):
        answer = await intake.get(path, by=intake.social_care)
        assert answer.status_code == 404
        assert answer.json()["errors"][0]["parameter"] == "receipt"
    assert await intake.count("intake.audit") == 0
    headers = {"authorization": intake.police.authorization, "x-purpose": "review"}
    assert (await intake.client.get(f"/v1/events/{receipt}", headers=headers)).status_code == 200
    async with intake.database.reading() as session:
        rows = (await session.execute(text("select * from intake.audit order by subject"))).all()
    assert [row.subject for row in rows] == [str(CHILD), str(OTHER_CHILD)]
    for row in rows:
        assert (row.actor, row.object, row.purpose) == ("police-example", str(receipt), "review")


async def test_every_fact_of_the_topics_is_known_and_an_unreadable_one_is_parked(
    database: Database,
) -> None:
    subscribed = listen.subscription()
    assert subscribed.known == {
        name for name, fact in FACTS.items() if fact.topic in ("addressed", "notices")
    }
    (good, *_) = story(uuid4())
    bad = Fact(uuid4(), good.type, good.topic, "k", b"{}", "test", START)
    async with database.transaction() as session:
        with pytest.raises(Park):
            await listen.keep_progress(session, [bad])


async def test_progress_comes_over_the_bus(database: Database) -> None:
    async with open_intake(database, hears=True) as intake:
        receipt = await posted(intake, "over the bus")
        async with database.transaction() as session:
            await append(session, *story(receipt))

        async def told() -> bool:
            answer = await intake.get(f"/v1/events/{receipt}")
            return answer.json()["state"] == "addressed" and bool(answer.json()["clocks"])

        await eventually(told)


async def test_a_derived_child_is_marked_and_its_recipients_are_shown_by_role(
    intake: Intake,
) -> None:
    receipt = await posted(intake, "derived")
    finding, child = uuid4(), uuid4()
    recipient = to("urn-900001", RecipientRole.SCHOOL, Profile.SCHOOL_FULL)
    withdrawn = to("urn-900002", RecipientRole.SCHOOL, Profile.WITHDRAWAL)
    common = {"child_index": 2, "child_id": child}
    identity = ChildIdentity(given_name="Robin", family_name="Example")
    link = PersonLinkMissing(
        finding=finding,
        receipt=receipt,
        key="key",
        agency="police-example",
        child_index=2,
        adults=(1,),
        state="open",
        at=at(1),
    )
    told = [
        EventAddressed(
            **about(receipt), **common, derived=True, identity=identity, recipients=(recipient,),
            data={},
        ),
        EventAddressed(**about(receipt), **common, recipients=(withdrawn,), data={}),
        link,
        link.model_copy(update={"state": "answered", "at": at(5)}),
    ]  # fmt: skip
    for batch in (1, len(told)):
        await hear(intake.database, [fact_of(one, "directory") for one in told], batch)
        progress = (await intake.get(f"/v1/events/{receipt}")).json()
        (shown,) = progress["children"]
        assert (shown["index"], shown["derived"]) == (2, True)
        assert len(shown["recipients"]) == 2
        assert not any("organisation" in one for one in shown["recipients"])
        (missing,) = progress["linksMissing"]
        assert (missing["finding"], missing["state"]) == (str(finding), "answered")
        assert (missing["childIndex"], missing["adults"]) == (2, [1])


@pytest.mark.parametrize(("hours", "late"), [(25, True), (23, None)])
async def test_an_event_that_was_recorded_late_shows_that_to_its_sender(
    intake: Intake, hours: int, late: bool | None
) -> None:
    receipt = await posted(intake, "late")
    async with intake.database.transaction() as session:
        await session.execute(
            text("""update intake.event
                       set occurred_at = accepted_at - make_interval(hours => :hours)"""),
            {"hours": hours},
        )
    progress = (await intake.get(f"/v1/events/{receipt}")).json()
    assert progress.get("recordedLate") is late
