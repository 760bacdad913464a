"""Where organisations take webhooks: added, changed, rotated, removed and enabled again, by command
or by the organisation itself (`endpoint_api`).

Keys are kept as they are, because a signature needs them; what the receiver verifies with is shown
once, when it is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import text

from chassis.addresses import AddressRefusedError, Lookup, Network, check_url
from chassis.clock import now
from chassis.database import Session
from chassis.ids import new_id
from chassis.webhook_keys import Kind, kind_of, make_key, read_signer, shown
from services.notifier.pause import hasten

ROTATION_HOURS = 24.0
"""How long the old key signs beside the new one."""

MOST_SHOWN = 20
"""Of an organisation's endpoints, the enabled one included."""


class EndpointError(ValueError):
    """An address that cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class EndpointShown:
    """One endpoint, as an operator sees it, and its organisation."""

    id: UUID
    organisation: str
    url: str
    kind: Kind
    per_second: int | None
    added_at: datetime
    state: str
    enabled: bool
    previous_until: datetime | None


async def judge_url(url: str, allowed: Sequence[Network], lookup: Lookup) -> None:
    """Raise `EndpointError` unless webhooks may go to this URL. It looks the host's name up: never
    inside a transaction."""
    _check_shape(url)
    try:
        await check_url(url, allowed, lookup)
    except AddressRefusedError as refused:
        raise EndpointError(f"Webhooks do not go there: {refused.strerror}.") from None
    except (OSError, ValueError):
        raise EndpointError("That address leads nowhere: its host's name is not known.") from None


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
    go to the address is judged by `judge_url`, before this transaction, and again at
    every sending.

    Args:
        key: as `keys.make_key` makes it; without one a new one is made, of the kind `kind`.
        per_second: at most so many requests in any second; None: as many as it can take.
    """
    _check_shape(url)
    key = key or make_key(kind)
    read_signer(key)
    made = new_id()
    await lock_endpoints(session, organisation)
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


async def change_url(session: Session, endpoint: UUID, url: str) -> bool:
    """Send what goes to an enabled endpoint to another address from now on, what waits included:
    it is the same endpoint, with the same keys. A pause was the old address's, and ends.

    The address is judged before, by `judge_url`. False when there is no such endpoint. What is sent
    by copies of what it was goes on for some seconds: see `in_force`.
    """
    done = await session.execute(_CHANGE_URL, {"id": endpoint, "url": url})
    return bool(done.rowcount)


async def change_rate(session: Session, endpoint: UUID, per_second: int | None) -> bool:
    """Send at most so many requests in any second from now on; None: as many as it can take."""
    done = await session.execute(_CHANGE_RATE, {"id": endpoint, "per_second": per_second})
    return bool(done.rowcount)


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


async def end_previous_key(session: Session, organisation: str) -> bool:
    """The old key of a rotation signs no more. False when there is none that does."""
    done = await session.execute(_END_PREVIOUS, {"organisation": organisation})
    return bool(done.rowcount)


async def remove_endpoint(
    session: Session, organisation: str, endpoint: UUID | None = None
) -> bool:
    """Send nothing there any more; what waits fails at once, and escalates. False when there was
    none, or another than the one that is named."""
    removed = await _disable(session, organisation, "removed", endpoint)
    await hasten(session, removed)
    return bool(removed)


async def enable_endpoint(
    session: Session, organisation: str, endpoint: UUID | None = None
) -> str | None:
    """Take a pause off the endpoint, or enable again the one that was last disabled; or the one
    that is named.

    What failed meanwhile has escalated and is not sent again. Returns what was done, or None when
    there is nothing to enable.
    """
    values = {"organisation": organisation, "endpoint": endpoint}
    unpaused = await session.execute(_UNPAUSE, values)
    if unpaused.rowcount:
        return "the pause is taken off"
    enabled = await session.execute(_ENABLE, values)
    return "enabled again" if enabled.rowcount else None


async def list_endpoints(session: Session) -> list[EndpointShown]:
    """Every enabled endpoint, and for organisations without one the last that was disabled."""
    return [_shown(row) for row in await session.execute(_LIST)]


