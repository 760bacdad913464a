"""From probabilities to a decision: this child and no person asked, or a question to a person.

Automatic only above the threshold and the margin, and never on a number that name and birth date
contradict: a co-twin's number on a child's form is a classic.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from services.directory.matching.choose import Choice, Weights, choose
from services.directory.matching.compare import Comparison, are_kin, compare
from services.directory.matching.fields import (
    AT_BIRTH,
    AT_FAMILY,
    AT_GIVEN,
    AT_NHS,
    AT_PLACE,
    AT_UPN,
    BIRTH,
    FAMILY,
    GIVEN,
    MISSING,
    PLACE,
)
from services.directory.matching.frequencies import Frequencies
from services.directory.matching.person import Person

Status = Literal["match", "potential", "many", "none"]

AUTOMATIC = 0.993
"""At least so probable: measured on 50,000 synthetic children (`make bench-linkage`)."""
MARGIN = 0.988
"""So much more probable than the second."""
WORTH_ASKING = 0.3
"""A candidate at least so probable is a question to a person."""
WORTH_SHOWING = 0.0005
MOST_SHOWN = 5


@dataclass(frozen=True)
class Candidate:
    """One of the people found: where it stands in the list that was searched, and its share."""

    at: int
    person: Person
    probability: float
    comparison: Comparison
    relative: float
    """That the child is an unregistered brother or sister of this one."""


@dataclass(frozen=True)
class Judgement:
    """The answer to "who is this?": candidates best first; `unknown`: that it is none of them."""

    status: Status
    candidates: tuple[Candidate, ...]
    unknown: float
    doubt: str | None = None
    """Why it is not automatic although probable enough."""

    @property
    def best(self) -> Candidate | None:
        """The most probable, if anybody was found."""
        return self.candidates[0] if self.candidates else None

    @property
    def margin(self) -> float:
        """How much more probable the best is than the second (0 to 1)."""
        if not self.candidates:
            return 0.0
        second = self.candidates[1].probability if len(self.candidates) > 1 else 0.0
        return self.candidates[0].probability - second


def kinship(found: Sequence[Person]) -> Callable[[int, int], bool]:
    """Whether two of the people found, by position, are of one family."""
    return lambda one, other: are_kin(found[one], found[other])


def judge(
    asked: Person,
    found: Sequence[Person],
    common: Frequencies,
    weights: Weights,
    family: Sequence[Person] = (),
) -> Judgement:
    """Which of the people found `asked` is. The same input always gives the same answer.

    family: people of the register who were recognised beside `asked` in the same event; whoever the
    register puts into one family with them is the likelier, and so is an unregistered sibling.
    """
    comparisons = [compare(asked, one, common) for one in found]
    related = [any(are_kin(one, other) for other in family) for one in found]
    choice = choose(comparisons, weights, common.people, kinship(found), related)
    return conclude(found, comparisons, choice)


def conclude(
    found: Sequence[Person], comparisons: Sequence[Comparison], choice: Choice
) -> Judgement:
    """The decision that follows from the probabilities."""
    order = sorted(range(len(found)), key=lambda at: (-choice.own[at], found[at].ref))
    candidates = tuple(
        Candidate(at, found[at], float(choice.own[at]), comparisons[at], float(choice.relative[at]))
        for at in order
    )
    if not candidates:
        return Judgement("none", (), 1.0)
    unknown = float(choice.unknown + np.sum(choice.relative))
    best = candidates[0]
    probable = [one for one in candidates if one.probability >= WORTH_ASKING]
    doubt = None
    if best.probability >= AUTOMATIC:
        doubt = contradiction(best.comparison)
        second = candidates[1].probability if len(candidates) > 1 else 0.0
        if doubt is None and best.probability - second >= MARGIN:
            return Judgement("match", candidates, unknown)
    if not probable:
        return Judgement("none", candidates, unknown, doubt)
    return Judgement("many" if len(probable) > 1 else "potential", candidates, unknown, doubt)


_GIVEN_DIFFERS = GIVEN.at("resembles")
_FAMILY_DIFFERS = FAMILY.at("resembles")
_BIRTH_DIFFERS = BIRTH.at("month-year")
_BIRTH_FAR = BIRTH.at("near")
_HOME_DIFFERS = PLACE.at("near-postcode")


def worth_showing(judged: Judgement) -> list[Candidate]:
    """Whom a person may look at: the likeliest, none of whom is out of the question."""
    return [one for one in judged.candidates[:MOST_SHOWN] if one.probability >= WORTH_SHOWING]


def contradiction(comparison: Comparison) -> str | None:
    """Why somebody is not recognised without a person although probable enough.

    A number is not believed against name and birth date. A given name that is missing or wholly
    another is what tells brothers, sisters and co-twins apart: without a number that says who it
    is, whatever else agrees is the family's. Without a number, a birth date that is far off, or
    neither birth date nor home, leaves names alone: namesakes are more than they are counted.
    """
    levels = comparison.levels
    given, family, birth = levels[AT_GIVEN], levels[AT_FAMILY], levels[AT_BIRTH]
    numbered = levels[AT_NHS] == 0 or levels[AT_UPN] == 0
    named = given < _GIVEN_DIFFERS or (given == MISSING and family < _FAMILY_DIFFERS)
    if numbered and not named and not birth < _BIRTH_DIFFERS:
        return "number-contradicted"
    initial = given == MISSING and comparison.others[AT_GIVEN] != 0.0
    if given == MISSING and not initial:
        return None if numbered else "given-name-missing"
    if given != MISSING and given >= _GIVEN_DIFFERS:
        return "number-of-a-relative" if numbered else "given-name-differs"
    if numbered:
        return None
    if birth == MISSING and levels[AT_PLACE] >= _HOME_DIFFERS:
        return "names-alone"
    return "birth-date-differs" if _BIRTH_FAR <= birth < MISSING else None
