"""Valid identifiers of nobody: the NHS's range for tests begins with 999."""

from itertools import count

_made: list[str] = []
_bases = count(999_000_000)


def make_nhs_number(index: int) -> str:
    """The index-th valid number of the test range (of some 909,000)."""
    while len(_made) <= index:
        digits = str(next(_bases))
        total = sum(int(digit) * (10 - place) for place, digit in enumerate(digits))
        check = -total % 11
        if check != 10:
            _made.append(f"{digits}{check}")
    return _made[index]
