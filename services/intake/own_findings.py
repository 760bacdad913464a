"""An agency's list of what was found of its own records, whichever event or file they came by.

For that agency alone; every look leaves an audit row.
"""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from sqlalchemy import text

from chassis.audit import write_audit
from chassis.database import Session
from schemas.facts import Evidence
from services.intake.progress import state_of
from services.intake.tables import Audit, Credential
from services.intake.views import Findings, FindingShown

State = Literal["open", "answered", "withdrawn"]

_OF_STATE: dict[State, str] = {
    "open": "answered_at is null and withdrawn_at is null",
    "answered": "answered_at is not null and withdrawn_at is null",
    "withdrawn": "withdrawn_at is not null",
}

_LIST = {
    state: text(f"""
        select finding, kind, receipt, child_index, adults, records, evidence, raised_at,
               answered_at, withdrawn_at
          from intake.finding
         where agency = :agency and {condition}
           and (cast(:after as uuid) is null or finding > cast(:after as uuid))
         order by finding limit :most""")
    for state, condition in _OF_STATE.items()
}


async def list_own_findings(
    session: Session,
    reader: Credential,
    purpose: str,
    *,
    state: State,
    limit: int,
    after: UUID | None,
) -> Findings:
    """One page of the reader's own findings in one state, oldest first."""
    rows = (
        await session.execute(
            _LIST[state], {"agency": reader.organisation, "after": after, "most": limit + 1}
        )
    ).all()
    await write_audit(
        session,
        Audit,
        actor=reader.organisation,
        credential=reader.id,
        operation="list-own-findings",
        objects=[(str(row.finding), None) for row in rows[:limit]] or [("own-findings", None)],
        purpose=purpose,
    )
    page = rows[:limit]
    return Findings(
        findings=tuple(_shown(row) for row in page),
        after=page[-1].finding if len(rows) > limit else None,
    )


def _shown(row: Any) -> FindingShown:
    return FindingShown(
        finding=row.finding,
        kind=row.kind,
        state=state_of(row),
        receipt=row.receipt,
        child_index=row.child_index,
        adults=tuple(row.adults),
        records=tuple(row.records),
        evidence=tuple(Evidence.model_validate(one) for one in row.evidence),
        raised_at=row.raised_at,
        answered_at=row.answered_at,
        withdrawn_at=row.withdrawn_at,
    )
