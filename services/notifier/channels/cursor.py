"""The mailbox by cursor: every notice once, in an order that loses none. Steps; they never commit.

A number is given when a notice is first collected, under the lock of its organisation's row. So
whoever holds the lock sees every number that was ever given there, and whatever commits later,
though composed before, gets a higher one. Numbers given while composing would be seen in another
order than they were drawn, and a cursor would pass over those that commit late.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

import bus
from chassis.database import Session
from services.notifier.acknowledge import advance


async def collect_after(
    session: Session, organisations: Sequence[str], after: int, limit: int, at: datetime
) -> tuple[list[Any], list[bus.Fact]]:
    """The notices with a number above `after`, lowest first, now delivered; the facts to append.

    One number serves a key of many organisations: it grows over all of them.
    """
    names = sorted(set(organisations))
    about = {"organisations": names, "after": after, "limit": limit}
    # Nothing is locked to find that there is nothing: whoever asks in vain keeps its cursor.
    if not (await session.execute(_ANYTHING, about)).one()[0]:
        return [], []
    await lock_mailboxes(session, names)
    known = [row.id for row in await session.execute(_KNOWN, about)]
    fresh: list[UUID] = []
    if len(known) < limit:
        rows = await session.execute(_UNNUMBERED, {**about, "limit": limit - len(known)})
        fresh = [row.id for row in rows]
    # This locks every row, in the order that everybody does, before any is numbered.
    facts = await advance(session, [*known, *fresh], "delivered", at)
    if fresh:
        await session.execute(_NUMBER, {"ids": fresh})
    return list((await session.execute(_LISTED, {"ids": [*known, *fresh]})).all()), facts


async def newest_number(session: Session, organisations: Sequence[str]) -> int:
    """The highest number given in these mailboxes; 0 if none was."""
    names = sorted(set(organisations))
    await lock_mailboxes(session, names)
    return int((await session.execute(_NEWEST, {"organisations": names})).one()[0])


async def lock_mailboxes(session: Session, names: Sequence[str]) -> None:
    """Hold the rows of these organisations, sorted by name, until the transaction ends."""
    about = {"organisations": list(names)}
    if len((await session.execute(_LOCK, about)).all()) < len(names):
        await session.execute(_MAKE, about)
        await session.execute(_LOCK, about)


_WANTED = """organisation = any(:organisations) and owner = 'notifier'
           and withdrawn_at is null and state not in ('withheld', 'superseded')"""

_ANYTHING = text(f"""
    select exists (select from notifier.obligation
                    where {_WANTED} and number is not null and number > :after)
        or exists (select from notifier.obligation where {_WANTED} and number is null)""")

_LOCK = text("""
    select organisation from notifier.mailbox where organisation = any(:organisations)
     order by organisation for update""")

_MAKE = text("""
    insert into notifier.mailbox (organisation)
    select name from unnest(cast(:organisations as text[])) o(name) order by name
        on conflict do nothing""")

_KNOWN = text(f"""
    select id from notifier.obligation
     where {_WANTED} and number is not null and number > :after order by number limit :limit""")

_UNNUMBERED = text(f"""
    select id from notifier.obligation
     where {_WANTED} and number is null order by composed_at, id limit :limit""")

_NUMBER = text("""
    update notifier.obligation o set number = n.number
      from (select id, nextval('notifier.mailbox_number') as number
              from (select id from notifier.obligation
                     where id = any(:ids) order by composed_at, id) f) n
     where o.id = n.id and o.number is null""")

_LISTED = text("""
    select o.id, o.organisation, o.state, o.composed_at, o.deadline_at, o.happened_at,
           o.accepted_at, o.again_of, o.stands_in_for, o.number, o.receipt, o.child_id, o.profile,
           o.content,
           (select f.profile from notifier.obligation f where f.id = o.chain) as first_profile
      from notifier.obligation o
     where id = any(:ids) and number is not null and withdrawn_at is null
       and state not in ('withheld', 'superseded')
     order by number""")

_NEWEST = text("""
    select coalesce(max(number), 0) from notifier.obligation
     where organisation = any(:organisations) and number is not null""")
