"""A child of the register in one line, as the matcher sees it: folded and cut once, read often.

To read a line costs a third of making a person from the register's columns (4 and 12
microseconds, measured), and several are read for each child that is recognised.
"""

from __future__ import annotations

from functools import lru_cache

from services.directory.matching.keys import VERSION as KEYS_VERSION
from services.directory.matching.names import Name, read_name
from services.directory.matching.person import Birth, Home, Person

_FORM = 1
"""Changes with the form of the line, and with how names and homes are folded."""
VERSION = 1_000 * KEYS_VERSION + _FORM
"""Of all that is kept of a child for the matcher: what another version wrote is made anew."""

# Neither letters nor digits, and nothing that a name or a home keeps when it is folded.
_FIELD, _PART, _PAIR = "\t", "|", ";"
_SPACED = str.maketrans(dict.fromkeys("\t\r\n", " "))

Pair = tuple[Name | None, Name | None]


def write_person(person: Person) -> str:
    """The line, without the register's number. Birth dates of the register are whole."""
    return _FIELD.join((
        _write_names(person.names),
        person.birth.digits if person.birth is not None else "",
        person.sex or "",
        _plain(person.nhs_number),
        _plain(person.upn),
        _write_home(person.home),
        _plain(person.school),
        _write_names(person.guardians),
        _plain(person.household),
    ))  # fmt: skip


def read_person(ref: str, line: str) -> Person:
    """The person behind a line."""
    names, birth, sex, nhs, upn, home, school, guardians, household = line.split(_FIELD)
    return Person(
        ref,
        _read_names(names),
        _read_birth(birth) if birth else None,
        sex or None,
        nhs or None,
        upn or None,
        _read_home(home) if home else None,
        school or None,
        _read_names(guardians),
        household or None,
    )


def _plain(text: str | None) -> str:
    return text.translate(_SPACED) if text else ""


def _write_names(names: tuple[Pair, ...]) -> str:
    return _PAIR.join(
        _PART.join(" ".join(name.parts) if name is not None else "" for name in pair)
        for pair in names
    )


def _read_names(text: str) -> tuple[Pair, ...]:
    return tuple([_read_pair(one) for one in text.split(_PAIR)]) if text else ()


@lru_cache(maxsize=60_000)
def _read_pair(text: str) -> Pair:
    given, _, family = text.partition(_PART)
    return read_name(given), read_name(family)


@lru_cache(maxsize=10_000)
def _read_birth(digits: str) -> Birth:
    return Birth(digits)


def _write_home(home: Home | None) -> str:
    if home is None:
        return ""
    numbers, words = " ".join(home.numbers), " ".join(home.words)
    parts = (home.postcode, home.outward, numbers, home.street, home.street_sorted, words)
    return _PART.join(parts)


def _read_home(text: str) -> Home:
    postcode, outward, numbers, street, ordered, words = text.split(_PART)
    return Home(postcode, outward, tuple(numbers.split()), street, ordered, tuple(words.split()))
