"""Moves the model to the data: strangers and relatives are measured, the rest found by EM.

No answer is ever looked at. What was believed before counts as so many observations, so that a
small file moves little. The same data gives the same model.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from services.directory.matching.choose import Floats, Weights, evidence
from services.directory.matching.compare import Comparison, compare
from services.directory.matching.fields import (
    AT_BIRTH,
    AT_GIVEN,
    AT_NHS,
    AT_UPN,
    FIELDS,
    MISSING,
)
from services.directory.matching.frequencies import Frequencies, home_key
from services.directory.matching.model import Model
from services.directory.matching.person import Person

BELIEVED_OWN = 60.0
BELIEVED_RELATIVE = 40.0
BELIEVED_OTHER = 200.0
BELIEVED_ASKED = 50.0
BELIEVED_ABSENT = 20.0
BELIEVED_TURNED = 300.0
ROUNDS = 25
STRANGERS = 150_000
RELATIVES = 60_000
SEED = 20_261


@dataclass
class Pairs:
    """Comparisons of many questions, one after the other; `starts` is where each question begins.

    Questions without a candidate are left out and counted in `questions` only.
    """

    levels: NDArray[np.int8]
    others: Floats
    straight: Floats
    kin: Floats
    starts: NDArray[np.int64]
    questions: int

    @staticmethod
    def of(answers: Sequence[Sequence[Comparison]]) -> Pairs:
        """From the comparisons of each question."""
        rows = [one for answer in answers for one in answer]
        sizes = np.array([len(answer) for answer in answers if answer], dtype=np.int64)
        starts = np.concatenate(([0], np.cumsum(sizes)[:-1])) if len(sizes) else sizes
        return Pairs(
            np.array([one.levels for one in rows], dtype=np.int8).reshape(-1, len(FIELDS)),
            np.array([one.others for one in rows], dtype=np.float64).reshape(-1, len(FIELDS)),
            np.array([one.straight for one in rows], dtype=np.float64),
            np.array([one.kin for one in rows], dtype=np.float64),
            starts,
            len(answers),
        )


def measure_others(model: Model, people: Sequence[Person], common: Frequencies) -> Model:
    """How often two strangers of the register agree in each level."""
    if len(people) < 2:
        return model
    draw = random.Random(SEED)  # noqa: S311 - the same draw each time, not a secret
    counts = np.zeros((len(FIELDS), MISSING + 1))
    for _ in range(min(STRANGERS, len(people) ** 2)):
        first, second = draw.randrange(len(people)), draw.randrange(len(people))
        if first != second:
            _count(counts, compare(people[first], people[second], common).levels)
    # No register shows how seldom two strangers share a number.
    counts[[AT_NHS, AT_UPN]] = 0.0
    return replace(model, other=_shares(model.other, counts, BELIEVED_OTHER))


def measure_relatives(model: Model, people: Sequence[Person], common: Frequencies) -> Model:
    """How often two children of one home agree in each level, and how many have a relative.

    Whoever is not registered is taken to have a registered relative as often as who is.
    """
    together = [group for group in _homes(people) if 1 < len(group) <= MOST_OF_A_HOME]
    related = _count_related(people, together)
    random.Random(SEED).shuffle(together)  # noqa: S311 - the same order each time
    counts = np.zeros((2, len(FIELDS), MISSING + 1))
    seen = 0
    for group in together:
        for first, second in ((a, b) for a in group for b in group if a != b):
            levels = compare(people[first], people[second], common).levels
            told_apart = any(levels[at] in _APART for at in (AT_NHS, AT_UPN))
            if levels[AT_GIVEN] <= 4 and levels[AT_BIRTH] <= 2 and not told_apart:
                continue  # More likely one child recorded twice.
            _count(counts[0 if levels[AT_BIRTH] == 0 else 1], levels)
            seen += 1
        if seen >= RELATIVES:
            break
    # Whose number a record bears is a matter of how it was written down, not of the register.
    counts[:, [AT_NHS, AT_UPN]] = 0.0
    tables = [
        _shares(believed, counted, BELIEVED_RELATIVE)
        for believed, counted in zip(model.relative, counts, strict=True)
    ]
    return replace(model, relative=np.stack(tables), related=related)


_APART = (1, 2)
MOST_OF_A_HOME = 8
FEW_HOMES = 0.3
LEAST_RELATED = 0.001


def _homes(people: Sequence[Person]) -> list[list[int]]:
    """Who lives together, by household or house; of a register without either, by name and code."""
    homes: dict[str, list[int]] = {}
    housed = 0
    for at, person in enumerate(people):
        if person.household:
            key = "h" + person.household
        elif person.home is not None and person.home.postcode and person.home.number:
            key = "p" + home_key(person.home)
        else:
            continue
        housed += 1
        homes.setdefault(key, []).append(at)
    return list(homes.values()) if housed >= FEW_HOMES * len(people) else _namesakes(people)


def _namesakes(people: Sequence[Person]) -> list[list[int]]:
    """Who share family name and postcode, if more do than would by chance."""
    groups: dict[tuple[str, str], list[int]] = {}
    names: Counter[str] = Counter()
    codes: Counter[str] = Counter()
    for at, person in enumerate(people):
        family = person.names[0][1] if person.names else None
        if family is None or person.home is None or not person.home.postcode:
            continue
        groups.setdefault((family.text, person.home.postcode), []).append(at)
        names[family.text] += 1
        codes[person.home.postcode] += 1
    both = names.total()
    by_chance = _pairs(names.values()) * _pairs(codes.values()) / max(_pairs([both]), 1)
    together = _pairs(map(len, groups.values()))
    return list(groups.values()) if together > TELLING * by_chance else []


TELLING = 3.0
"""So many times as often as by chance, and those who share a name and a postcode are families."""


def _pairs(sizes: Iterable[int]) -> float:
    return sum(size * (size - 1) / 2 for size in sizes)


def _count_related(people: Sequence[Person], together: Sequence[Sequence[int]]) -> Floats:
    """The shares of people with a co-twin, and with another brother or sister, on the register."""
    twins = others = 0
    for group in together:
        births = Counter(people[at].birth for at in group)
        born = [people[at].birth for at in group]
        twins += sum(1 for birth in born if birth is not None and births[birth] > 1)
        others += len(group) if len(births) > 1 else 0
    shares = np.array((twins, others)) / max(len(people), 1)
    return np.clip(shares, LEAST_RELATED, 0.45)


def learn(model: Model, pairs: Pairs, people: int, rounds: int = ROUNDS) -> Model:
    """Expectation maximisation: how one child's two records differ, by kind of record."""
    start = model
    if not len(pairs.starts):
        return model
    sizes = np.diff(np.append(pairs.starts, len(pairs.levels)))
    silent = pairs.questions - len(pairs.starts)
    spread = -np.log(max(people, 1))
    for _ in range(rounds):
        weights = Weights.of(model)
        own, relative = evidence(pairs.levels, pairs.others, pairs.straight, pairs.kin, weights)
        own += weights.kinds[:, None] + weights.registered + spread
        relative += weights.related[:, None] + spread
        top = np.maximum(own.max(axis=0), relative.max(axis=0))
        top = np.maximum(np.maximum.reduceat(top, pairs.starts), weights.unknown)
        wide = np.repeat(top, sizes)
        own, relative = np.exp(own - wide), np.exp(relative - wide)
        unknown = np.exp(weights.unknown - top)
        each = own.sum(axis=0) + relative.sum(axis=0)
        total = np.add.reduceat(each, pairs.starts) + unknown
        own /= np.repeat(total, sizes)
        relative /= np.repeat(total, sizes)
        related = relative.reshape(2, len(model.kinds), -1).sum(axis=(1, 2))
        nobody = float((unknown / total).sum()) + silent
        model = _restate(start, pairs, own, related, nobody)
    return model


