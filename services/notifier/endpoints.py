"""Where organisations take webhooks: added, rotated and removed by command.

Secrets are of the Standard Webhooks form `whsec_…`. They are kept as they are, because a signature
needs them; they are shown once, when made.
"""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import text
from standardwebhooks import Webhook

from chassis.clock import now
from chassis.database import Database, Session
from chassis.ids import new_id

ROTATION_HOURS = 24.0
"""How long the old secret signs beside the new one."""

CACHE_SECONDS = 5.0


class EndpointError(ValueError):
    """An address or a secret that cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """One endpoint, ready to be sent to. `receiver` is its scheme, host and port."""

    id: UUID
    url: str
    receiver: str
    signers: tuple[Webhook, ...]


async def add_endpoint(
    session: Session, organisation: str, url: str, secret: str | None = None
) -> str:
    """Send an organisation's webhooks there from now on; returns the secret.

    An earlier endpoint is disabled, and what waits for it goes to the new one.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise EndpointError("An endpoint is http(s)://host[:port]/path, without user and password.")
    secret = secret or _make_secret()
    _read_secret(secret)
    made = new_id()
    await session.execute(_DISABLE, {"organisation": organisation})
    await session.execute(
        text("""insert into notifier.endpoint (id, organisation, url, secret, enabled, added_at)
                values (:id, :organisation, :url, :secret, true, :at)"""),
        {"id": made, "organisation": organisation, "url": url, "secret": secret, "at": now()},
    )
    await session.execute(
        text("""update notifier.delivery d set endpoint = :id from notifier.endpoint e
                 where e.id = d.endpoint and e.organisation = :organisation
                   and d.state in ('waiting', 'claimed')"""),
        {"id": made, "organisation": organisation},
    )
    return secret


async def rotate_endpoint(
    session: Session, organisation: str, hours: float = ROTATION_HOURS
) -> str | None:
    """A new secret; both sign for a while. None when the organisation has no endpoint."""
    secret = _make_secret()
    done = await session.execute(
        text("""update notifier.endpoint
                   set previous_secret = secret, previous_until = :until, secret = :secret
                 where organisation = :organisation and enabled"""),
        {
            "organisation": organisation,
            "secret": secret,
            "until": now() + timedelta(hours=hours),
        },
    )
    return secret if done.rowcount else None


async def remove_endpoint(session: Session, organisation: str) -> bool:
    """Send nothing there any more; what waits fails, and escalates. False when there was none."""
    done = await session.execute(_DISABLE, {"organisation": organisation})
    return bool(done.rowcount)


async def list_endpoints(session: Session) -> list[tuple[str, str, datetime]]:
    """(organisation, address, added at) of every enabled endpoint."""
    rows = await session.execute(
        text("""select organisation, url, added_at from notifier.endpoint where enabled
                 order by organisation""")
    )
    return [(row.organisation, row.url, row.added_at) for row in rows]


class Targets:
    """The enabled endpoints, through a short-lived cache: sending asks for thousands a second."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[UUID, Target] = {}
        self._fresh_until = 0.0

    async def refresh(self, needed: Iterable[UUID] = ()) -> None:
        """Read them again when the copy is old, or lacks one that is needed."""
        if time.monotonic() < self._fresh_until and all(one in self._known for one in needed):
            return
        async with self._database.reading() as session:
            rows = await session.execute(
                text("""select id, url, secret, case when previous_until > clock_timestamp()
                                                     then previous_secret end as previous
                          from notifier.endpoint where enabled""")
            )
            self._known = {row.id: _target(row.id, row.url, row.secret, row.previous)
                           for row in rows}  # fmt: skip
        self._fresh_until = time.monotonic() + CACHE_SECONDS

    def get(self, endpoint: UUID) -> Target | None:
        """The endpoint, or None when it was removed."""
        return self._known.get(endpoint)

    def of_receivers(self, receivers: set[str]) -> list[UUID]:
        """The endpoints at these receivers."""
        return [one.id for one in self._known.values() if one.receiver in receivers]


def _target(endpoint: UUID, url: str, secret: str, previous: str | None) -> Target:
    parts = urlsplit(url)
    signers = [_read_secret(secret)]
    if previous is not None:
        signers.append(_read_secret(previous))
    return Target(endpoint, url, f"{parts.scheme}://{parts.netloc}", tuple(signers))


def _make_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def _read_secret(secret: str) -> Webhook:
    try:
        return Webhook(secret)
    except (ValueError, RuntimeError) as error:
        raise EndpointError("A secret is whsec_ and base64.") from error


_DISABLE = text("""
    update notifier.endpoint set enabled = false
     where organisation = :organisation and enabled""")
