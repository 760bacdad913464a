"""What intake is told at its start; `SGB_INTAKE__…`."""

from __future__ import annotations

from pydantic import Field, SecretStr

from bus import BusSettings
from chassis.settings import Group, ProcessSettings


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


class Settings(ProcessSettings):
    """The process's settings."""

    bus: BusSettings = BusSettings()
    intake: IntakeSettings


KNOWN_GROUPS = frozenset(
    {*Settings.model_fields, "directory", "notifier", "health_broker", "role_password"}
)
"""Groups that an environment may hold; those of other services are theirs to check."""
