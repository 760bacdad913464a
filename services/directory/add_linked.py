"""Gives linked children their place in an event, beyond those its sender listed (step 4).

A derived child has a position like any other, so that obligations, questions, corrections,
retractions and progress treat it as one; `Case.derived` tells it from a listed one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import text

from chassis.database import Session
from chassis.telemetry import logger
from schemas.facts import EventAccepted
from services.directory.ask import Question
from services.directory.find_linked import Linked
from services.directory.partnership import Partnership
from services.directory.situation import Case

log = logger("directory.add_linked")

LINKED_CHILD = "linked-child"
"""Why a person is asked whether a child, found through an adult, is told of."""

_RECORD = text("""
    insert into directory.derived (receipt, child_id, child_index, adults, automatic, recorded_at)
    select r.receipt, r.child_id, r.child_index, r.adults, r.automatic, :at
      from jsonb_to_recordset(cast(:rows as jsonb)) as r(receipt uuid, child_id uuid,
           child_index int, adults int[], automatic boolean)
        on conflict do nothing""")

_RECORD_LINKS = text("""
    insert into directory.derived_link (relationship, receipt, child_id)
    select unnest(r.relationships), r.receipt, r.child_id
      from jsonb_to_recordset(cast(:rows as jsonb)) as r(receipt uuid, child_id uuid,
           relationships uuid[])
        on conflict do nothing""")


async def add_linked(
    session: Session,
    partnership: Partnership,
    events: Sequence[EventAccepted],
    linked: Mapping[UUID, Sequence[Linked]],
    taken: Mapping[UUID, int] | None = None,
) -> tuple[list[Case], list[Question]]:
    """The cases that are told at once, and the questions about the others; all of it kept.

    taken: by receipt, the last position where a child has stood already.
    """
    cases: list[Case] = []
    questions: list[Question] = []
    rows = []
    for event in events:
        first = len(event.data.get("children") or ())
        first = max(first, (taken or {}).get(event.receipt, -1) + 1)
        for position, one in enumerate(linked.get(event.receipt, ()), start=first):
            if one.automatic:
                cases.append(Case(event, position, one.child))
            else:
                questions.append(_question(event, position, one))
            rows.append(
                {
                    "receipt": str(event.receipt),
                    "child_id": str(one.child.id),
                    "child_index": position,
                    "adults": sorted(one.adults),
                    "automatic": one.automatic,
                    "relationships": [str(receipt) for receipt in sorted(one.relationships)],
                }
            )
    if rows:
        log.info(
            "children_linked",
            receipts=sorted({str(row["receipt"]) for row in rows}),
            told=len(cases),
            asked=len(questions),
        )
        values = {"rows": json.dumps(rows)}
        await session.execute(_RECORD, {**values, "at": partnership.clock()})
        await session.execute(_RECORD_LINKS, values)
    return cases, questions


def _question(event: EventAccepted, position: int, one: Linked) -> Question:
    pointers = [f"/adults/{adult}" for adult in sorted(one.adults)]
    return Question(
        event, LINKED_CHILD, position, one.child, detail=[*pointers, *sorted(one.reasons)]
    )
