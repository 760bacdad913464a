"""Storing obligations and, for those that go by webhook, their deliveries: set-based, once each.

Where the organisation has contacts, what is new waits for an alert too, in the same statement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import text

from chassis.database import Session
from services.notifier.draft import OURS, Draft
from services.notifier.routes import Route

STILL_WAITS = """o.opened_at is null and o.acknowledged_at is null and o.withdrawn_at is null
    and o.declined_at is null and o.state in ('waiting', 'failed', 'delivered')"""
"""An obligation `o` that somebody must still be told of."""


async def insert_drafts(session: Session, drafts: Sequence[Draft]) -> list[Draft]:
    """Store drafts; returns those that were new."""
    if not drafts:
        return []
    columns = {name: [getattr(draft, name) for draft in drafts] for name in _TYPES}
    made = {row[0] for row in await session.execute(_INSERT, columns)}
    return [draft for draft in drafts if draft.id in made]


async def insert_deliveries(
    session: Session, drafts: Sequence[Draft], routes: Mapping[str, Route]
) -> int:
    """Queue the webhooks among new drafts; returns how many."""
    sent = [
        draft
        for draft in drafts
        if draft.owner == OURS
        and draft.state == "waiting"
        and routes[draft.organisation].channel == "webhook"
    ]
    if sent:
        await session.execute(
            _INSERT_DELIVERIES,
            {
                "ids": [draft.id for draft in sent],
                "endpoints": [routes[draft.organisation].endpoint for draft in sent],
                "ats": [draft.composed_at for draft in sent],
                "overtakes": [draft.overtakes for draft in sent],
                # A rung without a deadline is late already.
                "turns": [draft.deadline_at or draft.composed_at for draft in sent],
            },
        )
    return len(sent)


_TYPES = {
    "id": "uuid",
    "receipt": "uuid",
    "child_index": "int",
    "child_id": "uuid",
    "part": "text",
    "rung": "int",
    "chain": "uuid",
    "event_type": "text",
    "happened_at": "timestamptz",
    "accepted_at": "timestamptz",
    "organisation": "text",
    "recipient_name": "text",
    "role": "text",
    "profile": "text",
    "owner": "text",
    "rule": "text",
    "content": "text",
    "state": "text",
    "reason": "text",
    "watch": "text",
    "watch_due_at": "timestamptz",
    "deadline_at": "timestamptz",
    "composed_at": "timestamptz",
    "sent_at": "timestamptz",
    "overtakes": "bool",
    "show_again_at": "timestamptz",
    "again_of": "uuid",
    "stands_in_for": "text",
    "given_minutes": "float8",
    "given_until": "timestamptz",
}

# Only inserted, never joined to a row that others want too: one duty officer's alert would
# otherwise put every composer behind the other. Gathering is done later, by `gather`; there the
# contact that is disabled fails, and what was noted for it climbs instead of waiting in silence.
_INSERT = text(f"""
    with made as (
        insert into notifier.obligation ({", ".join(_TYPES)})
        select * from unnest(
            {", ".join(f"cast(:{name} as {kind}[])" for name, kind in _TYPES.items())})
            on conflict (id) do nothing
        returning id, organisation, role, owner, state, content, composed_at),
    waiting as (
        insert into notifier.alert_notice (notice, contact, at)
        select m.id, c.id, m.composed_at
          from made m join notifier.contact c
            on c.organisation = m.organisation and c.disabled_reason is distinct from 'removed'
           and (c.role is null or c.role = m.role)
         where m.owner = '{OURS}' and m.state in ('waiting', 'failed') and m.content is not null)
    select id from made""")

_INSERT_DELIVERIES = text("""
    insert into notifier.delivery
        (id, endpoint, composed_at, state, due_at, overtakes, turn_at, ready)
    select d.id, d.endpoint, d.at, 'waiting', clock_timestamp(), d.overtakes, d.turn, true
      from unnest(cast(:ids as uuid[]), cast(:endpoints as uuid[]), cast(:ats as timestamptz[]),
                  cast(:overtakes as bool[]), cast(:turns as timestamptz[]))
           d(id, endpoint, at, overtakes, turn)
        -- Of a notice that was lost and is composed again: `mend_deliveries` looks at it.
        on conflict (id) do nothing""")
