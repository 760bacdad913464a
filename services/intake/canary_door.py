"""How the canary goes through the product's doors: over HTTP, as an agency and as a recipient.

It knows nothing that they do not know. Whatever a door answers is a value; it never raises for it.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Self
from uuid import UUID

import aiohttp

from services.intake.settings import CanarySettings

TIMEOUT_SECONDS = 10.0
_STRUCTURED = "application/cloudevents+json"
_UNREACHED = 0


class Answer(NamedTuple):
    """A status (0: no answer) and the JSON of a success."""

    status: int
    body: dict[str, Any]

    @property
    def well(self) -> bool:
        return 200 <= self.status < 300


class CanaryDoor:
    """The sender's and the recipient's side of the bus."""

    def __init__(self, settings: CanarySettings, own_url: str) -> None:
        self._intake = settings.intake_url.rstrip("/") or own_url
        self._notices = settings.notices_url.rstrip("/") or own_url
        self._sender = _bearer(settings.sender_key)
        self._recipient = _bearer(settings.recipient_key)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def post(self, event: dict[str, Any]) -> Answer:
        """Post an event; a 202 has its receipt."""
        headers = {**self._sender, "Content-Type": _STRUCTURED}
        return await self._ask("POST", f"{self._intake}/v1/events", headers, event)

    async def progress(self, receipt: UUID) -> Answer:
        """What the sender is told of its event."""
        return await self._ask("GET", f"{self._intake}/v1/events/{receipt}", self._sender)

    async def open(self, notice: UUID) -> Answer:
        """What a notice says."""
        return await self._ask("GET", f"{self._notices}/v1/notices/{notice}", self._recipient)

    async def acknowledge(self, notice: UUID) -> Answer:
        """Confirm it, as a person at the recipient would."""
        url = f"{self._notices}/v1/notices/{notice}/receipts"
        return await self._ask(
            "POST", url, self._recipient, {"state": "acknowledged", "by": "canary"}
        )

    async def _ask(
        self, method: str, url: str, headers: dict[str, str], body: dict[str, Any] | None = None
    ) -> Answer:
        assert self._session is not None  # noqa: S101 - opened by whoever drives the canary
        try:
            async with self._session.request(
                method,
                url,
                json=body,
                headers={**headers, "X-Purpose": "canary"},
                allow_redirects=False,
            ) as answer:
                found = await answer.json() if answer.status < 300 else {}
                return Answer(answer.status, found if isinstance(found, dict) else {})
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            return Answer(_UNREACHED, {})


def _bearer(key: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {key.get_secret_value()}"} if key is not None else {}
