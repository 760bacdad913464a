"""Alerts by GOV.UK Notify, as e-mail or text message.

Notify does not tell repeats apart, so before a second try it is asked, by our reference, whether it
has the first. Its client is synchronous: each call has a thread, of which there is a bound.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import requests
from notifications_python_client.errors import APIError
from notifications_python_client.notifications import NotificationsAPIClient

from services.notifier.channels.alert import Accepted, Later, Message, Outcome, Refused
from services.notifier.settings import NotifySettings

Kind = Literal["email", "sms"]

_ADDRESS_FIELDS = ("phone_number", "email_address")


class NotifyChannel:
    """The two calls of Notify's API that send, and the one that asks."""

    def __init__(self, settings: NotifySettings, timeout_seconds: float, at_once: int) -> None:
        self._settings = settings
        self._timeout = timeout_seconds
        # Threads of its own: those of the process must not wait for a Notify that hangs.
        self._threads = ThreadPoolExecutor(at_once, "notify")
        # What Notify answers may quote the address.
        logging.getLogger("notifications_python_client").setLevel(logging.CRITICAL)

    async def send(self, message: Message, kind: Kind, number: int) -> Outcome:
        """Hand one alert to Notify and judge its answer; `number` counts the tries from 1."""
        if unset(self._settings, kind):
            return Refused("no-notify")
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._timeout):
                # One that has not begun by then never does; one that has, Notify may have taken.
                return await loop.run_in_executor(self._threads, self._call, message, kind, number)
        except TimeoutError:
            return Later("timed-out")

    def _call(self, message: Message, kind: Kind, number: int) -> Outcome:
        settings = self._settings
        # One for each call: the client is not made for several threads. It asks at most twice.
        client: Any = NotificationsAPIClient(  # type: ignore[no-untyped-call]
            settings.api_key.get_secret_value(), settings.base_url, self._timeout / 2
        )
        reference = str(message.alert)
        try:
            if number > 1 and _knows(client, reference):
                return Accepted("known-already")
            said = {
                "count": str(message.notices),
                "reference": reference,
                "link": message.link,
            }
            if kind == "sms":
                client.send_sms_notification(
                    message.address, settings.text_template, said, reference
                )
            else:
                client.send_email_notification(
                    message.address, settings.email_template, said, reference
                )
        except APIError as error:
            return _judge(error)
        finally:
            client.request_session.close()
        return Accepted()


def unset(settings: NotifySettings, kind: Kind) -> bool:
    """Whether Notify cannot be used for this kind: no key, or no template."""
    template = settings.text_template if kind == "sms" else settings.email_template
    return not (settings.api_key.get_secret_value() and template)


def _knows(client: Any, reference: str) -> bool:
    found = client.get_all_notifications(reference=reference)
    return any(one.get("reference") == reference for one in found.get("notifications", ()))


def _judge(error: APIError) -> Outcome:
    """400 is ours or the address's fault; the rest may be put right while it is tried again."""
    status = error.status_code
    if error.response is None:
        late = isinstance(error.__cause__, requests.Timeout)
        return Later("timed-out" if late else "not-connected")
    if status in (401, 403):
        return Later("key-refused", ours=True)
    if status != 400:
        return Later("too-many" if status == 429 else "busy")
    told = error.message if isinstance(error.message, list) else []
    of_address = any(
        str(one.get("message", "")).startswith(_ADDRESS_FIELDS)
        for one in told
        if isinstance(one, dict)
    )
    return Refused("address-refused", address=True) if of_address else Refused("message-refused")
