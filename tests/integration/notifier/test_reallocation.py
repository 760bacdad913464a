"""A child's new worker: what nobody confirmed changes hands once, and can go back."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

import bus
from chassis import outbound
from chassis.clock import now
from chassis.database import Database
from schemas.facts import (
    Digest,
    DigestLine,
    EventAddressed,
    EventRetracted,
    NoticeEscalated,
    NoticeSuperseded,
    Profile,
)
from schemas.organisations import OrganisationKind, RecipientRole
from services.notifier.acknowledge import advance
from services.notifier.channels import mailbox
from services.notifier.endpoints import add_endpoint
from services.notifier.escalate import sweep
from services.notifier.routes import record_organisations
from tests.integration.notifier.test_compose import SETTINGS, hear, rows
from tests.integration.notifier.world import (
    MASH,
    SCHOOL,
    TO_MASH,
    TO_SCHOOL,
    addressed,
    organisation,
    to,
)

OLD, NEW, THIRD = "team-old-example", "team-new-example", "team-third-example"
MANAGER, HEAD = "manager-example", "head-example"
WORKER, PEOPLE = RecipientRole.ALLOCATED_WORKER, OrganisationKind.SOCIAL_CARE
CHILD = UUID(int=77)


def worker(name: str, profile: Profile = Profile.MASH_INCIDENT) -> Any:
    return to(name, WORKER, profile)


@pytest.fixture(autouse=True)
async def partnership(database: Database) -> None:
    ladder = ((MANAGER, RecipientRole.TEAM), (HEAD, RecipientRole.DUTY_OFFICER))
    async with database.transaction() as session:
        await record_organisations(
            session,
            [
                organisation(SCHOOL),
                organisation(MASH, PEOPLE),
                organisation(OLD, PEOPLE, ladder=((HEAD, RecipientRole.TEAM),)),
                organisation(NEW, PEOPLE, ladder=ladder),
                organisation(THIRD, PEOPLE, ladder=ladder),
                organisation(MANAGER, PEOPLE),
                organisation(HEAD, PEOPLE),
            ],
        )


def incident(*recipients: Any, **more: Any) -> EventAddressed:
    return addressed(*(recipients or (TO_SCHOOL, TO_MASH, worker(OLD))), child_id=CHILD, **more)


def assignment(
    unit: str, *events: EventAddressed, after: tuple[str, ...] = (OLD,), **more: Any
) -> EventAddressed:
    """What the directory says when somebody takes the child over."""
    lines = tuple(
        DigestLine(
            receipt=one.receipt, event_type=one.event_type, occurred_at=one.occurred_at,
            told=tuple(sorted({to.role for to in one.recipients})),
        )
        for one in events
    )  # fmt: skip
    earlier = more.pop("earlier", ())
    digest = Digest(
        since=now() - timedelta(days=365), takes_over=after, mash=more.pop("mash", True),
        lines=lines, earlier=earlier,
    )  # fmt: skip
    return addressed(
        worker(unit, Profile.WORKER_DIGEST),
        event_type="worker.assigned", child_id=CHILD, digest=digest, **more,
    )  # fmt: skip


async def standing(database: Database, receipt: UUID) -> dict[str, tuple[str, str]]:
    """Of one event: organisation → (state, watch)."""
    found = await rows(
        database,
        "select organisation, state, watch, receipt from notifier.obligation order by rung, id",
    )
    return {row.organisation: (row.state, row.watch) for row in found if row.receipt == receipt}


async def content_of(database: Database, organisation: str, profile: str) -> dict[str, Any]:
    found = await rows(
        database, "select organisation, profile, content from notifier.obligation order by id"
    )
    (one,) = (json.loads(row.content) for row in found if tuple(row)[:2] == (organisation, profile))
    assert isinstance(one, dict)
    return one


async def confirm(database: Database, organisation: str, receipt: UUID) -> None:
    async with database.transaction() as session:
        found = await session.execute(
            text("""select id from notifier.obligation
                     where organisation = :organisation and receipt = :receipt"""),
            {"organisation": organisation, "receipt": receipt},
        )
        facts = await advance(session, [row.id for row in found], "acknowledged", now(), by="A")
        await bus.append(session, *facts)


async def said(database: Database, kind: type[Any]) -> list[Any]:
    async with database.reading() as session:
        found = await session.execute(
            text("select payload from bus.log where type = :type order by position"),
            {"type": kind.fact_type},
        )
        return [kind.model_validate_json(bytes(row.payload)) for row in found]


async def test_what_the_former_worker_has_not_confirmed_goes_to_the_new_one(
    database: Database,
) -> None:
    event, read = incident(), incident()
    await hear(database, event, read)
    await confirm(database, OLD, read.receipt)
    await confirm(database, MASH, read.receipt)
    taken = assignment(NEW, event, read)
    await hear(database, taken)
    assert await standing(database, event.receipt) == {
        SCHOOL: ("waiting", "watching"),
        MASH: ("waiting", "watching"),
        OLD: ("superseded", "ended"),
        NEW: ("waiting", "watching"),
    }
    assert (await standing(database, read.receipt))[OLD] == ("acknowledged", "ended")
    assert NEW not in await standing(database, read.receipt)
    moved = await content_of(database, NEW, "mash-incident")
    assert (moved["receipt"], moved["data"]) == (str(event.receipt), event.data)
    digest = await content_of(database, NEW, "worker-digest")
    assert {
        one["receipt"]: (one["follows"], one["unconfirmed"]) for one in digest["events"]
    } == {
        str(event.receipt): (True, ["mash", "school"]),
        str(read.receipt): (False, ["school"]),
    }  # fmt: skip
    (handed,) = await said(database, NoticeEscalated)
    assert (handed.organisation, handed.reason) == (OLD, "reallocated")
    assert (handed.next_organisation, handed.next_role) == (NEW, WORKER)
    (ended,) = await said(database, NoticeSuperseded)
    assert (ended.organisation, ended.reason) == (OLD, "reallocated")


async def test_the_same_assignment_twice_changes_nothing(database: Database) -> None:
    event = incident()
    taken = assignment(NEW, event)
    await hear(database, event, taken)
    before = await rows(database, "select * from notifier.obligation order by id")
    await hear(database, taken)
    await hear(database, event, taken)
    assert await rows(database, "select * from notifier.obligation order by id") == before
    assert len(await said(database, NoticeEscalated)) == 1


async def test_what_only_the_mash_has_open_goes_along_and_stays_with_the_mash(
    database: Database,
) -> None:
    event, other = incident(TO_SCHOOL, TO_MASH), incident(TO_MASH)
    await hear(database, event, other, assignment(NEW, event, after=()))
    found = await standing(database, event.receipt)
    assert (found[MASH], found[NEW]) == (("waiting", "watching"), ("waiting", "watching"))
    assert NEW not in await standing(database, other.receipt), "the directory did not list it"


async def test_a_worker_of_another_agency_gets_its_own_agencys_only(database: Database) -> None:
    referred = addressed(
        to(OLD, RecipientRole.REFERRER, Profile.REFERRER_OUTCOME),
        event_type="referral.decided", child_id=CHILD,
    )  # fmt: skip
    event = incident(TO_MASH, TO_SCHOOL)
    taken = assignment(NEW, referred, event, mash=False)
    await hear(database, referred, event, taken)
    assert (await standing(database, referred.receipt))[NEW] == ("waiting", "watching")
    assert NEW not in await standing(database, event.receipt)
    digest = await content_of(database, NEW, "worker-digest")
    assert [one["unconfirmed"] for one in digest["events"]] == [[], []]


async def test_the_former_worker_can_read_and_confirm_none_of_it_any_more(
    database: Database,
) -> None:
    event = incident()
    await hear(database, event)
    async with database.transaction() as session:
        listed, _ = await mailbox.collect(session, [OLD], "unopened", 10, now())
        assert len(listed) == 1
    await hear(database, assignment(NEW, event))
    async with database.transaction() as session:
        for show in ("unopened", "unacknowledged"):
            listed, _ = await mailbox.collect(session, [OLD], show, 10, now())
            assert listed == []
    await confirm(database, OLD, event.receipt)
    assert (await standing(database, event.receipt))[OLD] == ("superseded", "ended")


async def test_a_webhook_on_its_way_to_the_former_worker_is_cancelled(database: Database) -> None:
    async with database.transaction() as session:
        await record_organisations(session, [organisation(OLD, PEOPLE, "webhook")])
        await add_endpoint(session, OLD, "https://old.example/hook")
    event = incident()
    await hear(database, event)
    mistaken = assignment(NEW, event)
    await hear(database, mistaken)
    (delivery,) = await rows(database, "select state from notifier.delivery")
    assert delivery.state == "cancelled"
    await hear(database, _retraction(mistaken), _withdrawal(mistaken))
    (delivery,) = await rows(database, "select state from notifier.delivery")
    assert delivery.state == outbound.WAITING, "it is sent again when it goes back"


async def test_nothing_is_on_two_ladders_and_silence_climbs_the_new_one(
    database: Database,
) -> None:
    event = incident(worker(OLD))
    await hear(database, event)
    late = now() + timedelta(days=4)
    async with database.transaction() as session:
        await sweep(session, late, SETTINGS)
    assert (await standing(database, event.receipt))[HEAD] == ("waiting", "watching")
    await hear(database, assignment(NEW, event))
    found = await standing(database, event.receipt)
    assert found[OLD] == ("superseded", "ended")
    assert found[HEAD][1] == "ended", "the manager of the former worker is not waited for"
    due = await rows(
        database, f"select deadline_at from notifier.obligation where organisation = '{NEW}'"
    )
    assert len(due) == 2
    async with database.transaction() as session:
        swept = await sweep(session, late + timedelta(days=4), SETTINGS)
    assert swept.climbed == 2, "the digest and the notice"
    managers = await rows(
        database,
        f"select profile from notifier.obligation where organisation = '{MANAGER}' order by 1",
    )
    assert [row.profile for row in managers] == ["mash-incident", "worker-digest"]


async def test_the_former_workers_own_digest_ends_with_the_new_one(database: Database) -> None:
    first = assignment(OLD, after=())
    second = assignment(NEW, earlier=(first.receipt,))
    await hear(database, first, second)
    assert (await standing(database, first.receipt))[OLD] == ("superseded", "ended")
    assert (await standing(database, second.receipt))[NEW] == ("waiting", "watching")


async def test_back_to_the_first_worker_is_told_anew(database: Database) -> None:
    event = incident()
    await hear(database, event)
    await hear(database, assignment(NEW, event))
    await hear(database, assignment(OLD, event, after=(NEW,)))
    found = await rows(
        database,
        "select organisation, watch from notifier.obligation where profile = 'mash-incident'"
        " and receipt = (select receipt from notifier.obligation where role = 'school')",
    )
    watching = sorted(row.organisation for row in found if row.watch == "watching")
    assert watching == [MASH, OLD]


def _retraction(of: EventAddressed) -> EventRetracted:
    return EventRetracted(receipt=RETRACTION, retracts=of.receipt, key="key", at=now())


RETRACTION = UUID(int=99)


def _withdrawal(of: EventAddressed, receipt: UUID = RETRACTION) -> EventAddressed:
    """What the directory says to whoever was assigned by mistake."""
    return of.model_copy(
        update={
            "receipt": receipt,
            "event_type": "event.retracted",
            "supersedes": of.receipt,
            "recipients": (worker(of.recipients[0].organisation, Profile.WITHDRAWAL),),
            "digest": None,
            "data": {},
        }
    )


async def test_a_retracted_assignment_gives_back_what_had_changed_hands(
    database: Database,
) -> None:
    event = incident()
    mistaken = assignment(NEW, event)
    await hear(database, event, mistaken)
    await confirm(database, NEW, event.receipt)
    await hear(database, _retraction(mistaken), _withdrawal(mistaken))
    found = await standing(database, event.receipt)
    assert found[OLD] == ("waiting", "watching"), "whoever was wrong had confirmed it"
    withdrawal = await content_of(database, NEW, "withdrawal")
    assert (withdrawal["withdraws"], withdrawal["also"]) == (
        str(mistaken.receipt), [str(event.receipt)],
    )  # fmt: skip
    async with database.transaction() as session:
        listed, _ = await mailbox.collect(session, [NEW], "unopened", 10, now())
        assert len(listed) == 1, "the withdrawal alone"
    await hear(database, mistaken, _retraction(mistaken), _withdrawal(mistaken))
    assert (await standing(database, event.receipt))[OLD] == ("waiting", "watching")


async def test_a_retraction_that_comes_first_stops_the_assignment(database: Database) -> None:
    event = incident()
    mistaken = assignment(NEW, event)
    await hear(database, event, _retraction(mistaken), mistaken)
    assert (await standing(database, event.receipt))[OLD] == ("waiting", "watching")
    assert NEW not in await standing(database, event.receipt)
    assert (await standing(database, mistaken.receipt))[NEW] == ("superseded", "ended")


async def test_a_corrected_assignment_hands_over_to_the_right_one(database: Database) -> None:
    event = incident()
    mistaken = assignment(NEW, event)
    await hear(database, event, mistaken)
    right = assignment(THIRD, event, supersedes=mistaken.receipt)
    withdrawal = _withdrawal(mistaken, right.receipt)
    await hear(database, right, withdrawal)
    retraction = EventRetracted(
        receipt=right.receipt, retracts=mistaken.receipt, key="key", at=now(),
        replaced_by=right.receipt,
    )  # fmt: skip
    await hear(database, retraction)
    found = await standing(database, event.receipt)
    assert found[OLD] == ("superseded", "ended")
    assert found[NEW][0] == "superseded"
    assert found[THIRD] == ("waiting", "watching")


async def test_a_mistake_that_was_handed_on_meanwhile_gives_nothing_back(
    database: Database,
) -> None:
    event = incident()
    mistaken = assignment(NEW, event, at=now() - timedelta(hours=2))
    await hear(database, event, mistaken)
    await confirm(database, NEW, event.receipt)
    await hear(database, assignment(THIRD, event, after=(OLD, NEW), at=now()))
    await hear(database, _retraction(mistaken), _withdrawal(mistaken))
    found = await standing(database, event.receipt)
    assert found[OLD] == ("superseded", "ended")
    assert found[THIRD] == ("waiting", "watching"), "from the MASH"


async def test_a_retracted_event_is_withdrawn_from_the_new_worker_as_well(
    database: Database,
) -> None:
    event = incident()
    await hear(database, event, assignment(NEW, event))
    await confirm(database, NEW, event.receipt)
    retraction = EventRetracted(receipt=UUID(int=98), retracts=event.receipt, key="k", at=now())
    told = event.model_copy(
        update={
            "receipt": UUID(int=98), "event_type": "event.retracted", "data": {},
            "supersedes": event.receipt,
            "recipients": (to(MASH, RecipientRole.MASH, Profile.WITHDRAWAL),),
        }
    )  # fmt: skip
    await hear(database, retraction)
    await hear(database, told)
    assert (await content_of(database, NEW, "withdrawal"))["withdraws"] == str(event.receipt)


async def test_a_restatement_is_no_withdrawal_to_whoever_is_told_it(database: Database) -> None:
    event = incident()
    await hear(database, event, assignment(NEW, event))
    await confirm(database, NEW, event.receipt)
    restated = incident(TO_MASH, worker(NEW), supersedes=event.receipt)
    await hear(database, restated)
    found = await rows(database, "select organisation from notifier.obligation"
                       " where profile = 'withdrawal'")  # fmt: skip
    assert found == []
    assert (await standing(database, restated.receipt))[NEW] == ("waiting", "watching")


async def test_what_an_undone_match_takes_back_is_taken_back_from_the_new_worker(
    database: Database,
) -> None:
    event = incident(TO_MASH)
    await hear(database, event, assignment(NEW, event, after=()))
    (original,) = await rows(
        database, "select id from notifier.obligation where role = 'mash' and id = chain"
    )
    await hear(
        database,
        event.model_copy(
            update={
                "recipients": (to(MASH, RecipientRole.MASH, Profile.WITHDRAWAL),),
                "withdraws": (original.id,),
                "edition": 1,
                "data": {},
            }
        ),
    )
    assert (await standing(database, event.receipt))[NEW] == ("superseded", "ended")


async def test_a_fact_that_comes_late_goes_to_whoever_has_the_child_now(
    database: Database,
) -> None:
    """Parked before the child changed hands and replayed after: nobody is told too much or less."""
    first = assignment(OLD, after=())
    parked = incident(worker(OLD).model_copy(update={"assignment": first.receipt}))
    second = assignment(NEW, earlier=(first.receipt,))
    mine = second.recipients[0].model_copy(update={"assignment": second.receipt})
    second = second.model_copy(update={"recipients": (mine,)})
    third = assignment(THIRD, after=(OLD, NEW), earlier=(second.receipt, first.receipt))
    await hear(database, third)
    await hear(database, parked, second)
    assert await standing(database, parked.receipt) == {
        OLD: ("withheld", "ended"), THIRD: ("waiting", "watching"),
    }  # fmt: skip
    assert await standing(database, second.receipt) == {NEW: ("withheld", "ended")}
    await hear(database, _retraction(third), _withdrawal(third))
    late = incident(worker(OLD).model_copy(update={"assignment": first.receipt}))
    await hear(database, late)
    assert await standing(database, late.receipt) == {
        OLD: ("withheld", "ended"), NEW: ("waiting", "watching"),
    }, "the third one never had it"  # fmt: skip


async def test_what_a_post_was_told_knowingly_is_its_own(database: Database) -> None:
    """Back to the first worker: by another assignment than the one that ended."""
    first = assignment(OLD, after=())
    second = assignment(NEW, earlier=(first.receipt,))
    third = assignment(OLD, after=(NEW,), earlier=(second.receipt, first.receipt))
    event = incident(worker(OLD).model_copy(update={"assignment": third.receipt}))
    await hear(database, first, second, third, event)
    assert await standing(database, event.receipt) == {OLD: ("waiting", "watching")}