async def lock_endpoints(session: Session, organisation: str) -> None:
    """Nobody else adds or changes this organisation's endpoints until this transaction ends."""
    await session.execute(_LOCK, {"name": f"endpoints of {organisation}"})


async def list_own_endpoints(session: Session, organisation: str) -> list[EndpointShown]:
    """An organisation's enabled endpoint, then those that it had before, the last ones first."""
    about = {"organisation": organisation, "limit": MOST_SHOWN}
    rows = await session.execute(_LIST_OWN, about)
    return [_shown(row) for row in rows]


def _shown(row: Any) -> EndpointShown:
    return EndpointShown(
        row.id,
        row.organisation,
        row.url,
        kind_of(row.secret),
        row.per_second,
        row.added_at,
        _state(row),
        row.enabled,
        row.previous_until,
    )


def _check_shape(url: str) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and not parts.username
        _ = parts.port
    except ValueError:
        usable = False
    if not usable:
        raise EndpointError("An endpoint is http(s)://host[:port]/path, without user and password.")


def _state(row: Any) -> str:
    if not row.enabled:
        return f"disabled: {row.disabled_reason or 'removed'}"
    if not row.pauses:
        return "enabled"
    if row.paused:
        until = row.paused_until.astimezone(UTC)
        return f"paused until {until:%Y-%m-%dT%H:%M:%SZ}: {row.paused_reason}"
    return f"probing: {row.paused_reason}"


async def _disable(
    session: Session, organisation: str, reason: str, endpoint: UUID | None = None
) -> list[UUID]:
    done = await session.execute(
        text("""update notifier.endpoint
                   set enabled = false, disabled_at = :at, disabled_reason = :reason,
                       pauses = 0, paused_until = null, paused_reason = null
                 where organisation = :organisation and enabled
                   and id = coalesce(cast(:endpoint as uuid), id) returning id"""),
        {"organisation": organisation, "reason": reason, "at": now(), "endpoint": endpoint},
    )
    return [row.id for row in done]


_UNPAUSE = text("""
    update notifier.endpoint set pauses = 0, paused_until = null, paused_reason = null
     where organisation = :organisation and enabled and pauses > 0
       and id = coalesce(cast(:endpoint as uuid), id)""")

_ENABLE = text("""
    update notifier.endpoint
       set enabled = true, disabled_at = null, disabled_reason = null
     where id = (select id from notifier.endpoint
                  where organisation = :organisation and disabled_reason in ('gone', 'removed')
                    and id = coalesce(cast(:endpoint as uuid), id)
                  order by disabled_at desc limit 1)
       and not exists (select from notifier.endpoint
                        where organisation = :organisation and enabled)""")

_CHANGE_URL = text("""
    update notifier.endpoint
       set url = :url, slot_at = null, pauses = 0, paused_until = null, paused_reason = null
     where id = :id and enabled""")

_CHANGE_RATE = text("""
    update notifier.endpoint set per_second = :per_second where id = :id and enabled""")

_END_PREVIOUS = text("""
    update notifier.endpoint e set previous_secret = null, previous_until = null
      from (select id, previous_until > clock_timestamp() as signs from notifier.endpoint
             where organisation = :organisation and enabled and previous_secret is not null
               for update) old
     where e.id = old.id and old.signs""")

_COLUMNS = """id, organisation, url, secret, per_second, added_at, enabled, disabled_reason, pauses,
    paused_until, paused_reason, paused_until > clock_timestamp() as paused,
    case when previous_until > clock_timestamp() then previous_until end as previous_until"""

_LIST = text(f"""
    select distinct on (organisation) {_COLUMNS} from notifier.endpoint
     order by organisation, enabled desc, disabled_at desc""")

_LIST_OWN = text(f"""
    select {_COLUMNS} from notifier.endpoint where organisation = :organisation
     order by enabled desc, disabled_at desc limit :limit""")

_LOCK = text("select pg_advisory_xact_lock(hashtextextended(:name, 0))")
