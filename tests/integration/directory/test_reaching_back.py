"""A link that is asserted after an incident: a person is asked, once, about the child it adds."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from schemas.facts import EventApplied, PersonLinkMissing
from services.directory.decide import Decision
from services.directory.reach_back import claim_link, reach_back
from services.directory.settings import DirectorySettings
from services.directory.sweep import reach_back_once
from tests.integration.directory.area import MASH, NURSING, SCHOOL_A, SCHOOL_B
from tests.integration.directory.family import SECRETS, TRUST, asserted, incident
from tests.integration.directory.stage import Heard, Stage

THREE = {SCHOOL_A, NURSING, MASH}


@pytest.fixture
async def known(stage: Stage) -> Stage:
    """Health's trust is an organisation of the bus."""
    await stage.organisations(TRUST)
    await stage.heard()
    return stage


async def settle(stage: Stage) -> Heard:
    """The sweep looks at links, once what is on its way has settled."""
    stage.later(seconds=11)
    while await reach_back_once(stage.database, stage.partnership):
        pass
    return await stage.heard()


async def test_the_child_of_a_link_asserted_late_is_asked_about_and_then_told_of(
    known: Stage,
) -> None:
    child = await known.child(household="house-1")
    event = incident(known)
    before = await known.feed(event)
    assert [one.outcome for one in before.of(EventApplied)] == ["no-child-known"]
    known.later(days=3)
    await known.feed(asserted(known, child))
    heard = await settle(known)
    assert heard.addressed == []
    (needed,) = heard.needed
    assert (needed.receipt, needed.reason, needed.child_index) == (
        event.receipt, "linked-child", 0,
    )  # fmt: skip
    assert (needed.decide_by - known.now).total_seconds() == 1800
    (row,) = await known.rows("select detail from directory.resolution")
    assert "link-asserted-since" in row.detail
    said = [fact.model_dump_json(by_alias=True) for fact in heard.facts]
    assert not [mark for mark in SECRETS for one in said if mark in one]
    _, after = await known.decide(needed.resolution, Decision.RELEASE)
    assert after.organisations(child.id) == THREE
    assert [fact.derived for fact in after.addressed] == [True]


async def test_it_is_asked_once_however_many_assert_it_and_whatever_was_answered(
    known: Stage,
) -> None:
    child = await known.child(household="house-1")
    await known.feed(incident(known))
    await known.feed(asserted(known, child), asserted(known, child, sender="trust-other"))
    (needed,) = (await settle(known)).needed
    await known.decide(needed.resolution, Decision.WITHHOLD)
    await known.feed(asserted(known, child, sender="trust-third"))
    assert (await settle(known)).facts == []


async def test_a_new_child_stands_behind_those_who_were_listed_or_found(known: Stage) -> None:
    listed = await known.child("Ash", household="house-9")
    first = await known.child(household="house-1")
    second = await known.child("Kit", school=SCHOOL_B, household="house-2")
    await known.feed(asserted(known, first))
    heard = await known.feed(incident(known, listed.sent()))
    assert {fact.child_index for fact in heard.addressed} == {0, 1}
    await settle(known)
    await known.feed(asserted(known, second))
    (needed,) = (await settle(known)).needed
    assert needed.child_index == 2
    _, after = await known.decide(needed.resolution, Decision.RELEASE)
    assert {fact.child_id for fact in after.addressed} == {second.id}


async def test_a_child_who_was_told_of_already_is_no_question(known: Stage) -> None:
    child = await known.child(household="house-1")
    await known.feed(asserted(known, child))
    assert (await known.feed(incident(known))).organisations(child.id) == THREE
    assert (await settle(known)).facts == []
    await known.feed(incident(known, child.sent()))
    await known.feed(asserted(known, child, sender="trust-other"))
    assert (await settle(known)).facts == []


@pytest.mark.parametrize(
    ("link", "days"),
    [
        ({"startsOn": "2026-03-03"}, 0),
        ({"endsOn": "2026-03-01"}, 0),
        ({}, 29),
        ({"adult": {"name": {"given": "Steven", "family": "Specimen"}}}, 0),
    ],
    ids=["began afterwards", "ended", "long ago", "another"],
)
async def test_a_link_that_says_nothing_of_the_incident_asks_nothing(
    known: Stage, link: dict[str, Any], days: int
) -> None:
    child = await known.child(household="house-1")
    await known.feed(incident(known))
    known.later(days=days)
    await known.feed(asserted(known, child, **link))
    assert (await settle(known)).facts == []


