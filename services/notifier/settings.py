"""The notifier's settings: `SGB_NOTIFIER__…`; defaults are the rules of a usual partnership."""

from __future__ import annotations

from datetime import time
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

    @model_validator(mode="after")
    def _lease_outlives_sending(self) -> Self:
        if self.lease_seconds < 2 * self.timeout_seconds:
            raise ValueError("lease_seconds must be at least twice timeout_seconds")
        return self


class DeadlineSettings(Group):
    """When silence becomes an escalation; local times are Europe/London."""

    school_opens_at: time = time(8, 30)
    working_day_at: time = time(9, 0)
    least_minutes: float = Field(default=30.0, ge=0, description="Never less after arrival.")
    closed_days: int = Field(default=3, ge=0, description="Closed longer: one working day instead.")
    missing_minutes: float = Field(default=60.0, gt=0)
    mash_minutes: float = Field(default=60.0, gt=0)
    rung_minutes: float = Field(default=60.0, gt=0, description="What each further rung is given.")
    decision_working_days: int = Field(default=1, ge=1)


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


class NotifierGroup(Group):
    """Everything under `SGB_NOTIFIER__`."""

    send: SendSettings = SendSettings()
    deadlines: DeadlineSettings = DeadlineSettings()
    mailbox: MailboxSettings = MailboxSettings()
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
