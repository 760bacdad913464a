"""A person as the matcher sees one: normalised once, compared many times. What is absent is None.

The same for a child of the register and for the child of an event.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from anyascii import anyascii

from services.directory.matching.names import Name, read_name

_TOKENS = re.compile(r"\d+(?:st|nd|rd|th)\b|\d+[a-z]?\b|[a-z]+")
_HOUSE = re.compile(r"\d+[a-z]?")
# How a street is called says little and is written in many ways.
_UNSAID = frozenset({
    "st", "street", "rd", "road", "ave", "av", "avenue", "ln", "lane", "dr", "drive", "cl",
    "close", "cres", "crescent", "ct", "court", "gr", "grove", "gdn", "gdns", "gardens", "pl",
    "place", "sq", "square", "ter", "terrace", "way", "wy", "walk", "wk", "hill", "rise", "row",
    "view", "mews", "park", "the", "flat", "flt", "apartment", "apt", "unit", "house", "no",
    "number", "floor", "ground", "first",
})  # fmt: skip
_DATE = re.compile(r"(\d{4})[-/. ](\d{1,2})[-/. ](\d{1,2})|(\d{4})(\d{2})(\d{2})")
_BRITISH = re.compile(r"(?P<day>\d{1,2})[-/. ](?P<month>\d{1,2})[-/. ](?P<year>\d{4})")
_MONTH = re.compile(r"(\d{4})-?(\d{2})")
_YEAR = re.compile(r"(\d{4})")
# Letters that a machine or an eye takes for figures; and a figure too many or too few.
_FIGURES = str.maketrans("oOdDqQiIlL|!zZsSgGbB", "00000011111122556688")
_NEARLY_A_DATE = range(7, 11)


class Birth(NamedTuple):
    """A birth date: `digits` YYYYMMDD, and how many of them are known (8, 6 or 4; 0: a guess).

    A date that was written with a figure too many or too few has as many digits as it has.
    """

    digits: str
    known: int = 8


class Home(NamedTuple):
    """Where somebody lives: `postcode` without a space, house `numbers`, `street` without kind."""

    postcode: str
    outward: str
    numbers: tuple[str, ...]
    street: str
    street_sorted: str
    """The street with its words in order of the alphabet."""
    words: tuple[str, ...]
    """Of the street, those long enough to tell streets apart."""

    @property
    def number(self) -> str:
        """The last number stands before the street: of "Flat 2, 14 Mill Lane" it is 14."""
        return self.numbers[-1] if self.numbers else ""


class Person(NamedTuple):
    """Somebody of the register (`ref` is the id) or of an event."""

    ref: str
    names: tuple[tuple[Name | None, Name | None], ...]
    """(given, family): the present name, then former and alternative ones."""
    birth: Birth | None
    sex: str | None
    nhs_number: str | None
    upn: str | None
    home: Home | None
    school: str | None
    guardians: tuple[tuple[Name | None, Name | None], ...]
    household: str | None


def make_person(
    ref: str,
    names: Iterable[tuple[str, str]],
    *,
    date_of_birth: str = "",
    precision: str = "exact",
    sex: str = "",
    nhs_number: str = "",
    upn: str = "",
    address: str = "",
    postcode: str = "",
    school: str = "",
    household: str = "",
    guardians: Iterable[tuple[str, str]] = (),
) -> Person:
    """A person from texts, empty where unknown; the first of `names` is the present one."""
    return Person(
        ref,
        tuple(dict.fromkeys(_read_names(names))),
        read_birth(date_of_birth, precision),
        _read_sex(sex),
        nhs_number or None,
        upn or None,
        read_home(address, postcode),
        school or None,
        tuple(dict.fromkeys(_read_names(guardians))),
        household or None,
    )


def person_of_row(row: Mapping[str, str], ref: str) -> Person:
    """A person from a row of the `evaluate` command; numbers are taken as they are."""
    guardian = (row.get("guardian_given_name") or "", row.get("guardian_family_name") or "")
    return make_person(
        ref,
        [(row.get("given_name") or "", row.get("family_name") or "")],
        date_of_birth=row.get("date_of_birth") or "",
        sex=row.get("sex") or "",
        nhs_number=row.get("nhs_number") or "",
        upn=row.get("upn") or "",
        address=row.get("address") or "",
        postcode=row.get("postcode") or "",
        school=row.get("school_urn") or "",
        household=row.get("household") or "",
        guardians=[guardian],
    )


@lru_cache(maxsize=50_000)
def read_birth(written: str, precision: str = "exact") -> Birth | None:
    """A birth date from ISO text, whole, month or year; an impossible day is kept as text.

    Letters that look like figures are read as such.
    """
    text = written.strip().translate(_FIGURES)
    known = {"exact": 8, "month": 6, "year": 4, "estimated": 0}[precision]
    if british := _BRITISH.fullmatch(text):
        return Birth(british["year"] + _two(british["month"]) + _two(british["day"]), known)
    if whole := _DATE.fullmatch(text):
        year, first, last = (part for part in whole.groups() if part)
        return Birth(year + _two(first) + _two(last), known)
    if month := _MONTH.fullmatch(text):
        return Birth("".join(month.groups()) + "01", min(known, 6))
    if year := _YEAR.fullmatch(text):
        return Birth(year[1] + "0101", min(known, 4))
    digits = "".join(mark for mark in text if mark.isdecimal())
    return Birth(digits) if len(digits) in _NEARLY_A_DATE and len(digits) != 8 else None


def _two(figures: str) -> str:
    return figures.zfill(2)


@lru_cache(maxsize=60_000)
def read_home(address: str, postcode: str) -> Home | None:
    """A home from its address line and its postcode, either of which may be empty."""
    code = "".join(mark for mark in postcode.upper() if mark.isalnum())
    tokens = _TOKENS.findall(anyascii(address).lower())
    numbers = tuple(token for token in tokens if _HOUSE.fullmatch(token))
    words = [token for token in tokens if not _HOUSE.fullmatch(token)]
    said = [word for word in words if word not in _UNSAID] or words
    street = "".join(said)
    if not (code or numbers or street):
        return None
    return Home(
        code,
        code[:-3] if len(code) > 4 else code[:2],
        numbers,
        street,
        "".join(sorted(said)),
        tuple(word for word in said if len(word) > 3)[:4],
    )


def _read_names(names: Iterable[tuple[str, str]]) -> Iterable[tuple[Name | None, Name | None]]:
    for given, family in names:
        read = (read_name(given), read_name(family))
        if read != (None, None):
            yield read


def _read_sex(written: str) -> str | None:
    first = written.strip().lower()[:1]
    return {"f": "female", "m": "male", "2": "female", "1": "male"}.get(first)
