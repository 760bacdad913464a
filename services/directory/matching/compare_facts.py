"""Birth dates, homes and numbers side by side."""

from __future__ import annotations

from functools import lru_cache

from rapidfuzz import fuzz
from rapidfuzz.distance import OSA

from services.directory.matching.fields import BIRTH, MISSING, NHS_NUMBER, PLACE
from services.directory.matching.person import Birth, Home

STREET_SIMILARITY = 84.0
NEAR_DAYS = 550

(B_SAME, B_TURNED, B_ONE, B_PART, B_DAY, B_PLACEHOLDER, B_MONTH, B_TWO, B_NEAR, B_OTHER
) = range(len(BIRTH.levels))  # fmt: skip
N_SAME, N_ONE, N_OTHER = range(len(NHS_NUMBER.levels))
(P_HOME, P_CODE, P_NEIGHBOUR, P_AREA, P_ADDRESS, P_TURNED, P_NEAR, P_STREET, P_DISTRICT, P_OTHER
) = range(len(PLACE.levels))  # fmt: skip


@lru_cache(maxsize=50_000)
def compare_births(mine: Birth, theirs: Birth) -> int:
    """The level of two birth dates, as far as each is known."""
    known = min(mine.known, theirs.known)
    first, second = mine.digits, theirs.digits
    if known == 8:
        return _compare_dates(first, second)
    if known == 0:
        apart = abs(int(first[:4]) - int(second[:4]))
        return B_PART if apart == 0 else B_NEAR if apart <= 1 else B_OTHER
    if first[:known] == second[:known]:
        return B_PART
    return B_NEAR if abs(int(first[:4]) - int(second[:4])) <= 1 else B_OTHER


def _compare_dates(first: str, second: str) -> int:
    if first == second:
        return B_SAME
    if len(first) != 8 or len(second) != 8:
        apart = OSA.distance(first, second, score_cutoff=2)
        return B_ONE if apart <= 1 else B_TWO if apart <= 2 else B_OTHER
    year, other_year = first[:4], second[:4]
    if year == other_year and first[4:6] == second[6:] and first[6:] == second[4:6]:
        return B_TURNED
    apart = OSA.distance(first, second, score_cutoff=2)
    if apart <= 1:
        return B_ONE
    if first[4:] == second[4:]:
        return B_DAY
    if year == other_year and "0101" in (first[4:], second[4:]):
        return B_PLACEHOLDER
    if first[:6] == second[:6]:
        return B_MONTH
    if apart <= 2:
        return B_TWO
    return B_NEAR if abs(_days(first) - _days(second)) <= NEAR_DAYS else B_OTHER


def _days(digits: str) -> int:
    """Days, near enough, also of a day that no calendar has."""
    return int(digits[:4]) * 365 + int(digits[4:6]) * 30 + int(digits[6:])


def compare_numbers(mine: str | None, theirs: str | None) -> int:
    """The level of two numbers of one sort."""
    if mine is None or theirs is None:
        return MISSING
    if mine == theirs:
        return N_SAME
    return N_ONE if OSA.distance(mine, theirs, score_cutoff=1) <= 1 else N_OTHER


@lru_cache(maxsize=50_000)
def compare_homes(mine: Home, theirs: Home) -> int:
    """The level of two homes: postcode and address together, for neither stands alone."""
    addressed = bool((mine.numbers or mine.street) and (theirs.numbers or theirs.street))
    number = bool(mine.numbers and theirs.numbers) and _same_door(mine.numbers, theirs.numbers)
    if mine.postcode and theirs.postcode:
        if mine.postcode == theirs.postcode:
            if not addressed:
                return P_CODE
            street = same_street(mine, theirs)
            if number or (street and not (mine.numbers and theirs.numbers)):
                return P_HOME
            return P_NEIGHBOUR if street else P_AREA
        street = addressed and same_street(mine, theirs)
        if street and (number or not (mine.numbers or theirs.numbers)):
            return P_ADDRESS
        if OSA.distance(mine.postcode, theirs.postcode, score_cutoff=1) <= 1:
            turned = sorted(mine.postcode) == sorted(theirs.postcode)
            return P_TURNED if turned else P_NEAR
        if street:
            return P_STREET
        return P_DISTRICT if mine.outward == theirs.outward else P_OTHER
    if not addressed:
        return MISSING
    street = same_street(mine, theirs)
    if street:
        return P_ADDRESS if number else P_STREET
    return P_OTHER


def _same_door(mine: tuple[str, ...], theirs: tuple[str, ...]) -> bool:
    """The same house, and the same flat of it where both name one."""
    shared = set(mine) & set(theirs)
    if len(mine) > 1 and len(theirs) > 1:
        return set(mine) == set(theirs) or len(shared) > 1
    return bool(shared)


def same_street(mine: Home, theirs: Home) -> bool:
    """Whether both name a street, and the same but for slips of the hand."""
    if not mine.street or not theirs.street:
        return False
    if mine.street == theirs.street:
        return True
    return bool(
        fuzz.ratio(mine.street, theirs.street) >= STREET_SIMILARITY
        or fuzz.ratio(mine.street_sorted, theirs.street_sorted) >= STREET_SIMILARITY
    )
