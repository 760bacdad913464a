"""A receiver that is down is left alone, tried with one request, and taken up again by itself."""

from __future__ import annotations

import pytest

from chassis.breaker import Breaker, Patience

PATIENCE = Patience(failures=3, first_seconds=5.0, last_seconds=20.0)


def broken(at: float = 100.0) -> Breaker:
    """Paused from a moment on, for five seconds."""
    breaker = Breaker(PATIENCE)
    assert [breaker.failed("failing", at, at) for _ in range(3)] == [False, False, True]
    return breaker


def test_failures_in_a_row_pause_it_and_others_do_not() -> None:
    breaker = Breaker(PATIENCE)
    for _ in range(5):
        breaker.failed("failing", 1.0, 1.0)
        breaker.failed("failing", 1.0, 1.0)
        assert not breaker.succeeded(1.0)
    assert breaker.state(1.0) == "closed"
    assert broken().state(104.9) == "paused"


def test_after_the_pause_it_is_probed_and_closes_itself() -> None:
    breaker = broken()
    assert breaker.state(105.0) == "probing"
    assert breaker.succeeded(105.5)
    assert breaker.state(105.5) == "closed"
    assert not breaker.failed("failing", 106.0, 106.0)


def test_a_probe_that_fails_pauses_it_for_twice_as_long_up_to_a_limit() -> None:
    breaker, now, pauses = broken(), 105.0, []
    for _ in range(4):
        assert breaker.failed("timed-out", now, now)
        pauses.append(breaker.until - now)
        now = breaker.until
    assert pauses == [10.0, 20.0, 20.0, 20.0]


def test_what_was_sent_before_the_pause_says_nothing_of_after() -> None:
    breaker = broken()
    assert not breaker.failed("timed-out", 99.0, 101.0)
    assert not breaker.failed("timed-out", 99.0, 109.0)
    assert breaker.until == 105.0
    assert breaker.failed("timed-out", 105.0, 110.0)


@pytest.mark.parametrize(("asked", "pause"), [(2.0, 2.0), (600.0, 600.0)])
def test_who_asks_to_be_left_alone_is_left_alone_at_once(asked: float, pause: float) -> None:
    breaker = Breaker(PATIENCE)
    assert breaker.failed("busy", 100.0, 100.0, asked)
    assert breaker.until == 100.0 + pause
    # Asked for again by the probe: never less than the pause that is due anyway.
    assert breaker.failed("busy", breaker.until, breaker.until, asked)
    assert breaker.until == 100.0 + pause + max(asked, 10.0)


def test_a_pause_is_taken_over_and_taken_off() -> None:
    breaker = Breaker(PATIENCE)
    breaker.adopt(4, 200.0)
    assert (breaker.state(199.0), breaker.state(200.0)) == ("paused", "probing")
    breaker.adopt(0, 0.0)
    assert breaker.state(150.0) == "closed"
