"""The mailbox channel: what a recipient's system pulls. Steps of the API; they never commit.

Being listed is being delivered; what was listed stays listed until it is opened, so that an answer
that was lost on its way loses no notice. There is no cursor over rows that commit concurrently.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import text

import bus
from chassis.database import Session
from services.notifier.acknowledge import Step, advance

Show = Literal["waiting", "unopened", "unacknowledged"]
MINIMAL = ("health-minimal", "early-years-minimal")


async def collect(
    session: Session, organisations: Sequence[str], show: Show, limit: int, at: datetime
) -> tuple[list[Any], list[bus.Fact]]:
    """The notices of some organisations, now delivered, and the facts to append: what overtakes
    (a missing child) first, then by deadline, then the oldest."""
    rows = (
        await session.execute(_LISTS[show], {"organisations": list(organisations), "limit": limit})
    ).all()
    fresh = [row.id for row in rows if row.state in ("waiting", "failed")]
    return list(rows), await advance(session, fresh, "delivered", at)


async def find(session: Session, notice: UUID, organisations: Sequence[str]) -> Any | None:
    """A notice of one of these organisations, or None: another's is as if it were not there."""
    rows = await session.execute(_FIND, {"notice": notice, "organisations": list(organisations)})
    return rows.first()


async def open_notice(
    session: Session, row: Any, at: datetime
) -> tuple[dict[str, Any], list[bus.Fact]]:
    """The content of a found notice, opened the first time it is read, and the facts to append."""
    content: dict[str, Any] = json.loads(row.content or "{}")
    # A rung that is told less than a school is told no more by this either.
    if row.profile in MINIMAL and row.first_profile in MINIMAL:
        told = await session.execute(
            _SOCIAL_CARE_TOLD, {"receipt": row.receipt, "child": row.child_id}
        )
        if told.scalar():
            content["socialCareInformed"] = True
    return content, await advance(session, [row.id], "opened", at)


async def confirm(
    session: Session, row: Any, step: Step, at: datetime, by: str, record_reference: str | None
) -> list[bus.Fact]:
    """Take a found notice to acknowledged or filed; the facts to append."""
    return await advance(session, [row.id], step, at, by=by, record_reference=record_reference)


_HEAD = """id, organisation, state, composed_at, deadline_at, happened_at, accepted_at, again_of,
    stands_in_for"""


def _list(condition: str) -> Any:
    return text(f"""
        select {_HEAD} from notifier.obligation
         where organisation = any(:organisations) and owner = 'notifier'
           and {condition} and withdrawn_at is null
         order by overtakes desc, deadline_at, composed_at, id limit :limit""")


_LISTS = {
    "waiting": _list("opened_at is null and state in ('waiting', 'failed')"),
    "unopened": _list("opened_at is null and state in ('waiting', 'failed', 'delivered')"),
    "unacknowledged": _list(
        "acknowledged_at is null and state in ('waiting', 'failed', 'delivered', 'opened')"
    ),
}

_FIND = text(f"""
    select {_HEAD}, receipt, child_id, profile, content, withdrawn_at, delivered_at, opened_at,
           acknowledged_at, acknowledged_by, filed_at, record_reference,
           (select f.profile from notifier.obligation f where f.id = o.chain) as first_profile
      from notifier.obligation o
     where id = :notice and organisation = any(:organisations) and owner = 'notifier'
       and state <> 'withheld'""")

_SOCIAL_CARE_TOLD = text("""
    select exists (select from notifier.obligation
                    where receipt = :receipt and child_id = :child and delivered_at is not null
                      and profile in ('mash-incident', 'hand-off'))""")
