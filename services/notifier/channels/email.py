"""Alerts by e-mail over SMTP: encrypted, or not at all.

The same alert has the same bytes and the same Message-ID on every try, so that a mail system which
gets it twice (a crash between its answer and our record of it) can tell.
"""

from __future__ import annotations

import asyncio
import ssl
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from uuid import UUID

import aiosmtplib
from aiosmtplib.errors import (
    SMTPAuthenticationError,
    SMTPException,
    SMTPRecipientsRefused,
    SMTPResponseException,
)

from services.notifier.channels.alert import Accepted, Later, Message, Outcome, Refused
from services.notifier.settings import SmtpSettings

SENDER_NAME = "Notices"
"""Beside the From address; a mail program shows it, perhaps on a locked screen."""


class EmailChannel:
    """A connection per alert: they are few, and each is then judged alone."""

    def __init__(self, settings: SmtpSettings, timeout_seconds: float) -> None:
        self._settings = settings
        self._timeout = timeout_seconds
        self._tls: ssl.SSLContext | None = None

    async def send(self, message: Message) -> Outcome:
        """Hand one alert to the relay and judge its answer. Never raises for what a relay does."""
        settings = self._settings
        if not settings.host:
            return Refused("no-relay")
        client = aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port,
            timeout=self._timeout,
            use_tls=False,
            start_tls=False,
            local_hostname=domain_of(settings),
        )
        try:
            async with asyncio.timeout(self._timeout):
                return await self._converse(client, message)
        except TimeoutError:
            return Later("timed-out")
        except ssl.SSLError:
            return Later("certificate-refused")
        except SMTPResponseException:
            # It would not talk to us at all. Its own words are not kept: they may quote anything.
            return Later("relay-refused")
        except (SMTPException, OSError) as error:
            refused = isinstance(error.__cause__, ssl.SSLError)
            return Later("certificate-refused" if refused else "not-connected")
        finally:
            client.close()

    async def _converse(self, client: aiosmtplib.SMTP, message: Message) -> Outcome:
        settings = self._settings
        await client.connect()
        await client.ehlo()
        if client.supports_extension("starttls"):
            await client.starttls(tls_context=self._context())
            await client.ehlo()
        elif settings.require_starttls:
            # It may be put right while we try again; until then nothing leaves in the clear.
            return Later("no-starttls")
        if settings.username:
            try:
                await client.login(settings.username, settings.password.get_secret_value())
            except SMTPAuthenticationError:
                return Later("sign-in-refused")
        try:
            await client.sendmail(
                settings.bounce_address or settings.sender,
                [message.address],
                write_email(message, settings),
            )
        except SMTPRecipientsRefused as error:
            code = max(one.code for one in error.recipients)
            return Refused("address-refused", address=True) if code >= 500 else Later("busy")
        except SMTPResponseException as error:
            return Refused("message-refused") if error.code >= 500 else Later("busy")
        await _part(client)
        return Accepted()

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context(cafile=self._settings.ca_file or None)
        return self._tls


async def _part(client: aiosmtplib.SMTP) -> None:
    """It has the alert: whatever happens on leaving is no failure."""
    try:
        await client.quit()
    except (SMTPException, OSError):
        return


def message_id(alert: UUID, settings: SmtpSettings) -> str:
    """`<alert@domain>`, by which bounces find their alert."""
    return f"<{alert}@{domain_of(settings)}>"


def domain_of(settings: SmtpSettings) -> str:
    """The domain that we write from."""
    return settings.sender.rpartition("@")[2]


def write_email(message: Message, settings: SmtpSettings) -> bytes:
    """The whole e-mail: plain text, seven bits."""
    content = message.content
    email = EmailMessage(policy=SMTP_POLICY)
    email["From"] = Address(SENDER_NAME, addr_spec=settings.sender)
    email["To"] = message.address
    email["Subject"] = message.headline
    email["Date"] = message.at
    email["Message-ID"] = message_id(message.alert, settings)
    # RFC 3834: no out-of-office reply comes back.
    email["Auto-Submitted"] = "auto-generated"
    email.set_content(
        f"{content.message}\n\nSign in to read: {content.link}\n\n"
        f"{content.handling}\n\n"
        f"Reference: {content.receipt}\n"
        "This address is not read. Do not reply, and do not forward.\n",
        cte="7bit",
    )
    return email.as_bytes()
