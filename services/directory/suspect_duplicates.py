"""Which children of the register the matcher takes for one person: each asks for the other.

The same candidates, comparison and thresholds as for the child of an event. Nothing is merged;
whom the register itself tells apart is never suspected.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import text

from chassis.database import Session
from schemas.facts import Evidence
from services.directory.matcher import Learnt
from services.directory.matching.compare import Comparison
from services.directory.matching.fields import (
    AT_BIRTH,
    AT_FAMILY,
    AT_GIVEN,
    AT_NHS,
    AT_PLACE,
    AT_SEX,
    AT_UPN,
    BIRTH,
    FIELDS,
    GIVEN,
    MISSING,
)
from services.directory.matching.judge import WORTH_ASKING, Candidate, judge
from services.directory.matching.person import Person
from services.directory.recognise import find_people

Pair = tuple[int, int]
"""Numbers of two children of the register, the lesser first."""

_TOLD = (AT_GIVEN, AT_FAMILY, AT_BIRTH, AT_SEX, AT_NHS, AT_UPN, AT_PLACE)
"""What evidence speaks of. A parent may be known by another agency's word, so it never does."""

LEAST = 0.01
"""Each finds itself first, by all of its keys: beside that, another record shares few."""

_OTHER_GIVEN = GIVEN.at("familiar")
_OTHER_BIRTH = BIRTH.at("two-off")

_VERIFIED = text("""
    select c.number from unnest(cast(:numbers as int[])) w(number)
      join directory.child c on c.number = w.number and c.nhs_verified""")


async def suspect_duplicates(
    session: Session, learnt: Learnt, asked: Mapping[int, Person]
) -> dict[Pair, tuple[Evidence, ...]]:
    """The pairs that one of `asked` (by number) is in, each with how its fields agree."""
    mine = await _ask(session, learnt, asked)
    others = {
        int(one.person.ref): one.person
        for found in mine.values()
        for one in found.values()
        if int(one.person.ref) not in asked
    }
    theirs = {**mine, **(await _ask(session, learnt, others))}
    return {
        (min(number, other), max(number, other)): evidence_of(one.comparison)
        for number, found in mine.items()
        for other, one in found.items()
        if number in theirs[other]
    }


def evidence_of(comparison: Comparison) -> tuple[Evidence, ...]:
    """The level of each field that both records have."""
    return tuple(
        Evidence(field=FIELDS[at].name, how=FIELDS[at].levels[level].name)
        for at in _TOLD
        if (level := comparison.levels[at]) != MISSING
    )


def are_told_apart(one: Person, other: Person, verified: Iterable[str]) -> bool:
    """Whether the register says that these are two: other verified NHS numbers, or other UPNs."""
    if one.upn and other.upn and one.upn != other.upn:
        return True
    both = {one.ref, other.ref}.issubset(verified)
    return both and one.nhs_number != other.nhs_number


async def _ask(
    session: Session, learnt: Learnt, asked: Mapping[int, Person]
) -> dict[int, dict[int, Candidate]]:
    """For each, whom else of the register the matcher takes it for, by number."""
    if not asked:
        return {}
    found = await find_people(session, list(asked.values()), LEAST)
    numbers = {int(one.ref) for people in found for one in people if one.nhs_number} | set(asked)
    rows = await session.execute(_VERIFIED, {"numbers": sorted(numbers)})
    verified = frozenset(str(row.number) for row in rows)
    suspects: dict[int, dict[int, Candidate]] = {}
    for (number, person), people in zip(asked.items(), found, strict=True):
        suspects[number] = _suspects(learnt, person, people, verified)
        await asyncio.sleep(0)  # A millisecond each: what is urgent has its turn in between.
    return suspects


def _suspects(
    learnt: Learnt, person: Person, found: Sequence[Person], verified: frozenset[str]
) -> dict[int, Candidate]:
    people = [
        one for one in found if one.ref != person.ref and not are_told_apart(person, one, verified)
    ]
    judged = judge(person, people, learnt.common, learnt.weights)
    likely = [one for one in judged.candidates if one.probability >= WORTH_ASKING]
    if judged.status == "match":
        chosen = likely[:1]
    elif judged.status == "many":
        # Of three records of one person each of two is as likely: so each is asked for alone. Of
        # two whom the register tells apart nobody can say which it is: they stay rivals.
        chosen = [
            again
            for one in likely
            if (again := _alone(learnt, person, people, one, likely, verified)) is not None
        ]
    else:
        chosen = []
    return {int(one.person.ref): one for one in chosen if _is_plausible(person, one)}


def _alone(
    learnt: Learnt,
    person: Person,
    people: Sequence[Person],
    chosen: Candidate,
    likely: Sequence[Candidate],
    verified: frozenset[str],
) -> Candidate | None:
    aside = {
        one.person.ref
        for one in likely
        if one is not chosen and not are_told_apart(one.person, chosen.person, verified)
    }
    left = [one for one in people if one.ref not in aside]
    judged = judge(person, left, learnt.common, learnt.weights)
    best = judged.best
    if judged.status != "match" or best is None or best.person.ref != chosen.person.ref:
        return None
    return best


def _is_plausible(person: Person, one: Candidate) -> bool:
    """Whether what an event's child may be taken for in haste is enough for two records to be one.

    Nearly every child is on the register once. So a household that lists both under other given
    names lists two, and without a number that both have, birth dates must be a slip apart: of
    19,000 synthetic children without numbers 28 of 37 false pairs end here, and 1 of 164 true ones.
    """
    levels = one.comparison.levels
    together = person.household is not None and person.household == one.person.household
    if together and _OTHER_GIVEN <= levels[AT_GIVEN] < MISSING:
        return False
    numbered = levels[AT_NHS] == 0 or levels[AT_UPN] == 0
    return numbered or not _OTHER_BIRTH <= levels[AT_BIRTH] < MISSING
