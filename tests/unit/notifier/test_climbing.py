"""Who is told next: the choice among rungs, as a table. August 2026: the 31st is a bank holiday."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time
from typing import Any

import pytest

from chassis.clock import LONDON
from schemas.organisations import (
    Absence,
    DateRange,
    Post,
    Profile,
    QuietHours,
    RecipientRole,
    Rung,
)
from services.notifier.calendars import SchoolCalendar
from services.notifier.climb import Later, Nobody, Silence, Step, choose_next, quiet_until
from services.notifier.find_stand_in import find_stand_in
from services.notifier.routes import Availability, Route
from services.notifier.settings import DeadlineSettings

SETTINGS = DeadlineSettings()
SCHOOL, TRUST, DUTY, AWAY = "urn-900001", "trust-example", "la-duty-example", "urn-900009"
DEPUTY, TEAM, OFFICER = RecipientRole.DEPUTY, RecipientRole.TEAM, RecipientRole.DUTY_OFFICER
TERM = (
    DateRange(first=date(2026, 4, 13), last=date(2026, 7, 17)),
    DateRange(first=date(2026, 9, 2), last=date(2026, 12, 18)),
)
NIGHTS = QuietHours(starts=time(18), ends=time(8))
WEEKENDS = QuietHours(starts=time(0), ends=time(0), days=("sat", "sun"))
HOLIDAYS = (QuietHours(starts=time(0), ends=time(0), days=("sat", "sun", "bank-holiday")),)

FULL = (
    Rung(organisation=SCHOOL, role=DEPUTY),
    Rung(organisation=TRUST, role=TEAM, profile=Profile.EARLY_YEARS_MINIMAL),
    Rung(organisation=DUTY, role=OFFICER),
)


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=LONDON)


def route(name: str, terms: Any = (), **availability: Any) -> Route:
    return Route(
        name, name, "mailbox", SchoolCalendar(time(8, 30), terms), (), None,
        availability=Availability(**availability),
    )  # fmt: skip


def routes(**changed: dict[str, Any]) -> dict[str, Route]:
    made = {"school": SCHOOL, "trust": TRUST, "duty": DUTY, "away": AWAY}
    return {name: route(name, **changed.get(key, {})) for key, name in made.items()}


def silence(**changed: Any) -> Silence:
    usual = Silence(
        FULL, 0, Profile.SCHOOL_FULL, frozenset({(SCHOOL, "school")}), frozenset(), urgent=False
    )
    return replace(usual, **changed)


def told(step: Step | Later | Nobody) -> Any:
    match step:
        case Step():
            return (step.number, step.post.organisation, str(step.post.role), str(step.profile),
                    step.stands_in_for, [(one.number, one.why) for one in step.passed])  # fmt: skip
        case Later():
            return step.at.astimezone(LONDON).strftime("%a %d %H:%M")
        case _:
            return [(one.number, one.why) for one in step.passed]


QUIET = {"school": {"quiet_hours": (NIGHTS, WEEKENDS)}, "trust": {"quiet_hours": (NIGHTS,)}}
ALL_QUIET = {**QUIET, "duty": {"quiet_hours": (NIGHTS,)}}
HOLIDAY = {
    "school": {"terms": TERM, "holiday_contact": Post(organisation=TRUST, role=TEAM)},
}


def absent(who: str, by: Post, role: RecipientRole | None = None) -> dict[str, Any]:
    away = Absence(first=date(2026, 8, 28), last=date(2026, 8, 31), role=role, stand_in=by)
    return {who: {"absences": (away,)}}


FIRST = (SCHOOL, "deputy")
ALL_TOLD = frozenset({(SCHOOL, "school"), FIRST, (TRUST, "team"), (DUTY, "duty-officer")})
AT_AWAY = Post(organisation=AWAY, role=DEPUTY)
FRIDAY_NIGHT, TUESDAY = "2026-08-28T21:30", "2026-09-01T10:00"


@pytest.mark.parametrize(
    ("what", "changed", "around", "at", "expected"),
    [
        ("the next", {}, {}, TUESDAY, (1, SCHOOL, "deputy", "school-full", None, [])),
        ("then the next, in its own profile", {"rung": 1}, {}, TUESDAY,
         (2, TRUST, "team", "early-years-minimal", None, [])),
        ("nobody is left", {"rung": 3, "told": ALL_TOLD}, {}, TUESDAY, []),
        ("whoever was quiet then is told in the end", {"rung": 3, "told": ALL_TOLD - {FIRST}}, {},
         TUESDAY, (1, SCHOOL, "deputy", "school-full", None, [])),
        ("unless quiet still: then when that ends", {"rung": 3, "told": ALL_TOLD - {FIRST}}, QUIET,
         FRIDAY_NIGHT, "Mon 31 08:00"),
        ("or at once, if it is urgent",
         {"rung": 3, "told": ALL_TOLD - {FIRST}, "urgent": True}, QUIET, FRIDAY_NIGHT,
         (1, SCHOOL, "deputy", "school-full", None, [])),
        ("and after it nobody", {"rung": 1, "told": ALL_TOLD}, {}, TUESDAY,
         [(2, "already-told"), (3, "already-told")]),
        ("no ladder at all", {"ladder": ()}, {}, TUESDAY, []),
        ("withheld", {"withheld": frozenset({SCHOOL})}, {}, TUESDAY,
         (2, TRUST, "team", "early-years-minimal", None, [(1, "withheld")])),
        ("a ladder that loops", {"rung": 2, "ladder": (*FULL[:2], FULL[0]),
                                 "told": ALL_TOLD}, {}, TUESDAY,
         [(3, "already-told")]),
        ("a rung that would learn more is alerted only",
         {"profile": Profile.MISSING_ALERT, "rung": 1}, {}, TUESDAY,
         (2, TRUST, "team", "alert", None, [])),
        # Quiet hours, not urgent.
        ("quiet, and the next but one is awake", {"rung": 1}, QUIET, FRIDAY_NIGHT,
         (3, DUTY, "duty-officer", "school-full", None, [(2, "quiet")])),
        ("quiet both, though the third is awake: at the end", {}, QUIET, FRIDAY_NIGHT,
         "Mon 31 08:00"),
        ("quiet at night only", {"rung": 0, "ladder": FULL[1:2]}, QUIET, FRIDAY_NIGHT,
         "Sat 29 08:00"),
        ("exactly at the end of quiet", {"ladder": FULL[1:2]}, QUIET, "2026-08-29T08:00",
         (1, TRUST, "team", "early-years-minimal", None, [])),
        ("exactly at the start of quiet", {"ladder": FULL[1:2]}, QUIET, "2026-08-29T18:00",
         "Sun 30 08:00"),
        # Urgent.
        ("urgent wakes the duty officer", {"urgent": True}, QUIET, FRIDAY_NIGHT,
         (3, DUTY, "duty-officer", "school-full", None, [(1, "quiet"), (2, "quiet")])),
        ("who has no quiet hours, whatever is written", {"urgent": True}, ALL_QUIET, FRIDAY_NIGHT,
         (3, DUTY, "duty-officer", "school-full", None, [(1, "quiet"), (2, "quiet")])),
        ("urgent without a duty officer wakes the next", {"urgent": True, "ladder": FULL[:2]},
         QUIET, FRIDAY_NIGHT, (1, SCHOOL, "deputy", "school-full", None, [])),
        ("urgent by day goes rung by rung", {"urgent": True}, QUIET, TUESDAY,
         (1, SCHOOL, "deputy", "school-full", None, [])),
        # Absence.
        ("absent: who stands in, for whom", {}, absent("school", AT_AWAY), FRIDAY_NIGHT,
         (1, AWAY, "deputy", "school-full", SCHOOL, [])),
        ("absent in another role", {}, absent("school", AT_AWAY, RecipientRole.SCHOOL),
         FRIDAY_NIGHT, (1, SCHOOL, "deputy", "school-full", None, [])),
        ("back again", {}, absent("school", AT_AWAY), TUESDAY,
         (1, SCHOOL, "deputy", "school-full", None, [])),
        ("who stands in is told in the rung's profile", {"rung": 1}, absent("trust", AT_AWAY),
         FRIDAY_NIGHT, (2, AWAY, "deputy", "early-years-minimal", TRUST, [])),
        ("it is withheld from who stands in: the absent one is told",
         {"withheld": frozenset({AWAY})}, absent("school", AT_AWAY), FRIDAY_NIGHT,
         (1, SCHOOL, "deputy", "school-full", None, [])),
        ("who stands in was told already", {"told": frozenset({(AWAY, "deputy")})},
         absent("school", AT_AWAY), FRIDAY_NIGHT,
         (2, TRUST, "team", "early-years-minimal", None, [(1, "already-told")])),
        ("a school closed for long: its holiday contact", {}, HOLIDAY, FRIDAY_NIGHT,
         (1, TRUST, "team", "school-full", SCHOOL, [])),
        ("also on the last day of the summer", {}, HOLIDAY, TUESDAY,
         (1, TRUST, "team", "school-full", SCHOOL, [])),
        ("a weekend and a bank holiday are three days", {}, HOLIDAY, "2026-05-03T12:00",
         (1, SCHOOL, "deputy", "school-full", None, [])),
        ("and on the first day of term itself", {}, HOLIDAY, "2026-09-02T10:00",
         (1, SCHOOL, "deputy", "school-full", None, [])),
        ("the last afternoon of term, still there", {}, HOLIDAY, "2026-07-17T15:00",
         (1, SCHOOL, "deputy", "school-full", None, [])),
        ("the last evening of term", {}, HOLIDAY, "2026-07-17T17:00",
         (1, TRUST, "team", "school-full", SCHOOL, [])),
        ("who stands in is quiet, the next but one is awake", {"ladder": (FULL[0], FULL[2])},
         {**HOLIDAY, "trust": {"quiet_hours": (NIGHTS,)}}, FRIDAY_NIGHT,
         (2, DUTY, "duty-officer", "school-full", None, [(1, "quiet")])),
    ],
)  # fmt: skip
def test_who_is_told_next(
    what: str, changed: dict[str, Any], around: dict[str, Any], at: str, expected: Any
) -> None:
    found = choose_next(silence(**changed), local(at), routes(**around), SETTINGS)
    assert told(found) == expected, what


def test_who_stands_in_may_be_away_too_and_a_ring_is_nobody() -> None:
    asked = Post(organisation=SCHOOL, role=DEPUTY)
    at = local(FRIDAY_NIGHT)
    onward = Post(organisation=TRUST, role=TEAM)
    known = routes(**absent("school", AT_AWAY), **absent("away", onward))
    assert find_stand_in(asked, at, known, SETTINGS) == (onward, SCHOOL)
    ring = routes(**absent("school", AT_AWAY), **absent("away", asked))
    assert find_stand_in(asked, at, ring, SETTINGS) == (asked, None)


@pytest.mark.parametrize(
    ("at", "ends"),
    [
        # The clocks go back on 25 October: quiet ends at eight by the clock on the wall.
        ("2026-10-24T22:00", "2026-10-25T08:00"),
        # They go forward on 29 March.
        ("2026-03-28T23:30", "2026-03-29T08:00"),
        ("2026-03-29T12:00", None),
        # A bank holiday, then Easter from Thursday evening, all of it quiet.
        ("2026-08-28T19:00", "2026-09-01T08:00"),
        ("2026-04-02T18:00", "2026-04-07T08:00"),
    ],
)
def test_quiet_hours_go_by_the_clock_on_the_wall(at: str, ends: str | None) -> None:
    days = HOLIDAYS if at[5:7] in ("08", "04") else ()
    known = routes(trust={"quiet_hours": (NIGHTS, *days)})
    found = quiet_until(Post(organisation=TRUST, role=TEAM), local(at), known)
    assert found == (local(ends) if ends else None)


def test_who_is_quiet_without_end_is_called_all_the_same() -> None:
    always = QuietHours(starts=time(0), ends=time(0))
    known = routes(trust={"quiet_hours": (always,)})
    assert quiet_until(Post(organisation=TRUST, role=TEAM), local(TUESDAY), known) is None
