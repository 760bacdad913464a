"""Lanes of one receiver take turns, hold to their slots and stop at a pause; nothing here waits."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid4

from services.notifier.lanes import Job, Lane, Lanes
from services.notifier.settings import SendSettings
from services.notifier.targets import Target

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SETTINGS = SendSettings(claim_size=8, pause_after_failures=2)


def target(per_second: int | None = None, pauses: int = 0, until: float = 0.0) -> Target:
    return Target(
        uuid4(), "urn-900001", "https://a.example/hook", "https://a.example", (), per_second,
        pauses, until,
    )  # fmt: skip


def put(
    lanes: Lanes, lane: Lane, count: int, slot: float | None = None, *, overtakes: bool = False
) -> list[UUID]:
    jobs = [
        Job(uuid4(), lane.endpoint, uuid4(), 1, AT, 1e9, overtakes, AT, paced=slot is not None)
        for _ in range(count)
    ]
    for job in jobs:
        lanes.put(lane, job, slot)
    return [job.notice for job in jobs]


def take_all(lanes: Lanes, lane: Lane, now: float) -> list[UUID]:
    """Every job of a receiver that may go now."""
    found: list[UUID] = []
    while (taken := lanes.take(lane.receiver, now)) is not None:
        if isinstance(taken[1], Job):
            found.append(taken[1].notice)
    return found


def test_lanes_of_one_receiver_take_turns() -> None:
    lanes = Lanes(SETTINGS)
    one, two = lanes.lane(target()), lanes.lane(target())
    assert one.receiver is two.receiver
    many, few = put(lanes, one, 4), put(lanes, two, 2)
    assert take_all(lanes, one, 0.0) == [many[0], few[0], many[1], few[1], *many[2:]]


def test_what_waits_for_a_slot_does_not_fill_the_receiver() -> None:
    lanes = Lanes(SETTINGS)
    paced, other = lanes.lane(target(per_second=5)), lanes.lane(target())
    put(lanes, paced, 20, slot=1.0)
    assert lanes.full_receivers() == set()
    [quick] = put(lanes, other, 1)
    assert take_all(lanes, other, 0.0) == [quick]
    put(lanes, other, 4)
    assert lanes.full_receivers() == {"https://a.example"}


def test_what_overtakes_finds_a_place_and_takes_the_next_slot() -> None:
    lanes = Lanes(SETTINGS)
    lane = lanes.lane(target())
    others = put(lanes, lane, 4)
    assert lanes.full_receivers() == {"https://a.example"}
    assert lanes.full_receivers(overtaking=True) == set()
    [missing] = put(lanes, lane, 1, overtakes=True)
    assert take_all(lanes, lane, 0.0) == [missing, *others]
    paced = lanes.lane(target(per_second=1))
    [ordinary] = put(lanes, paced, 1, slot=1.0)
    [missing] = put(lanes, paced, 1, slot=3.0, overtakes=True)
    assert lanes.take(paced.receiver, 0.4) == (paced, 0.6)
    paced.in_turn = False
    lanes.line_up(paced)
    assert take_all(lanes, paced, 1.0) == [missing], "the slot is the lane's"
    assert [job.notice for _, job in paced.waiting] == [ordinary]


def test_a_paced_lane_leaves_the_line_until_its_slot() -> None:
    lanes = Lanes(SETTINGS)
    lane = lanes.lane(target(per_second=1))
    first, second = put(lanes, lane, 2, slot=1.0)
    assert lanes.take(lane.receiver, 0.4) == (lane, 0.6)
    assert lanes.take(lane.receiver, 0.4) is None
    lane.in_turn = False
    lanes.line_up(lane)
    assert take_all(lanes, lane, 1.0) == [first]
    lane.in_turn = False
    lanes.line_up(lane)
    # The slot of the second has come, and its distance from the first has not.
    assert take_all(lanes, lane, 1.5) == []
    lane.in_turn = False
    lanes.line_up(lane)
    assert take_all(lanes, lane, 2.2) == [second]


def test_after_a_pause_one_request_at_a_time_goes() -> None:
    lanes = Lanes(SETTINGS)
    lane = lanes.lane(target(pauses=1, until=10.0))
    assert lanes.left_alone(9.0) == ([lane.endpoint], [])
    assert lanes.next_change(9.0) == 1.0
    assert lanes.left_alone(10.0) == ([], [])
    probe, other = put(lanes, lane, 2)
    assert lanes.left_alone(10.0) == ([], [lane.endpoint])
    taken = lanes.take(lane.receiver, 10.0)
    assert taken is not None
    assert isinstance(taken[1], Job)
    assert taken[1].notice == probe
    lane.active = 1
    assert take_all(lanes, lane, 10.0) == []
    lane.active = 0
    assert lane.breaker.succeeded(10.5)
    lanes.line_up(lane)
    assert take_all(lanes, lane, 10.5) == [other]


def test_what_waits_is_let_go_when_a_pause_begins() -> None:
    lanes = Lanes(SETTINGS)
    lane = lanes.lane(target())
    notices = put(lanes, lane, 3)
    assert [notice for notice, _ in lanes.empty(lane)] == notices
    assert (lanes.held, lane.receiver.waiting) == (0, 0)


def test_what_others_learnt_is_taken_over_unless_one_knows_better() -> None:
    lanes, known = Lanes(SETTINGS), target()
    lane = lanes.lane(known)
    put(lanes, lane, 1)
    paused = Target(known.id, "urn-900001", known.url, known.receiver, (), None, 2, 500.0)
    assert lanes.follow([paused], [known.id], 100.0) == []
    assert lanes.follow([paused], [], 100.0) == [lane]
    assert lane.breaker.state(499.0) == "paused"
    assert lane.breaker.failed("failing", 500.0, 500.0)
    # Read before the pause of a moment ago was written.
    assert lanes.follow([known], [], 501.0) == []
    assert lane.breaker.state(501.0) == "paused"
    assert lanes.follow([known], [], 600.0) == []
    assert lane.breaker.state(600.0) == "closed"


def test_the_lane_of_an_endpoint_that_is_no_more_is_emptied_and_forgotten() -> None:
    lanes = Lanes(SETTINGS)
    lane = lanes.lane(target(per_second=1, pauses=1, until=1e9))
    put(lanes, lane, 2)
    lanes.follow([], [], 0.0)
    assert len(take_all(lanes, lane, 0.0)) == 2
    lanes.follow([], [], 0.0)
    assert list(lanes) == []


def test_after_a_stop_what_is_too_late_takes_nobody_elses_time() -> None:
    """Each that is let go late would otherwise make the next one late, for ever."""
    lanes = Lanes(SETTINGS)
    lane = lanes.lane(target(per_second=1))
    put(lanes, lane, 2, slot=1.0)
    assert lanes.room(lane) == 0
    for _, job in lane.waiting:
        job.lease_ends = 40.0
    late = SETTINGS.timeout_seconds
    assert len(take_all(lanes, lane, 40.0 - late)) == 2
    assert lanes.room(lane) == 2
    [prompt] = put(lanes, lane, 1, slot=1.0)
    assert take_all(lanes, lane, 40.0 - late) == [prompt]


def test_an_endpoint_with_another_address_gets_a_lane_of_its_own_and_the_old_one_is_emptied() -> (
    None
):
    lanes = Lanes(SETTINGS)
    known = target()
    old = lanes.lane(known)
    waiting = put(lanes, old, 3)
    old.breaker.failed("failing", 0.0, 1.0, 60.0)
    other = Target(
        known.id,
        known.organisation,
        "https://b.example/hook",
        "https://b.example",
        (),
        None,
        0,
        0.0,
    )
    assert lanes.follow([other], {known.id}, 2.0) == [old]
    assert [notice for notice, _ in lanes.empty(old)] == waiting
    assert lanes.held == 0
    new = lanes.lane(other)
    assert new is not old
    assert new.breaker.state(2.0) == "closed"
    put(lanes, new, 1)
    assert take_all(lanes, new, 2.0)
