"""How good decisions about queries are: `python -m … .score DECISIONS.csv TRUTH.csv`.

A wrong automatic decision is a child mistaken for another, and counts most. A query without a
decision counts as `none`; a query that was decided twice, or never asked, is an error.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from tests.support.synthetic_children.model import Truth

PRECISION = 0.999
SHOWN = 5
_STATUSES = ("match", "potential", "many", "none")
_BINS = 10


@dataclass(frozen=True)
class Decision:
    """What was decided about one query; `best` is empty when nobody came into question."""

    status: str
    best: str = ""
    probability: float = 0.0
    shown: tuple[str, ...] = ()


@dataclass(frozen=True)
class Score:
    """Counts of one group of queries, and the recall at the precision asked for."""

    queries: int
    registered: int
    wrong: int
    automatic: int
    reviewed: int
    lost: int
    recall: float
    threshold: float | None
    """The lowest probability accepted for `recall`; None where no threshold is precise enough."""

    @property
    def wrong_per_10_000(self) -> float:
        return 10_000 * self.wrong / self.queries if self.queries else 0.0

    @property
    def automatic_recall(self) -> float:
        return _share(self.automatic, self.registered)

    @property
    def review_share(self) -> float:
        return _share(self.reviewed, self.queries)

    @property
    def lost_share(self) -> float:
        """Registered, not decided rightly, and not among those shown to the reviewer either."""
        return _share(self.lost, self.registered)


@dataclass(frozen=True)
class Bin:
    """Decisions of about the same probability: right as often as said, if calibrated."""

    lowest: float
    decisions: int
    mean_probability: float
    right: float


Pair = tuple[Decision, Truth]


def score(pairs: Sequence[Pair], precision: float = PRECISION) -> Score:
    registered = [pair for pair in pairs if pair[1].id]
    recall, threshold = recall_at_precision(pairs, precision)
    return Score(
        queries=len(pairs),
        registered=len(registered),
        wrong=sum(made.status == "match" and made.best != truth.id for made, truth in pairs),
        automatic=sum(_is_automatic(made, truth) for made, truth in registered),
        reviewed=sum(made.status in {"potential", "many"} for made, _ in pairs),
        lost=sum(
            not _is_automatic(made, truth) and truth.id not in made.shown[:SHOWN]
            for made, truth in registered
        ),
        recall=recall,
        threshold=threshold,
    )


def recall_at_precision(
    pairs: Sequence[Pair], precision: float = PRECISION
) -> tuple[float, float | None]:
    """The greatest share of registered children found by any threshold that is precise enough.

    Equal probabilities are accepted together or not at all.
    """
    named = sorted(
        (pair for pair in pairs if pair[0].best),
        key=lambda pair: pair[0].probability,
        reverse=True,
    )
    registered = sum(1 for _, truth in pairs if truth.id)
    right = accepted = most = 0
    threshold = None
    for probability, block in groupby(named, key=lambda pair: pair[0].probability):
        for made, truth in block:
            accepted += 1
            right += made.best == truth.id
        if right / accepted >= precision and right > most:
            most, threshold = right, probability
    return _share(most, registered), threshold


def score_by_group(pairs: Sequence[Pair]) -> dict[str, Score]:
    """Of all queries, and of each origin, quality, relation and of twins, by `column=value`."""
    scores = {"all": score(pairs)}
    for column in ("origin", "quality", "relation", "twin"):
        for value in sorted({getattr(truth, column) for _, truth in pairs}):
            group = [pair for pair in pairs if getattr(pair[1], column) == value]
            scores[f"{column}={value}"] = score(group)
    return scores


def calibrate(pairs: Iterable[Pair]) -> list[Bin]:
    """Ten bins of equal width; those without a decision are left out."""
    bins: dict[int, list[Pair]] = {}
    for made, truth in pairs:
        if made.best:
            bins.setdefault(min(int(made.probability * _BINS), _BINS - 1), []).append((made, truth))
    return [
        Bin(
            lowest=index / _BINS,
            decisions=len(found),
            mean_probability=sum(made.probability for made, _ in found) / len(found),
            right=sum(made.best == truth.id for made, truth in found) / len(found),
        )
        for index, found in sorted(bins.items())
    ]


def read_pairs(decisions: Path, truths: Path) -> list[Pair]:
    """Every query of the truth with what was decided about it."""
    made: dict[str, Decision] = {}
    with decisions.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["query"] in made:
                raise ValueError(f"{row['query']} was decided twice")
            made[row["query"]] = _read_decision(row)
    with truths.open(encoding="utf-8", newline="") as file:
        known = [Truth(**row) for row in csv.DictReader(file)]
    unknown = made.keys() - {truth.query for truth in known}
    if unknown:
        raise ValueError(f"decided but never asked: {min(unknown)} and {len(unknown) - 1} others")
    undecided = Decision("none")
    return [(made.get(truth.query, undecided), truth) for truth in known]


def report(pairs: Sequence[Pair]) -> str:
    """Two tables as text: the scores by group, and the calibration."""
    lines = [
        f"{'':34}{'queries':>8}{'recall@' + str(PRECISION):>13}{'threshold':>11}{'wrong':>7}"
        f"{'/10,000':>9}{'automatic':>11}{'review':>8}{'lost':>8}"
    ]
    for name, found in score_by_group(pairs).items():
        threshold = "-" if found.threshold is None else f"{found.threshold:.6f}"
        lines.append(
            f"{name:34}{found.queries:8,}{found.recall:13.4f}{threshold:>11}{found.wrong:7,}"
            f"{found.wrong_per_10_000:9.2f}{found.automatic_recall:11.4f}"
            f"{found.review_share:8.4f}{found.lost_share:8.4f}"
        )
    lines += ["", f"{'probability':>12}{'decisions':>11}{'said':>9}{'right':>9}"]
    lines += [
        f"{found.lowest:7.1f}-{found.lowest + 1 / _BINS:.1f} {found.decisions:10,}"
        f"{found.mean_probability:9.4f}{found.right:9.4f}"
        for found in calibrate(pairs)
    ]
    return "\n".join(lines)


def _read_decision(row: dict[str, str]) -> Decision:
    if row["status"] not in _STATUSES:
        raise ValueError(f"{row['query']} has the unknown status {row['status']!r}")
    if row["status"] == "match" and not row["best"]:
        raise ValueError(f"{row['query']} is a match with nobody")
    shown = (row.get(f"shown_{place}") or "" for place in range(1, SHOWN + 1))
    return Decision(
        row["status"],
        row["best"],
        float(row["probability"] or 0),
        tuple(child for child in shown if child),
    )


def _is_automatic(made: Decision, truth: Truth) -> bool:
    return made.status == "match" and made.best == truth.id


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.support.synthetic_children.score")
    parser.add_argument("decisions", type=Path)
    parser.add_argument("truth", type=Path)
    given = parser.parse_args()
    print(report(read_pairs(given.decisions, given.truth)))
