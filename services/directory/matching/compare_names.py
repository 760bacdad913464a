"""Names side by side: given and family name, turned round where they fit only so, and guardians."""

from __future__ import annotations

from functools import lru_cache

from services.directory.matching.fields import FAMILY, GIVEN, GUARDIAN, MISSING
from services.directory.matching.names import (
    Name,
    familiar_forms,
    is_close,
    read_name,
    resembles,
    sounds_alike,
)
from services.directory.matching.person import Person

(G_SAME, G_FIRST, G_PART, G_FAMILIAR, G_CLOSE, G_SOUND, G_INITIAL, G_RESEMBLES, G_LETTER,
 G_OTHER) = range(len(GIVEN.levels))  # fmt: skip
(F_SAME, F_PART, F_CLOSE, F_SOUND, F_INITIAL, F_RESEMBLES, F_OTHER
) = range(len(FAMILY.levels))  # fmt: skip
W_SAME, W_GIVEN, W_ALIKE, W_FAMILY, W_OTHER = range(len(GUARDIAN.levels))

Pair = tuple[Name | None, Name | None]
_NOBODY: Pair = (None, None)
# The pair of names that agrees best is the one that counts; a level costs about so much.
_GIVEN_COST = (0, 3, 2, 3, 3, 5, 4, 8, 9, 10)
_FAMILY_COST = (0, 2, 3, 5, 5, 8, 10)
_MISSING_COST = 5
_CROSSED_COST = 6


def could_be_siblings(mine: tuple[str, str], theirs: tuple[str, str]) -> bool:
    """Whether two people (given, family) bear one family name and wholly different given names."""
    first, second = ((read_name(given), read_name(family)) for given, family in (mine, theirs))
    given, family, _ = _compare_pair(first, second)
    return G_LETTER <= given < MISSING and family < F_RESEMBLES


def compare_names(asked: Person, known: Person) -> tuple[int, int, Pair, Pair, bool]:
    if not asked.names or not known.names:
        return MISSING, MISSING, _NOBODY, _NOBODY, False
    if len(asked.names) == 1 and len(known.names) == 1:
        mine, theirs = asked.names[0], known.names[0]
        given, family, crossed = _compare_pair(mine, theirs)
        return given, family, mine, theirs, crossed
    pairs = [(mine, theirs) for mine in asked.names for theirs in known.names]
    compared = [(*_compare_pair(mine, theirs), mine, theirs) for mine, theirs in pairs]
    given, family, crossed, mine, theirs = min(
        compared, key=lambda one: _cost(one[0], one[1]) + (_CROSSED_COST if one[2] else 0)
    )
    return given, family, mine, theirs, crossed


def _cost(given: int, family: int) -> int:
    return (_MISSING_COST if given == MISSING else _GIVEN_COST[given]) + (
        _MISSING_COST if family == MISSING else _FAMILY_COST[family]
    )


@lru_cache(maxsize=50_000)
def _compare_pair(mine: Pair, theirs: Pair) -> tuple[int, int, bool]:
    """The levels of given and family name, and whether one had to be read as the other."""
    given, family = compare_given(mine[0], theirs[0]), compare_family(mine[1], theirs[1])
    if given >= G_RESEMBLES and family >= F_SOUND:
        crossed = compare_given(mine[1], theirs[0]), compare_family(mine[0], theirs[1])
        fits = crossed[0] <= G_CLOSE, crossed[1] <= F_CLOSE
        if any(fits) and _cost(*crossed) < _cost(given, family):
            return *crossed, True
    return given, family, False


@lru_cache(maxsize=50_000)
def compare_given(mine: Name | None, theirs: Name | None) -> int:
    if mine is None or theirs is None:
        return MISSING
    first, second = mine.parts[0], theirs.parts[0]
    if mine.text == theirs.text or (first == second and len(first) > 1):
        if len(mine.parts) > 1 and len(theirs.parts) > 1 and not _rest_fits(mine, theirs):
            return G_FIRST
        return G_SAME if len(first) > 1 else G_INITIAL
    if len(mine.parts) > 1 and set(mine.parts) == set(theirs.parts):
        return G_SAME
    if mine.empty or theirs.empty:
        return MISSING
    if len(first) == 1 or len(second) == 1:
        return G_INITIAL if first[0] == second[0] else G_OTHER
    if first in theirs.parts or second in mine.parts:
        return G_PART
    if second in familiar_forms(first) or first in familiar_forms(second):
        return G_FAMILIAR
    if is_close(first, second) or is_close(mine.text, theirs.text):
        return G_CLOSE
    if sounds_alike(first, second) or sounds_alike(mine.text, theirs.text):
        return G_SOUND
    for part in theirs.parts[1:]:
        if is_close(first, part):
            return G_SOUND
    for part in mine.parts[1:]:
        if is_close(part, second):
            return G_SOUND
    if resembles(first, second):
        return G_RESEMBLES
    return G_LETTER if first[0] == second[0] else G_OTHER


def _rest_fits(mine: Name, theirs: Name) -> bool:
    """Whether second given names agree, or the initial of one with the other."""
    for first, second in zip(mine.parts[1:], theirs.parts[1:], strict=False):
        if first == second or is_close(first, second) or sounds_alike(first, second):
            return True
        if min(len(first), len(second)) == 1 and first[0] == second[0]:
            return True
    return mine.text == theirs.text


def shared_names(mine: Name, theirs: Name) -> tuple[str, ...]:
    """The given names that both have; the whole where they are only written apart."""
    both = tuple(part for part in mine.parts if part in theirs.parts)
    return both or (theirs.parts[0],)


@lru_cache(maxsize=50_000)
def compare_family(mine: Name | None, theirs: Name | None) -> int:
    if mine is None or theirs is None:
        return MISSING
    if mine.text == theirs.text:
        return F_SAME if len(mine.text) > 1 else F_INITIAL
    if mine.empty or theirs.empty:
        return MISSING
    if len(mine.text) == 1 or len(theirs.text) == 1:
        return F_INITIAL if mine.text[0] == theirs.text[0] else F_OTHER
    several = len(mine.parts) > 1 or len(theirs.parts) > 1
    if several and shared_part(mine, theirs):
        return F_PART
    if is_close(mine.text, theirs.text):
        return F_CLOSE
    if sounds_alike(mine.text, theirs.text):
        return F_SOUND
    if several:
        for part in mine.parts:
            for other in theirs.parts:
                if len(part) > 3 and is_close(part, other):
                    return F_SOUND
    return F_RESEMBLES if resembles(mine.text, theirs.text) else F_OTHER


def shared_part(mine: Name | None, theirs: Name | None) -> str:
    """The longest word that both names hold; empty where none of three letters is shared."""
    if mine is None or theirs is None:
        return ""
    shared = [part for part in mine.parts if len(part) > 2 and part in theirs.parts]
    return max(shared, key=len, default="")


@lru_cache(maxsize=50_000)
def compare_guardian(mine: Pair, theirs: Pair) -> int:
    given, family = compare_given(mine[0], theirs[0]), compare_family(mine[1], theirs[1])
    alike = family in (F_SAME, F_PART, F_CLOSE, F_SOUND)
    if given == MISSING:
        return MISSING if family == MISSING else W_FAMILY if alike else W_OTHER
    if given in (G_SAME, G_FIRST, G_PART):
        return W_SAME if alike else W_GIVEN
    if given in (G_FAMILIAR, G_CLOSE, G_SOUND, G_INITIAL) and (alike or family == MISSING):
        return W_ALIKE
    return W_FAMILY if alike else W_OTHER
