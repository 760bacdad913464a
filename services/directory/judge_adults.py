"""Whether an adult of an event is the adult of an assertion: by likeness, pair by pair, and pure.

The matcher's comparison and weights, told of adults what differs from children. Each assertion is
weighed for itself: several of them may be about one adult, so they do not share one probability.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from schemas.blocks import Adult
from services.directory.matching.choose import Weights, choose
from services.directory.matching.compare import Comparison, compare
from services.directory.matching.compare_facts import (
    B_DAY,
    B_MONTH,
    B_NEAR,
    B_ONE,
    B_PART,
    B_PLACEHOLDER,
    B_SAME,
    B_TURNED,
    B_TWO,
    P_NEAR,
    P_TURNED,
)
from services.directory.matching.compare_names import (
    F_SAME,
    F_SOUND,
    G_FIRST,
    G_SAME,
    G_SOUND,
)
from services.directory.matching.explain import Step, explain
from services.directory.matching.fields import AT_BIRTH, AT_FAMILY, AT_GIVEN, AT_PLACE, MISSING
from services.directory.matching.frequencies import Frequencies
from services.directory.matching.judge import AUTOMATIC, WORTH_ASKING
from services.directory.matching.model import Model
from services.directory.matching.person import Person, make_person

ASSERTED = 0.5
"""So many adults of incidents are believed to be in some assertion; of children of an event nearly
all are on the register. Nobody has measured it: half of them halves what speaks for each."""

RELATED = (0.01, 0.25)
"""Of the others, how many have a co-twin, or a brother or sister, in one. One person in fifty is a
twin; the children's shares are of families, whose children stand on a register together."""

ENOUGH_NAMES = 1_000
"""Of fewer parents' names no frequency is learnt; an adult's name then counts as an average one."""

GENERATION_YEARS = 13
"""Two of one name whose births lie so far apart may be parent and child."""

_ALIKE = frozenset({B_SAME, B_TURNED, B_ONE, B_PART, B_DAY, B_PLACEHOLDER, B_MONTH, B_TWO})
_SLIPS = frozenset({B_TURNED, B_ONE})


@dataclass(frozen=True)
class AdultWeights:
    """What adults are weighed with: made of what was learnt of the register's children."""

    weights: Weights
    common: Frequencies
    named: bool
    """Whether the register holds enough parents to know how common an adult's given name is."""


@dataclass(frozen=True)
class Likeness:
    """One adult beside another: how probable it is that they are one, and what follows.

    Attributes:
        likely: a person is asked, at least.
        certain: as sure as a child that is recognised; somebody else may still be as likely.
        relative: the probability that it is an unknown brother, sister or twin of this one.
    """

    probability: float
    relative: float
    comparison: Comparison
    likely: bool
    certain: bool


def weigh_adults(model: Model, common: Frequencies) -> AdultWeights:
    """Weights for adults from what the register's children have taught.

    How a name or a date is miswritten is the same for adults. Family names and homes are the
    children's own, given names are their parents'.
    """
    told = replace(model, registered=ASSERTED, related=np.array(RELATED))
    parents = common.guardian_names.total()
    counted = Frequencies(
        people=common.people,
        family_names=common.family_names,
        postcodes=common.postcodes,
        homes=common.homes,
    )
    if parents >= ENOUGH_NAMES:
        # As many as there are people, so that shares are shares of parents.
        counted.given_names = Counter(
            {
                name: max(1, round(count * common.people / parents))
                for name, count in common.guardian_names.items()
            }
        )
    return AdultWeights(Weights.of(told), counted, parents >= ENOUGH_NAMES)


def adult_person(
    given: str | None, family: str | None, born: date | None, postcode: str | None
) -> Person:
    """The adult of an assertion as the matcher sees one: nothing else is kept of it."""
    return make_person(
        "known",
        [(given or "", family or "")],
        date_of_birth=born.isoformat() if born is not None else "",
        postcode=postcode or "",
    )


