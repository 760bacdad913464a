"""One choice among many: of the people found, which one it is, or a relative of one, or nobody.

"Not registered" and "an unregistered brother or sister of this one" are candidates like the
others; so what speaks for a whole family (name, home, a co-twin's birth date) decides for none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.directory.matching.compare import Comparison
from services.directory.matching.fields import (
    AT_BIRTH,
    AT_FAMILY,
    AT_GIVEN,
    AT_GUARDIAN,
    AT_NHS,
    AT_PLACE,
    AT_SCHOOL,
    AT_UPN,
    FIELDS,
    MISSING,
)
from services.directory.matching.model import Model

Floats = NDArray[np.float64]
_AT = np.arange(len(FIELDS))
MOST_ALIKE = float(np.log(2.0))


# What brothers and sisters share, so that a record of one of them errs in it like one's own; and
# from which level on two homes, schools and parents are not the same.
_SHARED = {AT_FAMILY: 3, AT_PLACE: 7, AT_SCHOOL: 1, AT_GUARDIAN: 3}


@dataclass(frozen=True)
class Weights:
    """A model as logarithms, ready to be looked up.

    relative: a row of tables for co-twins, then one for brothers and sisters, each by kind of
    record. related: the logarithm of how probable each of these rows is.
    """

    own: Floats
    relative: Floats
    other: Floats
    kinds: Floats
    registered: float
    related: Floats
    unknown: float
    seldom_turned: float
    """So much more often names are written straight than turned round."""

    @staticmethod
    def of(model: Model) -> Weights:
        """The logarithms of a model."""
        absent = 1.0 - model.registered
        tables = np.concatenate([_recorded(model, twin) for twin in (True, False)])
        shares = np.outer(model.related, model.kinds).ravel()
        return Weights(
            np.log(model.own),
            np.log(tables),
            np.log(model.other),
            np.log(model.kinds),
            float(np.log(model.registered)),
            np.log(absent * shares),
            float(np.log(absent * (1.0 - model.related.sum()))),
            (1.0 - model.turned) / model.turned,
        )


def _recorded(model: Model, twin: bool) -> Floats:
    """How a record of somebody's relative agrees with somebody, by kind of record."""
    clean = model.relative[0 if twin else 1]
    tables = np.repeat(clean[None], len(model.kinds), axis=0)
    for at, unlike in _SHARED.items():
        same = clean[at, :unlike].sum()
        tables[:, at] = same * model.own[:, at] + (1.0 - same) * model.other[at]
    if twin:
        tables[:, AT_BIRTH] = model.own[:, AT_BIRTH]
    tables[:, :, -1] = 1.0
    return tables


@dataclass(frozen=True)
class Choice:
    """How probable each is: `own` and `relative` by candidate, and that it is nobody known."""

    own: Floats
    relative: Floats
    unknown: float


def evidence(
    levels: NDArray[np.int8], others: Floats, straight: Floats, kin: Floats, weights: Weights
) -> tuple[Floats, Floats]:
    """Logarithms of how much more often the levels are seen of the child itself, and of a relative,
    than of a stranger: by kind of record (twice for relatives) and row."""
    stranger = weights.other[_AT, levels]
    stranger = np.where(others < 0.0, others, stranger)
    turned = -np.log1p(straight * weights.seldom_turned)
    own = weights.own[:, _AT, levels].sum(axis=2) - stranger.sum(axis=1) + turned
    # That relatives' given names agree is measured of all peoples together, though a custom of some
    # (Mohammed before a brother's name): so no more than MOST_ALIKE is made of it.
    average = weights.other[AT_GIVEN, levels[:, AT_GIVEN]]
    measured = weights.relative[:, AT_GIVEN, levels[:, AT_GIVEN]]
    likeness = np.clip(measured - average, -MOST_ALIKE, MOST_ALIKE) + kin
    named = np.where(kin != 0.0, likeness, measured - stranger[:, AT_GIVEN])
    relative = (
        weights.relative[:, _AT, levels].sum(axis=2) - stranger.sum(axis=1) + turned
        + named - (measured - stranger[:, AT_GIVEN])
    )  # fmt: skip
    return own, relative


