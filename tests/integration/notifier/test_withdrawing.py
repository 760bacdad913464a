"""Some notices of one child are taken back: they end, others stand, and all can be told anew."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from chassis.clock import now
from chassis.database import Database
from schemas.facts import Addressee, EventAddressed, EventRetracted, Profile, notice_id
from schemas.organisations import OrganisationKind, RecipientRole
from services.notifier.escalate import sweep
from services.notifier.routes import record_organisations
from tests.integration.notifier.test_compose import SETTINGS, hear, rows
from tests.integration.notifier.world import (
    DUTY,
    MASH,
    SCHOOL,
    TO_MASH,
    TO_SCHOOL,
    addressed,
    organisation,
    to,
)

LADDER = ((DUTY, RecipientRole.DUTY_OFFICER),)


@pytest.fixture(autouse=True)
async def partnership(database: Database) -> None:
    async with database.transaction() as session:
        await record_organisations(
            session,
            [
                organisation(SCHOOL, ladder=LADDER),
                organisation(MASH, OrganisationKind.SOCIAL_CARE),
                organisation(DUTY, OrganisationKind.LOCAL_AUTHORITY),
            ],
        )


def notice_of(fact: EventAddressed, one: Addressee) -> UUID:
    return notice_id(
        fact.receipt, fact.child_id, one.organisation, one.profile, fact.part, 0, fact.edition
    )


def withdrawal(fact: EventAddressed, *of: Addressee) -> EventAddressed:
    """What the directory says when notices of this child are taken back."""
    return fact.model_copy(
        update={
            "recipients": tuple(to(one.organisation, one.role, Profile.WITHDRAWAL) for one in of),
            "withdraws": tuple(notice_of(fact, one) for one in of),
            "edition": fact.edition + 1,
            "data": {},
        }
    )


async def states(database: Database) -> dict[tuple[str, str, int], str]:
    found = await rows(
        database,
        "select organisation, profile, rung, state from notifier.obligation order by composed_at",
    )
    return {tuple(row)[:3]: row.state for row in found}


async def test_only_the_notices_that_are_named_end(database: Database) -> None:
    fact = addressed(TO_SCHOOL, TO_MASH)
    await hear(database, fact)
    await hear(database, withdrawal(fact, TO_SCHOOL))
    found = await states(database)
    assert found[SCHOOL, "school-full", 0] == "superseded"
    assert found[MASH, "mash-incident", 0] == "waiting"
    assert found[SCHOOL, "withdrawal", 0] == "waiting"
    (row,) = await rows(
        database, "select content from notifier.obligation where profile = 'withdrawal'"
    )
    assert f'"withdraws":"{fact.receipt}"' in row.content


async def test_a_delivered_notice_is_marked_withdrawn(database: Database) -> None:
    fact = addressed(TO_SCHOOL)
    await hear(database, fact)
    async with database.transaction() as session:
        await session.execute(text("update notifier.obligation set state = 'delivered'"))
    await hear(database, withdrawal(fact, TO_SCHOOL))
    (row,) = await rows(
        database,
        "select withdrawn_at, watch from notifier.obligation where profile = 'school-full'",
    )
    assert row.withdrawn_at is not None
    assert row.watch == "ended"


async def test_a_withdrawal_that_comes_first_stops_its_notice(database: Database) -> None:
    fact = addressed(TO_SCHOOL)
    await hear(database, withdrawal(fact, TO_SCHOOL))
    await hear(database, fact)
    assert (await states(database))[SCHOOL, "school-full", 0] == "superseded"


async def test_a_later_edition_is_told_although_the_first_was_withdrawn(
    database: Database,
) -> None:
    fact = addressed(TO_SCHOOL)
    again = fact.model_copy(update={"edition": 1})
    await hear(database, fact)
    await hear(database, withdrawal(fact, TO_SCHOOL), again)
    found = await rows(
        database,
        "select state from notifier.obligation where profile = 'school-full' order by state",
    )
    assert [row.state for row in found] == ["superseded", "waiting"]


async def test_each_edition_climbs_a_ladder_of_its_own(database: Database) -> None:
    fact = addressed(TO_SCHOOL)
    again = fact.model_copy(update={"edition": 1})
    later = now() + timedelta(days=7)
    await hear(database, fact)
    async with database.transaction() as session:
        await sweep(session, later, SETTINGS)
    await hear(database, withdrawal(fact, TO_SCHOOL), again)
    async with database.transaction() as session:
        await sweep(session, later, SETTINGS)
    found = await rows(
        database,
        """select state, profile from notifier.obligation
            where organisation = :duty and profile = 'school-full'""",
        duty=DUTY,
    )
    assert sorted(row.state for row in found) == ["superseded", "waiting"]


async def test_a_report_after_a_found_that_was_undone_is_told(database: Database) -> None:
    alert = to(SCHOOL, RecipientRole.SCHOOL, Profile.MISSING_ALERT)
    told_found = to(SCHOOL, RecipientRole.SCHOOL, Profile.MISSING_FOUND)
    found = addressed(told_found, event_type="missing.found")
    await hear(database, found)
    await hear(database, withdrawal(found, told_found))
    report = addressed(
        alert,
        event_type="missing.reported",
        child_id=found.child_id,
        occurred_at=found.occurred_at - timedelta(hours=1),
    )
    await hear(database, report)
    assert (await states(database))[SCHOOL, "missing-alert", 0] == "waiting"


async def test_the_clock_of_a_referral_runs_on(database: Database) -> None:
    fact = addressed(TO_MASH, event_type="referral.submitted")
    await hear(database, fact)
    await hear(database, withdrawal(fact, TO_MASH))
    clocks = await rows(database, "select stopped_at from notifier.clock")
    assert [row.stopped_at for row in clocks] == [None, None]


async def climbed(database: Database) -> EventAddressed:
    """A notice that nobody confirmed: the duty officer has it too."""
    fact = addressed(TO_SCHOOL)
    await hear(database, fact)
    async with database.transaction() as session:
        await sweep(session, now() + timedelta(days=7), SETTINGS)
    async with database.transaction() as session:
        await session.execute(text("update notifier.obligation set state = 'delivered'"))
    return fact


async def test_a_withdrawal_reaches_whom_a_ladder_told(database: Database) -> None:
    fact = await climbed(database)
    taken = withdrawal(fact, TO_SCHOOL)
    composed = await hear(database, taken)
    found = await states(database)
    assert found[DUTY, "withdrawal", 0] == "waiting"
    assert DUTY in composed.mailboxes
    assert (await hear(database, taken)).made == 0


async def test_so_does_the_withdrawal_of_a_retraction(database: Database) -> None:
    fact = await climbed(database)
    retraction = EventRetracted(receipt=uuid4(), retracts=fact.receipt, key="key", at=now())
    told = withdrawal(fact, TO_SCHOOL).model_copy(
        update={
            "receipt": retraction.receipt,
            "supersedes": fact.receipt,
            "withdraws": (),
            "edition": 0,
        }
    )
    await hear(database, retraction, told)
    assert (await states(database))[DUTY, "withdrawal", 0] == "waiting"
