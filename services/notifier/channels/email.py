"""Alerts by e-mail over SMTP: encrypted, or not at all.

The same alert has the same bytes and the same Message-ID on every try, so that a mail system which
gets it twice (a crash between its answer and our record of it) can tell.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from contextlib import suppress
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from uuid import UUID

import aiosmtplib
from aiosmtplib.errors import (
    SMTPAuthenticationError,
    SMTPException,
    SMTPRecipientRefused,
    SMTPRecipientsRefused,
    SMTPResponseException,
    SMTPSenderRefused,
)

from services.notifier.channels.alert import (
    Accepted,
    Later,
    Message,
    Outcome,
    Refused,
    is_of_address,
)
from services.notifier.settings import SmtpSettings

SENDER_NAME = "Notices"
"""Beside the From address; a mail program shows it, perhaps on a locked screen."""

PART_SECONDS = 1.0
_UNQUALIFIED = (550, 551, 553)
"""What a relay that gives no enhanced status says of an address that it does not know."""


class EmailChannel:
    """A connection per alert: they are few, and each is then judged alone."""

    def __init__(self, settings: SmtpSettings, timeout_seconds: float) -> None:
        self._settings = settings
        self._timeout = timeout_seconds
        # Here, so that a file that is missing is seen when the process starts.
        self._tls = (
            ssl.create_default_context(cafile=settings.ca_file or None)
            if settings.host and settings.require_starttls
            else None
        )

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
                outcome = await self._converse(client, message)
        except TimeoutError:
            return Later("timed-out")
        except SMTPResponseException:
            # It would not talk to us at all. Its own words are not kept: they may quote anything.
            return Later("relay-refused")
        except (SMTPException, OSError) as error:
            if _is_of_tls(error):
                return Later("certificate-refused", ours=True)
            return Later("not-connected")
        else:
            await _part(client)
            return outcome
        finally:
            client.close()

    async def _converse(self, client: aiosmtplib.SMTP, message: Message) -> Outcome:
        settings = self._settings
        await client.connect()
        await client.ehlo()
        if settings.require_starttls:
            if not client.supports_extension("starttls"):
                # It may be put right while we try again; until then nothing leaves in the clear.
                return Later("no-starttls", ours=True)
            await client.starttls(tls_context=self._tls)
            await client.ehlo()
        if settings.username:
            try:
                await client.login(settings.username, settings.password.get_secret_value())
            except SMTPAuthenticationError:
                return Later("sign-in-refused", ours=True)
        try:
            await client.sendmail(
                settings.bounce_address or settings.sender,
                [message.address],
                write_email(message, settings),
            )
        except SMTPSenderRefused as error:
            return Later("sender-refused", ours=True) if error.code >= 500 else Later("busy")
        except SMTPRecipientsRefused as error:
            return _judge(error.recipients[0])
        except SMTPResponseException as error:
            return Refused("message-refused") if error.code >= 500 else Later("busy")
        return Accepted()


def _judge(refused: SMTPRecipientRefused) -> Outcome:
    """What the answer to an alert's only RCPT means."""
    if refused.code < 500:
        return Later("busy")
    status = re.match(r"5\.\d{1,3}\.\d{1,3}", refused.message)
    address = is_of_address(status[0]) if status else refused.code in _UNQUALIFIED
    return Refused("address-refused" if address else "recipient-refused", address=address)


def _is_of_tls(error: BaseException) -> bool:
    """Whether a conversation ended because the relay could not prove who it is."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLError):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


async def _part(client: aiosmtplib.SMTP) -> None:
    """The relay has said what it says: whatever happens on leaving changes nothing of it."""
    with suppress(SMTPException, OSError):
        async with asyncio.timeout(PART_SECONDS):
            await client.quit()


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