async def test_nothing_reaches_back_for_a_restricted_child(known: Stage) -> None:
    hidden = await known.child(restricted=True)
    later = await known.child("Kit", household="house-1")
    await known.feed(incident(known))
    await known.feed(asserted(known, hidden), asserted(known, later))
    async with known.database.transaction() as session:
        await session.execute(text("update directory.child set restricted = true"))
    assert (await settle(known)).facts == []
    assert await known.rows("select 1 from directory.link_noted") == []


async def test_what_was_taken_back_reaches_nowhere(known: Stage) -> None:
    child = await known.child(household="house-1")
    gone, said = incident(known), asserted(known, child)
    await known.feed(gone)
    await known.feed(known.retraction(gone.receipt))
    await known.feed(said)
    assert (await settle(known)).facts == []
    await known.feed(incident(known, father={"roleInEvent": "victim"}))
    other = asserted(known, child, sender="trust-other")
    await known.feed(other)
    await known.feed(known.retraction(said.receipt), known.retraction(other.receipt))
    assert (await settle(known)).facts == []


async def test_a_question_ends_when_its_link_is_taken_back(known: Stage) -> None:
    child = await known.child(household="house-1")
    await known.feed(incident(known))
    said = asserted(known, child)
    await known.feed(said)
    assert (await settle(known)).reasons == ["linked-child"]
    await known.feed(known.retraction(said.receipt))
    (row,) = await known.rows("select state, decision from directory.resolution")
    assert (row.state, row.decision) == ("decided", "superseded")


async def test_a_crash_in_the_middle_leaves_it_to_be_tried_again(known: Stage) -> None:
    child = await known.child(household="house-1")
    await known.feed(incident(known))
    await known.feed(asserted(known, child))
    known.later(seconds=11)

    async def crash() -> None:
        async with known.database.transaction() as session:
            link = await claim_link(session, known.partnership)
        assert link is not None
        async with known.database.transaction() as session:
            assert await reach_back(session, known.partnership, link)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await crash()
    assert not await reach_back_once(known.database, known.partnership)
    known.later(minutes=2)
    assert (await settle(known)).reasons == ["linked-child"]


async def test_two_processes_ask_once(known: Stage) -> None:
    children = [await known.child(given, household="house-1") for given in ("Robin", "Kit")]
    await known.feed(incident(known))
    await known.feed(*(asserted(known, child) for child in children))
    known.later(seconds=11)
    await asyncio.gather(*(reach_back_once(known.database, known.partnership) for _ in range(4)))
    heard = await known.heard()
    assert sorted(str(one.child_id) for one in heard.needed) == sorted(
        str(child.id) for child in children
    )
    assert len({one.child_index for one in heard.needed}) == 2


async def test_whom_incidents_name_is_forgotten(known: Stage) -> None:
    await known.feed(incident(known))
    assert await known.rows("select 1 from directory.incident_key limit 1")
    known.later(days=29)
    await settle(known)
    assert await known.rows("select 1 from directory.incident_key limit 1") == []


async def test_it_can_be_switched_off(known: Stage) -> None:
    known.settings = DirectorySettings(readdress_days=0)
    child = await known.child(household="house-1")
    await known.feed(incident(known))
    assert await known.rows("select 1 from directory.incident_key") == []
    await known.feed(asserted(known, child))
    assert (await settle(known)).facts == []


async def test_an_agency_learns_of_it_only_once_the_child_is_told_of(known: Stage) -> None:
    known.settings = DirectorySettings(link_sharing={"mental-health": frozenset({"police"})})
    child = await known.child(household="house-1")
    await known.feed(incident(known))
    await known.feed(asserted(known, child))
    heard = await settle(known)
    assert heard.of(PersonLinkMissing) == []
    _, after = await known.decide(heard.needed[0].resolution, Decision.RELEASE)
    assert len(after.of(PersonLinkMissing)) == 1
