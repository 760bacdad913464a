"""Ladders by profile, with times of their own, quiet hours and absences; nothing missed or told
twice. August 2026: the schools are on holiday until the 2nd, and the 31st is a bank holiday."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, date, datetime, time
from typing import Any

import pytest
from sqlalchemy import text

from chassis import outbound
from chassis.database import Database, Session
from chassis.webhooks import Delivered
from schemas.facts import (
    EventAddressed,
    EventRetracted,
    NoticeAcknowledged,
    NoticeEscalated,
    OrganisationRecorded,
    Profile,
)
from schemas.organisations import (
    Absence,
    DateRange,
    Ladder,
    OrganisationKind,
    Post,
    QuietHours,
    RecipientRole,
    Rung,
)
from services.notifier.acknowledge import advance
from services.notifier.channels import mailbox
from services.notifier.compose import compose
from services.notifier.draft_rung import rung_ends
from services.notifier.early import hear_notices
from services.notifier.endpoints import add_endpoint
from services.notifier.escalate import Swept, sweep
from services.notifier.routes import record_organisations
from services.notifier.settings import DeadlineSettings, SendSettings
from services.notifier.settle import Sending, settle_sendings
from services.notifier.tables import Delivery
from tests.integration.notifier.world import (
    DUTY,
    MASH,
    NURSE,
    SCHOOL,
    TO_MASH,
    TO_NURSE,
    TO_SCHOOL,
    SetClock,
    addressed,
    organisation,
    to,
)

SETTINGS = DeadlineSettings()
TRUST = "trust-example"
DEPUTY, TEAM, OFFICER = RecipientRole.DEPUTY, RecipientRole.TEAM, RecipientRole.DUTY_OFFICER
TERM_NIGHT = datetime(2026, 9, 14, 21, 40, tzinfo=UTC)  # A Monday, 22:40 in England.
HOLIDAY_NIGHT = datetime(2026, 8, 28, 20, 10, tzinfo=UTC)  # A Friday, 21:10.
TERMS = (DateRange(first=date(2026, 9, 2), last=date(2026, 12, 18)),)
NIGHTS = QuietHours(starts=time(18), ends=time(8))
HOLIDAY_CONTACT = Post(organisation=TRUST, role=TEAM)


FULL = (
    Rung(organisation=SCHOOL, role=DEPUTY, minutes=45),
    Rung(organisation=TRUST, role=TEAM, profile=Profile.EARLY_YEARS_MINIMAL, minutes=20),
    Rung(organisation=DUTY, role=OFFICER, profile=Profile.ALERT, until="working-morning"),
)


def school(**more: Any) -> OrganisationRecorded:
    ladders = (Ladder(profiles=(Profile.SCHOOL_FULL,), rungs=FULL),)
    return organisation(
        SCHOOL,
        **{"terms": TERMS, "ladders": ladders, "ladder": ((DUTY, OFFICER),), **more},
    )


@pytest.fixture
def clock() -> SetClock:
    return SetClock(TERM_NIGHT)


@pytest.fixture(autouse=True)
async def partnership(database: Database) -> None:
    await record(
        database,
        school(),
        organisation(TRUST, OrganisationKind.LOCAL_AUTHORITY),
        organisation(MASH, OrganisationKind.SOCIAL_CARE, ladder=((DUTY, OFFICER),)),
        organisation(DUTY, OrganisationKind.LOCAL_AUTHORITY),
    )


async def record(database: Database, *organisations: OrganisationRecorded) -> None:
    async with database.transaction() as session:
        await record_organisations(session, organisations)


async def told(database: Database, clock: SetClock, *who: Any, **more: Any) -> EventAddressed:
    fact = addressed(*(who or (TO_SCHOOL,)), at=clock(), **more)
    async with database.transaction() as session:
        await compose(session, [fact], clock(), SETTINGS)
    return fact


async def swept(database: Database, clock: SetClock) -> Swept:
    async with database.transaction() as session:
        return await sweep(session, clock(), SETTINGS)


async def rows(database: Database, sql: str, **values: Any) -> list[Any]:
    async with database.reading() as session:
        return list((await session.execute(text(sql), values)).all())


async def ladder(database: Database) -> list[tuple[Any, ...]]:
    found = await rows(
        database,
        """select rung, organisation, role, profile, watch, stands_in_for
             from notifier.obligation order by composed_at, id <> chain, rung, organisation""",
    )
    return [tuple(row) for row in found]


async def facts(database: Database, kind: str = "%") -> list[Any]:
    found = await rows(
        database, "select type, payload from bus.log where type like :kind order by position",
        kind=kind,
    )  # fmt: skip
    return [(row.type, json.loads(bytes(row.payload))) for row in found]


async def test_each_profile_has_its_ladder_each_rung_its_time_and_its_content(
    database: Database, clock: SetClock
) -> None:
    missing = to(SCHOOL, RecipientRole.SCHOOL, Profile.MISSING_ALERT)
    await told(database, clock, TO_SCHOOL)
    await told(database, clock, missing, event_type="missing.reported")
    clock.forward(minutes=61)  # The missing alert is due after an hour: the common ladder.
    assert (await swept(database, clock)).climbed == 1
    clock.forward(hours=8, minutes=50)  # Tuesday 08:31
    assert (await swept(database, clock)).climbed == 1
    clock.forward(minutes=44)
    assert (await swept(database, clock)).climbed == 0
    clock.forward(minutes=1)
    assert (await swept(database, clock)).climbed == 1
    clock.forward(minutes=20)
    assert (await swept(database, clock)).climbed == 1
    found = await rows(
        database,
        """select rung, organisation, profile, content, watch_due_at from notifier.obligation
            where event_type like 'domestic%' order by rung""",
    )
    assert [(one.rung, one.organisation, one.profile) for one in found] == [
        (0, SCHOOL, "school-full"), (1, SCHOOL, "school-full"),
        (2, TRUST, "early-years-minimal"), (3, DUTY, "alert"),
    ]  # fmt: skip
    first, deputy, team, officer = (json.loads(one.content) for one in found)
    assert deputy == first
    assert team["profile"] == "early-years-minimal"
    assert team["child"] == first["child"]
    assert not {"circumstances", "voice", "policeReference", "contact"} & team.keys()
    assert officer == {
        "profile": "alert", "receipt": first["receipt"], "handling": first["handling"],
        "message": "A notice is unread. See that somebody reads it, and quote this reference.",
    }  # fmt: skip
    # Until the next working morning: Wednesday, 09:00 in England.
    assert found[3].watch_due_at == datetime(2026, 9, 16, 8, 0, tzinfo=UTC)
    assert [row[:3] for row in await ladder(database) if row[3] == "missing-alert"] == [
        (0, SCHOOL, "school"), (1, DUTY, "duty-officer"),
    ]  # fmt: skip


async def test_after_four_hours_away_each_ladder_climbs_one_rung_and_gives_it_its_whole_time(
    database: Database, clock: SetClock
) -> None:
    await told(database, clock)
    clock.forward(hours=10, minutes=51)  # 09:31: rung 1 would have had its 45 minutes.
    await swept(database, clock)
    clock.forward(hours=4)
    assert [(await swept(database, clock)).climbed for _ in range(3)] == [1, 0, 0]
    clock.forward(minutes=19)
    assert (await swept(database, clock)).climbed == 0
    clock.forward(minutes=1)
    assert (await swept(database, clock)).climbed == 1


@pytest.mark.parametrize(
    ("rung", "sent", "due"),
    [
        # On time: until the next working morning, 09:00 in England.
        (FULL[2], "2026-09-15T07:41", "2026-09-15T08:11"),
        (FULL[2], "2026-09-15T07:05", "2026-09-15T08:00"),
        # Four hours late: thirty minutes all the same.
        (FULL[2], "2026-09-15T11:05", "2026-09-15T11:35"),
        # Minutes of its own, from when it was sent; without any, the usual hour.
        (Rung(organisation=DUTY, role=OFFICER, minutes=20), "2026-09-15T11:05", "2026-09-15T11:25"),
        (Rung(organisation=DUTY, role=OFFICER), "2026-09-15T11:05", "2026-09-15T12:05"),
    ],
)
async def test_a_webhook_s_rung_has_its_time_from_when_it_was_really_sent(
    database: Database, clock: SetClock, rung: Rung, sent: str, due: str
) -> None:
    ladders = (Ladder(profiles=(Profile.SCHOOL_FULL,), rungs=(rung,)),)
    await record(
        database,
        organisation(DUTY, OrganisationKind.LOCAL_AUTHORITY, channel="webhook"),
        school(opens_at=time(8, 0), ladders=ladders),
    )
    async with database.transaction() as session:
        await add_endpoint(session, DUTY, "http://127.0.0.1:9/hook")
    await told(database, clock)
    clock.at = datetime(2026, 9, 15, 7, 1, tzinfo=UTC)
    assert (await swept(database, clock)).climbed == 1
    [row] = await rows(database, "select * from notifier.obligation where rung = 1")
    assert row.watch_due_at is None
    at = datetime.fromisoformat(sent).replace(tzinfo=UTC)
    async with database.transaction() as session:
        claim = await outbound.claim(session, Delivery, limit=1, lease_seconds=30)
        [taken] = claim.rows
        sending = Sending(
            taken.id, taken.endpoint, claim.token, taken.attempts, taken.composed_at, at, 7,
            Delivered(204),
        )  # fmt: skip
        await settle_sendings(session, [sending], at, SendSettings(), SETTINGS)
    [row] = await rows(database, "select * from notifier.obligation where rung = 1")
    assert row.watch_due_at == datetime.fromisoformat(due).replace(tzinfo=UTC)
    assert row.watch_due_at == rung_ends(at, row.given_minutes, row.given_until, SETTINGS)


async def test_a_rung_that_is_told_less_is_told_no_more_by_reading_it(
    database: Database, clock: SetClock
) -> None:
    rungs = (Rung(organisation=TRUST, role=TEAM, profile=Profile.EARLY_YEARS_MINIMAL),)
    profiles = (Profile.SCHOOL_FULL, Profile.HEALTH_MINIMAL)
    ladders = (Ladder(profiles=profiles, rungs=rungs),)
    await record(
        database,
        school(ladders=ladders),
        organisation(NURSE, OrganisationKind.SCHOOL_NURSING, ladders=ladders),
    )
    await told(database, clock, TO_SCHOOL, TO_NURSE, TO_MASH)
    [mash] = await rows(database, "select id from notifier.obligation where role = 'mash'")
    async with database.transaction() as session:
        await advance(session, [mash.id], "acknowledged", clock(), by="triage")
    clock.forward(hours=13)  # Past the school's opening and the nurses' first two hours.
    assert (await swept(database, clock)).climbed == 2
    found: dict[str, dict[str, Any]] = {}
    async with database.transaction() as session:
        for row in await rows(
            database,
            """select o.id, f.organisation as first from notifier.obligation o
                 join notifier.obligation f on f.id = o.chain where o.rung = 1""",
        ):
            notice = await mailbox.find(session, row.id, [TRUST])
            [found[row.first]], _ = await mailbox.open_notices(session, [notice], clock())
    # The nurse may learn that social care was informed, so whoever is next may; a school's not.
    assert found[NURSE]["socialCareInformed"] is True
    assert "socialCareInformed" not in found[SCHOOL]
    assert {one["profile"] for one in found.values()} == {"early-years-minimal"}
    assert "nhsNumber" not in found[NURSE]["child"]


async def test_who_stands_in_sees_for_whom(database: Database, clock: SetClock) -> None:
    await record(database, school(holiday_contact=HOLIDAY_CONTACT))
    clock.at = HOLIDAY_NIGHT
    await told(database, clock)
    async with database.transaction() as session:
        [row], _ = await mailbox.collect(session, [TRUST], "waiting", 10, clock())
        assert row.stands_in_for == SCHOOL
        [row], _ = await mailbox.collect(session, [SCHOOL], "waiting", 10, clock())
        assert row.stands_in_for is None


async def quiet_school(database: Database) -> None:
    rungs = (
        Rung(organisation=SCHOOL, role=DEPUTY),
        Rung(organisation=TRUST, role=TEAM),
    )
    await record(
        database,
        school(
            ladder=(), ladders=(Ladder(profiles=(Profile.REFERRER_OUTCOME,), rungs=rungs),),
            quiet_hours=(NIGHTS,),
        ),
        organisation(TRUST, OrganisationKind.LOCAL_AUTHORITY, quiet_hours=(NIGHTS,)),
    )  # fmt: skip


async def test_what_is_not_urgent_waits_for_the_end_of_quiet_hours_and_is_reported_once(
    database: Database, clock: SetClock
) -> None:
    await quiet_school(database)
    await told(
        database, clock, to(SCHOOL, RecipientRole.REFERRER, Profile.REFERRER_OUTCOME),
        event_type="referral.decided",
    )  # fmt: skip
    clock.at = datetime(2026, 9, 15, 18, 0, tzinfo=UTC)  # An outage over the day: now 19:00.
    assert (await swept(database, clock)).deferred == 1
    assert [kind for kind, _ in await facts(database)] == ["notice.undelivered"]
    clock.at = datetime(2026, 9, 16, 6, 59, tzinfo=UTC)
    assert (await swept(database, clock)).overdue == 0
    clock.forward(minutes=1)  # 08:00 in England.
    assert (await swept(database, clock)).climbed == 1
    assert [kind for kind, _ in await facts(database)] == ["notice.undelivered", "notice.escalated"]


async def test_whoever_was_leapt_over_is_told_before_the_ladder_is_exhausted(
    database: Database, clock: SetClock
) -> None:
    rungs = (Rung(organisation=SCHOOL, role=DEPUTY), Rung(organisation=DUTY, role=OFFICER))
    await record(
        database,
        school(
            ladders=(Ladder(profiles=(Profile.REFERRER_OUTCOME,), rungs=rungs),),
            quiet_hours=(NIGHTS,),
        ),
    )
    await told(
        database, clock, to(SCHOOL, RecipientRole.REFERRER, Profile.REFERRER_OUTCOME),
        event_type="referral.decided",
    )  # fmt: skip
    clock.at = datetime(2026, 9, 15, 18, 0, tzinfo=UTC)  # 19:00: the deputy is quiet.
    assert (await swept(database, clock)).climbed == 1
    clock.forward(hours=1)
    assert (await swept(database, clock)).deferred == 1
    clock.at = datetime(2026, 9, 16, 7, 0, tzinfo=UTC)
    assert (await swept(database, clock)).climbed == 1
    clock.forward(hours=1)
    assert (await swept(database, clock)).exhausted == 1
    assert [row[:3] for row in await ladder(database)] == [
        (0, SCHOOL, "referrer"), (2, DUTY, "duty-officer"), (1, SCHOOL, "deputy"),
    ]  # fmt: skip


async def test_who_confirms_during_quiet_hours_is_not_passed_over(
    database: Database, clock: SetClock
) -> None:
    await quiet_school(database)
    await told(
        database, clock, to(SCHOOL, RecipientRole.REFERRER, Profile.REFERRER_OUTCOME),
        event_type="referral.decided",
    )  # fmt: skip
    clock.at = datetime(2026, 9, 15, 18, 0, tzinfo=UTC)
    assert (await swept(database, clock)).deferred == 1
    [row] = await rows(database, "select id from notifier.obligation")
    async with database.transaction() as session:
        await advance(session, [row.id], "acknowledged", clock(), by="lead")
    clock.forward(days=1)
    assert (await swept(database, clock)).overdue == 0


async def test_a_clock_of_the_law_waits_for_nobody_s_quiet_hours(
    database: Database, clock: SetClock
) -> None:
    always = QuietHours(starts=time(0), ends=time(0), days=("mon", "tue", "wed"))
    await record(
        database,
        organisation(
            MASH, OrganisationKind.SOCIAL_CARE, ladder=((TRUST, TEAM),)
        ),
        organisation(TRUST, OrganisationKind.LOCAL_AUTHORITY, quiet_hours=(always,)),
    )  # fmt: skip
    await told(database, clock, TO_MASH, event_type="referral.submitted")
    [row] = await rows(database, "select id from notifier.obligation")
    async with database.transaction() as session:
        await advance(session, [row.id], "acknowledged", clock(), by="triage")
    clock.forward(hours=25)
    done = await swept(database, clock)
    assert (done.clocks, done.climbed, done.deferred) == (2, 1, 0), "two clocks, one step"


async def test_a_closed_school_s_holiday_contact_is_told_at_once_and_the_school_keeps_its_notice(
    database: Database, clock: SetClock
) -> None:
    await record(database, school(holiday_contact=HOLIDAY_CONTACT))
    clock.at = HOLIDAY_NIGHT
    fact = await told(database, clock)
    assert await ladder(database) == [
        (0, SCHOOL, "school", "school-full", "climbed", None),
        (0, TRUST, "team", "school-full", "watching", SCHOOL),
    ]
    [(_, escalated)] = await facts(database, "notice.escalated")
    said = NoticeEscalated.model_validate(escalated)
    assert (said.reason, said.next_organisation, said.stands_in_for) == ("absent", TRUST, SCHOOL)
    # The same again, also when the school is back, hands nothing over a second time.
    for at in (HOLIDAY_NIGHT, TERM_NIGHT):
        async with database.transaction() as session:
            assert (await compose(session, [fact], at, SETTINGS)).made == 0
    # Silence of who stands in: the school's own ladder goes on, past those who were told (for the
    # deputy the holiday contact stands in as well).
    clock.at = datetime(2026, 9, 1, 20, 11, tzinfo=UTC)  # Tuesday 21:11: one working day later.
    assert (await swept(database, clock)).climbed == 1
    assert (await ladder(database))[-1] == (3, DUTY, "duty-officer", "alert", "watching", None)


async def test_who_stands_in_confirms_for_the_school_and_the_school_for_who_stands_in(
    database: Database, clock: SetClock
) -> None:
    await record(database, school(holiday_contact=HOLIDAY_CONTACT))
    clock.at = HOLIDAY_NIGHT
    for who in (TRUST, SCHOOL):
        fact = await told(database, clock)
        [row] = await rows(
            database,
            "select id from notifier.obligation where receipt = :receipt and organisation = :who",
            receipt=fact.receipt, who=who,
        )  # fmt: skip
        async with database.transaction() as session:
            await advance(session, [row.id], "acknowledged", clock(), by="team")
    clock.forward(days=7)
    assert (await swept(database, clock)).overdue == 0


async def test_who_stood_in_is_told_of_a_retraction_and_of_a_withdrawal(
    database: Database, clock: SetClock
) -> None:
    await record(database, school(holiday_contact=HOLIDAY_CONTACT))
    clock.at = HOLIDAY_NIGHT
    fact = await told(database, clock)
    async with database.transaction() as session:
        for row in await rows(database, "select id from notifier.obligation"):
            await advance(session, [row.id], "opened", clock())
    withdrawal = to(SCHOOL, RecipientRole.SCHOOL, Profile.WITHDRAWAL)
    retracted = EventRetracted(
        receipt=fact.receipt, retracts=fact.receipt, at=clock(), key="key", replaced_by=None
    )
    again = addressed(
        withdrawal, at=clock(), child_id=fact.child_id, supersedes=fact.receipt,
    )  # fmt: skip
    async with database.transaction() as session:
        await compose(session, [retracted, again], clock(), SETTINGS)
    withdrawn = [row for row in await ladder(database) if row[3] == "withdrawal"]
    assert sorted(row[1] for row in withdrawn) == [TRUST, SCHOOL]


async def test_for_who_is_reached_through_health_a_stand_in_is_reached_by_us(
    database: Database, clock: SetClock
) -> None:
    away = Absence(first=date(2026, 9, 14), last=date(2026, 9, 15), stand_in=HOLIDAY_CONTACT)
    await record(
        database,
        organisation(
            NURSE, OrganisationKind.SCHOOL_NURSING, channel="fhir", absences=(away,),
            ladder=((DUTY, OFFICER),),
        ),
    )  # fmt: skip
    nurse = to(NURSE, RecipientRole.SCHOOL_NURSING, Profile.HEALTH_MINIMAL, owner="health-broker")
    fact = await told(database, clock, nurse)
    owners = await rows(database, "select organisation, owner, watch from notifier.obligation")
    assert {tuple(row) for row in owners} == {
        (NURSE, "health-broker", "climbed"), (TRUST, "notifier", "watching"),
    }  # fmt: skip
    # The nurse confirms all the same, in her own system.
    [row] = await rows(
        database, "select * from notifier.obligation where organisation = :o", o=NURSE
    )
    async with database.transaction() as session:
        said = NoticeAcknowledged(
            notice=row.id, receipt=fact.receipt, child_index=0, child_id=fact.child_id,
            organisation=NURSE, recipient_name=row.recipient_name, role=row.role,
            profile=row.profile, owner="health-broker", at=clock(),
        )  # fmt: skip
        await hear_notices(session, [said])
    clock.forward(days=3)
    assert (await swept(database, clock)).overdue == 0


async def test_who_stands_in_is_not_told_what_is_withheld_from_it(
    database: Database, clock: SetClock
) -> None:
    await record(database, school(holiday_contact=HOLIDAY_CONTACT))
    clock.at = HOLIDAY_NIGHT
    withheld = to(TRUST, TEAM, Profile.SCHOOL_FULL, withheld="involved")
    await told(database, clock, TO_SCHOOL, withheld)
    assert sorted((row[1], row[4]) for row in await ladder(database)) == [
        (TRUST, "ended"), (SCHOOL, "watching"),
    ]  # fmt: skip


async def test_a_rung_that_is_away_is_told_by_who_stands_in_and_marked_so(
    database: Database, clock: SetClock
) -> None:
    away = Absence(
        first=date(2026, 9, 14), last=date(2026, 9, 15), role=DEPUTY, stand_in=HOLIDAY_CONTACT
    )
    await record(database, school(absences=(away,)))
    await told(database, clock)
    clock.forward(hours=10)
    assert (await swept(database, clock)).climbed == 1
    assert (await ladder(database))[1:] == [(1, TRUST, "team", "school-full", "watching", SCHOOL)]
    [(_, escalated)] = await facts(database, "notice.escalated")
    assert escalated["standsInFor"] == SCHOOL


async def test_an_absent_mash_s_undecided_referral_climbs_once_from_who_stands_in(
    database: Database, clock: SetClock
) -> None:
    away = Absence(
        first=date(2026, 9, 14), last=date(2026, 9, 15), stand_in=HOLIDAY_CONTACT
    )  # fmt: skip
    await record(
        database,
        organisation(MASH, OrganisationKind.SOCIAL_CARE, ladder=((DUTY, OFFICER),),
                     absences=(away,)),
    )  # fmt: skip
    await told(database, clock, TO_MASH, event_type="referral.submitted")
    [row] = await rows(
        database, "select id from notifier.obligation where organisation = :o", o=TRUST
    )
    async with database.transaction() as session:
        await advance(session, [row.id], "acknowledged", clock(), by="triage")
    clock.forward(hours=25)
    done = await swept(database, clock)
    assert (done.clocks, done.climbed) == (2, 1), "two clocks, one step"
    escalated = [said for _, said in await facts(database, "notice.escalated")]
    assert [(one["reason"], one["nextOrganisation"]) for one in escalated] == [
        ("absent", TRUST), ("undecided", DUTY),
    ]  # fmt: skip


async def test_an_undecided_referral_climbs_from_whoever_was_told_last(
    database: Database, clock: SetClock
) -> None:
    rungs = (
        Rung(organisation=MASH, role=DEPUTY),
        Rung(organisation=TRUST, role=TEAM),
        Rung(organisation=DUTY, role=OFFICER),
    )
    await record(
        database,
        organisation(
            MASH, OrganisationKind.SOCIAL_CARE, quiet_hours=(NIGHTS,),
            ladders=(Ladder(profiles=(Profile.MASH_INCIDENT,), rungs=rungs),),
        ),
    )  # fmt: skip
    clock.at = datetime(2026, 9, 14, 17, 0, tzinfo=UTC)
    await told(database, clock, TO_MASH, event_type="referral.submitted")
    clock.at = datetime(2026, 9, 15, 5, 0, tzinfo=UTC)
    async with database.transaction() as session:
        await session.execute(
            text("update notifier.obligation set watch_due_at = :at"), {"at": clock()}
        )
    assert (await swept(database, clock)).climbed == 1  # 06:00: the deputy is leapt over.
    for _ in range(2):
        clock.forward(hours=1)
        assert (await swept(database, clock)).climbed == 1
    # 08:00: the duty officer is silent too, and the deputy, awake again, takes it on.
    [last] = await rows(database, "select id from notifier.obligation where rung = 1")
    async with database.transaction() as session:
        await advance(session, [last.id], "acknowledged", clock(), by="deputy")
    clock.at = datetime(2026, 9, 15, 18, 0, tzinfo=UTC)
    done = await swept(database, clock)
    assert (done.clocks, done.exhausted) == (1, 1)


class CrashError(Exception):
    """The process ends between two lines."""


@asynccontextmanager
async def ending_before_the_commit(database: Database) -> AsyncIterator[Session]:
    with suppress(CrashError):
        async with database.transaction() as session:
            yield session
            raise CrashError


async def test_a_crash_after_a_sweep_misses_no_step_and_repeats_none(
    database: Database, clock: SetClock
) -> None:
    for _ in range(5):
        await told(database, clock)
    clock.forward(hours=10)
    async with ending_before_the_commit(database) as session:
        assert (await sweep(session, clock(), SETTINGS)).climbed == 5
    assert await facts(database) == []
    assert (await swept(database, clock)).climbed == 5
    assert (await swept(database, clock)).climbed == 0
    assert len(await facts(database, "notice.escalated")) == 5


async def test_a_crash_while_handing_over_leaves_neither_notice_and_the_repeat_makes_both(
    database: Database, clock: SetClock
) -> None:
    await record(database, school(holiday_contact=HOLIDAY_CONTACT))
    clock.at = HOLIDAY_NIGHT
    fact = addressed(TO_SCHOOL, at=clock())
    async with ending_before_the_commit(database) as session:
        await compose(session, [fact], clock(), SETTINGS)
    assert await ladder(database) == []
    async with database.transaction() as session:
        assert (await compose(session, [fact], clock(), SETTINGS)).made == 2
    assert len(await facts(database, "notice.escalated")) == 1


async def test_four_sweepers_restarted_over_and_over_tell_each_rung_once(
    database: Database, clock: SetClock
) -> None:
    for _ in range(20):
        await told(database, clock)
    clock.forward(hours=10)
    for expected in (20, 20, 20):
        done = await asyncio.gather(*(swept(database, clock) for _ in range(4)))
        assert sum(one.climbed for one in done) == expected
        clock.forward(minutes=45)
    found = await rows(
        database, "select rung, count(*) from notifier.obligation group by rung order by rung"
    )
    assert [tuple(row) for row in found] == [(0, 20), (1, 20), (2, 20), (3, 20)]
    escalated = [said["nextNotice"] for _, said in await facts(database, "notice.escalated")]
    assert len(escalated) == len(set(escalated)) == 60
