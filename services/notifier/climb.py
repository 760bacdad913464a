"""Who is told next when nobody confirms: the choice among the rungs that are left. Pure; step 8.

A rung is passed over, and it is said why, where the event is withheld from it, where it was told
already (a ladder that loops), or where it is quiet and another is awake.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import NamedTuple

from schemas.organisations import (
    Post,
    Profile,
    QuietDay,
    QuietHours,
    RecipientRole,
    Rung,
    tells_no_more,
)
from services.notifier.calendars import at_local, is_working_day, local_date
from services.notifier.find_stand_in import find_stand_in
from services.notifier.routes import Route
from services.notifier.settings import DeadlineSettings

LONGEST_QUIET = timedelta(days=5)
"""Easter, evening to morning; who is quiet for longer is absent, and is called all the same."""

_DAY = timedelta(days=1)
_WEEKDAYS: tuple[QuietDay, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Silence:
    """A notice that nobody confirmed: its ladder, the rung it is on, and who must not be told.

    `profile` is what the policy tells the first; `told` the posts told already on this ladder;
    `withheld` the organisations from which the event is withheld.
    """

    ladder: Sequence[Rung]
    rung: int
    profile: Profile
    told: frozenset[tuple[str, str]]
    withheld: frozenset[str]
    urgent: bool


class Passed(NamedTuple):
    """A rung that is not told, and why: withheld, already-told, quiet."""

    number: int
    organisation: str
    role: str
    why: str


@dataclass(frozen=True, slots=True)
class Step:
    """The next to be told: `post` as rung `number`, for an absent organisation perhaps."""

    number: int
    rung: Rung
    post: Post
    stands_in_for: str | None
    profile: Profile
    passed: tuple[Passed, ...] = ()


@dataclass(frozen=True, slots=True)
class Later:
    """Everybody near is quiet: look again `at` the end of it."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Nobody:
    """Nobody is left to tell."""

    passed: tuple[Passed, ...] = ()


def choose_next(
    silence: Silence, at: datetime, routes: Mapping[str, Route], settings: DeadlineSettings
) -> Step | Later | Nobody:
    """The next rung to be told at a time.

    What is urgent goes to the first that is awake, and if nobody is, wakes the next. Anything else
    goes to the next but one where the next is quiet and that one is awake, else it waits. Whoever
    was quiet then is told in the end, when nobody further up is left.
    """
    passed: list[Passed] = []
    steps: list[Step] = []
    rungs = list(enumerate(silence.ladder, start=1))
    further = [one for one in rungs if one[0] > silence.rung]
    for number, rung in (*further, *(one for one in rungs if one[0] < silence.rung)):
        if rung.organisation in silence.withheld:
            passed.append(_pass(number, rung, "withheld"))
            continue
        found = find_stand_in(rung, at, routes, settings, silence.withheld)
        if (found.post.organisation, found.post.role) in silence.told:
            passed.append(_pass(number, found.post, "already-told"))
            continue
        steps.append(Step(number, rung, found.post, found.for_, _profile(silence, rung)))
    if not steps:
        return Nobody(tuple(one for one in passed if one.number > silence.rung))
    chosen = _awake(steps, at, routes, urgent=silence.urgent)
    if isinstance(chosen, Later):
        return chosen
    skipped = [_pass(one.number, one.post, "quiet") for one in steps[: steps.index(chosen)]]
    between = range(silence.rung + 1, chosen.number)
    before = [one for one in passed if one.number in between]
    return replace(chosen, passed=tuple(sorted((*before, *skipped))))


def quiet_until(post: Post, at: datetime, routes: Mapping[str, Route]) -> datetime | None:
    """When a post's quiet hours end that hold at a time; None: it is awake."""
    route = routes.get(post.organisation)
    if route is None or post.role is RecipientRole.DUTY_OFFICER:
        return None
    windows = [one for one in route.availability.quiet_hours if one.role in (None, post.role)]
    ends = at
    while (further := _end_of_quiet(windows, ends)) is not None:
        ends = further
        if ends - at > LONGEST_QUIET:
            return None
    return ends if ends > at else None


def _awake(
    steps: Sequence[Step], at: datetime, routes: Mapping[str, Route], *, urgent: bool
) -> Step | Later:
    ends = quiet_until(steps[0].post, at, routes)
    if ends is None:
        return steps[0]
    further = steps[1:] if urgent else steps[1:2]
    awake = next((one for one in further if quiet_until(one.post, at, routes) is None), None)
    if awake is not None:
        return awake
    return steps[0] if urgent else Later(ends)


def _end_of_quiet(windows: Sequence[QuietHours], at: datetime) -> datetime | None:
    """The latest end of those windows that hold at a time; a window may have begun yesterday."""
    today = local_date(at)
    ends = [
        end
        for window in windows
        for day in (today - _DAY, today)
        if _starts_on(window, day)
        and at_local(day, window.starts) <= at < (end := _end(window, day))
    ]
    return max(ends, default=None)


def _starts_on(window: QuietHours, day: date) -> bool:
    return (
        not window.days
        or _WEEKDAYS[day.weekday()] in window.days
        or ("bank-holiday" in window.days and day.weekday() < 5 and not is_working_day(day))
    )


def _end(window: QuietHours, day: date) -> datetime:
    return at_local(day if window.ends > window.starts else day + _DAY, window.ends)


def _profile(silence: Silence, rung: Rung) -> Profile:
    """What a rung is told: never more than the first, whatever its ladder says."""
    told = rung.profile or silence.profile
    return told if tells_no_more(told, than=silence.profile) else Profile.ALERT


def _pass(number: int, post: Post, why: str) -> Passed:
    return Passed(number, post.organisation, post.role, why)
