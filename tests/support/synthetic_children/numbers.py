"""NHS numbers and UPNs of nobody: the check digit and the check letter are right.

The range 999 holds some 909,000 numbers, too few for a million children, so all of 990 to 999 is
used, and for more than 2,500,000 births the tens before it: nothing that begins with 9 is issued.
UPNs carry 999, the number of no authority.
"""

from __future__ import annotations

from collections import defaultdict
from random import Random

_BLOCK = 4
_RANGE = 10_000_000
_BLOCKS = _RANGE // _BLOCK
_RANGES = 9
# It shares no divisor with the number of blocks, so that each block comes once.
_STEP = 918_367
_FIRST_ESTABLISHMENT = 2000
_UPN_LETTERS = "ABCDEFGHJKLMNPQRTUVWXYZ"


class NumberOffice:
    """Issues numbers once: co-twins get neighbouring ones, other siblings scattered ones."""

    def __init__(self, random: Random) -> None:
        self._start = random.randrange(_BLOCKS)
        self._blocks = 0
        self._pupils: defaultdict[tuple[int, int], int] = defaultdict(int)

    def issue_nhs_numbers(self, count: int) -> list[str]:
        """Numbers for `count` children of one birth, one or two."""
        used_up, at = divmod(self._blocks, _BLOCKS)
        if used_up == _RANGES:
            raise ValueError("all synthetic NHS numbers are used up")
        self._blocks += 1
        block = (self._start + at * _STEP) % _BLOCKS
        first = 990_000_000 - used_up * _RANGE + block * _BLOCK
        numbers = (make_nhs_number(first + index) for index in range(_BLOCK))
        return [number for number in numbers if number][:count]

    def issue_beside(self, number: str) -> str:
        """The next number of the block, as the co-twin of a child who was born alone gets it."""
        for body in range(int(number[:9]) + 1, int(number[:9]) + _BLOCK):
            beside = make_nhs_number(body)
            if beside:
                return beside
        raise ValueError("a block has two numbers at least")

    def issue_upn(self, school: int, year: int) -> str:
        """The next number of a school (0 to 7,999) for pupils who enter in this year."""
        serial = self._pupils[school, year]
        self._pupils[school, year] += 1
        return make_upn(_FIRST_ESTABLISHMENT + school, year, serial % 1000)


def establishment_of(upn: str) -> int:
    """The school that issued a UPN."""
    return int(upn[4:8]) - _FIRST_ESTABLISHMENT


def make_nhs_number(body: int) -> str | None:
    """Nine digits and their check digit; None where no check digit exists (one in 11)."""
    total, rest = 0, body
    for weight in range(2, 11):
        rest, digit = divmod(rest, 10)
        total += weight * digit
    check = -total % 11
    return None if check == 10 else f"{body}{check}"


def make_upn(establishment: int, year: int, serial: int) -> str:
    """Check letter, authority, establishment, year of entry, serial."""
    body = f"999{establishment:04d}{year % 100:02d}{serial:03d}"
    total = sum(weight * int(digit) for weight, digit in enumerate(body, start=2))
    return f"{_UPN_LETTERS[total % 23]}{body}"
