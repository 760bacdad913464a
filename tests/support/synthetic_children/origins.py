"""The five groups of name origin: their shares, and how often each of their names is borne."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from random import Random

from tests.support.synthetic_children import (
    names_african,
    names_british,
    names_eastern,
    names_indian,
    names_muslim,
)


class Names:
    """Names by falling frequency: the weight of rank r is (r + flatness) ** -exponent."""

    def __init__(self, names: Sequence[str], flatness: float, exponent: float) -> None:
        self._names = list(dict.fromkeys(names))
        weights = ((rank + flatness) ** -exponent for rank in range(1, len(self._names) + 1))
        self._sums = list(accumulate(weights))

    def pick(self, random: Random) -> str:
        return self._names[bisect(self._sums, random.random() * self._sums[-1])]


@dataclass(frozen=True)
class Origin:
    """One group; `rare` puts together a surname that is on no list."""

    name: str
    share: float
    given: dict[str, Names]
    parents: dict[str, Names]
    second: dict[str, Names]
    surnames: Names
    second_share: float
    rare_share: float
    rare: Callable[[Random], str]

    def surname(self, random: Random) -> str:
        if random.random() < self.rare_share:
            return self.rare(random)
        return self.surnames.pick(random)


def pick_origin(random: Random) -> Origin:
    return _ALL[bisect(_SHARES, random.random() * _SHARES[-1])]


def _rare_british(random: Random) -> str:
    chance = random.random()
    if chance < 0.12:
        prefix = random.choice(names_british.SURNAME_PREFIXES)
        return prefix + random.choice(names_british.IRISH_STEMS)
    name = random.choice(names_british.SURNAME_STARTS) + random.choice(names_british.SURNAME_ENDS)
    return f"{name}s" if chance > 0.96 and not name.endswith("s") else name


def _rare_muslim(random: Random) -> str:
    first = random.choice(names_muslim.SURNAME_STARTS)
    return f"{first} {random.choice(names_muslim.SURNAME_ENDS)}"


def _rare_indian(random: Random) -> str:
    return random.choice(names_indian.SURNAME_STARTS) + random.choice(names_indian.SURNAME_ENDS)


def _rare_eastern(random: Random) -> str:
    return random.choice(names_eastern.SURNAME_STARTS) + random.choice(names_eastern.SURNAME_ENDS)


def _rare_african(random: Random) -> str:
    return random.choice(names_african.SURNAME_STARTS) + random.choice(names_african.SURNAME_ENDS)


def _by_sex(girls: Sequence[str], boys: Sequence[str], flatness: float) -> dict[str, Names]:
    return {"female": Names(girls, flatness, 0.95), "male": Names(boys, flatness, 0.95)}


def _seconds(names: dict[str, tuple[str, ...]]) -> dict[str, Names]:
    return {sex: Names(listed, 3, 0.8) for sex, listed in names.items()}


_ALL = (
    Origin(
        "british", 0.70,
        _by_sex(names_british.GIRLS, names_british.BOYS, 9),
        _by_sex(names_british.PARENTS["female"], names_british.PARENTS["male"], 9),
        _seconds(names_british.SECOND_GIVEN),
        Names(names_british.SURNAMES, 6, 0.75), 0.72, 0.5, _rare_british,
    ),
    Origin(
        "muslim", 0.12,
        _by_sex(names_muslim.GIRLS, names_muslim.BOYS, 3),
        _by_sex(names_muslim.PARENTS["female"], names_muslim.PARENTS["male"], 4),
        _seconds(names_muslim.SECOND_GIVEN),
        Names(names_muslim.SURNAMES, 1.5, 1.0), 0.35, 0.12, _rare_muslim,
    ),
    Origin(
        "indian", 0.05,
        _by_sex(names_indian.GIRLS, names_indian.BOYS, 8),
        _by_sex(names_indian.PARENTS["female"], names_indian.PARENTS["male"], 8),
        _seconds(names_indian.SECOND_GIVEN),
        Names(names_indian.SURNAMES, 2, 0.9), 0.4, 0.15, _rare_indian,
    ),
    Origin(
        "eastern", 0.06,
        _by_sex(names_eastern.GIRLS, names_eastern.BOYS, 5),
        _by_sex(names_eastern.PARENTS["female"], names_eastern.PARENTS["male"], 6),
        _seconds(names_eastern.SECOND_GIVEN),
        Names(names_eastern.SURNAMES, 12, 0.7), 0.4, 0.45, _rare_eastern,
    ),
    Origin(
        "african", 0.07,
        _by_sex(names_african.GIRLS, names_african.BOYS, 8),
        _by_sex(names_african.PARENTS["female"], names_african.PARENTS["male"], 8),
        _seconds(names_african.SECOND_GIVEN),
        Names(names_african.SURNAMES, 4, 0.85), 0.65, 0.2, _rare_african,
    ),
)  # fmt: skip
ORIGINS = {origin.name: origin for origin in _ALL}
_SHARES = list(accumulate(origin.share for origin in _ALL))
