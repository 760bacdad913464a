"""What is measured on which case, and what our matcher must reach there."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tests.benchmarks.linkage.case import Case
from tests.benchmarks.linkage.febrl import febrl3, febrl4, febrl4_few
from tests.benchmarks.linkage.score import Answer, best_f1, recall_at_precision
from tests.benchmarks.linkage.town import town

Linker = Callable[..., Sequence[Answer]]
"""`(case, distinct=…)`."""
Measure = Callable[[Sequence[Answer], Mapping[str, str]], float]

F1 = "best F1"
RECALL = "recall at precision >= 0.999"
MEASURES: dict[str, Measure] = {F1: best_f1, RECALL: recall_at_precision}


@dataclass(frozen=True)
class Scenario:
    """One file, or several draws of one; `gates` are the least that ours must reach on average.

    distinct: no two queries are one person, and matchers are told so (measured both ways); the
    gates are for that.
    """

    name: str
    words: str
    cases: Sequence[Callable[[], Case]]
    gates: Mapping[str, float]
    distinct: bool = False


@dataclass
class Measured:
    """What one matcher reached, a value per case."""

    values: dict[str, list[float]] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)

    def mean(self, measure: str) -> float:
        return statistics.fmean(self.values[measure])

    def words(self, measure: str) -> str:
        values = self.values[measure]
        several = f" ({min(values):.4f} to {max(values):.4f})" if len(values) > 1 else ""
        return f"{self.mean(measure):.4f}{several}"

    def figures(self) -> dict[str, Any]:
        """For the file of figures."""
        figures: dict[str, Any] = {
            measure: {
                "mean": self.mean(measure),
                "median": statistics.median(values),
                "range": [min(values), max(values)],
                "draws": len(values),
            }
            for measure, values in self.values.items()
        }
        return {**figures, "seconds_median": statistics.median(self.seconds)}


DRAWS = 10
SCENARIOS: dict[str, tuple[Scenario, ...]] = {
    "a": (
        Scenario("febrl4-all", "FEBRL 4, all fields", [partial(febrl4, with_number=True)], {F1: 1}),
        Scenario("febrl3-all", "FEBRL 3, all fields", [partial(febrl3, with_number=True)], {F1: 1}),
    ),
    "b": (
        Scenario(
            "febrl4-nossid",
            "FEBRL 4 without number",
            [partial(febrl4, with_number=False)],
            {RECALL: 0.9998},
        ),
        Scenario(
            "febrl3-nossid",
            "FEBRL 3 without number",
            [partial(febrl3, with_number=False)],
            {RECALL: 0.9998},
        ),
    ),
    "c": (
        Scenario(
            "febrl4-few",
            "FEBRL 4, names, birth date and postcode, a fifth not registered",
            [partial(febrl4_few, draw) for draw in range(DRAWS)],
            {F1: 0.997, RECALL: 0.994},
            distinct=True,
        ),
    ),
    "d": (
        Scenario(
            "pseudopeople",
            "pseudopeople's town, ten years on",
            [town],
            {RECALL: 0.97},
            distinct=True,
        ),
    ),
}


def measure(scenario: Scenario, link: Linker, *, distinct: bool = False) -> Measured:
    """Link every case of the scenario. The clock runs from rows in memory to answers."""
    measured = Measured({name: [] for name in MEASURES})
    for make in scenario.cases:
        case = make()
        started = time.perf_counter()
        answers = link(case, distinct=distinct)
        measured.seconds.append(time.perf_counter() - started)
        for name, value in MEASURES.items():
            measured.values[name].append(value(answers, case.truth))
    return measured


def missed(scenario: Scenario, measured: Measured) -> Iterator[str]:
    """A sentence for each gate that was not reached."""
    for name, least in scenario.gates.items():
        if measured.mean(name) < least:
            yield f"{scenario.words}: {name} is {measured.mean(name):.5f}, below {least}"
