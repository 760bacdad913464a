"""Takes back what an agency asserted about an adult and a child; it links nobody from then on.

What was told because of it is not silently left: a person is asked, and a finding that rests on
nothing else is withdrawn. A correction about the same two people takes the place of the first.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from bus import Publishable
from chassis.database import Session
from schemas.facts import EventAccepted
from services.directory.add_linked import LINKED_CHILD
from services.directory.ask import Question, ask_people
from services.directory.close_questions import close_questions
from services.directory.partnership import Partnership
from services.directory.record_event import read_event
from services.directory.record_links import ABOUT_LINKS, RELATIONSHIP
from services.directory.register import read_children
from services.directory.report_links import withdraw_missing_links
from services.directory.write_keys import note_due

LINK_WITHDRAWN = "link-withdrawn"
"""A child was told of because of a link that is taken back: a person sees to it."""

_WITHDRAW = tuple(
    text(f"""
        update directory.{table} set withdrawn_at = :at, withdrawn_by = :by
         where receipt = :receipt and withdrawn_at is null
        returning child""")
    for table in ("relationship", "court_order")
)

_RESTATE = text("""
    update directory.derived_link set relationship = :by where relationship = :receipt""")

_UNSUPPORTED = text("""
    select d.receipt, d.child_id, d.child_index
      from directory.derived_link l
      join directory.derived d on d.receipt = l.receipt and d.child_id = l.child_id
     where l.relationship = :receipt
       and not exists (select 1 from directory.tombstone t where t.receipt = d.receipt)
       and not exists (
           select 1 from directory.derived_link o
             join directory.relationship r on r.receipt = o.relationship
            where o.receipt = d.receipt and o.child_id = d.child_id and r.withdrawn_at is null)
     order by d.receipt, d.child_id""")

_TOLD = text("""
    select 1 from directory.addressed
     where receipt = :receipt and child_id = :child and withheld is null
       and withdrawn_at is null and profile <> 'withdrawal' limit 1""")


async def withdraw_links(
    session: Session,
    partnership: Partnership,
    earlier: EventAccepted,
    event: EventAccepted,
) -> list[Publishable]:
    """`event` retracts or restates `earlier`, which may have asserted a link or an order."""
    if earlier.event_type not in ABOUT_LINKS:
        return []
    at = partnership.clock()
    values: dict[str, Any] = {"receipt": earlier.receipt, "by": event.receipt, "at": at}
    for statement in _WITHDRAW:
        withdrawn = await session.execute(statement, values)
        await note_due(session, [row.child for row in withdrawn if row.child is not None])
    if earlier.event_type != RELATIONSHIP:
        return []
    if event.event_type == RELATIONSHIP and _same_people(earlier.data, event.data):
        await session.execute(_RESTATE, values)
        return []
    facts = await withdraw_missing_links(session, partnership, earlier.receipt)
    questions: list[Question] = []
    for row in list(await session.execute(_UNSUPPORTED, {"receipt": earlier.receipt})):
        recorded = await read_event(session, row.receipt)
        if recorded is None:
            continue
        incident = recorded.event
        facts += await close_questions(
            session,
            partnership,
            row.receipt,
            incident.key,
            position=row.child_index,
            reasons=LINKED_CHILD,
        )
        # Only now: closing waits for a person who is about to let the child be told of.
        told = await session.execute(_TOLD, {"receipt": row.receipt, "child": row.child_id})
        if told.first() is not None:
            child = (await read_children(session, [row.child_id])).get(row.child_id)
            questions.append(Question(incident, LINK_WITHDRAWN, row.child_index, child))
    return [*facts, *await ask_people(session, partnership, questions)]


def _same_people(earlier: dict[str, Any], later: dict[str, Any]) -> bool:
    """Whether a correction leaves the two people as they were, and changes what is between them."""
    who = ("name", "dateOfBirth")
    adults = [{part: data["adult"].get(part) for part in who} for data in (earlier, later)]
    return adults[0] == adults[1] and earlier["child"] == later["child"]
