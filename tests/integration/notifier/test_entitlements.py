"""What an organisation may be told, what it was told, and why, by the policy as it was said."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chassis.clock import now
from chassis.database import Database
from chassis.process import running
from schemas.facts import PolicyRecorded, Profile
from schemas.organisations import OrganisationKind, RecipientRole
from services.directory.announce_policy import policy_fact
from services.directory.partnership import Partnership
from services.notifier.compose import compose
from services.notifier.escalate import sweep
from services.notifier.policy_lines import record_policy
from services.notifier.routes import record_organisations
from services.notifier.settings import DeadlineSettings
from tests.integration.notifier.desk import ME, make_key, open_desk
from tests.integration.notifier.world import (
    DUTY,
    SCHOOL,
    TO_SCHOOL,
    addressed,
    open_notifier,
    organisation,
    publish,
    to,
)
from tests.support.waiting import eventually

BY_LINE = TO_SCHOOL.model_copy(update={"rule": "da-school"})


@pytest.fixture(autouse=True)
async def partnership(database: Database) -> None:
    ladder = [(DUTY, RecipientRole.DUTY_OFFICER)]
    async with database.transaction() as session:
        await record_organisations(
            session,
            [
                organisation(SCHOOL, ladder=ladder),
                organisation(DUTY, OrganisationKind.LOCAL_AUTHORITY),
            ],
        )


async def test_the_policy_is_heard_on_the_bus_and_the_newest_counts(database: Database) -> None:
    said = policy_fact(Partnership())
    assert len(said.lines) > 30
    road, notifier = open_notifier(database)
    async with open_desk(database) as desk:

        async def rules() -> list[str]:
            shown = await desk.get("/entitlements")
            return [one["rule"] for one in shown["entitled"]]

        assert await rules() == []
        await publish(database, said)
        async with running([*road.tasks(), *notifier.tasks]):
            await eventually(rules)
            # A directory of before, which starts later but said it earlier.
            old = said.model_copy(update={"lines": said.lines[:1], "at": said.at - timedelta(1)})
            new = said.model_copy(update={"lines": said.lines[:3], "at": said.at + timedelta(1)})
            await publish(database, new, old)

            async def only_new() -> bool:
                found = await desk.rows("select rule from notifier.policy_line")
                return {row.rule for row in found} == {one.rule for one in new.lines}

            await eventually(only_new)
        parked = await desk.rows("select 1 from bus.held where state = 'parked'")
        assert parked == []


async def test_a_school_sees_what_it_may_be_told_what_it_was_told_and_each_notice_says_why(
    database: Database,
) -> None:
    async with database.transaction() as session:
        await record_policy(session, policy_fact(Partnership()))
        hidden = to(SCHOOL, RecipientRole.SCHOOL, Profile.MISSING_ALERT, withheld="refuge")
        await compose(
            session,
            [addressed(BY_LINE), addressed(BY_LINE),
             addressed(hidden, event_type="missing.reported")],
            now(),
            DeadlineSettings(),
        )  # fmt: skip
    async with open_desk(database) as desk:
        shown = await desk.get("/entitlements")
        may = {one["rule"]: one for one in shown["entitled"]}
        assert {"da-school", "mr-school", "mf-told", "rs-receipt"} <= set(may)
        assert not {"da-mash", "da-school-nursing", "mr-emergency-department"} & set(may)
        assert may["da-school"]["words"] == (
            "The policy tells every school, where: a school is expected."
        )
        [was] = shown["wasTold"]
        assert (was["rule"], was["count"], was["how"]) == ("da-school", 2, "addressed")

        [first, _] = (await desk.client.get("/v1/notices", headers=desk.key)).json()["notices"]
        read = (await desk.client.get(f"/v1/notices/{first['id']}", headers=desk.key)).json()
        assert read["why"] == {
            "rule": "da-school", "how": "addressed", "words": may["da-school"]["words"],
        }  # fmt: skip

        async with database.transaction() as session:
            swept = await sweep(session, now() + timedelta(days=9), DeadlineSettings())
        assert swept.climbed == 2
        duty = await make_key(database, DUTY)
        [rung, _] = (await desk.client.get("/v1/notices", headers=duty)).json()["notices"]
        read = (await desk.client.get(f"/v1/notices/{rung['id']}", headers=duty)).json()
        assert read["why"]["how"] == "ladder"
        assert read["why"]["words"].startswith("Nobody confirmed it in time, and you are next")
        theirs = (await desk.client.get(f"{ME}/entitlements", headers=duty)).json()
        assert [(one["how"], one["count"]) for one in theirs["wasTold"]] == [("ladder", 2)]
        assert "da-education-officer" in {one["rule"] for one in theirs["entitled"]}


async def test_a_line_that_is_no_more_is_said_so_and_nobody_sees_another_s(
    database: Database,
) -> None:
    async with database.transaction() as session:
        await record_policy(session, PolicyRecorded(lines=(), at=now()))
        await compose(session, [addressed(BY_LINE)], now(), DeadlineSettings())
    async with open_desk(database) as desk:
        [was] = (await desk.get("/entitlements"))["wasTold"]
        assert was["words"] == "The line da-school, which is in the table no more."
        elsewhere = await desk.ask("GET", f"/entitlements?organisation={DUTY}")
        assert elsewhere.status_code == 404
        assert (await desk.client.get(f"{ME}/entitlements")).status_code == 401
