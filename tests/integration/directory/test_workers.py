"""Who works with a child: kept as the log says it, told of what happens, and given a digest."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

from bus import fact_of
from schemas.facts import Digest, EventAccepted, EventApplied, EventRetracted
from services.directory.decide import Decision
from services.directory.listen import handle_events
from services.directory.settings import DirectorySettings
from tests.integration.directory.area import (
    MASH,
    OFFICE,
    POLICE,
    PROBATION,
    SCHOOL_A,
    TEAM_A,
    TEAM_B,
)
from tests.integration.directory.stage import Heard, Stage

WORKER = "allocated-worker"


def digest_of(heard: Heard) -> Digest:
    (fact,) = [one for one in heard.addressed if one.digest is not None]
    assert fact.digest is not None
    return fact.digest


def outcomes(heard: Heard) -> list[str]:
    return [one.outcome for one in heard.of(EventApplied)]


async def workers(stage: Stage, child: UUID) -> list[str | None]:
    rows = await stage.rows(
        """select distinct on (agency) organisation from directory.allocation
            where child = :child order by agency, assigned_at desc, occurred_at desc""",
        child=child,
    )
    return [row.organisation for row in rows]


async def test_an_allocated_worker_is_told_of_incidents_beside_the_mash(stage: Stage) -> None:
    pupil = await stage.child()
    before = await stage.feed(stage.abuse(pupil.sent()))
    assert WORKER not in {role for _, role, _ in before.told()}
    heard = await stage.feed(stage.assignment(pupil.sent(), TEAM_A, reason="allocated"))
    assert outcomes(heard) == ["applied"]
    assert heard.told() == {(TEAM_A, WORKER, "worker-digest")}
    for event in (
        stage.abuse(pupil.sent()),
        stage.missing(pupil.sent()),
        stage.referral(pupil.sent()),
    ):
        told = (await stage.feed(event)).told(pupil.id)
        assert (TEAM_A, WORKER, "mash-incident") in told, event.event_type
        assert (MASH, "mash", "mash-incident") in told
    found = await stage.feed(stage.found(pupil.sent()))
    assert (TEAM_A, WORKER, "missing-found") in found.told()


async def test_after_a_reallocation_the_former_worker_is_told_nothing_more(stage: Stage) -> None:
    pupil = await stage.child()
    await stage.feed(stage.assignment(pupil.sent(), TEAM_A, reason="allocated"))
    report = stage.missing(pupil.sent())
    assert TEAM_A in (await stage.feed(report)).organisations()
    stage.later(hours=1)
    heard = await stage.feed(stage.assignment(pupil.sent(), TEAM_B, TEAM_A))
    assert digest_of(heard).takes_over == (TEAM_A,)
    update = {
        "updatedAt": stage.now.isoformat(),
        "grade": "high",
        "report": str(report.receipt),
        "children": [{"child": pupil.sent()}],
    }
    for event in (
        stage.event("missing.updated", update),
        stage.found(pupil.sent(), foundAt=stage.now.isoformat()),
        stage.abuse(pupil.sent()),
    ):
        told = (await stage.feed(event)).organisations()
        assert (TEAM_B in told, TEAM_A in told) == (True, False), event.event_type


async def test_a_digest_tells_references_classes_and_codes_and_no_name(stage: Stage) -> None:
    pupil = await stage.child()
    sibling = await stage.child("Sasha", "Sampleton", restricted=True)
    incident = stage.abuse(pupil.sent(), sibling.sent())
    await stage.feed(incident)
    referral = stage.referral(pupil.sent())
    decision = stage.decision(referral.receipt)
    await stage.feed(referral)
    stage.later(minutes=1)
    await stage.feed(decision)
    stage.later(minutes=1)
    digest = digest_of(await stage.feed(stage.assignment(pupil.sent(), TEAM_B)))
    lines = {one.receipt: one for one in digest.lines}
    assert lines.keys() == {incident.receipt, referral.receipt, decision.receipt}
    assert set(lines[incident.receipt].told) == {"mash", "school", "school-nursing"}
    assert (lines[decision.receipt].about, lines[decision.receipt].said) == (
        referral.receipt,
        "assessment",
    )
    told = digest.model_dump_json()
    for never in ("Sasha", "Sampleton", "Robin", SCHOOL_A, "Exampleton MASH", MASH, POLICE):
        assert never not in told
    assert str(sibling.id) not in told


async def test_of_what_was_taken_back_a_digest_says_only_that_it_was(stage: Stage) -> None:
    pupil = await stage.child()
    gone, stands = stage.abuse(pupil.sent()), stage.abuse(pupil.sent())
    restated = stage.abuse(pupil.sent(), supersedes=stands.receipt)
    await stage.feed(gone)
    await stage.feed(stands)
    await stage.feed(stage.retraction(gone.receipt))
    await stage.feed(restated)
    digest = digest_of(await stage.feed(stage.assignment(pupil.sent(), TEAM_A)))
    assert [one.receipt for one in digest.lines] == [restated.receipt]
    assert digest.withdrawn == (gone.receipt,)


async def test_what_is_withheld_from_a_worker_is_in_no_digest(stage: Stage) -> None:
    pupil = await stage.child()
    wishes = [{"organisation": TEAM_A, "reason": "Synthetic."}]
    staff = [{"worksAt": TEAM_A, "roleInEvent": "alleged-perpetrator"}]
    withheld = stage.abuse(pupil.sent(), withholdFrom=wishes)
    alleged = stage.abuse(pupil.sent(), adults=staff)
    told = stage.abuse(pupil.sent())
    for event in (withheld, alleged, told):
        await stage.feed(event)
    digest = digest_of(await stage.feed(stage.assignment(pupil.sent(), TEAM_A)))
    assert [one.receipt for one in digest.lines] == [told.receipt]
    stage.later(hours=1)
    digest = digest_of(await stage.feed(stage.assignment(pupil.sent(), TEAM_B, TEAM_A)))
    assert len(digest.lines) == 2 + 1


async def test_a_digest_goes_back_twelve_months_from_the_assignment(stage: Stage) -> None:
    pupil = await stage.child()
    await stage.feed(stage.abuse(pupil.sent()))
    stage.later(days=300)
    recent = stage.abuse(pupil.sent())
    await stage.feed(recent)
    stage.later(days=66)
    assignment = stage.assignment(pupil.sent(), TEAM_A)
    digest = digest_of(await stage.feed(assignment))
    assert digest.since == assignment.accepted_at - timedelta(days=365)
    assert [one.receipt for one in digest.lines] == [recent.receipt]


async def test_the_same_assignment_twice_is_one(stage: Stage) -> None:
    pupil = await stage.child()
    assignment = stage.assignment(pupil.sent(), TEAM_A)
    assert len((await stage.feed(assignment)).addressed) == 1
    assert (await stage.feed(assignment)).facts == []
    again = stage.assignment(pupil.sent(), TEAM_A)
    heard = await stage.feed(again)
    assert (outcomes(heard), heard.addressed) == (["assigned-already"], [])


async def test_an_assignment_that_comes_late_takes_its_place_and_tells_nobody(
    stage: Stage,
) -> None:
    pupil = await stage.child()
    first = stage.assignment(pupil.sent(), TEAM_A)
    stage.later(hours=1)
    second = stage.assignment(pupil.sent(), TEAM_B)
    await stage.feed(second)
    heard = await stage.feed(first)
    assert (outcomes(heard), heard.addressed) == (["overtaken"], [])
    assert await workers(stage, pupil.id) == [TEAM_B]


async def test_an_assignment_that_is_taken_back_leaves_the_one_before(stage: Stage) -> None:
    pupil = await stage.child()
    await stage.feed(stage.assignment(pupil.sent(), TEAM_A))
    stage.later(hours=1)
    mistaken = stage.assignment(pupil.sent(), TEAM_B, TEAM_A)
    await stage.feed(mistaken)
    heard = await stage.feed(
        stage.event(
            "event.retracted",
            {"reason": "sent-in-error"},
            supersedes=mistaken.receipt,
            sender=MASH,
            kind="social-care",
        )
    )
    assert [one.retracts for one in heard.of(EventRetracted)] == [mistaken.receipt]
    assert heard.told() == {(TEAM_B, WORKER, "withdrawal")}
    assert await workers(stage, pupil.id) == [TEAM_A]
    told = (await stage.feed(stage.abuse(pupil.sent()))).organisations()
    assert TEAM_A in told
    assert TEAM_B not in told


async def test_a_retraction_that_comes_first_leaves_nothing_of_its_assignment(
    stage: Stage,
) -> None:
    pupil = await stage.child()
    mistaken = stage.assignment(pupil.sent(), TEAM_B)
    await stage.feed(stage.retraction(mistaken.receipt))
    heard = await stage.feed(mistaken)
    assert (outcomes(heard), heard.addressed) == (["superseded"], [])
    assert await workers(stage, pupil.id) == []


async def test_a_corrected_assignment_takes_the_place_of_the_first(stage: Stage) -> None:
    pupil = await stage.child()
    await stage.feed(stage.assignment(pupil.sent(), TEAM_A))
    stage.later(hours=1)
    mistaken = stage.assignment(pupil.sent(), "team-example", TEAM_A)
    await stage.feed(mistaken)
    right = stage.assignment(pupil.sent(), TEAM_B, TEAM_A, supersedes=mistaken.receipt)
    heard = await stage.feed(right)
    assert (TEAM_B, WORKER, "worker-digest") in heard.told()
    assert digest_of(heard).takes_over == (TEAM_A,)
    assert await workers(stage, pupil.id) == [TEAM_B]


async def test_a_closed_case_has_no_worker_and_nobody_is_told(stage: Stage) -> None:
    pupil = await stage.child()
    await stage.feed(stage.assignment(pupil.sent(), TEAM_A))
    stage.later(hours=1)
    heard = await stage.feed(stage.assignment(pupil.sent(), None, TEAM_A, reason="closed"))
    assert (outcomes(heard), heard.addressed) == (["applied"], [])
    assert TEAM_A not in (await stage.feed(stage.abuse(pupil.sent()))).organisations()


async def test_another_agencys_post_is_assigned_only_after_a_person_looked(stage: Stage) -> None:
    pupil = await stage.child()
    await stage.feed(stage.assignment(pupil.sent(), TEAM_A))
    stage.later(hours=1)
    for worker, previous in ((TEAM_B, None), (POLICE, TEAM_A)):
        heard = await stage.feed(
            stage.assignment(pupil.sent(), worker, previous, sender=POLICE, kind="police")
        )
        assert (heard.addressed, heard.reasons) == ([], ["worker-of-another"])
    assert await workers(stage, pupil.id) == [TEAM_A]
    resolution = heard.needed[0].resolution
    _, released = await stage.decide(resolution, Decision.RELEASE)
    assert released.told() == {(POLICE, WORKER, "worker-digest")}
    heard = await stage.feed(stage.assignment(pupil.sent(), "nowhere-example"))
    assert heard.reasons == ["unknown-organisation"]


async def test_an_uncertain_child_waits_for_a_person(stage: Stage) -> None:
    pupil = await stage.child()
    sent = pupil.sent(nhsNumber={"reasonAbsent": "not-known"}, address=None)
    heard = await stage.feed(stage.assignment(sent, TEAM_A))
    assert (heard.addressed, len(heard.needed)) == ([], 1)
    assert await workers(stage, pupil.id) == []
    _, heard = await stage.decide(heard.needed[0].resolution, Decision.THIS_CHILD, pupil.id)
    assert heard.told() == {(TEAM_A, WORKER, "worker-digest")}
    undone, heard = await stage.undo_match(heard.addressed[0].receipt, pupil.id)
    assert (TEAM_A, WORKER, "withdrawal") in heard.told(), undone
    assert await workers(stage, pupil.id) == []


async def test_a_worker_of_another_agency_learns_only_what_its_own_posts_were_told(
    stage: Stage,
) -> None:
    stage.settings = DirectorySettings(units={PROBATION: frozenset({OFFICE})})
    pupil = await stage.child()
    incident = stage.abuse(pupil.sent())
    await stage.feed(incident)
    referral = stage.event(
        "referral.submitted",
        {"referralSource": "7", "reason": "A concern.", "children": [{"child": pupil.sent()}]},
        sender=PROBATION,
        kind="probation",
    )
    await stage.feed(referral)
    decision = stage.decision(referral.receipt)
    await stage.feed(decision)
    stage.later(hours=1)
    heard = await stage.feed(
        stage.assignment(pupil.sent(), OFFICE, PROBATION, sender=PROBATION, kind="probation")
    )
    digest = digest_of(heard)
    assert [(one.receipt, one.told) for one in digest.lines] == [(decision.receipt, ("referrer",))]
    assert (digest.mash, digest.takes_over) == (False, (PROBATION,))
    told = await stage.feed(stage.abuse(pupil.sent()))
    assert OFFICE not in told.organisations(), "everything the police sent is for social care"


async def test_what_moves_a_child_to_another_school_tells_a_new_worker_nothing_twice(
    stage: Stage,
) -> None:
    pupil = await stage.child()
    await stage.feed(stage.abuse(pupil.sent()))
    stage.later(hours=1)
    await stage.feed(stage.assignment(pupil.sent(), TEAM_A))
    await stage.feed(
        stage.event(
            "enrolment.changed",
            {
                "child": pupil.sent(),
                "organisation": "urn-900002",
                "status": "registered",
                "startsOn": "2026-03-03",
            },
            sender=MASH,
            kind="local-authority",
        )
    )
    heard = await stage.readdress()
    assert "urn-900002" in heard.organisations()
    assert TEAM_A not in heard.organisations()


async def test_a_worker_is_told_by_the_assignment_that_makes_it_one(stage: Stage) -> None:
    pupil = await stage.child()
    assignment = stage.assignment(pupil.sent(), TEAM_A)
    heard = await stage.feed(assignment)
    heard.facts += (await stage.feed(stage.abuse(pupil.sent()))).facts
    by = [
        one.assignment
        for fact in heard.addressed
        for one in fact.recipients
        if one.organisation == TEAM_A
    ]
    assert by == [assignment.receipt, assignment.receipt]


async def test_an_event_and_an_assignment_at_the_same_moment_wait_for_each_other(
    stage: Stage,
) -> None:
    """Heard on two partitions: the event is in the digest, or told to the new worker."""
    pupil = await stage.child()
    for number in range(4):
        incident = stage.abuse(pupil.sent())
        stage.later(minutes=number + 1)
        assignment = stage.assignment(pupil.sent(), (TEAM_A, TEAM_B)[number % 2])

        async def take(event: EventAccepted, first: asyncio.Event, then: asyncio.Event) -> None:
            async with stage.database.transaction() as session:
                first.set()
                await then.wait()
                await handle_events(session, stage.partnership, [fact_of(event, "intake")])

        one, other = asyncio.Event(), asyncio.Event()
        await asyncio.gather(take(incident, one, other), take(assignment, other, one))
        heard = await stage.heard()
        unit = (TEAM_A, TEAM_B)[number % 2]
        digested = incident.receipt in {line.receipt for line in digest_of(heard).lines}
        told = any(
            fact.receipt == incident.receipt and unit in {to.organisation for to in fact.recipients}
            for fact in heard.addressed
        )
        assert digested != told, "by one of the two, and by one only"


async def test_what_was_decided_is_in_the_digest_though_the_referrer_was_told_nothing(
    stage: Stage,
) -> None:
    pupil = await stage.child()
    referral = stage.referral(pupil.sent(), referrerIsPublic=True)
    await stage.feed(referral)
    decision = stage.decision(referral.receipt)
    assert (await stage.feed(decision)).told() == set()
    stage.later(hours=1)
    digest = digest_of(await stage.feed(stage.assignment(pupil.sent(), TEAM_A)))
    assert {one.receipt: (one.said, one.told) for one in digest.lines} == {
        referral.receipt: (None, ("mash",)),
        decision.receipt: ("assessment", ()),
    }
