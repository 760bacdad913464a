"""Names as they are compared: folded to plain letters, cut into parts, reduced to their sound.

A skeleton is what is left of a word when spelling habits are taken away (doubled letters, vowels
after the first, ph/f, c/k, s/z, sh/sz, w/v, a silent h): Muhammad and Mohammed share one.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from anyascii import anyascii
from nicknames import NickNamer
from rapidfuzz.distance import OSA, JaroWinkler

_WORDS = re.compile(r"[a-z]+")
# What parts words; anything else that is no letter is a slip within one.
_PARTING = re.compile(r"[\s\-,./;&()\[\]+_]+")
_LETTERS = str.maketrans("0123456789|!", "olzeasgtbgli")
_SPELLINGS = (
    ("tch", "c"), ("sch", "s"), ("ck", "k"), ("ph", "f"), ("th", "t"), ("sz", "s"), ("sh", "s"),
    ("cz", "c"), ("ch", "c"), ("ks", "x"), ("kh", "k"), ("gh", "g"), ("dh", "d"), ("bh", "b"),
    ("rz", "z"), ("dz", "z"), ("q", "k"), ("z", "s"), ("w", "v"),
)  # fmt: skip
_HARD_C = re.compile(r"c(?=[aorlu]|$)")
_SOFT_C = re.compile(r"c(?=[eiy])")
_DOUBLED = re.compile(r"(.)\1+")
_UNSOUNDED = re.compile(r"[aeiouyh]")

# What is written where a name is not known, or not given yet.
_NO_NAME = frozenset({
    "adult", "anon", "anonymised", "anonymous", "baby", "boy", "brother", "child", "dad",
    "daughter", "doe", "father", "female", "girl", "grandma", "grandpa", "home", "house",
    "household", "husband", "infant", "inmate", "kid", "known", "lady", "male", "man",
    "minor", "miss", "missing", "mom", "mother", "mr", "mrs", "ms", "mum", "na", "name",
    "newborn", "nil", "no", "none", "not", "now", "occupant", "of", "one", "owner", "patient",
    "person", "pupil", "recorded", "redacted", "refused", "resident", "respondent", "sibling",
    "sister", "son", "spouse", "student", "surname", "tba", "tbc", "teen", "the", "three",
    "triplet", "twin", "two", "unborn", "unk", "unknown", "unnamed", "wife", "withheld",
    "woman", "xx", "xxx", "youth",
})  # fmt: skip

CLOSE_SIMILARITY = 0.93
SOUND_SIMILARITY = 0.86
RESEMBLING = 0.6


class Name(NamedTuple):
    """A given or a family name: `text` without spaces, its `parts`, the skeleton of each."""

    text: str
    parts: tuple[str, ...]
    skeletons: tuple[str, ...]
    empty: bool = False
    """It only says that a name is wanting ("Baby Boy"): it agrees, but it never disagrees."""


@lru_cache(maxsize=60_000)
def read_name(written: str) -> Name | None:
    """A name as it is compared, whatever its script; None where no letter is left."""
    plain = anyascii(written).lower()
    words = (_read_word(word) for word in _PARTING.split(plain))
    parts = tuple(word for word in words if word)
    if not parts or plain.strip() == "n/a":
        return None
    empty = all(part in _NO_NAME for part in parts)
    return Name("".join(parts), parts, tuple(skeleton(part) for part in parts), empty)


def _read_word(word: str) -> str:
    """Its letters; a figure among them is read as the letter that it looks like."""
    if not word.isalpha() and _WORDS.search(word):
        word = word.translate(_LETTERS)
    return "".join(_WORDS.findall(word))


@lru_cache(maxsize=60_000)
def skeleton(word: str) -> str:
    """What is left of a folded word without the habits of spelling; empty of an empty one only."""
    if not word:
        return ""
    sound = _SOFT_C.sub("s", word)
    for written, spoken in _SPELLINGS:
        sound = sound.replace(written, spoken)
    sound = _HARD_C.sub("k", sound).replace("c", "k")
    sound = _DOUBLED.sub(r"\1", sound)
    short = sound[0] + _UNSOUNDED.sub("", sound[1:])
    short = _DOUBLED.sub(r"\1", short)
    return short if len(short) > 1 else sound.replace("y", "i")


@lru_cache(maxsize=60_000)
def is_close(first: str, second: str) -> bool:
    """One slip of the hand apart (a letter more, less, other, or two turned round)."""
    if min(len(first), len(second)) < 3:
        return False
    return (
        OSA.distance(first, second, score_cutoff=1) <= 1
        or JaroWinkler.similarity(first, second) >= CLOSE_SIMILARITY
    )


@lru_cache(maxsize=60_000)
def sounds_alike(first: str, second: str) -> bool:
    """The same skeleton, or much of the same letters in the same order."""
    if skeleton(first) == skeleton(second):
        return True
    if min(len(first), len(second)) < 3:
        return False
    return (
        JaroWinkler.similarity(first, second) >= SOUND_SIMILARITY
        or first.startswith(second)
        or second.startswith(first)
    )


@lru_cache(maxsize=60_000)
def resembles(first: str, second: str) -> bool:
    """So many letters in common that one may be the other, badly written."""
    return bool(OSA.normalized_similarity(first, second, score_cutoff=RESEMBLING) > 0.0)


@lru_cache(maxsize=1)
def _namer() -> NickNamer:
    return NickNamer()


@lru_cache(maxsize=20_000)
def familiar_forms(given: str) -> frozenset[str]:
    """Short and long forms of a given name: of Elizabeth, Beth; of Beth, Elizabeth; and of each."""
    namer = _namer()
    long_forms = namer.canonicals_of(given)
    forms = set(namer.nicknames_of(given)) | set(long_forms)
    for one in long_forms:
        forms |= namer.nicknames_of(one)
    forms.discard(given)
    return frozenset(forms)
