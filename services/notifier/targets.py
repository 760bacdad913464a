"""The endpoints that webhooks go to, through a short-lived copy: sending asks for thousands a
second."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import text

from chassis.database import Database
from chassis.webhook_keys import Signer, read_signer

CACHE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Target:
    """One endpoint, ready to be sent to. `receiver` is its scheme, host and port; `paused_until`
    is on this process's own clock (`time.monotonic`)."""

    id: UUID
    organisation: str
    url: str
    receiver: str
    signers: tuple[Signer, ...]
    per_second: int | None
    pauses: int
    paused_until: float


class Targets:
    """The enabled endpoints, and which of the others are gone."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[UUID, Target] = {}
        self._gone: set[UUID] = set()
        self._fresh_until = 0.0

    async def refresh(self, needed: Iterable[UUID] = ()) -> bool:
        """Read them again when the copy is old, or lacks one that is needed; True when it did."""
        if time.monotonic() < self._fresh_until and all(
            one in self._known or one in self._gone for one in needed
        ):
            return False
        async with self._database.reading() as session:
            rows = (await session.execute(_READ)).all()
        now = time.monotonic()
        self._known = {row.id: _target(row, now) for row in rows if row.enabled}
        self._gone = {row.id for row in rows if not row.enabled}
        self._fresh_until = now + CACHE_SECONDS
        return True

    def __iter__(self) -> Iterator[Target]:
        return iter(self._known.values())

    def get(self, endpoint: UUID) -> Target | None:
        """The endpoint, or None when it was removed."""
        return self._known.get(endpoint)

    def forget(self, endpoint: UUID) -> None:
        """It is gone: nothing is sent there any more."""
        self._known.pop(endpoint, None)
        self._gone.add(endpoint)

    def why_not(self, endpoint: UUID) -> str:
        """Why there is no such endpoint, as a reason of a notice that fails."""
        return "endpoint-gone" if endpoint in self._gone else "no-endpoint"

    def of_receivers(self, receivers: set[str]) -> list[UUID]:
        """The endpoints at these receivers."""
        return [one.id for one in self._known.values() if one.receiver in receivers]


def _target(row: Any, now: float) -> Target:
    parts = urlsplit(row.url)
    keys = [row.secret] if row.previous is None else [row.secret, row.previous]
    return Target(
        id=row.id,
        organisation=row.organisation,
        url=row.url,
        receiver=f"{parts.scheme}://{parts.netloc}",
        signers=tuple(read_signer(key) for key in keys),
        per_second=row.per_second,
        pauses=row.pauses,
        paused_until=now + float(row.pause_left or 0.0),
    )


_READ = text("""
    select id, organisation, url, secret, per_second, pauses, enabled,
           case when previous_until > clock_timestamp() then previous_secret end as previous,
           extract(epoch from paused_until - clock_timestamp()) as pause_left
      from notifier.endpoint where enabled or disabled_reason = 'gone'""")