def adult_sent(adult: Adult) -> Person:
    """The adult of an event as the matcher sees one."""
    name, birth, address = adult.name, adult.date_of_birth, adult.address
    return make_person(
        "asked",
        [(name.given or "", name.family or "")] if name is not None else [],
        date_of_birth=birth.value.isoformat() if birth is not None else "",
        precision=birth.precision if birth is not None else "exact",
        address=", ".join(address.lines) if address is not None else "",
        postcode=(address.postcode or "") if address is not None else "",
    )


def judge_adult(asked: Person, known: Person, told: AdultWeights) -> Likeness:
    """How probable it is that the two are one adult, and whether a person must look."""
    comparison = _compare(asked, known, told)
    choice = choose([comparison], told.weights, told.common.people, lambda _one, _other: False)
    probability = float(choice.own[0])
    likely = probability >= WORTH_ASKING and _is_possible(comparison, asked, known)
    plain = _is_plain(comparison, asked, known) and (
        # Twins Hassan and Hussein are told from one misspelt man by how common both names are.
        told.named or comparison.levels[AT_GIVEN] == G_SAME
    )
    certain = likely and plain and probability >= AUTOMATIC
    return Likeness(probability, float(choice.relative[0]), comparison, likely, certain)


def explain_adult(likeness: Likeness, told: AdultWeights) -> list[Step]:
    """In words and bits; no value of either."""
    return explain(likeness.comparison, told.weights, told.common.people)


def _compare(asked: Person, known: Person, told: AdultWeights) -> Comparison:
    compared = compare(asked, known, told.common)
    others = list(compared.others)
    # Adults are born over more years than children: the children's average is on the safe side,
    # the count of one day among children says nothing.
    others[AT_BIRTH] = 0.0
    if not told.named and compared.levels[AT_GIVEN] != MISSING:
        others[AT_GIVEN] = 0.0
    return Comparison(compared.levels, tuple(others), compared.straight, compared.kin)


def _is_possible(compared: Comparison, asked: Person, known: Person) -> bool:
    """What no probability replaces: names that are alike, and a birth date or home beside them."""
    given, family = compared.levels[AT_GIVEN], compared.levels[AT_FAMILY]
    birth, place = compared.levels[AT_BIRTH], compared.levels[AT_PLACE]
    at_home = place <= P_NEAR
    if birth == MISSING and not at_home:
        return False
    guessed = birth == B_NEAR and asked.birth is not None and asked.birth.known == 0
    if birth != MISSING and birth not in _ALIKE and not (guessed and at_home):
        return False
    if birth != B_ONE and _is_generation_apart(asked, known):
        return False
    if not (given <= G_SOUND or _is_initial(compared, AT_GIVEN)):
        return False  # Brothers, sisters and twins differ in just this.
    if family <= F_SOUND or _is_initial(compared, AT_FAMILY):
        return True
    # Married, or known by another name: the birth date must say that it is the same.
    return family < MISSING and given <= G_SOUND and birth == B_SAME


def _is_plain(compared: Comparison, asked: Person, known: Person) -> bool:
    """What a person need not look at: the birth date agrees; or else name and home, exactly."""
    given, family = compared.levels[AT_GIVEN], compared.levels[AT_FAMILY]
    birth, place = compared.levels[AT_BIRTH], compared.levels[AT_PLACE]
    if birth == B_SAME:
        # With another second name it may be a brother: all of some families bear one first name.
        return given <= G_SOUND and given != G_FIRST and family <= F_SOUND
    if birth not in _SLIPS or _is_generation_apart(asked, known):
        return False
    exactly = given == G_SAME and family == F_SAME and not compared.straight
    return exactly and place <= P_TURNED


def _is_initial(compared: Comparison, at: int) -> bool:
    """Whether a name is missing only in that the comparison weighs its first letter alone."""
    return compared.levels[at] == MISSING and compared.others[at] != 0.0


def _is_generation_apart(asked: Person, known: Person) -> bool:
    if asked.birth is None or known.birth is None:
        return False
    years = int(asked.birth.digits[:4]) - int(known.birth.digits[:4])
    return abs(years) >= GENERATION_YEARS
