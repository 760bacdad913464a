"""By when somebody must have confirmed: tables that a head teacher can check; what always holds.

Times of arrival are as a clock in England shows them; deadlines are UTC, as they are stored.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.clock import LONDON
from schemas.organisations import DateRange, ServiceDay, ServiceHours
from services.notifier.calendars import SchoolCalendar, ServiceCalendar
from services.notifier.deadlines import Due, Matter, clock_due, due_of, recorded_late
from services.notifier.draft import draft_event
from services.notifier.routes import Route
from services.notifier.rules import parse_rules, read_rules
from services.notifier.settings import DeadlineSettings
from tests.integration.notifier.world import SCHOOL as SCHOOL_ID
from tests.integration.notifier.world import TO_SCHOOL, addressed
from tests.unit.notifier.rule_tables import changed

RULES = read_rules()


def days(first: str, last: str | None = None) -> DateRange:
    return DateRange(first=date.fromisoformat(first), last=date.fromisoformat(last or first))


TERMS = (
    days("2026-01-05", "2026-03-27"),
    days("2026-04-13", "2026-07-17"),
    days("2026-09-01", "2026-12-18"),
)
HOLIDAYS = (
    days("2026-02-16", "2026-02-20"),  # half-terms
    days("2026-05-25", "2026-05-29"),
    days("2026-10-26", "2026-10-30"),
    days("2026-06-10"),  # inset days: a Wednesday, a Friday, the first day of a year
    days("2026-06-26"),
    days("2026-09-01"),
)
SCHOOLS = {
    "any": SchoolCalendar(time(8, 30)),  # nothing is known of its days
    "early": SchoolCalendar(time(7, 45)),
    "late": SchoolCalendar(time(9, 10)),
    "terms": SchoolCalendar(time(8, 30), TERMS, HOLIDAYS),
    "flooded": SchoolCalendar(time(8, 30), TERMS, (*HOLIDAYS, days("2026-11-02", "2026-11-27"))),
}
SEVEN_DAYS = ServiceCalendar(
    tuple(
        ServiceHours(day=day, opens=time(opens), closes=time(closes))
        for names, opens, closes in (
            (tuple(ServiceDay)[:5], 8, 18),
            ((ServiceDay.SATURDAY, ServiceDay.BANK_HOLIDAY), 10, 12),
        )
        for day in names
    )
)
NURSES = {"office": ServiceCalendar(), "seven": SEVEN_DAYS}


def moment(said: str, zone: Any) -> datetime:
    """ "Mon 2 Mar 2026 22:40"; the day of the week must be right, or the table is wrong."""
    at = datetime.strptime(said, "%a %d %b %Y %H:%M").replace(tzinfo=zone)
    assert at.strftime("%a") == said[:3], f"{said} is a {at:%A}"
    return at.astimezone(UTC)


def due(
    arrived: str,
    event: str = "domestic-abuse.recorded",
    role: str = "school",
    calendar: SchoolCalendar = SCHOOLS["any"],
    service: ServiceCalendar = NURSES["office"],
    rules: Any = RULES,
) -> Due:
    at = moment(arrived, LONDON)
    return due_of(Matter(event, role, "school-full", at, at, calendar, service), rules)


@pytest.mark.parametrize(
    ("school", "arrived", "deadline"),
    [
        # An ordinary night, from one opening to the next.
        ("any", "Mon 2 Mar 2026 22:40", "Tue 3 Mar 2026 08:30"),
        ("any", "Mon 2 Mar 2026 23:59", "Tue 3 Mar 2026 08:30"),
        ("any", "Tue 3 Mar 2026 00:00", "Tue 3 Mar 2026 08:30"),
        ("any", "Tue 3 Mar 2026 08:00", "Tue 3 Mar 2026 08:30"),
        # Just before opening: thirty minutes' grace.
        ("any", "Tue 3 Mar 2026 08:01", "Tue 3 Mar 2026 08:31"),
        ("any", "Tue 3 Mar 2026 08:29", "Tue 3 Mar 2026 08:59"),
        # At opening and in school time: before the next school day.
        ("any", "Tue 3 Mar 2026 08:30", "Wed 4 Mar 2026 08:30"),
        ("any", "Tue 3 Mar 2026 14:00", "Wed 4 Mar 2026 08:30"),
        # Each school's own opening.
        ("early", "Mon 2 Mar 2026 22:40", "Tue 3 Mar 2026 07:45"),
        ("early", "Tue 3 Mar 2026 07:44", "Tue 3 Mar 2026 08:14"),
        ("early", "Tue 3 Mar 2026 07:45", "Wed 4 Mar 2026 07:45"),
        ("late", "Mon 2 Mar 2026 22:40", "Tue 3 Mar 2026 09:10"),
        ("late", "Tue 3 Mar 2026 09:09", "Tue 3 Mar 2026 09:39"),
        ("early", "Mon 1 Jun 2026 22:00", "Tue 2 Jun 2026 06:45"),
        ("late", "Mon 1 Jun 2026 22:00", "Tue 2 Jun 2026 08:10"),
        # Weekends.
        ("any", "Fri 6 Mar 2026 08:29", "Fri 6 Mar 2026 08:59"),
        ("any", "Fri 6 Mar 2026 16:00", "Mon 9 Mar 2026 08:30"),
        ("any", "Sat 7 Mar 2026 23:59", "Mon 9 Mar 2026 08:30"),
        ("any", "Sun 8 Mar 2026 23:59", "Mon 9 Mar 2026 08:30"),
        # Clocks go forward on 29 March.
        ("any", "Thu 26 Mar 2026 22:00", "Fri 27 Mar 2026 08:30"),
        ("any", "Fri 27 Mar 2026 16:00", "Mon 30 Mar 2026 07:30"),
        ("any", "Sun 29 Mar 2026 00:30", "Mon 30 Mar 2026 07:30"),
        ("any", "Sun 29 Mar 2026 02:30", "Mon 30 Mar 2026 07:30"),
        ("late", "Mon 30 Mar 2026 08:45", "Mon 30 Mar 2026 08:15"),
        # Clocks go back on 25 October.
        ("any", "Thu 22 Oct 2026 22:00", "Fri 23 Oct 2026 07:30"),
        ("any", "Fri 23 Oct 2026 16:00", "Mon 26 Oct 2026 08:30"),
        ("any", "Sun 25 Oct 2026 01:30", "Mon 26 Oct 2026 08:30"),
        ("early", "Sun 25 Oct 2026 23:59", "Mon 26 Oct 2026 07:45"),
        # Bank holidays: no working day lies between, so the next opening.
        ("any", "Fri 1 May 2026 16:00", "Tue 5 May 2026 07:30"),
        ("any", "Thu 2 Apr 2026 16:00", "Tue 7 Apr 2026 07:30"),
        ("any", "Fri 3 Apr 2026 10:00", "Tue 7 Apr 2026 07:30"),
        ("any", "Mon 6 Apr 2026 23:59", "Tue 7 Apr 2026 07:30"),
        ("any", "Thu 24 Dec 2026 16:00", "Tue 29 Dec 2026 08:30"),  # Boxing Day is a Saturday
        ("any", "Fri 24 Dec 2027 12:00", "Wed 29 Dec 2027 08:30"),  # both are on the weekend
        ("any", "Thu 31 Dec 2026 23:59", "Mon 4 Jan 2027 08:30"),
        # Inset days.
        ("terms", "Tue 9 Jun 2026 20:00", "Thu 11 Jun 2026 07:30"),
        ("terms", "Thu 25 Jun 2026 22:00", "Mon 29 Jun 2026 07:30"),
        # The last three closed days before the first morning back.
        ("terms", "Sun 30 Aug 2026 12:00", "Wed 2 Sep 2026 07:30"),
        ("terms", "Sun 22 Feb 2026 23:59", "Mon 23 Feb 2026 08:30"),
        # Its terms are out of date, and so unknown.
        ("terms", "Mon 6 Mar 2028 22:00", "Tue 7 Mar 2028 08:30"),
    ],
)
def test_a_school_confirms_before_it_next_opens(school: str, arrived: str, deadline: str) -> None:
    assert due(arrived, calendar=SCHOOLS[school]) == Due(moment(deadline, UTC))


@pytest.mark.parametrize(
    ("school", "arrived", "holiday_contact", "shown_again"),
    [
        # Half-term; that of May begins with a bank holiday, that of October with a clock change.
        ("terms", "Fri 13 Feb 2026 16:00", "Mon 16 Feb 2026 16:00", "Mon 23 Feb 2026 07:30"),
        ("terms", "Fri 22 May 2026 16:00", "Tue 26 May 2026 15:00", "Mon 1 Jun 2026 06:30"),
        ("terms", "Fri 23 Oct 2026 16:00", "Mon 26 Oct 2026 16:00", "Mon 2 Nov 2026 07:30"),
        # Six weeks of summer, and the inset day after them.
        ("terms", "Fri 17 Jul 2026 16:00", "Mon 20 Jul 2026 15:00", "Wed 2 Sep 2026 06:30"),
        ("terms", "Sat 25 Jul 2026 10:00", "Mon 27 Jul 2026 23:00", "Wed 2 Sep 2026 06:30"),
        ("terms", "Wed 12 Aug 2026 02:10", "Thu 13 Aug 2026 01:10", "Wed 2 Sep 2026 06:30"),
        ("terms", "Sat 29 Aug 2026 12:00", "Tue 1 Sep 2026 23:00", "Wed 2 Sep 2026 06:30"),
        # Easter of a school whose terms are known.
        ("terms", "Fri 27 Mar 2026 23:59", "Mon 30 Mar 2026 22:59", "Mon 13 Apr 2026 06:30"),
        # Closed for weeks.
        ("flooded", "Mon 2 Nov 2026 20:00", "Tue 3 Nov 2026 20:00", "Mon 30 Nov 2026 07:30"),
        ("flooded", "Fri 23 Oct 2026 16:00", "Mon 26 Oct 2026 16:00", "Mon 30 Nov 2026 07:30"),
    ],
)
def test_a_school_closed_for_days_has_one_working_day_and_is_shown_it_again(
    school: str, arrived: str, holiday_contact: str, shown_again: str
) -> None:
    assert due(arrived, calendar=SCHOOLS[school]) == Due(
        moment(holiday_contact, UTC), show_again_at=moment(shown_again, UTC)
    )


@pytest.mark.parametrize(
    ("hours", "arrived", "deadline"),
    [
        # Two hours of the team's time; nothing is known of it: 09:00 to 17:00.
        ("office", "Mon 2 Mar 2026 22:40", "Tue 3 Mar 2026 11:00"),
        ("office", "Tue 3 Mar 2026 10:15", "Tue 3 Mar 2026 12:15"),
        ("office", "Tue 3 Mar 2026 15:00", "Tue 3 Mar 2026 17:00"),
        ("office", "Fri 6 Mar 2026 16:00", "Mon 9 Mar 2026 10:00"),
        ("office", "Sat 7 Mar 2026 12:00", "Mon 9 Mar 2026 11:00"),
        ("office", "Thu 2 Apr 2026 16:30", "Tue 7 Apr 2026 09:30"),
        ("office", "Fri 27 Mar 2026 16:30", "Mon 30 Mar 2026 09:30"),
        ("office", "Fri 23 Oct 2026 16:30", "Mon 26 Oct 2026 10:30"),
        # A team that also works on Saturdays and on bank holidays.
        ("seven", "Fri 6 Mar 2026 17:00", "Sat 7 Mar 2026 11:00"),
        ("seven", "Sat 7 Mar 2026 11:00", "Mon 9 Mar 2026 09:00"),
        ("seven", "Fri 3 Apr 2026 09:00", "Fri 3 Apr 2026 11:00"),
        ("seven", "Sun 5 Apr 2026 20:00", "Mon 6 Apr 2026 11:00"),
        ("seven", "Sat 26 Dec 2026 11:30", "Mon 28 Dec 2026 11:30"),
    ],
)
def test_a_nursing_team_has_two_hours_of_its_own_time(
    hours: str, arrived: str, deadline: str
) -> None:
    found = due(arrived, role="school-nursing", service=NURSES[hours])
    assert found == Due(moment(deadline, UTC))


@pytest.mark.parametrize(
    ("event", "role", "arrived", "deadline"),
    [
        # An hour is an hour, on a Saturday night and in the nights of the clock changes.
        ("domestic-abuse.recorded", "mash", "Sat 7 Mar 2026 23:00", "Sun 8 Mar 2026 00:00"),
        ("missing.reported", "school", "Sat 7 Mar 2026 23:59", "Sun 8 Mar 2026 00:59"),
        ("missing.reported", "school", "Sun 29 Mar 2026 00:30", "Sun 29 Mar 2026 01:30"),
        ("missing.reported", "school-nursing", "Sun 25 Oct 2026 00:30", "Sun 25 Oct 2026 00:30"),
        ("missing.found", "mash", "Tue 3 Mar 2026 08:29", "Tue 3 Mar 2026 09:29"),
        # Everybody else: by the next working morning.
        ("referral.submitted", "mash", "Fri 6 Mar 2026 18:00", "Mon 9 Mar 2026 09:00"),
        ("referral.decided", "referrer", "Thu 2 Apr 2026 18:00", "Tue 7 Apr 2026 08:00"),
        ("domestic-abuse.recorded", "education-officer", "Tue 3 Mar 2026 08:45",
         "Tue 3 Mar 2026 09:15"),
        ("resolution.overdue", "reviewer", "Tue 3 Mar 2026 09:00", "Wed 4 Mar 2026 09:00"),
    ],
)  # fmt: skip
def test_others_have_elapsed_time_or_the_next_working_morning(
    event: str, role: str, arrived: str, deadline: str
) -> None:
    found = due(arrived, event, role)
    assert found == Due(moment(deadline, UTC), overtakes=event.startswith("missing."))


@pytest.mark.parametrize(
    ("attended", "recorded", "deadline", "late"),
    [
        ("Sat 28 Feb 2026 22:00", "Mon 2 Mar 2026 22:40", "Tue 3 Mar 2026 08:30", True),
        ("Sun 1 Mar 2026 22:39", "Mon 2 Mar 2026 22:40", "Tue 3 Mar 2026 08:30", True),
        ("Sun 1 Mar 2026 22:40", "Mon 2 Mar 2026 22:40", "Tue 3 Mar 2026 08:30", False),
        # Attended before the holiday, recorded in it.
        ("Fri 17 Jul 2026 02:00", "Tue 21 Jul 2026 11:00", "Wed 22 Jul 2026 10:00", True),
    ],
)
def test_what_was_recorded_late_counts_from_its_arrival_and_shows_both_times(
    attended: str, recorded: str, deadline: str, late: bool
) -> None:
    happened, arrived = moment(attended, LONDON), moment(recorded, LONDON)
    fact = addressed(TO_SCHOOL, occurred_at=happened, accepted_at=arrived)
    route = Route(SCHOOL_ID, "Example", "mailbox", SCHOOLS["terms"], (), None)
    [draft] = draft_event(fact, {SCHOOL_ID: route}, arrived, DeadlineSettings())
    assert draft.deadline_at == draft.watch_due_at == moment(deadline, UTC)
    assert (draft.happened_at, draft.accepted_at) == (happened, arrived)
    assert recorded_late(happened, arrived, RULES) is late


def test_after_an_outage_there_is_still_the_grace() -> None:
    told = moment("Tue 3 Mar 2026 10:00", UTC)
    arrived = moment("Mon 2 Mar 2026 22:40", UTC)
    for event in ("domestic-abuse.recorded", "missing.reported"):
        matter = Matter(event, "school", "school-full", arrived, told, SCHOOLS["any"])
        assert due_of(matter, RULES).deadline_at == told + timedelta(minutes=30)


def test_who_must_decide_is_given_until_the_decision_is_due() -> None:
    now = moment("Tue 3 Mar 2026 10:00", UTC)
    for given_time, expected in ((120, 120), (5, 30)):
        matter = Matter(
            "resolution.needed", "reviewer", "alert", now, now, SCHOOLS["any"],
            decide_by=now + timedelta(minutes=given_time),
        )  # fmt: skip
        assert due_of(matter, RULES).deadline_at == now + timedelta(minutes=expected)


@pytest.mark.parametrize(
    ("received", "decided_by"),
    [
        ("Fri 6 Mar 2026 16:00", "Mon 9 Mar 2026 16:00"),
        ("Thu 2 Apr 2026 16:00", "Tue 7 Apr 2026 15:00"),
        ("Sat 7 Mar 2026 10:00", "Tue 10 Mar 2026 00:00"),
    ],
)
def test_a_referral_is_decided_within_one_working_day(received: str, decided_by: str) -> None:
    found = clock_due("referral-decision", moment(received, LONDON), RULES)
    assert found == moment(decided_by, UTC)


@pytest.mark.parametrize(
    ("arrived", "deadline"),
    [
        ("Mon 31 Aug 2026 23:59", "Mon 31 Aug 2026 23:59"),
        ("Tue 1 Sep 2026 00:00", "Mon 31 Aug 2026 23:20"),
        ("Fri 1 Jan 2027 12:00", "Fri 1 Jan 2027 12:45"),
    ],
)
def test_the_rule_in_force_when_an_event_arrived_counts(arrived: str, deadline: str) -> None:
    """Sixty minutes; twenty from 1 September 2026; forty-five from 1 January 2027."""
    versions = "".join(
        f"""
            [[rule]]
            id = "missing"
            in-force-from = {since}
            events = ["missing.reported"]
            calendar = "elapsed"
            until = "{minutes} minutes"
            grace-minutes = 10
        """
        for since, minutes in (("2027-01-01", 45), ("2026-09-01", 20))
    )
    rules = parse_rules(changed('id = "question-overdue"', before=versions))
    assert due(arrived, "missing.reported", rules=rules).deadline_at == moment(deadline, UTC)


MOMENTS = st.integers(0, 4 * 365 * 24 * 60).map(
    lambda minutes: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)
DAYS = st.dates(date(2025, 1, 1), date(2029, 6, 30))
RANGES = st.builds(
    lambda first, length: DateRange(first=first, last=first + timedelta(days=length)),
    DAYS,
    st.integers(0, 400),
)
CALENDARS = st.builds(
    SchoolCalendar,
    st.times().map(lambda one: one.replace(second=0, microsecond=0)),
    st.lists(RANGES, max_size=4).map(tuple),
    st.lists(RANGES, max_size=4).map(tuple),
)
SHIFTS = st.builds(
    lambda day, opens, length: ServiceHours(
        day=day,
        opens=time(opens // 60, opens % 60),
        closes=time(*divmod(min(opens + length, 24 * 60) % (24 * 60), 60)),
    ),
    st.sampled_from(ServiceDay),
    st.integers(0, 24 * 60 - 1),
    st.integers(1, 24 * 60),
)
SERVICES = st.builds(
    ServiceCalendar,
    st.lists(SHIFTS, max_size=8).map(tuple),
    st.lists(RANGES, max_size=3).map(tuple),
)
WHO = st.sampled_from(
    [
        ("domestic-abuse.recorded", "school"),
        ("domestic-abuse.recorded", "school-nursing"),
        ("domestic-abuse.recorded", "mash"),
        ("domestic-abuse.recorded", "education-officer"),
        ("missing.reported", "school"),
        ("referral.submitted", "mash"),
    ]
)
GRACE = timedelta(minutes=30)


@given(MOMENTS, MOMENTS, WHO, CALENDARS, SERVICES)
@settings(max_examples=400, deadline=None)
def test_never_before_the_grace_and_never_earlier_for_what_came_later(
    one: datetime, other: datetime, who: tuple[str, str], calendar: SchoolCalendar,
    service: ServiceCalendar,
) -> None:  # fmt: skip
    first, second = sorted((one, other))
    early, late = (
        due_of(Matter(*who, "school-full", at, at, calendar, service), RULES).deadline_at
        for at in (first, second)
    )
    assert early >= first + GRACE
    assert late >= second + GRACE
    assert early <= late


@given(MOMENTS, CALENDARS)
@settings(max_examples=400, deadline=None)
def test_a_school_s_deadline_is_an_opening_of_its_calendar(
    at: datetime, calendar: SchoolCalendar
) -> None:
    found = due_of(
        Matter("domestic-abuse.recorded", "school", "school-full", at, at, calendar), RULES
    )
    opening = calendar.next_opening(at)
    if found.show_again_at is not None:
        assert found.show_again_at == opening - timedelta(minutes=60)
        assert found.deadline_at < opening or found.deadline_at == at + GRACE
    else:
        assert found.deadline_at == max(opening, at + GRACE)
    local = opening.astimezone(LONDON)
    assert local.time() == calendar.opens_at
    assert local.weekday() < 5


@given(MOMENTS, SERVICES)
@settings(max_examples=400, deadline=None)
def test_a_team_s_deadline_is_in_its_time(at: datetime, service: ServiceCalendar) -> None:
    ends = service.later(at, timedelta(hours=2))
    assert ends >= at + timedelta(hours=2)
    # A moment before, and the clock was still running: less of it would have ended earlier.
    assert service.later(at, timedelta(hours=2) - timedelta(seconds=1)) == ends - timedelta(
        seconds=1
    )
    assert service.next_opening(at) > at


def test_what_was_overtaken_is_not_shown_again() -> None:
    fact = addressed(TO_SCHOOL, receipt=UUID(int=1), child_id=UUID(int=2))
    at = moment("Mon 20 Jul 2026 12:00", LONDON)
    fact = fact.model_copy(update={"occurred_at": at, "accepted_at": at})
    route = Route(SCHOOL_ID, "Example", "mailbox", SCHOOLS["terms"], (), None)
    [draft] = draft_event(fact, {SCHOOL_ID: route}, at, DeadlineSettings())
    assert draft.show_again_at == moment("Wed 2 Sep 2026 06:30", UTC)
    assert draft.overtaken("retracted").show_again_at is None