def _restate(start: Model, pairs: Pairs, own: Floats, related: Floats, nobody: float) -> Model:
    tables = []
    for kind in range(len(start.kinds)):
        counts = _weighted(pairs.levels, own[kind])
        tables.append(_shares(start.own[kind], counts, BELIEVED_OWN))
    kinds = own.sum(axis=1) + 20.0 * start.kinds
    found, absent = float(own.sum()), float(related.sum()) + nobody
    turned = float(own[:, pairs.straight > 0.0].sum())
    registered = (found + BELIEVED_ASKED * start.registered) / (found + absent + BELIEVED_ASKED)
    return replace(
        start,
        own=np.stack(tables),
        kinds=kinds / kinds.sum(),
        registered=min(registered, 0.9995),
        turned=(turned + BELIEVED_TURNED * start.turned) / (found + BELIEVED_TURNED),
        related=(related + BELIEVED_ABSENT * start.related) / (absent + BELIEVED_ABSENT),
    )


def _weighted(levels: NDArray[np.int8], weight: Floats) -> Floats:
    counts = np.zeros((len(FIELDS), MISSING + 1))
    for at in range(len(FIELDS)):
        counts[at] = np.bincount(levels[:, at], weights=weight, minlength=MISSING + 1)
    return counts


def _count(counts: Floats, levels: tuple[int, ...]) -> None:
    for at, level in enumerate(levels):
        counts[at, level] += 1.0


def _shares(believed: Floats, counts: Floats, strength: float) -> Floats:
    """What was believed and what was counted, together; levels that a field lacks stay 1."""
    table = np.ones_like(believed)
    for at, field in enumerate(FIELDS):
        size = len(field.levels)
        raw = believed[at, :size] * strength + counts[at, :size]
        table[at, :size] = raw / raw.sum()
    return table
