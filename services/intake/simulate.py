"""What a sandbox event goes through: the same story for each, by the time since it was accepted.

Pure. Nobody is looked up and nobody is told: the recipients do not exist. The story has what a
sender's system must show: somebody who confirms, and somebody who does not, so that the next is
told.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from schemas.organisations import Profile, RecipientRole
from services.intake.load_progress import STATES, ProgressRows

_NOTICES = (
    (RecipientRole.SCHOOL, Profile.SCHOOL_FULL, 0),
    (RecipientRole.SCHOOL_NURSING, Profile.HEALTH_MINIMAL, 0),
    (RecipientRole.DUTY_OFFICER, Profile.ALERT, 1),
)
_SCHOOL, _NURSING, _OFFICER = range(len(_NOTICES))

_STORY: tuple[dict[int, tuple[str, ...]], ...] = (
    {_SCHOOL: ("accepted",), _NURSING: ("accepted",)},
    {_SCHOOL: ("delivered",), _NURSING: ("delivered",)},
    {_SCHOOL: ("opened",)},
    {_SCHOOL: ("acknowledged",), _NURSING: ("undelivered", "escalated"), _OFFICER: ("accepted",)},
    {_OFFICER: ("delivered",)},
    {_SCHOOL: ("filed",), _OFFICER: ("acknowledged",)},
)
"""What each step adds, for every child: of which notice, which states."""


class Simulated(NamedTuple):
    """How far an event is: the version of its progress, its rows, and when it goes on (or not)."""

    version: int
    rows: ProgressRows
    at: datetime
    next_at: datetime | None


def simulate(event: Any, at: datetime, step_seconds: float) -> Simulated:
    """An event's progress at a time; the same for every time between two steps.

    Args:
        event: a row of `sandbox_event`; one without children is applied at its first step.
    """
    steps = len(_STORY) if event.children else 1
    step = timedelta(seconds=step_seconds)
    done = min(steps, max(0, int((at - event.accepted_at) / step)))
    times = [event.accepted_at + number * step for number in range(1, done + 1)]
    now = times[-1] if times else event.accepted_at
    next_at = event.accepted_at + (done + 1) * step if done < steps else None
    return Simulated(1 + done, _rows(event, times), now, next_at)


def _rows(event: Any, times: list[datetime]) -> ProgressRows:
    if not event.children:
        applied = [
            SimpleNamespace(
                kind="applied", by_receipt=event.receipt, at=at, outcome=None, replaced_by=None
            )
            for at in times
        ]
        return ProgressRows(event, (), (), outcomes=applied)
    children, notices = [], []
    for index in range(event.children if times else 0):
        child = uuid5(event.receipt, f"child {index}")
        children.append(
            SimpleNamespace(
                child_index=index, child_id=child, named=True, listed=True, addressed_at=times[0]
            )
        )
        notices += _told(event.receipt, index, child, times)
    return ProgressRows(event, children, notices)


def _told(receipt: UUID, index: int, child: UUID, times: list[datetime]) -> list[SimpleNamespace]:
    """The notices of one child that there are by now."""
    rows = [
        _notice(uuid5(receipt, f"{index} {role}"), index, child, role, profile, rung)
        for role, profile, rung in _NOTICES
    ]
    for at, added in zip(times, _STORY, strict=False):
        for notice, states in added.items():
            for state in states:
                setattr(rows[notice], f"{state}_at", at)
    for row in rows:
        row.confirmed_last_at = row.acknowledged_at
    if rows[_NURSING].escalated_at is not None:
        officer = rows[_OFFICER]
        rows[_NURSING].next_notice = officer.notice
        rows[_NURSING].next_organisation = officer.organisation
        rows[_NURSING].next_role = officer.role
    return [row for row in rows if row.accepted_at is not None]


def _notice(
    notice: UUID, index: int, child: UUID, role: RecipientRole, profile: Profile, rung: int
) -> SimpleNamespace:
    further = ("escalated", "exhausted", "reminded", "deadline", "confirmed_last", "declined_last")
    return SimpleNamespace(
        notice=notice,
        child_index=index,
        child_id=child,
        part="whole",
        rung=rung,
        organisation=f"sandbox-{role}",
        name=f"Sandbox, no real {role}",
        role=str(role),
        profile=str(profile),
        reasons={"undelivered": "not-confirmed", "escalated": "not-confirmed"},
        next_notice=None,
        next_organisation=None,
        next_role=None,
        **{f"{one}_at": None for one in (*STATES, *further)},
    )
