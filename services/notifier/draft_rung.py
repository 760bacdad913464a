"""From a step of a ladder to the draft of its notice: what it says, and how long it has. Pure.

Part of step 8. A rung's notice has an id, a receipt and a time of its own; the time starts when it
is really sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from schemas.facts import Profile, notice_id
from schemas.organisations import Rung, tells_no_more
from schemas.profiles import narrow
from services.notifier.calendars import next_working_morning
from services.notifier.climb import Step
from services.notifier.draft import OURS, Draft
from services.notifier.routes import Route
from services.notifier.rules import read_rules
from services.notifier.settings import DeadlineSettings


def draft_rung(
    row: Any, step: Step, routes: Mapping[str, Route], at: datetime, settings: DeadlineSettings
) -> Draft:
    """The next rung's own notice: the same to somebody else, or less of it."""
    route = routes.get(step.post.organisation)
    content = _content(row, step.profile)
    reason = route.missing() if route else "unknown-organisation"
    if content is None:
        reason = "no-content"
    pulled = route is not None and route.channel != "webhook"
    minutes, until = time_given(step.rung, routes, at, settings)
    ends = rung_ends(at, minutes, until, settings)
    return Draft(
        id=_rung_id(row, step),
        receipt=row.receipt,
        child_index=row.child_index,
        child_id=row.child_id,
        part=row.part,
        rung=step.number,
        chain=row.chain,
        event_type=row.event_type,
        happened_at=row.happened_at,
        accepted_at=row.accepted_at,
        overtakes=row.overtakes,
        organisation=step.post.organisation,
        recipient_name=route.name if route else step.post.organisation,
        role=step.post.role,
        profile=step.profile,
        owner=OURS,
        rule=f"ladder of {row.first_organisation}",
        stands_in_for=step.stands_in_for,
        content=content,
        state="failed" if reason else "waiting",
        reason=reason,
        watch="watching",
        given_minutes=minutes,
        given_until=until,
        watch_due_at=at if reason else ends if pulled else None,
        deadline_at=at if reason else ends if pulled else None,
        composed_at=at,
        sent_at=at if pulled and not reason else None,
    )


def time_given(
    rung: Rung, routes: Mapping[str, Route], at: datetime, settings: DeadlineSettings
) -> tuple[float | None, datetime | None]:
    """(minutes from when it is sent, and at least until when) that a rung has; None: as usual.

    One that has until a certain time has the least minutes too, if it is sent too late for that.
    """
    if rung.until is None:
        return (None if rung.minutes is None else float(rung.minutes)), None
    defaults = read_rules(settings.table).defaults
    least = float(defaults.rung_least_minutes)
    route = routes.get(rung.calendar or rung.organisation)
    if rung.until == "working-morning" or route is None:
        return least, next_working_morning(at, defaults.working_morning_at)
    return least, route.calendar.next_opening(at)


def rung_ends(
    sent_at: datetime, minutes: float | None, until: datetime | None, settings: DeadlineSettings
) -> datetime:
    """When a rung's time is over; settling a webhook says the same in SQL."""
    given = settings.rung_minutes if minutes is None else minutes
    ends = sent_at + timedelta(minutes=given)
    return ends if until is None else max(ends, until)


def _content(row: Any, profile: Profile) -> str | None:
    """Made from what the first was told: a rung before this one may know less than this one.

    Where that is gone (it was taken back, and another ladder goes on), from what the rung has.
    """
    for content, name in (
        (row.first_content, row.first_profile),
        (row.content, row.profile),
    ):
        told = Profile(name)
        if content is not None and tells_no_more(profile, than=told):
            narrowed = narrow(content.encode(), told, profile)
            return narrowed.as_bytes().decode() if narrowed else str(content)
    return None


def _rung_id(row: Any, step: Step) -> UUID:
    """One per event, child and rung, whichever ladder reached it; a later edition has its own."""
    about = (row.receipt, row.child_id)
    told = row.first_profile
    if step.profile != told:
        told = f"{told} as {step.profile}"
    if row.chain == notice_id(*about, row.first_organisation, row.first_profile, row.part, 0):
        return notice_id(*about, step.post.organisation, told, row.part, step.number)
    return uuid5(row.chain, f"{step.post.organisation}|{step.number}")
