"""Composing: who gets which obligation, what overtakes it, and that a repeat makes nothing."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

import bus
from chassis.clock import now
from chassis.database import Database
from schemas.facts import (
    EventRetracted,
    NoticeDelivered,
    NoticeFailed,
    Profile,
    ResolutionDecided,
    ResolutionNeeded,
)
from schemas.organisations import OrganisationKind, RecipientRole
from services.notifier.compose import Composed, compose
from services.notifier.early import hear_notices
from services.notifier.endpoints import add_endpoint
from services.notifier.routes import record_organisations
from services.notifier.settings import DeadlineSettings
from tests.integration.notifier.world import (
    DUTY,
    MASH,
    NURSE,
    SCHOOL,
    TO_MASH,
    TO_NURSE,
    TO_SCHOOL,
    addressed,
    organisation,
    to,
)

SETTINGS = DeadlineSettings()


async def rows(database: Database, sql: str, **values: Any) -> list[Any]:
    async with database.reading() as session:
        return list((await session.execute(text(sql), values)).all())


async def hear(database: Database, *facts: Any) -> Composed:
    async with database.transaction() as session:
        return await compose(session, facts, now(), SETTINGS)


async def told(database: Database) -> list[tuple[str, str]]:
    found = await rows(database, "select type, payload from bus.log order by position")
    return [(row.type, json.loads(bytes(row.payload))["organisation"]) for row in found]


@pytest.fixture(autouse=True)
async def partnership(database: Database) -> None:
    async with database.transaction() as session:
        await record_organisations(
            session,
            [
                organisation(SCHOOL, channel="webhook"),
                organisation("urn-900002"),
                organisation(NURSE, OrganisationKind.SCHOOL_NURSING, channel="fhir"),
                organisation(MASH, OrganisationKind.SOCIAL_CARE),
                organisation(DUTY, OrganisationKind.LOCAL_AUTHORITY),
            ],
        )
        await add_endpoint(session, SCHOOL, "http://127.0.0.1:9/hook")


async def test_one_obligation_per_recipient_with_its_own_content(database: Database) -> None:
    nurse = to(NURSE, RecipientRole.SCHOOL_NURSING, Profile.HEALTH_MINIMAL, "health-broker")
    fact = addressed(TO_SCHOOL, nurse, TO_MASH)
    composed = await hear(database, fact, fact)
    assert composed.made == 3
    assert (await hear(database, fact)).made == 0
    found = {
        row.organisation: row for row in await rows(database, "select * from notifier.obligation")
    }
    assert found[NURSE].owner == "health-broker"
    assert found[NURSE].deadline_at is not None
    assert "policeReference" in found[SCHOOL].content
    assert "policeReference" not in found[NURSE].content
    assert [row.id for row in await rows(database, "select id from notifier.delivery")] == [
        found[SCHOOL].id
    ]
    assert await told(database) == []


async def test_two_children_of_one_event_at_one_school_are_two_notices(
    database: Database,
) -> None:
    first = addressed(TO_SCHOOL)
    second = addressed(TO_SCHOOL, receipt=first.receipt, child_index=1)
    assert (await hear(database, first)).made == 1
    assert (await hear(database, second)).made == 1


async def test_text_that_was_held_is_a_notice_of_its_own(database: Database) -> None:
    first = addressed(TO_SCHOOL)
    later = first.model_copy(update={"part": "text"})
    assert (await hear(database, first)).made == 1
    assert (await hear(database, later)).made == 1


async def test_an_organisation_that_is_not_known_yet_is_waited_for(database: Database) -> None:
    stranger = to("urn-999999", RecipientRole.SCHOOL, Profile.SCHOOL_FULL)
    with pytest.raises(bus.Retry):
        await hear(database, addressed(TO_SCHOOL, stranger))
    assert await rows(database, "select 1 from notifier.obligation") == []


async def test_what_is_withheld_is_a_row_and_a_fact_and_nothing_else(database: Database) -> None:
    withheld = to(SCHOOL, RecipientRole.SCHOOL, Profile.SCHOOL_FULL, withheld="staff-involved")
    await hear(database, addressed(withheld))
    [row] = await rows(database, "select * from notifier.obligation")
    assert (row.state, row.reason, row.content, row.watch) == (
        "withheld", "staff-involved", None, "ended",
    )  # fmt: skip
    assert await rows(database, "select 1 from notifier.delivery") == []
    assert await told(database) == [("notice.withheld", SCHOOL)]


@pytest.mark.parametrize("channel", ["none", "webhook"])
async def test_no_route_is_never_silent(database: Database, channel: str) -> None:
    async with database.transaction() as session:
        await record_organisations(session, [organisation("urn-900003", channel=channel)])
    composed = await hear(
        database, addressed(to("urn-900003", RecipientRole.SCHOOL, Profile.SCHOOL_FULL))
    )
    assert composed.to_escalate
    [row] = await rows(database, "select * from notifier.obligation")
    assert (row.state, row.watch) == ("failed", "watching")
    assert row.watch_due_at <= now()
    assert await told(database) == [("notice.failed", "urn-900003")]


async def test_a_profile_without_content_for_the_event_fails_alone(database: Database) -> None:
    wrong = to(MASH, RecipientRole.MASH, Profile.REFERRER_OUTCOME)
    await hear(database, addressed(TO_SCHOOL, wrong))
    states = await rows(database, "select organisation, state from notifier.obligation order by 1")
    assert [tuple(row) for row in states] == [(MASH, "failed"), (SCHOOL, "waiting")]
    assert await told(database) == [("notice.failed", MASH)]


async def test_a_retraction_stops_what_is_not_sent(database: Database) -> None:
    fact = addressed(TO_SCHOOL, TO_MASH)
    await hear(database, fact)
    await hear(database, retraction(fact.receipt))
    found = await rows(database, "select state, watch, content from notifier.obligation")
    assert {tuple(row) for row in found} == {("superseded", "ended", None)}
    assert [row[0] for row in await rows(database, "select state from notifier.delivery")] == [
        "cancelled"
    ]
    assert sorted(await told(database)) == [
        ("notice.superseded", MASH),
        ("notice.superseded", SCHOOL),
    ]


async def test_a_retraction_that_comes_first_leaves_a_tombstone(database: Database) -> None:
    fact = addressed(TO_SCHOOL)
    await hear(database, retraction(fact.receipt))
    composed = await hear(database, fact)
    assert not composed.to_deliver
    assert await rows(database, "select 1 from notifier.delivery") == []
    assert await told(database) == [("notice.superseded", SCHOOL)]


async def test_an_event_and_its_retraction_at_the_same_moment_see_each_other(
    database: Database,
) -> None:
    for _ in range(8):
        fact = addressed(TO_SCHOOL)
        await asyncio.gather(hear(database, fact), hear(database, retraction(fact.receipt)))
    assert await rows(database, "select 1 from notifier.obligation where state = 'waiting'") == []
    assert (
        await rows(database, "select 1 from notifier.delivery where state in ('waiting','claimed')")
        == []
    )


async def test_a_correction_replaces_what_is_not_sent_for_that_child_only(
    database: Database,
) -> None:
    first = addressed(TO_SCHOOL)
    sibling = addressed(TO_SCHOOL, receipt=first.receipt, child_index=1)
    await hear(database, first, sibling)
    await hear(database, addressed(TO_SCHOOL, child_id=first.child_id, supersedes=first.receipt))
    found = await rows(
        database, "select child_id, state from notifier.obligation where receipt = :r",
        r=first.receipt,
    )  # fmt: skip
    assert {row.child_id: row.state for row in found} == {
        first.child_id: "superseded",
        sibling.child_id: "waiting",
    }


@pytest.mark.parametrize("found_first", [True, False])
async def test_a_found_child_is_not_reported_missing(database: Database, found_first: bool) -> None:
    at = now()
    alert = to(SCHOOL, RecipientRole.SCHOOL, Profile.MISSING_ALERT)
    found = to(SCHOOL, RecipientRole.SCHOOL, Profile.MISSING_FOUND)
    reported = addressed(alert, event_type="missing.reported", at=at)
    back = addressed(
        found, event_type="missing.found", child_id=reported.child_id,
        at=at + timedelta(minutes=5),
    )  # fmt: skip
    for fact in (back, reported) if found_first else (reported, back):
        await hear(database, fact)
    states = await rows(database, "select event_type, state from notifier.obligation order by 1")
    assert [tuple(row) for row in states] == [
        ("missing.found", "waiting"),
        ("missing.reported", "superseded"),
    ]
    again = addressed(
        alert, event_type="missing.reported", child_id=reported.child_id,
        at=at + timedelta(hours=8),
    )  # fmt: skip
    assert (await hear(database, again)).to_deliver


async def test_closing_an_event_ends_its_open_notices(database: Database) -> None:
    referral = addressed(TO_MASH, event_type="referral.submitted")
    await hear(database, referral)
    for clock in await rows(database, "select * from notifier.clock"):
        assert (clock.receipt, clock.stopped_at) == (referral.receipt, None)
    [row] = await rows(database, "select content from notifier.obligation")
    assert "decisionDueAt" in row.content
    referrer = to(DUTY, RecipientRole.REFERRER, Profile.REFERRER_OUTCOME)
    await hear(
        database, addressed(referrer, event_type="referral.decided", closes=(referral.receipt,))
    )
    clocks = await rows(database, "select * from notifier.clock")
    assert [clock.stopped_at is not None for clock in clocks] == [True, True]
    states = await rows(database, "select role, state from notifier.obligation order by 1")
    assert [tuple(row) for row in states] == [("mash", "superseded"), ("referrer", "waiting")]


async def test_a_decision_that_comes_first_never_starts_the_clock(database: Database) -> None:
    referral = addressed(TO_MASH, event_type="referral.submitted")
    referrer = to(DUTY, RecipientRole.REFERRER, Profile.REFERRER_OUTCOME)
    await hear(
        database, addressed(referrer, event_type="referral.decided", closes=(referral.receipt,))
    )
    await hear(database, referral)
    clocks = await rows(database, "select * from notifier.clock")
    assert [clock.stopped_at is not None for clock in clocks] == [True, True]


async def test_a_corrected_referral_keeps_its_first_start(database: Database) -> None:
    first = addressed(TO_MASH, event_type="referral.submitted")
    second = addressed(
        TO_MASH, event_type="referral.submitted", supersedes=first.receipt,
        child_id=first.child_id, at=now() + timedelta(hours=5),
    )  # fmt: skip
    await hear(database, first, second)
    clocks = {row.receipt: row for row in await rows(database, "select * from notifier.clock")}
    assert clocks[second.receipt].started_at == clocks[first.receipt].started_at
    assert clocks[first.receipt].stopped_at is not None
    assert clocks[second.receipt].stopped_at is None


async def test_who_must_decide_gets_an_alert_that_names_nobody(database: Database) -> None:
    example = addressed()
    needed = ResolutionNeeded(
        receipt=example.receipt, event_type=example.event_type, key="key", sender=example.sender,
        occurred_at=example.occurred_at, accepted_at=example.accepted_at, resolution=uuid4(),
        reason="several-candidates", candidates=2, decide_by=now() + timedelta(hours=4),
        recipients=(to(MASH, RecipientRole.REVIEWER, Profile.ALERT),),
    )  # fmt: skip
    await hear(database, needed)
    [row] = await rows(database, "select * from notifier.obligation")
    assert (row.child_id, row.profile) == (needed.resolution, "alert")
    assert set(json.loads(row.content)) == {"profile", "receipt", "handling", "message"}
    decided = ResolutionDecided(
        resolution=needed.resolution, receipt=needed.receipt, key="key", decision="match",
        decided_by=MASH, decided_at=now(),
    )  # fmt: skip
    await hear(database, decided)
    [row] = await rows(database, "select * from notifier.obligation")
    assert (row.state, row.watch) == ("superseded", "ended")


@pytest.mark.parametrize("early", [True, False])
async def test_the_health_broker_s_word_counts_whenever_it_comes(
    database: Database, early: bool
) -> None:
    nurse = to(NURSE, RecipientRole.SCHOOL_NURSING, Profile.HEALTH_MINIMAL, "health-broker")
    fact = addressed(nurse)
    [notice] = await _ids(database, fact)
    said = NoticeDelivered(
        notice=notice, receipt=fact.receipt, child_index=0, child_id=fact.child_id,
        organisation=NURSE, recipient_name="Example", role=RecipientRole.SCHOOL_NURSING,
        profile=Profile.HEALTH_MINIMAL, owner="health-broker", at=now(),
    )  # fmt: skip
    failed = NoticeFailed(**{**said.model_dump(), "reason": "refused"})

    async def broker() -> None:
        async with database.transaction() as session:
            await hear_notices(session, [failed, said])

    for step in (broker, lambda: hear(database, fact))[:: 1 if early else -1]:
        await step()
    [row] = await rows(database, "select * from notifier.obligation")
    assert row.state == "delivered"
    assert row.delivered_at is not None
    assert await rows(database, "select 1 from notifier.early") == []


async def _ids(database: Database, fact: Any) -> list[UUID]:
    from schemas.facts import notice_id

    return [
        notice_id(fact.receipt, fact.child_id, one.organisation, one.profile, fact.part, 0)
        for one in fact.recipients
    ]


def retraction(receipt: UUID) -> EventRetracted:
    return EventRetracted(receipt=uuid4(), retracts=receipt, key="key", at=now())


async def test_a_nurse_s_missing_alert_carries_the_number_and_a_school_s_does_not(
    database: Database,
) -> None:
    fact = addressed(
        to(SCHOOL, RecipientRole.SCHOOL, Profile.MISSING_ALERT),
        TO_NURSE.model_copy(update={"profile": Profile.MISSING_ALERT, "owner": "health-broker"}),
        event_type="missing.reported",
    )
    identity = fact.identity
    assert identity is not None
    known = identity.model_copy(update={"nhs_number": "9990000018", "nhs_verified": True})
    await hear(database, fact.model_copy(update={"identity": known}))
    found = await rows(database, "select role, content from notifier.obligation")
    has = {row.role: "9990000018" in row.content for row in found}
    assert has == {"school": False, "school-nursing": True}
