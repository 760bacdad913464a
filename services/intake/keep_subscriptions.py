"""Where senders take pushes of progress: added, rotated, enabled again, removed, shown. Steps.

Keys are kept as they are, because a signature needs them; what the receiver verifies with is shown
once, when it is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from chassis.database import Session
from chassis.ids import new_id
from chassis.webhook_keys import Kind, kind_of, make_key, shown
from services.intake.mark_changed import REST
from services.intake.tables import Credential
from services.intake.views import SubscriptionShown

MOST_COUNTED = 1000


@dataclass(frozen=True, slots=True)
class Made:
    """A new subscription, and what its receiver verifies with."""

    subscription: UUID
    secret: str


async def add_subscription(
    session: Session, sender: Credential, url: str, kind: Kind, most: int, at: datetime
) -> Made | None:
    """Push there from now on; None when the organisation has as many as it may."""
    key, made = make_key(kind), new_id()
    whose = _whose(sender)
    await session.execute(_LOCK, whose)
    row = {**whose, "id": made, "url": url, "secret": key, "at": at, "most": most}
    if not (await session.execute(_ADD, row)).rowcount:
        return None
    return Made(made, shown(key))


async def rotate_secret(
    session: Session, sender: Credential, subscription: UUID, overlap: timedelta, at: datetime
) -> str | None:
    """A new key of the same kind; both sign until the overlap ends. None if there is no such.

    A rotation that is still going on ends: the key before the last signs no more.
    """
    about = {**_whose(sender), "id": subscription}
    old = (await session.execute(_SECRET, about)).scalar()
    if old is None:
        return None
    key = make_key(kind_of(old))
    await session.execute(_ROTATE, {**about, "secret": key, "until": at + overlap})
    return shown(key)


async def enable_subscription(session: Session, sender: Credential, subscription: UUID) -> bool:
    """Take it up again, at once, with the latest of everything that changed; False: no such."""
    about = {**_whose(sender), "id": subscription}
    if not (await session.execute(_ENABLE, about)).rowcount:
        return False
    await session.execute(_HASTEN, about)
    return True


async def remove_subscription(session: Session, sender: Credential, subscription: UUID) -> bool:
    """Push nothing there any more; False: no such."""
    about = {**_whose(sender), "id": subscription}
    if not (await session.execute(_REMOVE, about)).rowcount:
        return False
    await session.execute(_DROP, about)
    return True


async def list_subscriptions(
    session: Session, sender: Credential, at: datetime, only: UUID | None = None
) -> tuple[SubscriptionShown, ...]:
    """An organisation's subscriptions, the oldest first, or one of them."""
    about = {**_whose(sender), "only": only, "most": MOST_COUNTED}
    return tuple(_shown(row, at) for row in await session.execute(_LIST, about))


async def rest_disabled(session: Session, subscriptions: Sequence[UUID]) -> None:
    """Whatever waits for these waits until they are enabled."""
    await session.execute(_REST, {"ids": list(subscriptions)})


def _whose(sender: Credential) -> dict[str, Any]:
    """A sandbox credential has subscriptions of its own, and sees no other."""
    return {"organisation": sender.organisation, "sandbox": sender.sandbox}


def _shown(row: Any, at: datetime) -> SubscriptionShown:
    if row.disabled_at is not None:
        state = "disabled"
    elif row.pauses:
        state = "paused" if row.paused_until is not None and row.paused_until > at else "probing"
    else:
        state = "failing" if row.failing_since is not None else "well"
    return SubscriptionShown(
        sandbox=row.sandbox or None,
        subscription=row.id,
        url=row.url,
        signature=kind_of(row.secret),
        state=state,
        added_at=row.added_at,
        pushed_at=row.pushed_at,
        failing_since=row.failing_since,
        last_outcome=row.last_outcome,
        last_status=row.last_status,
        paused_until=row.paused_until if state == "paused" else None,
        disabled_at=row.disabled_at,
        disabled_reason=row.disabled_reason,
        both_secrets_until=row.previous_until
        if row.previous_until is not None and row.previous_until > at
        else None,
        waiting=row.waiting,
        waiting_since=row.waiting_since,
    )


# Two that are added at once do not both find room for one.
_LOCK = text("""
    select organisation from intake.agency where organisation = :organisation for no key update""")

_ADD = text("""
    insert into intake.subscription (id, organisation, sandbox, url, secret, added_at)
    select :id, :organisation, :sandbox, :url, :secret, :at
     where (select count(*) from intake.subscription
             where organisation = :organisation and sandbox = :sandbox) < :most""")

_SECRET = text("""
    select secret from intake.subscription
     where id = :id and organisation = :organisation and sandbox = :sandbox for no key update""")

_ROTATE = text("""
    update intake.subscription
       set previous_secret = secret, previous_until = :until, secret = :secret
     where id = :id and organisation = :organisation and sandbox = :sandbox""")

_ENABLE = text("""
    update intake.subscription
       set disabled_at = null, disabled_reason = null, failing_since = null,
           pauses = 0, paused_until = null
     where id = :id and organisation = :organisation and sandbox = :sandbox""")

_WAITING = "settled_at is null and state = 'waiting'"

_HASTEN = text(f"""
    with late as (
        select id from intake.push where subscription = :id and {_WAITING}
         order by receipt for update)
    update intake.push p set due_at = clock_timestamp(), turn_at = clock_timestamp()
      from late where p.id = late.id""")

_REST = text(f"""
    with late as (
        select id from intake.push where subscription = any(:ids) and {_WAITING}
         order by receipt, subscription for update)
    update intake.push p set due_at = {REST}, ready = false from late where p.id = late.id""")

_REMOVE = text("""
    delete from intake.subscription
     where id = :id and organisation = :organisation and sandbox = :sandbox""")

_DROP = text("delete from intake.push where subscription = :id and settled_at is null")

_LIST = text("""
    select s.*, w.waiting, w.waiting_since
      from intake.subscription s cross join lateral (
           select count(*) as waiting, min(changed_at) as waiting_since
             from (select changed_at from intake.push
                    where subscription = s.id and settled_at is null limit :most) p) w
     where s.organisation = :organisation and s.sandbox = :sandbox
       and (cast(:only as uuid) is null or s.id = :only)
     order by s.added_at, s.id""")
