"""The score of decisions, on cases that can be counted by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.synthetic_children.model import Truth
from tests.support.synthetic_children.score import (
    Decision,
    Pair,
    calibrate,
    read_pairs,
    recall_at_precision,
    report,
    score,
    score_by_group,
)


def pair(status: str, best: str, probability: float, truth: str, *shown: str) -> Pair:
    relation = "own" if truth else "stranger"
    return (
        Decision(status, best, probability, shown),
        Truth("Q1", truth, "british", "good", relation, "no"),
    )


CASES = [
    pair("match", "A", 0.99, "A", "A"),
    pair("match", "B", 0.98, "B", "B"),
    pair("match", "C", 0.97, "D", "C", "D"),  # Wrong, though the right one was shown.
    pair("match", "E", 0.96, ""),  # Wrong: nobody is registered.
    pair("potential", "F", 0.60, "F", "F"),
    pair("many", "G", 0.50, "H", "G", "I", "J", "K", "L", "H"),  # Shown in sixth place.
    pair("none", "", 0.0, "M"),
    pair("none", "", 0.0, ""),
]


def test_decisions_are_counted() -> None:
    found = score(CASES)
    assert (found.queries, found.registered) == (8, 6)
    assert (found.wrong, found.wrong_per_10_000) == (2, 2_500)
    assert found.automatic_recall == pytest.approx(2 / 6)
    assert found.review_share == pytest.approx(2 / 8)
    # H was shown too late, M was not shown at all; D was shown to whoever looks again.
    assert found.lost_share == pytest.approx(2 / 6)


def test_recall_is_taken_at_the_lowest_threshold_that_is_precise_enough() -> None:
    assert recall_at_precision(CASES) == (2 / 6, 0.98)
    # Two of three, two of four, three of five.
    assert recall_at_precision(CASES, precision=0.6) == (3 / 6, 0.60)


def test_equal_probabilities_are_accepted_together_or_not_at_all() -> None:
    tied = [
        pair("match", "A", 0.9, "A"),
        pair("match", "B", 0.9, "X"),
        pair("match", "C", 0.9, "C"),
    ]
    assert recall_at_precision(tied) == (0.0, None)
    assert recall_at_precision(list(reversed(tied))) == (0.0, None)
    assert recall_at_precision(tied, precision=0.5) == (2 / 3, 0.9)


def test_an_empty_best_is_never_right() -> None:
    assert recall_at_precision([pair("none", "", 1.0, "")]) == (0.0, None)
    assert score([pair("match", "", 1.0, "A")]).wrong == 1


def test_each_group_is_scored_by_itself() -> None:
    groups = score_by_group(CASES)
    assert groups["all"] == score(CASES)
    assert groups["relation=own"].wrong == 1
    assert groups["relation=stranger"].wrong == 1
    assert groups["relation=stranger"].automatic_recall == 0.0


def test_calibration_compares_what_was_said_with_what_was_right() -> None:
    bins = {found.lowest: found for found in calibrate(CASES)}
    assert set(bins) == {0.5, 0.6, 0.9}
    assert bins[0.9].decisions == 4
    assert bins[0.9].mean_probability == pytest.approx(0.975)
    assert bins[0.9].right == 0.5


DECISIONS_HEAD = (
    "query,status,best,probability,second,second_probability,margin,explanation,"
    "shown_1,shown_2,shown_3,shown_4,shown_5\n"
)
TRUTHS = (
    "query,id,origin,quality,relation,twin\nQ1,A,british,good,own,no\nQ2,B,muslim,poor,own,yes\n"
)


def read(folder: Path, decisions: str) -> list[Pair]:
    (folder / "DECISIONS.csv").write_text(DECISIONS_HEAD + decisions, encoding="utf-8")
    (folder / "TRUTH.csv").write_text(TRUTHS, encoding="utf-8")
    return read_pairs(folder / "DECISIONS.csv", folder / "TRUTH.csv")


def test_a_query_that_was_not_decided_counts_as_lost(tmp_path: Path) -> None:
    pairs = read(tmp_path, "Q1,match,A,0.999,Z,0.1,5.2,name and date,A,Z,,,\n")
    assert [made.status for made, _ in pairs] == ["match", "none"]
    assert pairs[0][0].shown == ("A", "Z")
    assert score(pairs).lost_share == 0.5
    assert "quality=poor" in report(pairs)


@pytest.mark.parametrize(
    "decisions",
    [
        "Q1,match,A,0.9,,,,,,,,,\nQ1,match,A,0.9,,,,,,,,,\n",
        "Q9,match,A,0.9,,,,,,,,,\n",
        "Q1,perhaps,A,0.9,,,,,,,,,\n",
        "Q1,match,,0.9,,,,,,,,,\n",
    ],
)
def test_decisions_that_cannot_be_meant_are_refused(tmp_path: Path, decisions: str) -> None:
    with pytest.raises(ValueError, match=r"Q\d"):
        read(tmp_path, decisions)
