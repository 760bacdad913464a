"""Who must keep away from a child, and who at a recipient is too near: orders and conflicts."""

from __future__ import annotations

import json

from schemas.facts import Profile
from schemas.profiles import render
from services.directory.decide import Decision
from tests.integration.directory.area import MASH, NURSING, SCHOOL_A
from tests.integration.directory.family import FATHER, asserted, incident, order
from tests.integration.directory.stage import Stage


async def test_a_parent_who_works_at_the_school_is_a_question_first(stage: Stage) -> None:
    child = await stage.child()
    teacher = {"worksAt": SCHOOL_A, "name": {"given": "Pat", "family": "Sample"}}
    await stage.feed(asserted(stage, child, adult=teacher, kind="mother"))
    heard = await stage.feed(incident(stage, child.sent()))
    assert heard.organisations(child.id) == {NURSING, MASH}
    assert heard.reasons == ["recipient-to-check"]
    _, after = await stage.decide(heard.needed[0].resolution, Decision.RELEASE)
    assert after.organisations(child.id) == {SCHOOL_A}


async def test_a_grandparent_at_the_school_is_a_conflict_only_where_alleged(stage: Stage) -> None:
    child = await stage.child()
    link = asserted(stage, child, adult={"worksAt": SCHOOL_A}, kind="grandparent")
    await stage.feed(link)
    assert SCHOOL_A in (await stage.feed(stage.abuse(child.sent()))).organisations()
    heard = await stage.feed(incident(stage, child.sent()))
    assert SCHOOL_A not in heard.organisations()
    assert heard.reasons == ["recipient-to-check"]


async def test_an_order_in_force_is_told_to_the_school_by_name_only(stage: Stage) -> None:
    child = await stage.child()
    await stage.feed(order(stage, child), order(stage, child, endsOn="2026-03-01"))
    heard = await stage.feed(stage.abuse(child.sent()))
    (fact,) = heard.addressed
    to_school = render(Profile.SCHOOL_FULL, fact).as_json()
    assert to_school["mustNotCollect"] == [FATHER["name"]]
    assert "prohibited-steps" not in json.dumps(to_school)
    (told,) = render(Profile.MASH_INCIDENT, fact).as_json()["orders"]
    assert (told["person"], told["kind"]) == (FATHER["name"], "prohibited-steps")
    assert "Sandy" not in render(Profile.HEALTH_MINIMAL, fact).as_bytes().decode()


async def test_an_order_that_is_taken_back_is_told_no_more(stage: Stage) -> None:
    child = await stage.child()
    event = order(stage, child)
    await stage.feed(event)
    await stage.feed(stage.retraction(event.receipt))
    heard = await stage.feed(stage.abuse(child.sent()))
    assert heard.addressed[0].orders == ()
