"""The mailbox channel: what a recipient's system pulls. Steps of the API; they never commit.

Being listed is being delivered; what was listed stays listed until it is opened, so that an answer
that was lost on its way loses no notice. By cursor it is read in `cursor`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import text

import bus
from chassis.database import Session
from services.notifier.acknowledge import Step, advance

Show = Literal["waiting", "unopened", "unacknowledged", "unfiled"]
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


async def find_many(
    session: Session, notices: Sequence[UUID], organisations: Sequence[str]
) -> dict[UUID, Any]:
    """The same for many, locked for what follows: deliveries first, as everybody does."""
    about = {"notices": list(notices), "organisations": list(organisations)}
    await session.execute(_LOCK_DELIVERIES, about)
    return {row.id: row for row in await session.execute(_FIND_MANY, about)}


async def open_notices(
    session: Session, rows: Sequence[Any], at: datetime
) -> tuple[list[dict[str, Any]], list[bus.Fact]]:
    """The contents of found notices, opened the first time they are read; the facts to append.

    One that has no content (it could not be made) is not opened by this.
    """
    # A rung that is told less than a school is told no more by this either.
    minimal = [row for row in rows if row.profile in MINIMAL and row.first_profile in MINIMAL]
    told: set[tuple[UUID, UUID]] = set()
    if minimal:
        found = await session.execute(
            _SOCIAL_CARE_TOLD,
            {
                "receipts": [row.receipt for row in minimal],
                "children": [row.child_id for row in minimal],
            },
        )
        told = {(row.receipt, row.child_id) for row in found}
    contents: list[dict[str, Any]] = []
    for row in rows:
        content: dict[str, Any] = json.loads(row.content or "{}")
        if row in minimal and (row.receipt, row.child_id) in told:
            content["socialCareInformed"] = True
        contents.append(content)
    read = [row.id for row in rows if row.content]
    return contents, await advance(session, read, "opened", at)


async def confirm(
    session: Session,
    ids: Sequence[UUID],
    step: Step,
    at: datetime,
    by: str,
    references: Mapping[UUID, str] | None = None,
) -> list[bus.Fact]:
    """Take found notices to acknowledged or filed; the facts to append."""
    return await advance(session, ids, step, at, by=by, references=references)


_HEAD = """id, organisation, state, composed_at, deadline_at, happened_at, accepted_at, again_of,
    stands_in_for, profile"""


def _list(condition: str) -> Any:
    return text(f"""
        select {_HEAD} from notifier.obligation
         where organisation = any(:organisations) and owner = 'notifier'
           and {condition} and withdrawn_at is null and declined_at is null
         order by overtakes desc, deadline_at, composed_at, id limit :limit""")


_LISTS = {
    "waiting": _list("opened_at is null and state in ('waiting', 'failed')"),
    "unopened": _list("opened_at is null and state in ('waiting', 'failed', 'delivered')"),
    "unacknowledged": _list(
        "acknowledged_at is null and state in ('waiting', 'failed', 'delivered', 'opened')"
    ),
    "unfiled": _list(
        "acknowledged_at is not null and filed_at is null and filing_reminded_at is not null"
    ),
}

_FOUND = f"""
    select {_HEAD}, receipt, child_id, rule, rung, content, withdrawn_at, delivered_at, opened_at,
           acknowledged_at, acknowledged_by, filed_at, record_reference, telephoned_at, declined_at,
           (select f.profile from notifier.obligation f where f.id = o.chain) as first_profile
      from notifier.obligation o
     where organisation = any(:organisations) and owner = 'notifier' and state <> 'withheld'"""

_FIND = text(f"{_FOUND} and id = :notice")

_FIND_MANY = text(f"{_FOUND} and id = any(:notices) order by id for update")

_LOCK_DELIVERIES = text("""
    select from notifier.delivery d join notifier.obligation o on o.id = d.id
     where d.id = any(:notices) and o.organisation = any(:organisations)
     order by d.id for update of d""")

_SOCIAL_CARE_TOLD = text("""
    select distinct o.receipt, o.child_id
      from unnest(cast(:receipts as uuid[]), cast(:children as uuid[])) w(receipt, child_id)
      join notifier.obligation o on o.receipt = w.receipt and o.child_id = w.child_id
     where o.delivered_at is not null and o.profile in ('mash-incident', 'hand-off')""")
