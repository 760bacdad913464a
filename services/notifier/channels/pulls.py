"""When a system last pulled, and who has not for the interval that it stated. Steps."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text

from chassis.database import Session


async def note_pull(session: Session, organisations: Sequence[str], at: datetime) -> None:
    """These mailboxes were pulled; whoever had lapsed has not any more."""
    await session.execute(_NOTE, {"organisations": list(organisations), "at": at})


async def set_interval(
    session: Session, organisation: str, minutes: int | None, at: datetime
) -> None:
    """How often an organisation says that it pulls, counted from now; None: it says nothing."""
    await session.execute(_SET, {"organisation": organisation, "minutes": minutes, "at": at})


async def take_lapsed(session: Session, at: datetime) -> list[Any]:
    """Who has lapsed since it was last asked, once each; what waits there is due at once."""
    lapsed = list((await session.execute(_LAPSE, {"at": at})).all())
    if lapsed:
        await session.execute(
            _DUE_AT_ONCE, {"organisations": [row.organisation for row in lapsed], "at": at}
        )
    return lapsed


# An update a minute is enough to know, and most mailboxes state no interval.
_NOTE = text("""
    update notifier.mailbox m set last_pulled_at = :at, lapsed_at = null
      from (select organisation from notifier.mailbox
             where organisation = any(:organisations) and pull_interval_minutes is not null
               and (last_pulled_at is null or lapsed_at is not null
                    or last_pulled_at < cast(:at as timestamptz) - interval '30 seconds')
             order by organisation for update) due
     where m.organisation = due.organisation""")

_SET = text("""
    insert into notifier.mailbox as m (organisation, pull_interval_minutes, last_pulled_at)
    values (:organisation, :minutes, :at)
        on conflict (organisation) do update
       set pull_interval_minutes = excluded.pull_interval_minutes,
           last_pulled_at = excluded.last_pulled_at, lapsed_at = null""")

_LAPSE = text("""
    with due as (
        select organisation from notifier.mailbox
         where pull_interval_minutes is not null and lapsed_at is null
           and last_pulled_at + pull_interval_minutes * interval '1 minute' < :at
         order by organisation for update skip locked)
    update notifier.mailbox m set lapsed_at = :at from due
     where m.organisation = due.organisation
    returning m.organisation, m.last_pulled_at, m.pull_interval_minutes,
              (select count(*) from notifier.obligation o
                where o.organisation = m.organisation and o.owner = 'notifier'
                  and o.opened_at is null and o.delivered_at is null
                  and o.withdrawn_at is null and o.state in ('waiting', 'failed')) as waiting""")

_DUE_AT_ONCE = text("""
    update notifier.obligation o set watch_due_at = :at
      from (select id from notifier.obligation
             where organisation = any(:organisations) and owner = 'notifier'
               and opened_at is null and delivered_at is null and watch = 'watching'
               and watch_due_at > :at
             order by id for update) w
     where o.id = w.id""")
