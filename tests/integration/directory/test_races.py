"""What happens at once, or twice: one of the two waits and sees the other."""

from __future__ import annotations

import asyncio

from bus import BusSettings, append, fact_of, open_road
from chassis.process import running
from schemas.facts import TOPICS, EventAccepted, EventAddressed
from services.directory.decide import Decided, Decision, NotPossible, Verdict, decide_resolution
from services.directory.listen import handle_events, publish, subscribe
from tests.integration.directory.area import MASH, SCHOOL_A
from tests.integration.directory.stage import Stage
from tests.support.waiting import eventually

ROUNDS = 15


async def at_once(stage: Stage, *events: EventAccepted) -> None:
    """Each event in a transaction of its own, all at the same time."""

    async def take(event: EventAccepted) -> None:
        async with stage.database.transaction() as session:
            await handle_events(session, stage.partnership, [fact_of(event, "intake")])

    await asyncio.gather(*(take(event) for event in events))


async def test_a_retraction_beside_its_original_leaves_nobody_with_a_notice(stage: Stage) -> None:
    pupil = await stage.child()
    for _ in range(ROUNDS):
        event = stage.abuse(pupil.sent())
        await at_once(stage, event, stage.retraction(event.receipt))
        heard = await stage.heard()
        told = {(org, profile) for org, _, profile in heard.told()}
        schools = {profile for org, profile in told if org == SCHOOL_A}
        assert schools in (set(), {"school-full", "withdrawal"})


async def test_a_found_beside_its_report_leaves_nobody_looking(stage: Stage) -> None:
    for number in range(ROUNDS):
        pupil = await stage.child(f"Robin{number}")
        await at_once(stage, stage.missing(pupil.sent()), stage.found(pupil.sent()))
        heard = await stage.heard()
        alerts = {profile for org, _, profile in heard.told() if org == SCHOOL_A}
        assert alerts in (set(), {"missing-alert", "missing-found"})


async def test_two_reports_at_once_are_one_episode(stage: Stage) -> None:
    pupil = await stage.child()
    reports = [stage.missing(pupil.sent()) for _ in range(4)]
    await at_once(stage, *reports)
    await stage.heard()
    heard = await stage.feed(stage.found(pupil.sent()))
    assert set(heard.addressed[0].closes) == {report.receipt for report in reports}


async def test_of_two_decisions_at_once_one_counts(stage: Stage) -> None:
    pupil = await stage.child(numbered=False)
    event = stage.abuse(pupil.sent(name={"given": "Rob", "family": "Example"}))
    (needed,) = (await stage.feed(event)).needed

    async def decide(decision: Decision) -> Decided | NotPossible:
        child = pupil.id if decision is Decision.THIS_CHILD else None
        async with stage.database.transaction() as session:
            outcome, facts = await decide_resolution(
                session,
                stage.partnership,
                needed.resolution,
                Verdict(decision, child, "seen", MASH),
            )
            await publish(session, facts, {})
        return outcome

    outcomes = await asyncio.gather(
        decide(Decision.THIS_CHILD), decide(Decision.CANNOT_SAY), decide(Decision.NEW_CHILD)
    )
    assert len([one for one in outcomes if isinstance(one, Decided)]) == 1


async def test_a_receipt_that_comes_twice_is_told_once(stage: Stage) -> None:
    pupil = await stage.child()
    event = stage.abuse(pupil.sent())
    heard = await stage.feed(event, event)
    again = await stage.feed(event)
    assert len(heard.addressed) == 1
    assert again.facts == []


async def test_over_the_bus_a_decision_waits_for_its_referral(stage: Stage) -> None:
    pupil = await stage.child()
    referral = stage.referral(pupil.sent())
    decision = stage.decision(referral.receipt)
    road = open_road(BusSettings(), stage.database, TOPICS)
    told: list[EventAddressed] = []

    async def both_told() -> bool:
        told.extend((await stage.heard()).addressed)
        return len(told) == 3

    readers = road.readers(stage.database, subscribe(stage.partnership))
    async with running([*road.tasks(), *readers]):
        async with stage.database.transaction() as session:
            await append(session, fact_of(decision, "intake"))
        async with stage.database.transaction() as session:
            await append(session, fact_of(referral, "intake"))
        await eventually(both_told, within_seconds=30)
    assert [fact.event_type for fact in told] == [
        "referral.submitted", "referral.submitted", "referral.decided",
    ]  # fmt: skip
