"""Who answers for a post today: itself, or who stands in while it is absent or closed. Pure.

Part of composing and of climbing. Days are local days; a school that is closed for long is absent
in every role, and its holiday contact stands in.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from schemas.organisations import Post
from services.notifier.calendars import at_local, local_date
from services.notifier.routes import Route
from services.notifier.rules import read_rules
from services.notifier.settings import DeadlineSettings

MOST_HOPS = 3
"""Who stands in may be away too; after so many nobody is looked for further."""


class StandIn(NamedTuple):
    """Who is told, and for which absent organisation, if for another."""

    post: Post
    for_: str | None


def find_stand_in(
    post: Post,
    at: datetime,
    routes: Mapping[str, Route],
    settings: DeadlineSettings,
    barred: Collection[str] = (),
) -> StandIn:
    """Who is told for a post; the post itself where nobody may stand in, or they go in a ring."""
    seen = {(post.organisation, post.role)}
    found: Post = post
    for _ in range(MOST_HOPS):
        route = routes.get(found.organisation)
        further = stand_in_of(route, found, at, settings) if route else None
        if further is None:
            break
        if (further.organisation, further.role) in seen:
            return StandIn(post, None)
        if further.organisation in barred:
            break
        seen.add((further.organisation, further.role))
        found = further
    return StandIn(found, post.organisation if found is not post else None)


def stand_in_of(route: Route, post: Post, at: datetime, settings: DeadlineSettings) -> Post | None:
    """Who stands in for a post of this organisation at a time, if it is away."""
    today = local_date(at)
    for one in route.availability.absences:
        if one.first <= today <= one.last and one.role in (None, post.role):
            return None if _same(one.stand_in, post) else one.stand_in
    contact = route.availability.holiday_contact
    if contact is None or _same(contact, post) or not _is_closed_for_long(route, at, settings):
        return None
    return contact


def needed_stand_ins(
    routes: Mapping[str, Route], at: datetime, settings: DeadlineSettings
) -> Iterator[str]:
    """The organisations that stand in today for some of these, whichever role is meant."""
    today = local_date(at)
    for route in routes.values():
        for one in route.availability.absences:
            if one.first <= today <= one.last:
                yield one.stand_in.organisation
        contact = route.availability.holiday_contact
        if contact is not None and _is_closed_for_long(route, at, settings):
            yield contact.organisation


def _same(one: Post, other: Post) -> bool:
    return (one.organisation, one.role) == (other.organisation, other.role)


def _is_closed_for_long(route: Route, at: datetime, settings: DeadlineSettings) -> bool:
    """Whether a school is closed now, for more days in all than are waited for.

    The whole closure counts, also what is over: on the last day of the summer nobody is there yet.
    """
    today = local_date(at)
    calendar = route.calendar
    open_today = calendar.is_school_day(today)
    rules = read_rules(settings.table)
    most = rules.closed_days(today)
    if most is None or (open_today and at < at_local(today, rules.defaults.school_day_ends_at)):
        return False
    closed = calendar.closed_days(at, calendar.next_opening(at))
    before = today
    while not open_today and closed <= most:
        before -= timedelta(days=1)
        if calendar.is_school_day(before):
            break
        closed += 1
    return closed > most
