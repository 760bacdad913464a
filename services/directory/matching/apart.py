"""People of one list are different people: each record of the register is at most one of them.

The children of one event, the rows of a school's roll: whoever fits a record best makes it less
likely for the others. Said by the sum-product rule of loopy belief propagation on who is which
record, which is known to settle for such one-to-one choices (Vontobel, "The Bethe permanent of a
nonnegative matrix", 2013). Not for a list that may name somebody twice, as a year's incidents do.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from services.directory.matching.choose import Choice
from services.directory.matching.judge import Judgement, conclude

SAID_TWICE = 0.0001
"""So seldom is somebody in such a list twice, by mistake: what speaks louder is believed."""
FITS_ANOTHER = "fits-another"
"""The doubt about somebody who would be recognised, were it not for another of the list."""
_MOST_ROUNDS = 200
_SETTLED = 1e-9
_LEAST = 1e-9

Floats = NDArray[np.float64]


def tell_apart(judged: Sequence[Judgement], taken: Collection[str] = ()) -> list[Judgement]:
    """The same judgements, in order, once it is said that they are of different people.

    taken: records, by `ref`, that are others of the list for certain.
    """
    sizes = [len(one.candidates) for one in judged]
    if sum(sizes) == 0:
        return list(judged)
    asked = np.repeat(np.arange(len(judged)), sizes)
    refs = [one.person.ref for judgement in judged for one in judgement.candidates]
    numbers: dict[str, int] = {}
    records = np.array([numbers.setdefault(ref, len(numbers)) for ref in refs])
    own = np.array([one.probability for judgement in judged for one in judgement.candidates])
    nobody = np.array([max(one.unknown, _LEAST) for one in judged])
    certain = np.array([ref in taken for ref in refs])
    left = settle(own / nobody[asked], asked, records, certain)
    ends = np.cumsum(sizes).tolist()
    return [
        _again(one, left[end - size : end])
        for one, size, end in zip(judged, sizes, ends, strict=True)
    ]


def settle(
    odds: Floats, asked: NDArray[np.intp], records: NDArray[np.intp], taken: NDArray[np.bool_]
) -> Floats:
    """How much is left of each possibility, 0 to 1, once the others have had their say.

    odds: a possibility each, against that the question means none of the records.
    asked, records: of which question and which record it is, by number.
    taken: whether the record is another of the list for certain.
    """
    left = np.ones(len(odds))
    for _ in range(_MOST_ROUNDS):
        before = left
        claims = odds / against(odds * left, asked)
        rivals = np.maximum(np.bincount(records, claims)[records] - claims, 0.0)
        left = (1.0 + SAID_TWICE * rivals) / (1.0 + rivals)
        left[taken] = SAID_TWICE
        if np.abs(left - before).max() < _SETTLED:
            break
    return left


def against(odds: Floats, asked: NDArray[np.intp]) -> Floats:
    """What stands against each possibility: every other of its question, and that it is none."""
    return np.maximum(1.0 + np.bincount(asked, odds)[asked] - odds, 1.0)


def _again(judged: Judgement, left: Floats) -> Judgement:
    """One judgement with less left of some candidates."""
    if not len(left) or float(left.min()) > 1.0 - _SETTLED:
        return judged
    own = np.array([one.probability for one in judged.candidates]) * left
    relative = np.array([one.relative for one in judged.candidates])
    stranger = max(judged.unknown - float(relative.sum()), 0.0)
    total = float(own.sum() + relative.sum()) + stranger
    if total <= 0.0:
        return judged
    choice = Choice(own / total, relative / total, stranger / total)
    people = [one.person for one in judged.candidates]
    anew = conclude(people, [one.comparison for one in judged.candidates], choice)
    if judged.status == "match" and anew.status != "match":
        anew = replace(anew, doubt=FITS_ANOTHER)
    return anew
