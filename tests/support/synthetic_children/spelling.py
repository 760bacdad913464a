"""What happens to words on the way: slips of fingers, of scanners and of ears."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from random import Random

from tests.support.synthetic_children.variants import VARIANTS

_KEYS = {
    "q": "wa", "w": "qes", "e": "wrd", "r": "etf", "t": "ryg", "y": "tuh", "u": "yij", "i": "uok",
    "o": "ipl", "p": "ol", "a": "qsz", "s": "adwx", "d": "sfec", "f": "dgrv", "g": "fhtb",
    "h": "gjyn", "j": "hkum", "k": "jlim", "l": "kop", "z": "asx", "x": "zsdc", "c": "xdfv",
    "v": "cfgb", "b": "vghn", "n": "bhjm", "m": "njk",
}  # fmt: skip
_LOOKALIKES = (
    ("rn", "m"), ("m", "rn"), ("l", "i"), ("i", "l"), ("cl", "d"), ("d", "cl"), ("e", "c"),
    ("c", "e"), ("h", "b"), ("u", "v"), ("v", "u"), ("n", "h"), ("w", "vv"), ("a", "o"),
    ("o", "a"), ("g", "q"), ("f", "t"), ("t", "f"), ("j", "i"), ("nn", "m"),
)  # fmt: skip
_SOUNDS = (
    ("ph", "f"), ("f", "ph"), ("ck", "k"), ("c", "k"), ("k", "c"), ("ie", "y"), ("y", "ie"),
    ("y", "i"), ("i", "y"), ("ee", "ea"), ("ea", "ee"), ("ee", "i"), ("ou", "u"), ("oo", "u"),
    ("x", "ks"), ("cks", "x"), ("s", "z"), ("z", "s"), ("th", "t"), ("t", "th"), ("ll", "l"),
    ("tt", "t"), ("nn", "n"), ("ss", "s"), ("mm", "m"), ("pp", "p"), ("rr", "r"), ("ai", "ay"),
    ("ay", "ai"), ("ei", "ie"), ("ey", "y"), ("igh", "ie"), ("wh", "w"), ("kn", "n"), ("wr", "r"),
    ("gh", "g"), ("j", "g"), ("g", "j"), ("qu", "kw"), ("sch", "sh"), ("tch", "ch"), ("er", "a"),
    ("o", "u"), ("u", "o"), ("e", "i"), ("a", "e"), ("ae", "ay"), ("oe", "oh"),
    ("v", "w"), ("w", "v"), ("dh", "d"), ("kh", "k"), ("bh", "b"), ("h", ""), ("sz", "sh"),
    ("cz", "ch"), ("rz", "z"), ("ow", "ou"), ("aw", "or"), ("or", "aw"), ("son", "sen"),
    ("mc", "mac"), ("mac", "mc"), ("ley", "ly"), ("our", "or"), ("dge", "ge"), ("l", "ll"),
)  # fmt: skip
# What parents who want a name to look like no other one's do to it.
_STYLES = (
    ("ie", "y"), ("y", "ie"), ("i", "y"), ("c", "k"), ("ai", "ay"), ("ay", "ai"), ("ey", "ee"),
    ("ll", "l"), ("l", "ll"), ("nn", "n"), ("n", "nn"), ("tt", "t"), ("ss", "s"), ("ee", "i"),
    ("ia", "iya"), ("ah", "a"), ("ph", "f"), ("ck", "k"), ("s", "z"),
)  # fmt: skip
_PLAIN = str.maketrans("łŁđĐøØ", "lLdDoO")


def slip(random: Random, word: str) -> str:
    """One slip in a word: a neighbouring key, a lookalike, two letters turned, lost or doubled."""
    if len(word) < 3:
        return word
    kind: Callable[[Random, str], str] = random.choice(
        (_hit_neighbour, _misread, _turn, _turn, _lose, _lose, _double)
    )
    return kind(random, word)


def respell(random: Random, word: str) -> str:
    """The word as somebody writes it who only heard it; unchanged if nothing in it sounds alike."""
    return _replace_one(random, word, _SOUNDS)


def restyle(random: Random, name: str) -> str:
    """The name as unusual parents spell it, on purpose."""
    return _replace_one(random, name, _STYLES)


def respell_name(random: Random, name: str) -> str:
    """Another usual spelling of one word of a name, or else one that sounds like it."""
    words = name.split(" ")
    index = random.randrange(len(words))
    variants = VARIANTS.get(words[index])
    words[index] = random.choice(variants) if variants else respell(random, words[index])
    return " ".join(words)


def without_marks(text: str) -> str:
    """Without diacritics, as an old system stores it."""
    if text.isascii():
        return text
    parts = unicodedata.normalize("NFD", text.translate(_PLAIN))
    return "".join(part for part in parts if not unicodedata.combining(part))


def wrong_digit(random: Random, digits: str) -> str:
    """The same with one digit changed, or two neighbours turned."""
    place = random.randrange(len(digits) - 1)
    if digits[place] != digits[place + 1] and random.random() < 0.4:
        return digits[:place] + digits[place + 1] + digits[place] + digits[place + 2 :]
    other = random.choice([digit for digit in "0123456789" if digit != digits[place]])
    return digits[:place] + other + digits[place + 1 :]


def _hit_neighbour(random: Random, word: str) -> str:
    place = random.randrange(len(word))
    near = _KEYS.get(word[place].lower())
    return word if not near else _put(word, place, place + 1, random.choice(near))


def _misread(random: Random, word: str) -> str:
    return _replace_one(random, word, _LOOKALIKES)


def _turn(random: Random, word: str) -> str:
    place = random.randrange(1, len(word) - 1)
    return _put(word, place, place + 2, word[place + 1] + word[place])


def _lose(random: Random, word: str) -> str:
    place = random.randrange(1, len(word))
    return _put(word, place, place + 1, "")


def _double(random: Random, word: str) -> str:
    place = random.randrange(1, len(word))
    return _put(word, place, place + 1, word[place] * 2)


def _replace_one(random: Random, word: str, pairs: tuple[tuple[str, str], ...]) -> str:
    low = word.lower()
    found = [(old, new) for old, new in pairs if old in low]
    if not found or len(low) != len(word):
        return word
    old, new = random.choice(found)
    places = [index for index in range(len(low)) if low.startswith(old, index)]
    # First letters are got wrong least often.
    later = [index for index in places if index > 0]
    place = random.choice(later) if later and random.random() < 0.85 else random.choice(places)
    return _put(word, place, place + len(old), new)


def _put(word: str, start: int, end: int, new: str) -> str:
    changed = word[:start] + new + word[end:]
    return changed[:1].upper() + changed[1:] if word[:1].isupper() else changed
