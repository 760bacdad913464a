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
_APOSTROPHES = re.compile(r"['`’ʼ]")
_SPELLINGS = (
    ("tch", "c"), ("sch", "s"), ("ck", "k"), ("ph", "f"), ("th", "t"), ("sz", "s"), ("sh", "s"),
    ("cz", "c"), ("ch", "c"), ("ks", "x"), ("kh", "k"), ("gh", "g"), ("dh", "d"), ("bh", "b"),
    ("rz", "z"), ("dz", "z"), ("q", "k"), ("z", "s"), ("w", "v"),
)  # fmt: skip
_HARD_C = re.compile(r"c(?=[aorlu]|$)")
_SOFT_C = re.compile(r"c(?=[eiy])")
_DOUBLED = re.compile(r"(.)\1+")
_UNSOUNDED = re.compile(r"[aeiouyh]")

CLOSE_SIMILARITY = 0.93
SOUND_SIMILARITY = 0.86


class Name(NamedTuple):
    """A given or a family name: `text` without spaces, its `parts`, the skeleton of each."""

    text: str
    parts: tuple[str, ...]
    skeletons: tuple[str, ...]


@lru_cache(maxsize=60_000)
def read_name(written: str) -> Name | None:
    """A name as it is compared, whatever its script; None where no letter is left."""
    plain = _APOSTROPHES.sub("", anyascii(written)).lower()
    parts = tuple(_WORDS.findall(plain))
    if not parts:
        return None
    return Name("".join(parts), parts, tuple(skeleton(part) for part in parts))


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
