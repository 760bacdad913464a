"""What a reviewer is shown of two records that no agency could be told of: the two, side by side.

Nothing of a restricted child: a finding of one does not stand. The caller writes the audit rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from chassis.database import Session
from schemas.facts import Evidence
from schemas.model import Model
from services.directory.register import read_children
from services.directory.show_child import ChildShown, columns_of


class FindingSummary(Model):
    """One finding of the list: nothing personal."""

    finding: UUID
    kind: str
    state: str
    evidence: tuple[Evidence, ...]
    raised_at: datetime


class FindingShown(FindingSummary):
    """The finding with the children that it is about."""

    children: tuple[ChildShown, ...]


_MINE = """agency is null
       and (reviewers is null or cast(:all as boolean)
            or reviewers = any(cast(:organisations as text[])))"""

_LIST = text(f"""
    select finding, kind, state, evidence, raised_at from directory.finding
     where state = 'open' and {_MINE}
       and (cast(:after as uuid) is null or finding > cast(:after as uuid))
     order by finding limit :most""")

_ONE = text(f"""
    select finding, kind, state, evidence, raised_at, child_id, other, answer
      from directory.finding where finding = :finding and {_MINE}""")


async def list_findings(
    session: Session, mine: Mapping[str, Any], after: UUID | None, most: int
) -> list[FindingSummary]:
    """Open findings for these reviewers, the oldest first; `after`: the last of the page before."""
    rows = await session.execute(_LIST, {**mine, "after": after, "most": most})
    return [FindingSummary.model_validate(row, from_attributes=True, by_name=True) for row in rows]


async def find_for(session: Session, mine: Mapping[str, Any], finding: UUID) -> Any | None:
    """A finding for these reviewers, in any state; None where there is none."""
    return (await session.execute(_ONE, {**mine, "finding": finding})).first()


async def show_finding(session: Session, row: Any) -> FindingShown:
    """It with its children. One that has become restricted meanwhile is not among them."""
    known = await read_children(session, [one for one in (row.child_id, row.other) if one])
    open_ones = [one for one in known.values() if not one.restricted]
    return FindingShown(
        finding=row.finding,
        kind=row.kind,
        state=row.state,
        evidence=tuple(Evidence.model_validate(one) for one in row.evidence),
        raised_at=row.raised_at,
        children=tuple(
            ChildShown(**columns_of(one))
            for one in sorted(open_ones, key=lambda child: child.id)
            # What is left of a pair would show whom the other, hidden now, was taken for.
            if len(open_ones) == len([row.child_id, row.other])
        ),
    )
