"""What a reviewer sees of a question: each candidate side by side with what was sent, and why."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from services.directory.decide import Decision
from services.directory.show import ResolutionShown, list_open, show_one
from services.directory.write_keys import refresh_keys
from tests.integration.directory.area import SCHOOL_A, SCHOOL_B, Pupil
from tests.integration.directory.family import SECRETS, TRUST, asserted, incident
from tests.integration.directory.stage import Stage
from tests.integration.directory.town import FAMILY, GIVEN, settle_town

ALL: dict[str, Any] = {"all": True, "organisations": []}


@pytest.fixture
async def town(stage: Stage) -> Stage:
    """A register of strangers, measured."""
    await settle_town(stage, GIVEN[:8], FAMILY[:5])
    return stage


async def wilhelmina(stage: Stage, **columns: Any) -> Pupil:
    columns = {"postcode": "ZZ9 1AA", **columns}
    pupil = await stage.child("Wilhelmina", "Quartermaine", date(2014, 5, 14), **columns)
    async with stage.database.transaction() as session:
        await session.execute(
            text("""update directory.child set address = '12 Mill Lane', guardian_given_name = 'Mo',
                    guardian_family_name = 'Quartermaine' where id = :id"""),
            {"id": pupil.id},
        )
        await refresh_keys(session, [pupil.id], stage.now.date())
    return pupil


def sent(pupil: Pupil, given: str = "Wilhelmena", **changes: Any) -> dict[str, Any]:
    """The child as somebody wrote it down without a number."""
    name = {"given": given, "family": "Quartermaine"}
    home = {"lines": ["12 Mill Ln"], "postcode": "zz91aa"}
    return pupil.sent(**{"name": name, "nhsNumber": None, "address": home, **changes})


async def ask(stage: Stage, *children: dict[str, Any], **data: Any) -> UUID:
    heard = await stage.feed(stage.abuse(*children, **data))
    return heard.needed[0].resolution


async def shown(stage: Stage, resolution: UUID) -> ResolutionShown:
    async with stage.database.reading() as session:
        answer = await show_one(session, stage.partnership, ALL, resolution)
    assert answer is not None
    return answer


async def test_an_unregistered_twin_is_shown_with_what_speaks_for_and_against(
    town: Stage,
) -> None:
    pupil = await wilhelmina(town)
    question = await shown(town, await ask(town, sent(pupil, "Leopold")))
    (candidate, *_) = question.shown
    assert candidate.child_id == pupil.id
    assert candidate.probability is not None
    assert candidate.relative is not None
    assert question.not_registered is not None
    assert candidate.relative <= question.not_registered
    assert candidate.probability + question.not_registered == pytest.approx(1.0, abs=1e-3)
    steps = {step.field: step for step in candidate.steps}
    assert steps["given"].bits < 0 < steps["birth"].bits
    assert steps["given"].words == "given name: different"
    totals = [step.total for step in candidate.steps]
    assert totals[1] == pytest.approx(totals[0] + candidate.steps[1].bits, abs=0.11)
    beside = {one.field: (one.sent, one.registered) for one in candidate.beside}
    assert beside["given"] == (("Leopold",), ("Wilhelmina",))
    assert beside["birth"] == (("2014-05-14",), ("2014-05-14",))
    assert beside["place"] == (("12 Mill Ln, zz91aa",), ("12 Mill Lane, ZZ9 1AA",))
    assert beside["nhs-number"] == ((), (pupil.nhs,))
    assert beside["school"] == ((), ("School A (900001)",))
    assert beside["guardian"] == ((), ("Mo Quartermaine",))
    assert question.doubt in ("given-name-differs", "relative-likelier")
    assert question.doubt_words
    assert question.matcher == (town.matcher.learnt.version if town.matcher.learnt else "")


async def test_the_list_says_what_is_doubted_and_nothing_personal(town: Stage) -> None:
    pupil = await wilhelmina(town)
    resolution = await ask(town, sent(pupil, "Leopold"))
    async with town.database.reading() as session:
        (listed,) = await list_open(session, ALL, None, 50)
    assert listed.id == resolution
    assert listed.doubt == (await shown(town, resolution)).doubt
    assert listed.doubt_words is not None
    said = listed.model_dump_json()
    for value in ("Leopold", "Wilhelm", "Quarter", "2014", "Mill"):
        assert value not in said


async def test_of_two_who_are_as_likely_both_are_shown_best_first(town: Stage) -> None:
    one, other = await wilhelmina(town), await wilhelmina(town, school=SCHOOL_B, postcode=None)
    question = await shown(town, await ask(town, sent(one)))
    assert [candidate.child_id for candidate in question.shown[:2]] == [one.id, other.id]
    shares = [candidate.probability or 0.0 for candidate in question.shown]
    assert shares == sorted(shares, reverse=True)


async def test_a_doubted_number_also_shows_whom_the_rest_points_to(town: Stage) -> None:
    pupil = await wilhelmina(town)
    ada = await town.child("Ada", "Vexley", date(2011, 1, 2))
    block = ada.sent(
        name={"given": "Wilhelmena", "family": "Quartermaine"},
        dateOfBirth={"value": "2014-05-14"},
    )
    question = await shown(town, await ask(town, block))
    assert question.reason == "contradicted"
    assert {candidate.child_id for candidate in question.shown} == {ada.id, pupil.id}
    assert question.doubt_words


async def test_who_is_registered_later_is_shown_and_weighed(town: Stage) -> None:
    pupil = await wilhelmina(town)
    resolution = await ask(town, sent(pupil, "Leopold"))
    twin = await town.child("Leopold", "Quartermaine", date(2014, 5, 14), postcode="ZZ9 1AA")
    question = await shown(town, resolution)
    assert question.shown[0].child_id == twin.id
    assert question.doubt == "probable-by-now"


async def test_nothing_of_a_restricted_child_is_shown_though_it_was_a_candidate(
    town: Stage,
) -> None:
    pupil = await wilhelmina(town, alternative_names=[{"given": "Former", "family": "Before"}])
    resolution = await ask(town, sent(pupil, "Leopold"))
    async with town.database.transaction() as session:
        await session.execute(
            text("update directory.child set restricted = true where id = :id"), {"id": pupil.id}
        )
    question = await shown(town, resolution)
    assert question.shown == ()
    assert question.not_registered is not None
    said = question.model_dump_json()
    for value in ("Wilhelmina", "Former", "12 Mill Lane", str(pupil.id), pupil.nhs or ""):
        assert value not in said


async def test_what_was_decided_is_shown_as_it_stood(town: Stage) -> None:
    pupil = await wilhelmina(town)
    resolution = await ask(town, sent(pupil, "Leopold"))
    await town.decide(resolution, Decision.THIS_CHILD, pupil.id)
    question = await shown(town, resolution)
    assert [candidate.child_id for candidate in question.shown] == [pupil.id]
    assert (question.shown[0].probability, question.shown[0].steps) == (None, ())
    assert (question.not_registered, question.matcher) == (None, None)
    assert question.doubt is not None


async def test_of_a_match_that_was_undone_is_shown_how_it_had_come_about(town: Stage) -> None:
    pupil = await wilhelmina(town)
    event = town.abuse(sent(pupil))
    assert (await town.feed(event)).organisations(pupil.id) != set()
    _, heard = await town.undo_match(event.receipt, pupil.id)
    question = await shown(town, heard.needed[0].resolution)
    assert question.kept is not None
    assert (question.kept.child_id, question.kept.status) == (pupil.id, "match")
    assert "given name: a slip of the hand apart" in str(question.kept.steps)
    async with town.database.transaction() as session:
        await session.execute(text("update directory.child set restricted = true"))
    assert (await shown(town, heard.needed[0].resolution)).kept is None


async def test_without_a_matcher_it_is_shown_what_agrees(stage: Stage) -> None:
    pupil = await wilhelmina(stage)
    question = await shown(stage, await ask(stage, sent(pupil, "Leopold")))
    (candidate,) = question.shown
    assert candidate.agrees["familyName"]
    assert (candidate.probability, candidate.steps, question.not_registered) == (None, (), None)
    assert {one.field for one in candidate.beside} >= {"given", "birth", "place"}
    assert question.doubt == "possible-candidates"


async def test_of_a_linked_child_the_adults_agreement_is_shown_and_no_source(town: Stage) -> None:
    await town.organisations(TRUST)
    await town.heard()
    child = await town.child(household="house-1", school=SCHOOL_A)
    home = {"lines": ["Wexford Marsh"], "postcode": "ZZ9 1AA"}
    await town.feed(asserted(town, child, adult={"address": home}))
    heard = await town.feed(
        incident(town, father={"name": {"given": "Sandi", "family": "Specimen"},
                               "dateOfBirth": None, "address": {"postcode": "ZZ9 1AA"}})
    )  # fmt: skip
    assert heard.reasons == ["linked-child"]
    question = await shown(town, heard.needed[0].resolution)
    (adult,) = question.adults
    assert adult.adult == 0
    assert question.doubt == "adult-not-certain"
    assert adult.probability > 0.15
    assert "given name: a slip of the hand apart" in str(adult.steps)
    said = question.model_dump_json()
    assert not [mark for mark in (*SECRETS, "Sandy", "1986") if mark in said]
    assert (question.shown[0].child_id, question.shown[0].probability) == (child.id, None)
