"""From facts to drafts of obligations: who is told what, and by when. Pure; part of composing.

One draft per (event, child, recipient, profile, part); its id is made from those, so a repeat of
the fact is the same obligation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from schemas.facts import (
    Addressee,
    EventAddressed,
    Profile,
    ResolutionNeeded,
    ResolutionOverdue,
    notice_id,
)
from schemas.organisations import RecipientRole as Role
from schemas.profiles import Alert, NothingToRender, render
from services.notifier.deadlines import Matter, due_of
from services.notifier.routes import Route
from services.notifier.rules import read_rules
from services.notifier.settings import DeadlineSettings

OURS = "notifier"
HEALTH_ROLES = (
    Role.SCHOOL_NURSING,
    Role.HEALTH_VISITING,
    Role.EMERGENCY_DEPARTMENT,
    Role.GENERAL_PRACTICE,
)


@dataclass(frozen=True, slots=True)
class Draft:
    """An obligation before it is a row; the fields are its columns."""

    id: UUID
    receipt: UUID
    child_index: int
    child_id: UUID
    part: str
    rung: int
    chain: UUID
    event_type: str
    happened_at: datetime
    accepted_at: datetime | None
    organisation: str
    recipient_name: str
    role: str
    profile: str
    owner: str
    rule: str
    content: str | None
    state: str
    reason: str | None
    watch: str
    watch_due_at: datetime | None
    deadline_at: datetime | None
    composed_at: datetime
    sent_at: datetime | None = None
    overtakes: bool = False
    show_again_at: datetime | None = None
    again_of: UUID | None = None
    stands_in_for: str | None = None
    given_minutes: float | None = None
    given_until: datetime | None = None

    def overtaken(self, reason: str) -> Draft:
        """The same, never to be sent."""
        return replace(
            self,
            state="superseded",
            reason=reason,
            watch="ended",
            watch_due_at=None,
            sent_at=None,
            content=None,
            show_again_at=None,
        )


def recipients_to_reach(
    fact: EventAddressed | ResolutionNeeded | ResolutionOverdue,
) -> Iterator[str]:
    """The organisations that must be known before the fact's drafts can be made."""
    return (one.organisation for one in fact.recipients if one.withheld is None)


def draft_event(
    fact: EventAddressed,
    routes: Mapping[str, Route],
    now: datetime,
    settings: DeadlineSettings,
    decision_due_at: datetime | None = None,
) -> Iterator[Draft]:
    """One draft per recipient of one child of one event."""
    contents: dict[tuple[str, bool], str | None] = {}
    head = {
        "receipt": fact.receipt,
        "child_index": fact.child_index,
        "child_id": fact.child_id,
        "part": fact.part,
        "event_type": fact.event_type,
        "happened_at": fact.occurred_at,
        "accepted_at": fact.accepted_at,
    }
    edition = fact.edition
    for to in fact.recipients:
        kind = (to.profile, to.role in HEALTH_ROLES)
        if to.withheld is None and kind not in contents:
            contents[kind] = _render(fact, kind, decision_due_at)
        yield _draft(
            head, to, routes.get(to.organisation), contents.get(kind), now, settings,
            edition=edition,
        )  # fmt: skip


def draft_alert(
    fact: ResolutionNeeded | ResolutionOverdue,
    routes: Mapping[str, Route],
    now: datetime,
    settings: DeadlineSettings,
) -> Iterator[Draft]:
    """One draft per person who can decide; it says that something waits, and nothing of what.

    The resolution stands for the child: two questions about one child are two notices.
    """
    overdue = isinstance(fact, ResolutionOverdue)
    head = {
        "receipt": fact.receipt,
        "child_index": fact.child_index or 0,
        "child_id": fact.resolution,
        "part": "whole",
        "event_type": fact.fact_type,
        "happened_at": fact.decide_by,
        "accepted_at": now,
        # Overdue is told even to one who was told before, so it is a rung of its own.
        "rung": 1 if overdue else 0,
    }
    content = Alert(receipt=fact.receipt).as_bytes().decode()
    decide_by = None if overdue else fact.decide_by
    for to in fact.recipients:
        alerted = to.model_copy(update={"profile": Profile.ALERT})
        yield _draft(head, alerted, routes.get(to.organisation), content, now, settings, decide_by)


def _render(fact: EventAddressed, kind: tuple[str, bool], due: datetime | None) -> str | None:
    profile, for_health = Profile(kind[0]), kind[1]
    try:
        content = render(profile, fact, decision_due_at=due, for_health=for_health)
    except NothingToRender:
        return None
    return content.as_bytes().decode()


def _draft(
    head: dict[str, Any],
    to: Addressee,
    route: Route | None,
    content: str | None,
    now: datetime,
    settings: DeadlineSettings,
    decide_by: datetime | None = None,
    edition: int = 0,
) -> Draft:
    rung = head.get("rung", 0)
    fields = {
        **head,
        "id": (
            made := notice_id(
                head["receipt"],
                head["child_id"],
                to.organisation,
                to.profile,
                head["part"],
                rung,
                edition,
            )
        ),
        "rung": rung,
        "chain": made,
        "organisation": to.organisation,
        "recipient_name": to.name,
        "role": to.role,
        "profile": to.profile,
        "owner": to.owner,
        "rule": to.rule,
        "composed_at": now,
    }
    if to.withheld is not None or route is None:
        return Draft(**fields, **_CLOSED, state="withheld", reason=to.withheld)
    if content is None:
        return Draft(
            **fields, **{**_CLOSED, "watch": "exhausted"}, state="failed", reason="no-content"
        )
    if to.profile is Profile.RECEIPT:
        # Nobody is asked to confirm that something was received: no ladder, no deadline.
        return Draft(**fields, **{**_CLOSED, "content": content}, **_first_state(to, route, now))
    matter = Matter(
        head["event_type"], to.role, to.profile, head["accepted_at"], now, route.calendar,
        route.service, decide_by,
    )  # fmt: skip
    due = due_of(matter, read_rules(settings.table))
    first = _first_state(to, route, now)
    return Draft(
        **fields,
        content=content,
        watch="watching",
        # What cannot be delivered at all does not wait for its deadline.
        watch_due_at=now if first["reason"] else due.deadline_at,
        deadline_at=due.deadline_at,
        overtakes=due.overtakes,
        show_again_at=due.show_again_at if to.owner == OURS else None,
        **first,
    )


def _first_state(to: Addressee, route: Route, now: datetime) -> dict[str, Any]:
    """Waiting, or failed where nothing can be delivered; what is pulled is sent at once."""
    reason = route.missing() if to.owner == OURS else None
    pulled = to.owner == OURS and route.channel != "webhook"
    return {
        "state": "failed" if reason else "waiting",
        "reason": reason,
        "sent_at": now if pulled and not reason else None,
    }


_CLOSED: dict[str, Any] = {
    "content": None,
    "watch": "ended",
    "watch_due_at": None,
    "deadline_at": None,
}
