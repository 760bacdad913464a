"""A withdrawal reaches those whom only a ladder told, or who stood in: the directory never heard
of them.

Part of composing, after what is withdrawn has ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import text

from chassis.database import Session
from schemas.facts import Addressee, EventAddressed, Profile
from schemas.organisations import RecipientRole
from services.notifier.standing import with_shown_again


async def find_climbed(session: Session, facts: Iterable[EventAddressed]) -> list[EventAddressed]:
    """The same withdrawals, addressed to the rungs that were told of what is withdrawn."""
    found: list[EventAddressed] = []
    for fact in facts:
        mine = {
            one.organisation: one
            for one in fact.recipients
            if one.profile is Profile.WITHDRAWAL and one.withheld is None
        }
        receipt = fact.receipt if fact.withdraws else fact.supersedes
        if not mine or receipt is None:
            continue
        rows = await session.execute(
            _TOLD,
            {
                "receipt": receipt,
                "child": fact.child_id,
                "notices": list(with_shown_again(fact.withdraws)),
                "organisations": [] if fact.withdraws else list(mine),
            },
        )
        further = {
            row.organisation: _addressee(row, mine) for row in rows if row.organisation not in mine
        }
        if further:
            found.append(fact.model_copy(update={"recipients": tuple(further.values())}))
    return found


def _addressee(row: Any, mine: Mapping[str, Addressee]) -> Addressee:
    return Addressee(
        organisation=row.organisation,
        name=row.recipient_name,
        role=RecipientRole(row.role),
        profile=Profile.WITHDRAWAL,
        owner="notifier",
        rule=next(iter(mine.values())).rule,
    )


_TOLD = text("""
    select distinct on (o.organisation) o.organisation, o.recipient_name, o.role
      from notifier.obligation o join notifier.obligation f on f.id = o.chain
     where o.receipt = :receipt and o.child_id = :child and o.id <> o.chain
       and o.withdrawn_at is not null and o.state not in ('superseded', 'withheld')
       and (f.id = any(cast(:notices as uuid[]))
            or f.organisation = any(cast(:organisations as text[])))
     order by o.organisation, o.rung""")
