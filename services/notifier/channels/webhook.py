"""The webhook channel: a signed, thin request that says that a notice waits, and where.

Standard Webhooks: the id is the notice's and the same on every retry. The body holds no personal
data and no category; the content is fetched with the recipient's own credential.
"""

from __future__ import annotations

import json
from datetime import datetime
from uuid import UUID

from chassis.addresses import Lookup
from chassis.clock import Clock
from chassis.webhooks import Delivered, Outcome, Target, Unreachable, WebhookClient
from schemas.self_test import EVENT_TYPE
from services.notifier.settings import SendSettings


class Body:
    """What is sent: the same for a notice every time.

    Args:
        notices_url: the address under which recipients read notices.
    """

    def __init__(self, notices_url: str) -> None:
        # The address is the same but for the id, so it is escaped once.
        self._url_start = json.dumps(notices_url)[:-1]

    def of(self, notice: str, composed_at: datetime, *, test: bool = False) -> str:
        """The body for a notice; a test says so by its type."""
        at = composed_at.isoformat(timespec="milliseconds")
        return (
            f'{{"type":"{EVENT_TYPE if test else "notice.waiting"}","timestamp":"{at}",'
            f'"data":{{"notice":"{notice}","url":{self._url_start}/{notice}"}}}}'
        )


class WebhookChannel:
    """What is sent, over a client of its own.

    Args:
        lookup: from names to addresses; without one, the system's own.
    """

    def __init__(
        self,
        settings: SendSettings,
        notices_url: str,
        clock: Clock,
        lookup: Lookup | None = None,
    ) -> None:
        self._client = WebhookClient(settings, clock, lookup)
        self._body = Body(notices_url)

    async def open(self) -> None:
        """Make the sessions; they belong to the running loop."""
        await self._client.open()

    async def close(self) -> None:
        """Close every connection."""
        await self._client.close()

    async def send(
        self, target: Target, notice: UUID, composed_at: datetime, *, test: bool = False
    ) -> Outcome:
        """Send one webhook and judge the answer. Never raises for what a receiver does."""
        name = str(notice)
        return await self._client.send(target, name, self._body.of(name, composed_at, test=test))


def moved(outcome: Outcome) -> Outcome:
    """What an answer means when the endpoint has another address by the time that it comes: what
    was not delivered is sent there, at once."""
    if isinstance(outcome, Delivered):
        return outcome
    return Unreachable("endpoint-moved", outcome.status, 0.0, headers=outcome.headers)
