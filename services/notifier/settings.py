"""The notifier's settings: `SGB_NOTIFIER__…`; defaults are the rules of a usual partnership."""

from __future__ import annotations

import re
from ipaddress import ip_address
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from email_validator import EmailNotValidError, validate_email
from pydantic import Field, SecretStr, model_validator

from bus import BusSettings
from chassis.settings import Group, ProcessSettings, WebhookSettings


class SendSettings(WebhookSettings):
    """How webhooks are sent."""

    claim_size: int = Field(default=200, ge=1, le=1000)
    held_limit: int = Field(default=5000, ge=1, description="Claimed and not yet sent, at most.")
    per_receiver: int = Field(
        default=64, ge=1, description="Open requests to one receiver (scheme, host and port)."
    )
    probing: int = Field(default=2, ge=1, description="The same, while it does not answer.")
    lease_seconds: float = Field(default=30.0, gt=0)
    settle_size: int = Field(default=200, ge=1, description="So many are settled without waiting.")
    settle_linger_seconds: float = Field(default=0.05, ge=0)
    give_up_seconds: float = Field(
        default=6 * 3600.0, description="After this long of retries the delivery has failed."
    )
    poll_seconds: float = Field(
        default=1.0, description="How often the queue is looked at when nothing wakes it."
    )
    endpoint_copy_seconds: float = Field(
        default=5.0, gt=0, description="How old what a process knows of endpoints may be, at most."
    )

    @model_validator(mode="after")
    def _lease_outlives_sending(self) -> Self:
        if self.lease_seconds < 2 * self.timeout_seconds:
            raise ValueError("lease_seconds must be at least twice timeout_seconds")
        return self


class DeadlineSettings(Group):
    """When silence becomes an escalation."""

    table: Path | None = Field(
        default=None, description="The partnership's own rules; default: deadlines.toml."
    )
    rung_minutes: float = Field(default=60.0, gt=0, description="What each further rung is given.")
    urgent_events: tuple[str, ...] = Field(
        default=(
            "domestic-abuse.recorded", "missing.reported", "missing.updated",
            "resolution.needed", "resolution.overdue",
        ),
        description="Their ladders wait for nobody's quiet hours.",
    )  # fmt: skip


class LadderSettings(Group):
    """How often an organisation confirms who is told there, and who next."""

    confirm_days: int = Field(default=90, ge=1)
    look_seconds: float = Field(
        default=60.0, gt=0, description="How often it is looked who has not."
    )


class MailboxSettings(Group):
    """How notices are pulled."""

    page_size: int = Field(default=100, ge=1)
    page_limit: int = Field(default=500, ge=1)
    wait_limit_seconds: float = Field(default=30.0, ge=0)
    poll_seconds: float = Field(
        default=1.0, description="How often a long poll looks, for what another process composed."
    )
    heartbeat_seconds: float = Field(
        default=15.0, gt=0, description="After so long of silence a live stream says that it lives."
    )
    file_within_working_days: int = Field(
        default=3, ge=1, description="Acknowledged and not filed after so many: asked for, once."
    )


class SelfServiceSettings(Group):
    """What organisations look at and do themselves."""

    keep_attempts_days: int = Field(
        default=90, ge=1, description="For so long each sending can be looked at."
    )
    tests_per_hour: int = Field(
        default=10, ge=1, description="Test notices that an organisation may send itself."
    )
    keep_tests_hours: float = Field(default=24.0, gt=0, description="Then a test is deleted.")
    forget_seconds: float = Field(
        default=60.0, gt=0, description="How often it is looked what is older."
    )


class LedgerSettings(Group):
    """How what was missed is looked for; see `services.notifier.sweep_ledger`."""

    sweep_seconds: float = Field(default=5.0, gt=0)
    page_size: int = Field(default=500, ge=1, le=5000, description="Rows looked at in a sweep.")
    unsent_seconds: float = Field(
        default=60.0, ge=0, description="Composed for so long and on no queue: it was missed."
    )
    answer_seconds: float = Field(
        default=300.0, gt=0, description="Who asked longer ago is not answered: it asks again."
    )


class StatusSettings(Group):
    """By which limits `GET /v1/status` judges; those of the seconds are the bus's."""

    late_limit: float = Field(
        default=100, ge=0, description="So many notices past their deadline are usual."
    )


