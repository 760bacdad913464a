"""Whom a question may be about: those it was asked about, and whoever is found by now.

Looked up and weighed anew while it is open; a decided one keeps whom it was decided among.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from chassis.database import Session
from schemas.facts import EventAccepted
from services.directory.decide import sent_child
from services.directory.matching.judge import worth_showing
from services.directory.partnership import Partnership
from services.directory.register import RegisteredChild, read_children, read_children_by_number
from services.directory.resolve import Asked, Match, resolve_children
from services.directory.situation import parents_of
from services.directory.weigh_candidates import Weighed, weigh_candidates


@dataclass
class Who:
    """Whom a question may be about, and how probable each is."""

    children: list[RegisteredChild] = field(default_factory=list)
    weighed: Weighed | None = None


async def find_who(
    session: Session, partnership: Partnership, event: EventAccepted, row: Any
) -> Who:
    """Of a question about who a child is; `row` is the question's. Nobody restricted."""
    ids = [UUID(one) for one in row.candidate_ids]
    if row.decided_child is not None:
        ids.append(row.decided_child)
    known = await read_children(session, ids)
    children = {one: known[one] for one in ids if one in known}
    if row.state != "open":
        return Who(_not_restricted(children.values()))
    # The other children of the event beside it: their family is where it was looked for, too.
    asked = Asked(sent_child(event, row.child_index), 0, parents_of(event))
    beside = _beside(event, row.child_index)
    answer, *_ = await resolve_children(session, partnership, [asked, *beside])
    found = (answer.child,) if isinstance(answer, Match) else answer.candidates
    children |= {one.id: one for one in found if one.id not in children}
    shown = _not_restricted(children.values())
    weighed = await weigh_candidates(session, partnership, asked, shown, answer.judged)
    if weighed is not None:
        likely = {int(one.person.ref) for one in worth_showing(weighed.judged)}
        more = await read_children_by_number(session, likely - {one.number for one in shown})
        shown += _not_restricted(more.values())
    return Who(shown, weighed)


def _not_restricted(children: Iterable[RegisteredChild]) -> list[RegisteredChild]:
    return [child for child in children if not child.restricted]


def _beside(event: EventAccepted, position: int | None) -> list[Asked]:
    """The other children whom the sender lists."""
    if position is None:
        return []
    others = [at for at in range(len(event.data.get("children") or ())) if at != position]
    return [Asked(sent_child(event, at), 0, parents_of(event)) for at in others]
