"""The notifier's settings: `SGB_NOTIFIER__…`; defaults are the rules of a usual partnership."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from bus import BusSettings
from chassis.settings import Group, ProcessSettings


class SendSettings(Group):
    """How webhooks are sent."""

    claim_size: int = Field(default=200, ge=1, le=1000)
    held_limit: int = Field(default=5000, ge=1, description="Claimed and not yet sent, at most.")
    per_receiver: int = Field(
        default=64, ge=1, description="Open requests to one receiver (scheme, host and port)."
    )
    probing: int = Field(default=2, ge=1, description="The same, while it does not answer.")
    timeout_seconds: float = Field(default=10.0, gt=0)
    lease_seconds: float = Field(default=30.0, gt=0)
    settle_size: int = Field(default=200, ge=1, description="So many are settled without waiting.")
    settle_linger_seconds: float = Field(default=0.05, ge=0)
    retry_first_seconds: float = Field(default=2.0, gt=0)
    retry_last_seconds: float = Field(default=300.0, gt=0)
    retry_after_least_seconds: float = Field(default=1.0, ge=0)
    retry_after_most_seconds: float = Field(
        default=600.0, description="A receiver that asks for longer is asked again after this."
    )
    give_up_seconds: float = Field(
        default=6 * 3600.0, description="After this long of retries the delivery has failed."
    )
    poll_seconds: float = Field(
        default=1.0, description="How often the queue is looked at when nothing wakes it."
    )
    allowed_networks: tuple[IPv4Network | IPv6Network, ...] = Field(
        default=(),
        description="May be reached though not public, and without https: a JSON list of networks.",
    )
    endpoint_copy_seconds: float = Field(
        default=5.0, gt=0, description="How old what a process knows of endpoints may be, at most."
    )
    pause_after_failures: int = Field(
        default=10, ge=1, description="So many in a row, and the endpoint is left alone."
    )
    pause_first_seconds: float = Field(
        default=5.0, gt=0, description="For how long at first; each further pause is twice as long."
    )
    pause_last_seconds: float = Field(default=60.0, gt=0, description="And at most for so long.")

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


class NotifierGroup(Group):
    """Everything under `SGB_NOTIFIER__`."""

    send: SendSettings = SendSettings()
    deadlines: DeadlineSettings = DeadlineSettings()
    mailbox: MailboxSettings = MailboxSettings()
    ledger: LedgerSettings = LedgerSettings()
    status: StatusSettings = StatusSettings()
    ladders: LadderSettings = LadderSettings()
    self_service: SelfServiceSettings = SelfServiceSettings()
    sweep_seconds: float = Field(default=5.0, gt=0)


class Settings(ProcessSettings):
    """What the process reads."""

    bus: BusSettings = BusSettings()
    notifier: NotifierGroup = NotifierGroup()

    @property
    def notices_url(self) -> str:
        """The address under which recipients read notices, as it stands in webhooks."""
        base = self.http.public_url or f"http://{self.http.host}:{self.http.port}"
        return f"{base.rstrip('/')}/v1/notices"
