"""The state of a part: worse beyond a limit, well again below half of it: it never flaps."""

from __future__ import annotations

import pytest

from bus.ends import Ends
from bus.parts import Limits, Measure, judge
from schemas.status import State

LIMITS = Limits(slow=30, behind=300, stopped=120)


def states(*seconds: float) -> list[State]:
    """The state after each measure, from well."""
    found: list[State] = []
    before: State = "ok"
    for one in seconds:
        before = judge(before, Measure("queue", 1, one), LIMITS).state
        found.append(before)
    return found


def test_it_gets_worse_beyond_each_limit_and_better_below_half_of_it() -> None:
    assert states(10, 31, 301, 299, 151, 149, 29, 16, 14) == [
        "ok", "slow", "behind", "behind", "behind", "slow", "slow", "slow", "ok",
    ]  # fmt: skip


def test_what_swings_about_a_limit_changes_once() -> None:
    assert set(states(*[31, 29] * 20)) == {"slow"}


def test_a_queue_that_empties_is_well_at_once() -> None:
    assert states(400, 0) == ["behind", "ok"]


@pytest.mark.parametrize(
    ("waiting", "oldest", "still", "state"),
    [
        (1, 130, 130, "stopped"),
        (1, 130, 10, "slow"),  # It moves, slowly.
        (1, 10, 5000, "ok"),  # It had nothing to do until now.
        (0, 0, 5000, "ok"),
        (None, 130, 130, "stopped"),  # It cannot be asked any more.
    ],
)
def test_only_what_waits_and_does_not_move_has_stopped(
    waiting: int | None, oldest: float, still: float, state: State
) -> None:
    assert judge("ok", Measure("queue", waiting, oldest, still), LIMITS).state == state


def test_what_waits_for_a_person_is_paused_until_it_is_well_below_the_limit() -> None:
    def at(before: State, count: int, limit: float) -> State:
        return judge(before, Measure("x", count, for_person=True, limit=limit), LIMITS).state

    assert at("ok", 1, 0) == "paused"
    assert at("paused", 0, 0) == "ok"
    assert at("ok", 100, 100) == "ok"
    assert at("ok", 101, 100) == "paused"
    assert at("paused", 51, 100) == "paused"
    assert at("paused", 50, 100) == "ok"


def test_on_kafka_a_message_waits_since_the_look_that_saw_the_partition_end_beyond_it() -> None:
    at = [0.0]
    ends = Ends(lambda: at[0])
    assert ends.compare("g", {"p": 10, "q": 5}, {"p": 10, "q": 5}).waiting == 0
    at[0] = 5.0
    assert ends.compare("g", {"p": 12, "q": 5}, {"p": 10, "q": 5})[1:3] == (2, 0.0)
    at[0] = 20.0
    found = ends.compare("g", {"p": 20, "q": 5}, {"p": 10, "q": 5})
    assert (found.waiting, found.oldest_seconds, found.still_seconds) == (10, 15.0, 20.0)
    at[0] = 25.0
    found = ends.compare("g", {"p": 20, "q": 5}, {"p": 12, "q": 5})
    assert (found.waiting, found.oldest_seconds, found.still_seconds) == (8, 5.0, 0.0)
    at[0] = 30.0
    assert ends.unknown("g") == ("g", None, 5.0, 5.0)