class AlertSettings(Group):
    """How people are told that notices wait."""

    email_by: Literal["smtp", "notify"] = "smtp"
    sign_in_url: str = Field(
        default="", description="The link in an alert; empty: where this process is reached."
    )
    gather_seconds: float = Field(
        default=60.0, ge=0, description="What comes within this time is one alert."
    )
    urgent_gather_seconds: float = Field(
        default=2.0, ge=0, le=5, description="The same, once a missing child is among it."
    )
    at_once: int = Field(default=8, ge=1, le=100, description="Sent at the same time, at most.")
    timeout_seconds: float = Field(default=20.0, gt=0)
    lease_seconds: float = Field(default=60.0, gt=0)
    retry_first_seconds: float = Field(default=5.0, gt=0)
    retry_last_seconds: float = Field(default=120.0, gt=0)
    give_up_seconds: float = Field(
        default=1800.0, description="After this long of retries the alert has failed."
    )
    rest_seconds: float = Field(
        default=60.0,
        gt=0,
        description="How long a channel rests that refuses us: a wrong key, a false certificate.",
    )
    poll_seconds: float = Field(default=1.0, gt=0)
    confirm_days: float = Field(
        default=90.0, gt=0, description="A contact that nobody confirmed for so long is shown."
    )

    @model_validator(mode="after")
    def _lease_outlives_sending(self) -> Self:
        if self.lease_seconds < 2 * self.timeout_seconds:
            raise ValueError("lease_seconds must be at least twice timeout_seconds")
        return self


class SmtpSettings(Group):
    """The relay that takes e-mail; without a host no e-mail is sent."""

    host: str = ""
    port: int = Field(default=587, ge=1, le=65535)
    require_starttls: bool = Field(
        default=True,
        description="May be false for a relay on this very machine only; then there is none.",
    )
    ca_file: str = Field(
        default="", description="Who vouches for the relay's certificate; empty: the system's list."
    )
    username: str = ""
    password: SecretStr = SecretStr("")
    sender: str = Field(default="", description="The From address.")
    bounce_address: str = Field(
        default="", description="The envelope's sender, where bounces go; empty: `sender`."
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if not self.host:
            return self
        for name, address in (("sender", self.sender), ("bounce_address", self.bounce_address)):
            if (name == "sender" or address) and not _is_address(address):
                raise ValueError(f"{name} must be an e-mail address where host is set")
        if not self.require_starttls and not is_loopback(self.host):
            raise ValueError("require_starttls may be false on loopback only")
        return self


_KEY = re.compile(
    r".+-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
)
LEAST_TOKEN = 20


class NotifySettings(Group):
    """GOV.UK Notify; without a key nothing is sent by it."""

    api_key: SecretStr = SecretStr("")
    base_url: str = "https://api.notifications.service.gov.uk"
    email_template: str = ""
    text_template: str = ""
    callback_token: SecretStr = Field(
        default=SecretStr(""),
        description="The bearer token of its delivery callbacks, 20 characters or more.",
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if not self.api_key.get_secret_value():
            return self
        if not _KEY.fullmatch(self.api_key.get_secret_value()):
            raise ValueError("api_key must be a key of Notify: its name, service and secret")
        url = urlsplit(self.base_url)
        if url.scheme != "https" and not is_loopback(url.hostname or ""):
            raise ValueError("base_url must be https outside loopback")
        # Without callbacks an alert that did not arrive would be taken for one that did.
        if len(self.callback_token.get_secret_value()) < LEAST_TOKEN:
            raise ValueError(f"callback_token must have {LEAST_TOKEN} characters at least")
        return self


def _is_address(address: str) -> bool:
    try:
        validate_email(address, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether a host is this very machine, by its name or number."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class NotifierGroup(Group):
    """Everything under `SGB_NOTIFIER__`."""

    send: SendSettings = SendSettings()
    deadlines: DeadlineSettings = DeadlineSettings()
    mailbox: MailboxSettings = MailboxSettings()
    ledger: LedgerSettings = LedgerSettings()
    status: StatusSettings = StatusSettings()
    ladders: LadderSettings = LadderSettings()
    alerts: AlertSettings = AlertSettings()
    smtp: SmtpSettings = SmtpSettings()
    notify: NotifySettings = NotifySettings()
    self_service: SelfServiceSettings = SelfServiceSettings()
    sweep_seconds: float = Field(default=5.0, gt=0)


class Settings(ProcessSettings):
    """What the process reads."""

    bus: BusSettings = BusSettings()
    notifier: NotifierGroup = NotifierGroup()

    @property
    def notices_url(self) -> str:
        """The address under which recipients read notices, as it stands in webhooks."""
        return f"{self._public_url}/v1/notices"

    @property
    def sign_in_url(self) -> str:
        """The link in an alert."""
        return self.notifier.alerts.sign_in_url or f"{self._public_url}/"

    @property
    def _public_url(self) -> str:
        base = self.http.public_url or f"http://{self.http.host}:{self.http.port}"
        return base.rstrip("/")
