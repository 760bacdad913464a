"""Adults of assertions are found in spite of slips of the hand, and nobody who is only like one."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from schemas.blocks import Adult
from schemas.facts import EventApplied
from services.directory.find_adults import FoundAdult, find_adults
from services.directory.key_adults import MOST, key_adults
from services.directory.matcher import Matcher, keep_learnt
from services.directory.matching.frequencies import Frequencies
from services.directory.matching.model import starting_model
from services.directory.measure_register import Measured
from tests.integration.directory.area import MASH, NURSING, SCHOOL_A, SCHOOL_B
from tests.integration.directory.family import TRUST, asserted, incident
from tests.integration.directory.stage import Stage

HOME = {"lines": ["Wexford Marsh"], "postcode": "ZZ9 1AA"}


@pytest.fixture
async def known(stage: Stage) -> Stage:
    """A matcher that was learnt where many parents' names are known, none of them the father's."""
    await stage.organisations(TRUST)
    common = Frequencies(people=20_000)
    common.guardian_names.update({"tamsin": 18_000, "steven": 120, "stephen": 100})
    async with stage.database.transaction() as session:
        measured = Measured(starting_model().to_json(), common.to_json(), common.people, 0)
        await keep_learnt(session, measured, common.people, stage.now)
        await stage.matcher.read_newest(session)
    await stage.heard()
    return stage


async def assert_father(stage: Stage, **changes: Any) -> UUID:
    """A child of a household of its own, and that the father belongs to it."""
    child = await stage.child(household="house-1")
    heard = await stage.feed(asserted(stage, child, **changes))
    assert {one.outcome for one in heard.of(EventApplied)} == {"applied"}
    return child.id


async def found(stage: Stage, **adult: Any) -> tuple[FoundAdult, ...]:
    block = {"name": {"given": "Sandy", "family": "Specimen"}, **adult}
    block = {key: value for key, value in block.items() if value is not None}
    async with stage.database.reading() as session:
        (answer,) = await find_adults(session, stage.partnership, [Adult.model_validate(block)])
    return answer


def born(day: str, precision: str = "exact") -> dict[str, str]:
    return {"value": day, "precision": precision}


def named(given: str, family: str = "Specimen") -> dict[str, str]:
    return {"given": given, "family": family}


@pytest.mark.parametrize(
    "father",
    [
        {"name": named("Sandi")},
        {"name": named("Sandy", "Specimin")},
        {"name": named("Specimen", "Sandy")},
        {"name": named("SÁNDY", "Specimen-Sample")},
        {"name": named("Alexander"), "address": HOME},
        {"name": named("Сэнди"), "address": HOME},
        {"dateOfBirth": born("1986-11-02"), "address": HOME},
        {"dateOfBirth": born("1986-02-12"), "address": HOME},
    ],
    ids=["given", "family", "swapped", "accents", "nickname", "cyrillic", "turned", "digit"],
)
async def test_the_incident_names_the_father_misspelt_and_his_child_is_told_of(
    known: Stage, father: dict[str, Any]
) -> None:
    child = await assert_father(known, adult={"address": HOME})
    heard = await known.feed(incident(known, father=father))
    assert heard.organisations(child) == {SCHOOL_A, NURSING, MASH}
    assert [fact.derived for fact in heard.addressed] == [True]
    assert heard.needed == []


@pytest.mark.parametrize(
    "father",
    [
        {"name": named("Sandi"), "dateOfBirth": None, "address": HOME},
        {"name": named("Sandi"), "dateOfBirth": born("1986-02-12"), "address": HOME},
        {"name": named("S"), "address": HOME},
        {"name": named("Sandy", "Otherwise"), "address": HOME},
        {"dateOfBirth": born("1986-01-01", "year"), "address": HOME},
        {"dateOfBirth": born("1966-02-11"), "address": HOME},
    ],
    ids=["no birth date", "two slips", "initial", "married", "year only", "decade"],
)
async def test_a_doubtful_father_is_a_question(known: Stage, father: dict[str, Any]) -> None:
    await assert_father(known, adult={"address": HOME})
    heard = await known.feed(incident(known, father=father))
    assert (heard.addressed, heard.reasons) == ([], ["linked-child"])


@pytest.mark.parametrize(
    "somebody",
    [
        {"dateOfBirth": born("1960-05-30")},
        {"dateOfBirth": born("1962-02-11")},
        {"name": named("Steven"), "dateOfBirth": born("1988-07-19")},
        {"name": named("Steven")},
        {"name": named("Steven"), "dateOfBirth": None},
        {"name": {"family": "Specimen"}},
    ],
    ids=["father", "father born on that day", "brother", "twin", "somebody", "half a name"],
)
async def test_the_fathers_family_at_his_address_is_not_taken_for_him(
    known: Stage, somebody: dict[str, Any]
) -> None:
    await assert_father(known, adult={"address": HOME})
    assert await found(known, dateOfBirth=born("1986-02-11"), address=HOME)
    assert (
        await found(known, **{"dateOfBirth": born("1986-02-11"), "address": HOME, **somebody}) == ()
    )


async def test_of_two_brothers_who_are_twins_each_is_found_for_himself(known: Stage) -> None:
    mine = await known.child(household="house-1")
    his = await known.child("Kit", school=SCHOOL_B, household="house-2")
    twin = {"name": named("Steven"), "address": HOME}
    await known.feed(asserted(known, mine, adult={"address": HOME}))
    await known.feed(asserted(known, his, adult=twin))
    heard = await known.feed(incident(known, father={"name": named("Stevin"), "address": HOME}))
    assert {fact.child_id for fact in heard.addressed} == {his.id}
    assert heard.needed == []


async def test_one_who_may_be_either_of_two_is_a_question_about_both(known: Stage) -> None:
    mine = await known.child(household="house-1")
    his = await known.child("Kit", school=SCHOOL_B, household="house-2")
    await known.feed(asserted(known, mine, adult={"name": named("Zephan")}))
    await known.feed(asserted(known, his, adult={"name": named("Zephon")}))
    heard = await known.feed(incident(known, father={"name": named("Zephen")}))
    assert (heard.addressed, heard.reasons) == ([], ["linked-child", "linked-child"])
    exactly = await known.feed(incident(known, father={"name": named("Zephan")}))
    assert {fact.child_id for fact in exactly.addressed} == {mine.id}
    assert exactly.reasons == ["linked-child"]


async def test_what_ended_for_one_of_two_who_are_alike_has_not_ended_for_the_other(
    known: Stage,
) -> None:
    child = await known.child(household="house-1")
    await known.feed(asserted(known, child, adult={"name": named("Zephan")}))
    known.later(days=1)
    uncle = {"name": named("Zephon")}
    await known.feed(asserted(known, child, adult=uncle, kind="other", endsOn="2026-03-02"))
    heard = await known.feed(incident(known, father={"name": named("Zephen")}))
    assert heard.reasons == ["linked-child"]


async def test_without_a_matcher_the_exact_rule_stands(stage: Stage) -> None:
    child = await assert_father(stage, adult={"address": HOME})
    misspelt = await stage.feed(incident(stage, father={"name": named("Sandi")}))
    assert [one.outcome for one in misspelt.of(EventApplied)] == ["no-child-known"]
    assert (await stage.feed(incident(stage))).organisations(child) != set()


async def test_a_process_that_has_just_started_reads_the_matcher(known: Stage) -> None:
    child = await assert_father(known)
    known.matcher = Matcher()
    heard = await known.feed(incident(known, father={"name": named("Sandi")}))
    assert heard.organisations(child) == {SCHOOL_A, NURSING, MASH}


async def test_the_adult_of_a_child_restricted_since_is_found_in_no_way(known: Stage) -> None:
    await assert_father(known, adult={"address": HOME})
    async with known.database.transaction() as session:
        await session.execute(text("update directory.child set restricted = true"))
    for name in (named("Sandy"), named("Sandi")):
        assert await found(known, name=name, dateOfBirth=born("1986-02-11"), address=HOME) == ()


async def test_an_assertion_taken_back_is_found_no_more(known: Stage) -> None:
    child = await known.child(household="house-1")
    said = asserted(known, child)
    await known.feed(said)
    await known.feed(known.retraction(said.receipt))
    assert await found(known, name=named("Sandi"), dateOfBirth=born("1986-02-11")) == ()


async def test_one_who_is_asserted_very_often_is_still_found(known: Stage) -> None:
    child = await known.child(household="house-1")
    for at in range(0, 160, 40):
        await known.feed(*(asserted(known, child, sender=f"trust-{at + n}") for n in range(40)))
    assert len(await found(known, name=named("Sandi"), dateOfBirth=born("1986-02-11"))) == 160
    rows = await known.rows("select count(distinct described) as n from directory.adult_match_key")
    assert rows[0].n == 1


async def test_a_repeated_assertion_has_no_second_effect(known: Stage) -> None:
    child = await known.child(household="house-1")
    said = asserted(known, child)
    await known.feed(said)
    before = await known.rows("select count(*) as n from directory.adult_match_key")
    await known.feed(said)
    after = await known.rows("select count(*) as n from directory.adult_match_key")
    assert before[0].n == after[0].n > 10


async def forget_keys(stage: Stage, adults: int = 1) -> None:
    """As an older version of this code left them, `adults` in all."""
    async with stage.database.transaction() as session:
        await session.execute(text("delete from directory.adult_match_key"))
        await session.execute(text("update directory.adult set keyed = 0, described = null"))
        await session.execute(
            text("""insert into directory.adult (id, given_name, family_name, recorded_at)
                    select gen_random_uuid(), 'Given' || n, 'Family' || n % 7, now()
                      from generate_series(2, :adults) n"""),
            {"adults": adults},
        )


async def test_those_who_were_kept_before_get_their_keys_though_two_processes_make_them(
    known: Stage,
) -> None:
    await assert_father(known)
    await forget_keys(known, adults=MOST + 20)
    assert await found(known, name=named("Sandi"), dateOfBirth=born("1986-02-11")) == ()
    assert len(await found(known, dateOfBirth=born("1986-02-11"))) == 1

    async def work() -> int:
        done = 0
        while True:
            async with known.database.transaction() as session:
                keyed = await key_adults(session)
            done += keyed
            if not keyed:
                return done

    made = list(await asyncio.gather(work(), work()))
    while await known.rows("select 1 from directory.adult where keyed = 0"):
        made.append(await work())
    assert sum(made) == MOST + 20
    assert len(await found(known, name=named("Sandi"), dateOfBirth=born("1986-02-11"))) == 1


async def test_a_crash_while_keys_are_made_leaves_them_to_the_next(known: Stage) -> None:
    await assert_father(known)
    await forget_keys(known)

    async def crash() -> None:
        async with known.database.transaction() as session:
            await key_adults(session)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await crash()
    assert await known.rows("select 1 from directory.adult_match_key limit 1") == []
    async with known.database.transaction() as session:
        assert await key_adults(session) == 1
    assert len(await found(known, name=named("Sandi"), dateOfBirth=born("1986-02-11"))) == 1


async def test_two_transactions_that_assert_the_same_adult_do_not_cross(known: Stage) -> None:
    first, second = await known.child("Ash"), await known.child("Kit")
    await asyncio.gather(
        *(known.feed(asserted(known, one, sender=f"trust-{at}"))
          for at, one in enumerate((first, second, first, second)))
    )  # fmt: skip
    assert len(await found(known, dateOfBirth=born("1986-02-11"))) == 4


async def test_a_grown_child_of_a_misspelt_father_is_no_child(known: Stage) -> None:
    grown = await known.child(household="house-1", born=date(2008, 3, 3))
    await known.feed(asserted(known, grown))
    heard = await known.feed(incident(known, father={"name": named("Sandi")}))
    assert (heard.addressed, heard.needed) == ([], [])
