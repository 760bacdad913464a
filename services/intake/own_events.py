"""A sender's list of its own events, newest first.

Events commit concurrently, so one may appear a little behind others that were listed before it.
`settledBefore` says up to where no event can appear any more: whoever follows along asks again with
`since` set to it, sees some events twice, and misses none.
"""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError
from sqlalchemy import text

from chassis.audit import write_audit
from chassis.database import Session
from chassis.problems import FieldError, Problem
from schemas.catalogue import EVENT_TYPES
from schemas.model import Model
from services.intake.tables import Audit, Credential

MOST_LISTED = 200

EVENTS_OF = {False: "intake.event", True: "intake.sandbox_event"}
"""Whose events a credential reads, by whether it is one of the sandbox."""

SETTLED_AFTER = timedelta(seconds=60)
"""A group is stamped, inserted and committed within 20 s or not at all (`services.intake.record`);
the rest is for clocks that differ."""

_LIST = """
    select receipt, type, occurred_at, accepted_at, supersedes, flags from {events}
     where organisation = :organisation
       and (cast(:type as text) is null or type = :type)
       and (cast(:since as timestamptz) is null or accepted_at >= :since)
       and (cast(:at as timestamptz) is null
            or (accepted_at, receipt) < (:at, cast(:receipt as uuid)))
     order by accepted_at desc, receipt desc
     limit :limit"""
_LISTS = {sandbox: text(_LIST.format(events=table)) for sandbox, table in EVENTS_OF.items()}


class OwnEvent(Model):
    """One line of the list."""

    receipt: UUID
    type: str
    occurred_at: datetime
    accepted_at: datetime
    supersedes: UUID | None = None
    flags: int = Field(description="How many flags it was accepted with.")


class OwnEvents(Model):
    """One page, and how to go on."""

    sandbox: Literal[True] | None = None
    events: tuple[OwnEvent, ...]
    after: str | None = Field(default=None, description="Gives the next, older page.")
    settled_before: datetime = Field(
        description="No further event can appear before this; the next `since` to follow along."
    )


async def list_own_events(
    session: Session,
    reader: Credential,
    purpose: str,
    *,
    event_type: str | None,
    since: datetime | None,
    limit: int,
    after: str | None,
    at: datetime,
) -> OwnEvents:
    """One page of the reader's own events; `Problem` 422 for a parameter that is wrong."""
    if event_type is not None and event_type not in EVENT_TYPES:
        raise _wrong("type", "type-unknown", "is no event type of this bus")
    if since is not None and since.tzinfo is None:
        raise _wrong("since", "offset", "must carry an offset, such as Z")
    accepted_at, receipt = read_cursor(after) if after is not None else (None, None)
    rows = (
        await session.execute(
            _LISTS[reader.sandbox],
            {
                "organisation": reader.organisation,
                "type": event_type,
                "since": since,
                "at": accepted_at,
                "receipt": receipt,
                "limit": limit + 1,
            },
        )
    ).all()
    await write_audit(
        session,
        Audit,
        actor=reader.organisation,
        credential=reader.id,
        operation="list-own-events",
        objects=[("own-events", None)],
        purpose=purpose,
    )
    page = rows[:limit]
    last = page[-1] if len(rows) > limit else None
    return OwnEvents(
        sandbox=reader.sandbox or None,
        events=tuple(
            OwnEvent(
                receipt=row.receipt,
                type=row.type,
                occurred_at=row.occurred_at,
                accepted_at=row.accepted_at,
                supersedes=row.supersedes,
                flags=len(row.flags),
            )
            for row in page
        ),
        after=write_cursor(last.accepted_at, last.receipt) if last is not None else None,
        settled_before=at - SETTLED_AFTER,
    )


def write_cursor(accepted_at: datetime, receipt: UUID) -> str:
    """The place after this event, for whoever asks for the next page."""
    text_form = f"{accepted_at.astimezone(UTC).isoformat()} {receipt}"
    return base64.urlsafe_b64encode(text_form.encode()).decode().rstrip("=")


_INSTANT = TypeAdapter(AwareDatetime)


def read_cursor(cursor: str) -> tuple[datetime, UUID]:
    """The place that `write_cursor` wrote; `Problem` 422."""
    try:
        text_form = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
        accepted_at, _, receipt = text_form.partition(" ")
        return _INSTANT.validate_python(accepted_at), UUID(receipt)
    except (ValueError, binascii.Error, ValidationError):
        raise _wrong("after", "cursor", "is no cursor that was given out") from None


def _wrong(parameter: str, rule: str, detail: str) -> Problem:
    return Problem(
        422,
        "invalid-parameter",
        "A parameter breaks a rule.",
        [FieldError(parameter, rule, detail, "parameter")],
    )
