"""Whether a free text mentions a name, a birth date or an address, however it is written.

Errs towards finding: a text held needlessly costs a person a minute, a text passed wrongly tells
one family about another.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from datetime import date
from itertools import pairwise

from schemas.identifiers import normalise_postcode

_APOSTROPHES = dict.fromkeys(map(ord, "’‘ʼʻ`´′＇"), "'")
_HYPHENS = dict.fromkeys(map(ord, "‐‑‒–—―−﹣－"), "-")
_LETTERS = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "æ": "ae", "œ": "oe", "þ": "th", "ı": "i"}
)
_WORD = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*")
_TOKEN = re.compile(r"\w+")
_PARTICLES = frozenset(
    ["al", "bin", "da", "de", "del", "der", "di", "du", "el", "la", "van", "von"]
)
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u2e80-\u9fff\uf900-\ufaff]"
)
"""Scripts written without spaces, where a word has no edge to look for."""

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            ("january", "jan"), ("february", "feb"), ("march", "mar"), ("april", "apr"),
            ("may",), ("june", "jun"), ("july", "jul"), ("august", "aug"),
            ("september", "sept", "sep"), ("october", "oct"), ("november", "nov"),
            ("december", "dec"),
        ),
        start=1,
    )
    for name in names
}  # fmt: skip
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_NUMERIC = re.compile(r"(?<!\d)(\d{1,4})\s*[./-]\s*(\d{1,2})\s*[./-]\s*(\d{4}|\d{1,2})(?!\d)")
_COMPACT = re.compile(r"(?<!\d)\d{8}(?!\d)")
_DAY_MONTH = re.compile(
    rf"(?<!\d)(\d{{1,2}})(?:st|nd|rd|th)?[\s,./-]*(?:of\s+)?({_MONTH})\b[\s,./'-]*(\d{{4}}|\d{{2}})(?!\d)"
)
_MONTH_DAY = re.compile(
    rf"\b({_MONTH})[\s.]*(\d{{1,2}})(?:st|nd|rd|th)?[\s,.'-]+(\d{{4}}|\d{{2}})(?!\d)"
)
_STREET_WORDS = {
    "st": "street", "rd": "road", "ave": "avenue", "av": "avenue", "ln": "lane", "cl": "close",
    "dr": "drive", "ct": "court", "cres": "crescent", "gdns": "gardens", "pl": "place",
    "sq": "square", "terr": "terrace", "gr": "grove",
}  # fmt: skip

_DWELLINGS = frozenset({"flat", "apartment", "apt", "unit", "room"})
"""Words before the number of a part of a house, which alone is no address."""


def fold(text: str) -> str:
    """Text without case, accents, and the several ways of writing apostrophes and hyphens."""
    if text.isascii():
        # Most texts, at a tenth of the cost; "`" is the one way of writing that is ASCII.
        return text.replace("`", "'").lower()
    flat = text.translate(_APOSTROPHES).translate(_HYPHENS)
    decomposed = unicodedata.normalize("NFKD", flat)
    flat = "".join(mark for mark in decomposed if unicodedata.category(mark) not in _UNSEEN)
    return flat.casefold().translate(_LETTERS)


_UNSEEN = frozenset({"Mn", "Cf"})


def name_forms(parts: Iterable[str]) -> set[str]:
    """The words by which a person of these names (given, family) could be mentioned."""
    forms: set[str] = set()
    for part in parts:
        words = [_join(word) for word in _WORD.findall(fold(part))]
        if len(words) > 1:
            forms.add("".join(words))
        for word in _WORD.findall(fold(part)):
            if len(words) > 1 and word in _PARTICLES:
                continue
            forms.add(_join(word))
            forms.update(_join(piece) for piece in word.split("-"))
    return {form for form in forms if len(form) >= 2}


def mentioned_words(text: str) -> set[str]:
    """Every word of a text in every form in which it could be a name."""
    words = _WORD.findall(fold(text))
    forms: set[str] = set()
    for word in words:
        for piece in (word, *word.split("-")):
            joined = _join(piece)
            forms.update((joined, piece.partition("'")[0]))
            # "Sam's" and, as people write, "Sams".
            if joined.endswith("s"):
                forms.add(joined[:-1])
    forms.update(_join(first) + _join(second) for first, second in pairwise(words))
    return forms


def mentions_name(text: str, words: set[str], names: set[str]) -> bool:
    """Whether a text, whose `mentioned_words` are given, uses one of these name forms."""
    if not words.isdisjoint(names):
        return True
    unspaced = [name for name in names if _UNSPACED.search(name)]
    return bool(unspaced) and any(name in fold(text) for name in unspaced)


def mentions_date(text: str, dates: set[date]) -> bool:
    """Whether one of these dates is written out: 2015-03-04, 4/3/15, 4th of March 2015 …"""
    if not dates:
        return False
    wanted = {(day.year, day.month, day.day) for day in dates}
    wanted |= {(year % 100, month, day) for year, month, day in wanted}
    return not wanted.isdisjoint(_written_dates(fold(text)))


def _written_dates(text: str) -> Iterator[tuple[int, int, int]]:
    for first, second, third in _NUMERIC.findall(text):
        if len(first) == 4:
            yield int(first), int(second), int(third)
        elif len(first) <= 2:
            yield int(third), int(second), int(first)
            yield int(third), int(first), int(second)
    for digits in _COMPACT.findall(text):
        yield int(digits[:4]), int(digits[4:6]), int(digits[6:])
        yield int(digits[4:]), int(digits[2:4]), int(digits[:2])
    for day, month, year in _DAY_MONTH.findall(text):
        yield int(year), _MONTHS[month], int(day)
    for month, day, year in _MONTH_DAY.findall(text):
        yield int(year), _MONTHS[month], int(day)


def address_phrases(lines: Iterable[str]) -> set[str]:
    """How an address could be mentioned: its number and street, and the street alone.

    A town is no mention, so lines are read only as far as the one that holds the street.
    """
    phrases: set[str] = set()
    for place, line in enumerate(lines):
        words = _street_words(line)
        if len(words) >= 2 and words[0] in _DWELLINGS:
            words = words[2:]
        numbered = [word for word in words if any(mark.isdigit() for mark in word)]
        plain = [word for word in words if word not in numbered]
        if numbered and plain:
            phrases.add(" ".join(words))
            if len(plain) >= 2:
                phrases.add(" ".join(plain))
            break
        if place == 0 and len(plain) >= 2:
            phrases.add(" ".join(plain))
    return phrases


def mentions_address(text: str, phrases: set[str], postcodes: set[str]) -> bool:
    """Whether one of these phrases or postcodes stands in the text as whole words."""
    if not phrases and not postcodes:
        return False
    words = _street_words(text)
    spaced = f" {' '.join(words)} "
    if any(f" {phrase} " in spaced for phrase in phrases):
        return True
    found = {normalise_postcode(word) for word in words}
    found |= {normalise_postcode(a + b) for a, b in pairwise(words)}
    return not postcodes.isdisjoint(found)


def _street_words(text: str) -> list[str]:
    flat = fold(text).replace("'", "")
    return [_STREET_WORDS.get(word, word) for word in _TOKEN.findall(flat)]


def _join(word: str) -> str:
    return word.replace("'", "").replace("-", "")
