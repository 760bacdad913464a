"""What intake is told at its start; `SGB_INTAKE__…`."""

from __future__ import annotations

from typing import Self

from pydantic import Field, SecretStr, model_validator

from bus import BusSettings
from chassis.settings import Group, ProcessSettings, WebhookSettings

GATHER_SECONDS = 2.0
"""A burst of facts about one event (delivered to six recipients) is told in one push."""


class CanarySettings(Group):
    """The canary's three secrets, and how it judges. Without them it is off."""

    sender_key: SecretStr | None = Field(
        default=None, description="The key of `canary-police`, with which it posts."
    )
    recipient_key: SecretStr | None = Field(
        default=None, description="The key with which its receivers read and acknowledge."
    )
    webhook_secrets: tuple[SecretStr, ...] = Field(
        default=(), description="The signing secrets of its endpoints, `whsec_…`."
    )
    intake_url: str = Field(
        default="", description="Where it posts, as agencies do; empty: this process."
    )
    notices_url: str = Field(
        default="", description="Where it reads notices, as recipients do; empty: this process."
    )
    every_seconds: float = Field(default=300.0, gt=0)
    late_seconds: float = Field(
        default=60.0, gt=0, description="Not back after so long: an alert, a fact, a status."
    )
    look_seconds: float = Field(default=1.0, gt=0, description="How often it looks how far it is.")

    @model_validator(mode="after")
    def _all_or_none(self) -> Self:
        given = [bool(self.sender_key), bool(self.recipient_key), bool(self.webhook_secrets)]
        if any(given) != all(given):
            raise ValueError("the canary needs both keys and the webhook secrets, or none of them")
        return self

    @property
    def is_on(self) -> bool:
        """Whether it was set up."""
        return bool(self.sender_key)


class LedgerSettings(Group):
    """How the notifier is asked whether senders were told of everything."""

    sweep_seconds: float = Field(default=15.0, gt=0)
    page_size: int = Field(default=200, ge=1, le=2000, description="Events of one page.")
    rest_seconds: float = Field(
        default=900.0, ge=0, description="A round through every agency begins at most so often."
    )
    age_seconds: float = Field(default=600.0, ge=0, description="Younger is not asked about.")
    hours: float = Field(default=24.0, gt=0, description="Older is not asked about.")


class PushSettings(WebhookSettings):
    """How senders are told of progress at their own address."""

    gather_seconds: float = Field(
        default=GATHER_SECONDS,
        ge=0,
        description="What changes of an event within so long is one push.",
    )
    retry_last_seconds: float = Field(default=120.0, gt=0)
    claim_size: int = Field(default=100, ge=1, le=1000)
    per_subscription: int = Field(default=4, ge=1, description="Open requests to one address.")
    lease_seconds: float = Field(default=30.0, gt=0)
    poll_seconds: float = Field(default=0.5, gt=0)
    give_up_hours: float = Field(
        default=72.0, gt=0, description="A subscription that failed for so long is disabled."
    )
    most_subscriptions: int = Field(default=5, ge=1, description="Of one organisation.")

    @model_validator(mode="after")
    def _lease_outlives_sending(self) -> Self:
        if self.lease_seconds < 2 * self.timeout_seconds:
            raise ValueError("lease_seconds must be at least twice timeout_seconds")
        return self


class RejectionSettings(Group):
    """What is kept of refused events, for whoever sent them."""

    most: int = Field(default=1_000, ge=1, description="Of one organisation; the newest stay.")
    days: float = Field(default=30.0, gt=0)
    linger_seconds: float = Field(default=1.0, ge=0, description="What gathers is one write.")


class SandboxSettings(Group):
    """Events of sandbox credentials; see `services.intake.sandbox`."""

    step_seconds: float = Field(default=5.0, gt=0, description="Between two steps of the story.")
    most: int = Field(default=1_000, ge=1, description="Events of one organisation.")
    days: float = Field(default=30.0, gt=0)


class IntakeSettings(Group):
    """Identity, the clock, and how patiently a request waits to be recorded."""

    identity_secret: SecretStr = Field(
        min_length=32,
        description="Receipts and keys are derived from it. It must never change: the same event "
        "sent again would get another receipt and be told twice (docs/decisions/0004).",
    )
    clock_skew_seconds: float = Field(
        default=300.0,
        ge=0.0,
        le=300.0,
        description="How far ahead of ours a sender's clock may be; the contract's own limit is "
        "five minutes, and it may only be made tighter here.",
    )
    record_seconds: float = Field(
        default=2.0, gt=0.0, description="After this a request that is not recorded gets a 503."
    )
    queue_size: int = Field(
        default=5_000, ge=1_000, description="Events that may wait; a full queue answers 503."
    )
    group_size: int = Field(
        default=256, ge=1, le=2_000, description="At most so many events share one commit."
    )
    canary: CanarySettings = CanarySettings()
    ledger: LedgerSettings = LedgerSettings()
    push: PushSettings = PushSettings()
    rejections: RejectionSettings = RejectionSettings()
    sandbox: SandboxSettings = SandboxSettings()


class Settings(ProcessSettings):
    """The process's settings."""

    bus: BusSettings = BusSettings()
    intake: IntakeSettings

    @property
    def own_url(self) -> str:
        """How others reach this process."""
        base = self.http.public_url or f"http://{self.http.host}:{self.http.port}"
        return base.rstrip("/")


KNOWN_GROUPS = frozenset(
    {*Settings.model_fields, "directory", "notifier", "health_broker", "role_password"}
)
"""Groups that an environment may hold; those of other services are theirs to check."""
