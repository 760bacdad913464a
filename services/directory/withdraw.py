"""Takes back what was told of one child of one event: marked, told to the recipients, published.

Serves undone decisions, moves between schools, corrections and retractions. A withdrawal carries
nothing of what was told.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text

from bus import Publishable
from chassis.database import Session
from schemas.facts import (
    Addressee,
    ChildIdentity,
    EventAccepted,
    EventAddressed,
    NoticeWithdrawn,
    Part,
    notice_id,
)
from schemas.organisations import RecipientRole
from services.directory.address import record_addressed
from services.directory.ask import address, head_of
from services.directory.organisations import Needs, Organisations, read_organisations
from services.directory.partnership import Partnership
from services.directory.policy import Line, When

ANY_CORRECTION = "any correction"

_TOLD = text("""
    select receipt, child_id, child_index, organisation, profile, part, edition, name, role, owner,
           withheld, resolution
      from directory.addressed
     where receipt = :receipt and child_id = :child and withdrawn_at is null
       and profile <> 'withdrawal'
     order by organisation, profile, part""")

_THESE = """
      from jsonb_to_recordset(cast(:rows as jsonb)) as r(receipt uuid, child_id uuid,
           organisation text, profile text, part text, edition int)
     where a.receipt = r.receipt and a.child_id = r.child_id and a.organisation = r.organisation
       and a.profile = r.profile and a.part = r.part and a.edition = r.edition"""

_MARK = text(f"""
    update directory.addressed a
       set withdrawn_at = :at, withdrawn_because = :because {_THESE}""")

_CAUSE = text(f"update directory.addressed a set resolution = :resolution {_THESE}")

_KEYS = ("receipt", "child_id", "organisation", "profile", "part", "edition")


async def read_told(session: Session, receipt: UUID, child_id: UUID) -> list[Any]:
    """What stands of all that was told of this child of this event, withheld notices included."""
    return list(await session.execute(_TOLD, {"receipt": receipt, "child": child_id}))


async def withdraw_told(
    session: Session,
    partnership: Partnership,
    event: EventAccepted,
    rows: Sequence[Any],
    because: str,
    identity: ChildIdentity | None = None,
) -> list[Publishable]:
    """Take back these notices of one child of this event; each recipient is told once.

    Where only the text that followed is taken back, the notice itself stands.
    """
    gone = await mark_withdrawn(session, partnership, rows, because)
    told = [row for row in rows if row.withheld is None]
    if not told:
        return gone
    line = correction_line(partnership)
    known = await read_organisations(
        session, Needs(ids={row.organisation for row in told}), partnership.today()
    )
    whole = {row.organisation for row in told if row.part == "whole"}
    facts: list[EventAddressed] = []
    parts: tuple[Part, ...] = ("whole", "text")
    for part in parts:
        mine = [row for row in told if (row.organisation in whole) == (part == "whole")]
        if not mine:
            continue
        facts.append(
            EventAddressed(
                **head_of(event),
                child_index=mine[0].child_index,
                child_id=mine[0].child_id,
                identity=identity,
                part=part,
                recipients=told_before(known, line, mine),
                # The name of a later event speaks of all that it restates.
                withdraws=tuple(notice_of(row) for row in mine if row.receipt == event.receipt),
                data={},
            )
        )
    return [*await record_addressed(session, partnership, facts), *gone]


async def note_cause(session: Session, resolution: UUID, facts: Iterable[Publishable]) -> None:
    """Keep which decision caused these notices: undoing it takes them back."""
    keys = [
        {"receipt": str(fact.receipt), "child_id": str(fact.child_id), "part": fact.part,
         "edition": fact.edition, "organisation": one.organisation, "profile": one.profile}
        for fact in facts
        if isinstance(fact, EventAddressed) and fact.data
        for one in fact.recipients
    ]  # fmt: skip
    if keys:
        await session.execute(_CAUSE, {"rows": json.dumps(keys), "resolution": resolution})


async def mark_withdrawn(
    session: Session, partnership: Partnership, rows: Iterable[Any], because: str
) -> list[Publishable]:
    """Note that these notices no longer stand, and say so of each that was not withheld."""
    at, marked = partnership.clock(), list(rows)
    if not marked:
        return []
    keys = [{name: str(getattr(row, name)) for name in _KEYS} for row in marked]
    await session.execute(_MARK, {"rows": json.dumps(keys), "at": at, "because": because})
    return [
        NoticeWithdrawn(
            notice=notice_of(row),
            receipt=row.receipt,
            child_index=row.child_index,
            child_id=row.child_id,
            part=row.part,
            organisation=row.organisation,
            recipient_name=row.name,
            role=row.role,
            profile=row.profile,
            owner=row.owner,
            at=at,
            reason=because,
        )
        for row in marked
        if row.withheld is None
    ]


def told_before(known: Organisations, line: Line, rows: Iterable[Any]) -> tuple[Addressee, ...]:
    """Whom a line tells of those who were told before: each once, as what stands for it now."""
    recipients: dict[str, Addressee] = {}
    for row in rows:
        present = known.told(row.organisation)
        if present is not None:
            one = address(present.organisation, RecipientRole(row.role), line.profile, line.id)
            recipients.setdefault(one.organisation, one)
    return tuple(recipients.values())


def notice_of(row: Any) -> UUID:
    """The id under which a recipient knows what it was told."""
    return notice_id(
        row.receipt, row.child_id, row.organisation, row.profile, row.part, 0, row.edition
    )


def correction_line(partnership: Partnership) -> Line:
    """The line of the policy that tells those who are no longer entitled."""
    lines = partnership.policy.lines_for(ANY_CORRECTION)
    return next(line for line in lines if line.when is When.NO_LONGER_ENTITLED)
