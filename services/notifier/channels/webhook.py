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
from chassis.webhooks import Outcome, Target, WebhookClient
from services.notifier.settings import SendSettings


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
        # The address is the same but for the id, so it is escaped once.
        self._url_start = json.dumps(notices_url)[:-1]

    async def open(self) -> None:
        """Make the sessions; they belong to the running loop."""
        await self._client.open()

    async def close(self) -> None:
        """Close every connection."""
        await self._client.close()

    async def send(self, target: Target, notice: UUID, composed_at: datetime) -> Outcome:
        """Send one webhook and judge the answer. Never raises for what a receiver does."""
        name = str(notice)
        return await self._client.send(target, name, self.body(name, composed_at))

    def body(self, notice: str, composed_at: datetime) -> str:
        """The body, the same on every retry."""
        at = composed_at.isoformat(timespec="milliseconds")
        return (
            f'{{"type":"notice.waiting","timestamp":"{at}",'
            f'"data":{{"notice":"{notice}","url":{self._url_start}/{notice}"}}}}'
        )
