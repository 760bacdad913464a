"""The figures that the matcher is judged by: what counts as right, wrong and found."""

from __future__ import annotations

import random

import pytest

from tests.benchmarks.linkage.score import Answer, best_f1, recall_at_precision, sweep

TRUTH = {"q1": "a", "q2": "b", "q3": "", "q4": "d"}


def test_the_best_threshold_leaves_out_whoever_is_not_registered() -> None:
    answers = [Answer("q1", "a", 0.9), Answer("q2", "b", 0.8), Answer("q3", "c", 0.3)]
    assert best_f1(answers, TRUTH) == pytest.approx(2 * 2 / (2 + 3))
    assert recall_at_precision(answers, TRUTH) == pytest.approx(2 / 3)


def test_a_wrong_answer_also_leaves_the_right_one_unfound() -> None:
    (point,) = sweep([Answer("q1", "b", 0.9)], {"q1": "a"})
    assert (point.right, point.wrong, point.registered) == (0, 1, 1)
    assert point.f1 == 0.0


def test_answers_equally_sure_cannot_be_parted_by_a_threshold() -> None:
    answers = [Answer("q1", "a", 1.0), Answer("q2", "b", 1.0), Answer("q3", "c", 1.0)]
    points = list(sweep(answers, TRUTH))
    assert [(point.right, point.wrong) for point in points] == [(2, 1)]
    assert recall_at_precision(answers, TRUTH) == 0.0


def test_a_threshold_may_pass_below_a_wrong_answer_when_enough_right_ones_follow() -> None:
    truth = {f"q{number}": f"r{number}" for number in range(2_000)}
    answers = [Answer(query, best, 0.5) for query, best in truth.items()]
    answers[0] = Answer("q0", "r1", 0.9)
    assert recall_at_precision(answers, truth) == pytest.approx(1_999 / 2_000)
    assert recall_at_precision(answers, truth, precision=1.0) == 0.0


def test_a_query_without_a_candidate_is_neither_right_nor_wrong() -> None:
    answers = [Answer("q1", "a", 0.9), Answer("q2", "", 1.0)]
    assert [(point.right, point.wrong) for point in sweep(answers, TRUTH)] == [(1, 0)]


def test_no_answers_are_worth_nothing() -> None:
    assert best_f1([], TRUTH) == 0.0
    assert recall_at_precision([], TRUTH) == 0.0


def test_the_order_of_the_answers_does_not_matter() -> None:
    answers = [Answer(query, "a" if n % 3 else "b", n / 10) for n, query in enumerate(TRUTH)]
    shuffled = random.Random(4).sample(answers, len(answers))
    assert list(sweep(shuffled, TRUTH)) == list(sweep(answers, TRUTH))
