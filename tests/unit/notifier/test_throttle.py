"""Never more requests in any second than an endpoint's number, and nearly as many as that."""

from __future__ import annotations

from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.share import Slots
from services.notifier.throttle import Throttle, pace_of


def most_in_a_second(times: list[float]) -> int:
    """The most in any window of one second, its end not included."""
    return max(bisect_left(times, start + 1.0) - at for at, start in enumerate(times))


@given(
    per_second=st.integers(1, 200),
    gaps=st.lists(st.floats(0.0, 3.0) | st.just(0.0), min_size=1, max_size=400),
)
def test_never_more_than_its_number_in_any_second(per_second: int, gaps: list[float]) -> None:
    throttle, now, sent = Throttle.of(per_second), 1000.0, []
    for gap in gaps:
        now += gap
        now += throttle.delay(now)
        throttle.take(now)
        sent.append(now)
    assert most_in_a_second(sent) <= per_second


@pytest.mark.parametrize("per_second", [1, 2, 5, 10, 50, 200])
def test_what_waits_goes_at_nearly_the_full_rate(per_second: int) -> None:
    throttle, now = Throttle.of(per_second), 0.0
    for _ in range(20 * per_second):
        now += throttle.delay(now)
        throttle.take(now)
    assert 0.75 * per_second <= 20 * per_second / now <= per_second * 1.05


def test_a_few_go_at_once() -> None:
    throttle = Throttle.of(50)
    for _ in range(5):
        assert throttle.delay(7.0) < 1e-9
        throttle.take(7.0)
    assert throttle.delay(7.0) > 0.01


@given(per_second=st.integers(1, 200), granted=st.integers(1, 300), lead=st.floats(0.0, 2.0))
def test_slots_are_as_far_apart_as_sendings(per_second: int, granted: int, lead: float) -> None:
    times = Slots(granted, lead, pace_of(per_second)).times(100.0)
    assert len(times) == granted
    assert most_in_a_second([max(100.0, one) for one in times]) <= per_second
