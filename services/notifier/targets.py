"""The endpoints that webhooks go to, through a short-lived copy: sending asks for thousands a
second.

Nothing is sent by a copy that is older than `SendSettings.endpoint_copy_seconds`: whoever changes
an endpoint knows from when on nobody sends by what it was (`in_force`).
"""

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

REFRESH_SHARE = 0.6
"""After so much of the time that a copy may be used it is read again, so that it never runs out."""


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
    """The enabled endpoints, and which of the others are gone. One that was replaced stands for the
    one in its place: what was composed or claimed for it goes there."""

    def __init__(self, database: Database, copy_seconds: float) -> None:
        self._database = database
        self._copy_seconds = copy_seconds
        self._known: dict[UUID, Target] = {}
        self._gone: set[UUID] = set()
        self._replaced: dict[UUID, Target] = {}
        self._read_at = float("-inf")

    async def refresh(self, needed: Iterable[UUID] = ()) -> bool:
        """Read them again when the copy is old, or lacks one that is needed; True when it did."""
        now = time.monotonic()
        if now < self._read_at + REFRESH_SHARE * self._copy_seconds and all(
            one in self._known or one in self._gone or one in self._replaced for one in needed
        ):
            return False
        async with self._database.reading() as session:
            rows = (await session.execute(_READ)).all()
        self._known = {row.id: _target(row, time.monotonic()) for row in rows if row.enabled}
        self._gone = {row.id for row in rows if row.disabled_reason == "gone"}
        now_of = {one.organisation: one for one in self._known.values()}
        self._replaced = {
            row.id: now_of[row.organisation]
            for row in rows
            if row.disabled_reason == "replaced" and row.organisation in now_of
        }
        # From when it was asked for: what was changed since then may not be in it.
        self._read_at = now
        return True

    def is_too_old(self, now: float) -> bool:
        """Whether nothing may be sent by this copy any more."""
        return now >= self._read_at + self._copy_seconds

    def __iter__(self) -> Iterator[Target]:
        return iter(self._known.values())

    def get(self, endpoint: UUID) -> Target | None:
        """The endpoint, or None when it was removed."""
        return self._known.get(endpoint) or self._replaced.get(endpoint)

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
    select id, organisation, url, secret, per_second, pauses, enabled, disabled_reason,
           case when previous_until > clock_timestamp() then previous_secret end as previous,
           extract(epoch from paused_until - clock_timestamp()) as pause_left
      from notifier.endpoint
     where enabled or disabled_reason in ('gone', 'replaced')""")
