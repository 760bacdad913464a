"""A judgement in words: from the prior to the probability, one line a field, in bits.

Names levels and weights, never a value: it tells nobody what the question did not hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log, log1p

import numpy as np

from services.directory.matching.choose import FEWEST, Weights, evidence
from services.directory.matching.compare import Comparison
from services.directory.matching.fields import FIELDS, MISSING

BITS = 1.0 / log(2.0)


@dataclass(frozen=True)
class Step:
    """One field: in words how it agrees, the bits that this speaks for or against, and the sum."""

    field: str
    level: str
    words: str
    bits: float
    total: float


def explain(comparison: Comparison, weights: Weights, people: int) -> list[Step]:
    """The steps from "one of all the register" to the evidence for one candidate.

    The weights are those of the kind of record that the comparison looks most like; what the other
    kinds add is the last step.
    """
    levels = np.array([comparison.levels], dtype=np.int8)
    others = np.array([comparison.others])
    own, _ = evidence(levels, others, np.array([comparison.straight]), np.zeros(1), weights)
    by_kind = own[:, 0] + weights.kinds
    kind = int(by_kind.argmax())
    of = max(people, FEWEST)
    total = (weights.registered - log(of)) * BITS
    steps = [Step("before", "any", f"one of {of} people", total, total)]
    for at, field in enumerate(FIELDS):
        level = comparison.levels[at]
        if level == MISSING:
            if comparison.others[at]:
                bits = -comparison.others[at] * BITS
                total += bits
                words = f"{field.words}: an initial that fits"
                steps.append(Step(field.name, "initial", words, bits, total))
            continue
        stranger = comparison.others[at] or float(weights.other[at, level])
        bits = (float(weights.own[kind, at, level]) - stranger) * BITS
        total += bits
        said = field.levels[level]
        words = f"{field.words}: {said.words}"
        if comparison.others[at] and stranger < 0:
            words += f", shared by 1 in {round(exp(-stranger))}"
        steps.append(Step(field.name, said.name, words, bits, total))
    if comparison.straight:
        bits = -log1p(comparison.straight * weights.seldom_turned) * BITS
        total += bits
        words = "given and family name turned round"
        steps.append(Step("order", "turned", words, bits, total))
    rest = float(np.logaddexp.reduce(by_kind) - own[kind, 0]) * BITS
    steps.append(
        Step("record", f"kind-{kind}", "how carefully it was recorded", rest, total + rest)
    )
    return steps


def in_one_line(steps: list[Step]) -> str:
    """For a file: each step with its bits."""
    return "; ".join(f"{step.words} {step.bits:+.1f}" for step in steps)
