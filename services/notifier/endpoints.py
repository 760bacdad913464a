"""Where organisations take webhooks: added, rotated, removed and enabled again by command.

Keys are kept as they are, because a signature needs them; what the receiver verifies with is shown
once, when it is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import text

from chassis.clock import now
from chassis.database import Session
from chassis.ids import new_id
from chassis.webhook_keys import Kind, kind_of, make_key, read_signer, shown
from services.notifier.pause import hasten

ROTATION_HOURS = 24.0
"""How long the old key signs beside the new one."""


class EndpointError(ValueError):
    """An address that cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class EndpointShown:
    """One endpoint, as an operator sees it."""

    organisation: str
    url: str
    kind: Kind
    per_second: int | None
    added_at: datetime
    state: str


async def add_endpoint(
    session: Session,
    organisation: str,
    url: str,
    key: str | None = None,
    *,
    kind: Kind = "hmac",
    per_second: int | None = None,
) -> str:
    """Send an organisation's webhooks there from now on; returns what the receiver verifies with.

    An earlier endpoint is disabled, and what waits for it goes to the new one. Whether webhooks may
    go to the address is judged by `addresses.check_url`, before this transaction, and again at
    every sending.

    Args:
        key: as `keys.make_key` makes it; without one a new one is made, of the kind `kind`.
        per_second: at most so many requests in any second; None: as many as it can take.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise EndpointError("An endpoint is http(s)://host[:port]/path, without user and password.")
    key = key or make_key(kind)
    read_signer(key)
    made = new_id()
    await _disable(session, organisation, "replaced")
    await session.execute(
        text("""insert into notifier.endpoint
                    (id, organisation, url, secret, enabled, added_at, per_second)
                values (:id, :organisation, :url, :secret, true, :at, :per_second)"""),
        {
            "id": made,
            "organisation": organisation,
            "url": url,
            "secret": key,
            "at": now(),
            "per_second": per_second,
        },
    )
    await session.execute(
        text("""update notifier.delivery d set endpoint = :id from notifier.endpoint e
                 where e.id = d.endpoint and e.organisation = :organisation
                   and d.state in ('waiting', 'claimed')"""),
        {"id": made, "organisation": organisation},
    )
    return shown(key)


async def rotate_endpoint(
    session: Session,
    organisation: str,
    hours: float = ROTATION_HOURS,
    kind: Kind | None = None,
) -> str | None:
    """A new key, of the same kind or another; both sign for a while. Returns what the receiver
    verifies with, or None when the organisation has no endpoint.

    A rotation that is still going on ends: the key before the last signs no more.
    """
    found = await session.execute(
        text("""select secret from notifier.endpoint
                 where organisation = :organisation and enabled for update"""),
        {"organisation": organisation},
    )
    old = found.scalar()
    if old is None:
        return None
    key = make_key(kind or kind_of(old))
    await session.execute(
        text("""update notifier.endpoint
                   set previous_secret = secret, previous_until = :until, secret = :secret
                 where organisation = :organisation and enabled"""),
        {"organisation": organisation, "secret": key, "until": now() + timedelta(hours=hours)},
    )
    return shown(key)


async def remove_endpoint(session: Session, organisation: str) -> bool:
    """Send nothing there any more; what waits fails at once, and escalates. False when there was
    none."""
    removed = await _disable(session, organisation, "removed")
    await hasten(session, removed)
    return bool(removed)


async def enable_endpoint(session: Session, organisation: str) -> str | None:
    """Take a pause off the endpoint, or enable again the one that was last disabled.

    What failed meanwhile has escalated and is not sent again. Returns what was done, or None when
    there is nothing to enable.
    """
    values = {"organisation": organisation}
    unpaused = await session.execute(_UNPAUSE, values)
    if unpaused.rowcount:
        return "the pause is taken off"
    enabled = await session.execute(_ENABLE, values)
    return "enabled again" if enabled.rowcount else None


async def list_endpoints(session: Session) -> list[EndpointShown]:
    """Every enabled endpoint, and for organisations without one the last that was disabled."""
    rows = await session.execute(_LIST)
    return [
        EndpointShown(
            row.organisation,
            row.url,
            kind_of(row.secret),
            row.per_second,
            row.added_at,
            _state(row),
        )
        for row in rows
    ]


def _state(row: Any) -> str:
    if not row.enabled:
        return f"disabled: {row.disabled_reason or 'removed'}"
    if not row.pauses:
        return "enabled"
    if row.paused:
        until = row.paused_until.astimezone(UTC)
        return f"paused until {until:%Y-%m-%dT%H:%M:%SZ}: {row.paused_reason}"
    return f"probing: {row.paused_reason}"


async def _disable(session: Session, organisation: str, reason: str) -> list[UUID]:
    done = await session.execute(
        text("""update notifier.endpoint
                   set enabled = false, disabled_at = :at, disabled_reason = :reason,
                       pauses = 0, paused_until = null, paused_reason = null
                 where organisation = :organisation and enabled returning id"""),
        {"organisation": organisation, "reason": reason, "at": now()},
    )
    return [row.id for row in done]


_UNPAUSE = text("""
    update notifier.endpoint set pauses = 0, paused_until = null, paused_reason = null
     where organisation = :organisation and enabled and pauses > 0""")

_ENABLE = text("""
    update notifier.endpoint
       set enabled = true, disabled_at = null, disabled_reason = null
     where id = (select id from notifier.endpoint
                  where organisation = :organisation and disabled_reason in ('gone', 'removed')
                  order by disabled_at desc limit 1)
       and not exists (select from notifier.endpoint
                        where organisation = :organisation and enabled)""")

_LIST = text("""
    select distinct on (organisation)
           organisation, url, secret, per_second, added_at, enabled, disabled_reason,
           pauses, paused_until, paused_reason, paused_until > clock_timestamp() as paused
      from notifier.endpoint
     order by organisation, enabled desc, disabled_at desc""")
