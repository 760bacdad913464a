"""Sends signed webhooks (Standard Webhooks) and says what an answer means; domain-free.

The address is judged at every sending, a redirect is never followed, and nothing that a receiver
does is raised. What the body says is the caller's.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Protocol

import aiohttp

from chassis.addresses import (
    AddressRefusedError,
    Guard,
    Lookup,
    Resolver,
    SystemLookup,
)
from chassis.answer_headers import keep_headers
from chassis.clock import Clock
from chassis.settings import WebhookSettings
from chassis.webhook_keys import Signer

DRAIN_BYTES = 16_384
"""An answer's body is read this far, so that its connection can be used again, and thrown away."""

GONE = "endpoint-gone"
"""The receiver answered 410: nothing is sent there any more."""


class Target(Protocol):
    """Where a webhook goes, and how it is signed."""

    @property
    def url(self) -> str: ...

    @property
    def signers(self) -> tuple[Signer, ...]: ...


@dataclass(frozen=True, slots=True)
class Delivered:
    """The receiver answered 2xx: it has it. `headers` of its answer, as they are kept."""

    status: int
    code: str = "delivered"
    headers: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Unreachable:
    """Not now. `after_seconds` is what the receiver asked for; `silent`: it did not answer."""

    code: str
    status: int | None = None
    after_seconds: float | None = None
    silent: bool = False
    headers: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Refused:
    """Not this way, ever."""

    code: str
    status: int | None = None
    headers: str | None = field(default=None, compare=False)


Outcome = Delivered | Unreachable | Refused


class WebhookClient:
    """An HTTP session for each scheme; it holds no transaction and follows no redirect.

    Args:
        lookup: from names to addresses; without one, the system's own.
    """

    def __init__(
        self, settings: WebhookSettings, clock: Clock, lookup: Lookup | None = None
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._lookup = lookup
        self._system: SystemLookup | None = None
        self._sessions: dict[str, aiohttp.ClientSession] = {}

    async def open(self) -> None:
        """Make the sessions; they belong to the running loop."""
        lookup = self._lookup
        if lookup is None:
            lookup = self._system = SystemLookup()
        for scheme in ("http", "https"):
            guard = Guard(self._settings.allowed_networks, encrypted=scheme == "https")
            self._sessions[scheme] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=0,
                    keepalive_timeout=60,
                    resolver=Resolver(guard, lookup),
                    socket_factory=guard.make_socket,
                ),
                timeout=aiohttp.ClientTimeout(total=self._settings.timeout_seconds),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                headers={"Content-Type": "application/json", "User-Agent": "safeguarding-bus/1"},
            )

    async def close(self) -> None:
        """Close every connection."""
        for session in self._sessions.values():
            await session.close()
        if self._system is not None:
            self._system.close()

    async def send(self, target: Target, name: str, body: str) -> Outcome:
        """Send one webhook and judge the answer. Never raises for what a receiver does.

        Args:
            name: its id, the same on every retry.
        """
        status: int | None = None
        session = self._sessions["https" if target.url[:6].lower() == "https:" else "http"]
        try:
            async with session.post(
                target.url,
                data=body.encode(),
                headers=sign(target.signers, name, self._clock(), body),
                allow_redirects=False,
            ) as response:
                status = response.status
                outcome = judge(status, response.headers, self._clock(), self._settings)
                await _drain(response.content)
                return outcome
        except TimeoutError:
            code, silent = "timed-out", True
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # ValueError: an address or an answer that cannot be read as HTTP.
            if status is None and _refused(error):
                return Refused("address-refused")
            code, silent = "not-connected", status is None
        if status is not None:
            # It answered and only its body was cut short: the answer counts.
            return judge(status, {}, self._clock(), self._settings)
        return Unreachable(code, silent=silent)


def _refused(error: BaseException) -> bool:
    """Whether it was the address that was refused, before anything was sent."""
    if isinstance(error, AddressRefusedError | aiohttp.InvalidURL):
        return True
    return isinstance(error, aiohttp.ClientConnectorError) and isinstance(
        error.os_error, AddressRefusedError
    )


def sign(signers: tuple[Signer, ...], name: str, at: datetime, body: str) -> dict[str, str]:
    """The three headers of Standard Webhooks; during a rotation one signature per key."""
    signatures = " ".join(one.sign(name, at, body) for one in signers)
    return {
        "webhook-id": name,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": signatures,
    }


def judge(
    status: int, headers: Mapping[str, str], now: datetime, settings: WebhookSettings
) -> Outcome:
    """What an answer means: 2xx has it, 3xx and 4xx never will, the rest may later."""
    kept = keep_headers(headers)
    if 200 <= status < 300:
        return Delivered(status, headers=kept)
    if status in (408, 425, 429) or status >= 500:
        asked = headers.get("Retry-After") if status in (429, 503) else None
        after = read_retry_after(asked, now)
        if after is not None:
            least, most = settings.retry_after_least_seconds, settings.retry_after_most_seconds
            after = min(max(after, least), most)
        code = "busy" if status in (429, 503) else "failing"
        return Unreachable(code, status, after, headers=kept)
    if status == 410:
        return Refused(GONE, status, kept)
    return Refused("redirected" if 300 <= status < 400 else "refused", status, kept)


def read_retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds from now, from a number or an HTTP date; None when it says neither."""
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - now).total_seconds())


def backoff_seconds(number: int, settings: WebhookSettings) -> float:
    """Exponential with full jitter: receivers that come back are not hit all at once."""
    ceiling = settings.retry_first_seconds * 2.0 ** min(number - 1, 30)
    return random.uniform(0.0, min(ceiling, settings.retry_last_seconds))  # noqa: S311


async def _drain(content: aiohttp.StreamReader) -> None:
    left = DRAIN_BYTES
    while left > 0 and not content.at_eof():
        chunk = await content.read(left)
        if not chunk:
            return
        left -= len(chunk)