# What may have been taken from a brother's or sister's record, and how often that happens.
_LENT = {
    AT_FAMILY: 0.001, AT_BIRTH: 0.001, AT_NHS: 0.004, AT_UPN: 0.004, AT_PLACE: 0.06, AT_SCHOOL: 0.1,
    AT_GUARDIAN: 0.2,
}  # fmt: skip
_LENT_AT = np.array(list(_LENT))
_LENT_SHARE = np.array(list(_LENT.values()))
# What the register lacks of one and holds of the other is likely to be of both.
_FILLED_SHARE = np.array([0.5 if at in (AT_FAMILY, AT_PLACE) else 0.0 for at in _LENT])


FEWEST = 1_000
"""A register of fewer people is a part of a larger world: it counts as of so many."""
EXPECTED_SHARE = 0.02
"""So probable is one of the family of a child of the same event, before anything is compared."""
MOST_LIKELY = 4
MOST_RELATIVES = 8


def _find_families(
    own: Floats, relative: Floats, are_kin: Callable[[int, int], bool]
) -> list[tuple[int, int]]:
    """Of the likeliest candidates, each with those of its family whom the question fits as well."""
    by_own = own.max(axis=0)
    likely = np.argsort(-by_own, kind="stable")[:MOST_LIKELY].tolist()
    fitting = np.maximum(by_own, relative.max(axis=0))
    kin = np.argsort(-fitting, kind="stable")[:MOST_RELATIVES].tolist()
    return [(one, other) for one in likely for other in kin if one != other and are_kin(one, other)]


def _lend(
    own: Floats,
    levels: NDArray[np.int8],
    others: Floats,
    weights: Weights,
    families: Sequence[tuple[int, int]],
) -> Floats:
    """The evidence for each candidate where some fields may be those of one of its family.

    A child moves to where the register has only the sister, or gets the brother's number: then
    what speaks against the one and for the other speaks for the first.
    """
    stranger = np.where(others < 0.0, others, weights.other[_AT, levels])
    single = weights.own[:, _AT, levels] - stranger
    lent = own.copy()
    for one, relative in families:
        mine, theirs = single[:, one, _LENT_AT], single[:, relative, _LENT_AT]
        # An initial stands at no level either, yet it says something.
        lacking = (levels[one, _LENT_AT] == MISSING) & (others[one, _LENT_AT] == 0.0)
        share = np.where(lacking, np.maximum(_FILLED_SHARE, 1e-9), _LENT_SHARE)
        mixed = np.logaddexp(np.log1p(-share) + mine, np.log(share) + theirs)
        total = own[:, one] + (mixed - mine).sum(axis=1)
        lent[:, one] = np.maximum(lent[:, one], total)
    return lent


def choose(
    comparisons: Sequence[Comparison],
    weights: Weights,
    people: int,
    are_kin: Callable[[int, int], bool],
    expected: Sequence[bool] = (),
) -> Choice:
    """The probabilities of each candidate of one question, of a register of so many people.

    are_kin: whether the register itself puts two candidates, by position, into one family.
    expected: whether a candidate is of the family of somebody recognised in the same event.
    """
    if not comparisons:
        return Choice(np.zeros(0), np.zeros(0), 1.0)
    levels = np.array([one.levels for one in comparisons], dtype=np.int8)
    others = np.array([one.others for one in comparisons])
    straight = np.array([one.straight for one in comparisons])
    kin = np.array([one.kin for one in comparisons])
    own, relative = evidence(levels, others, straight, kin, weights)
    families = _find_families(own, relative, are_kin)
    if families:
        own = _lend(own, levels, others, weights, families)
    spread = -np.log(max(people, FEWEST))
    own = own + weights.kinds[:, None] + (weights.registered + spread)
    relative = relative + weights.related[:, None] + spread
    if any(expected):
        # A brother or sister of somebody who was recognised: no longer one of the whole register.
        bonus = np.where(np.array(expected), np.log(max(people, FEWEST) * EXPECTED_SHARE), 0.0)
        own, relative = own + bonus, relative + bonus
    top = max(own.max(), relative.max(), weights.unknown)
    own, relative = np.exp(own - top), np.exp(relative - top)
    unknown = np.exp(weights.unknown - top)
    total = own.sum() + relative.sum() + unknown
    return Choice(own.sum(axis=0) / total, relative.sum(axis=0) / total, float(unknown / total))
