"""What the health broker is told at its start; `SGB_HEALTH_BROKER__…`."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from bus import BusSettings
from chassis.settings import Group, ProcessSettings


class HealthBrokerSettings(Group):
    """Who we are to our peers, and how patiently they are told."""

    name: str = Field(
        default="Safeguarding information bus", min_length=1, description="Our name in messages."
    )
    ods_code: str = Field(
        default="EXAMPLE-LA", pattern=r"^[A-Z0-9-]{3,20}$", description="Our ODS code in messages."
    )
    send_seconds: float = Field(default=10.0, gt=0, description="Total time-out of one sending.")
    lease_seconds: float = Field(
        default=30.0, gt=0, description="How long a claimed message is ours; twice send_seconds."
    )
    sending_at_once: int = Field(default=64, ge=1, le=1000)
    sending_at_once_per_peer: int = Field(
        default=16, ge=1, description="So that one peer that hangs leaves room for the others."
    )
    poll_seconds: float = Field(
        default=1.0, gt=0, description="How often the queue is looked at when nothing wakes it."
    )
    retry_first_delay_seconds: float = Field(default=1.0, gt=0)
    retry_last_delay_seconds: float = Field(
        default=60.0, gt=0, description="Retries go on at this interval without an end."
    )
    retry_after_limit_seconds: float = Field(
        default=900.0, gt=0, description="A peer's Retry-After counts up to this."
    )
    answer_limit_bytes: int = Field(default=1_048_576, ge=1024)
    body_limit_bytes: int = Field(
        default=1_048_576, ge=1024, description="Of a message that a peer sends to us."
    )

    @model_validator(mode="after")
    def _lease_outlives_two_sendings(self) -> Self:
        if self.lease_seconds < 2 * self.send_seconds:
            raise ValueError("lease_seconds must be at least twice send_seconds")
        return self


class Settings(ProcessSettings):
    """The process's settings."""

    bus: BusSettings = BusSettings()
    health_broker: HealthBrokerSettings = HealthBrokerSettings()

    @property
    def endpoint(self) -> str:
        """Where peers send their answers."""
        base = self.http.public_url or f"http://{self.http.host}:{self.http.port}"
        return f"{base.rstrip('/')}/fhir/R4/$process-message"


KNOWN_GROUPS = frozenset(
    {*Settings.model_fields, "intake", "directory", "notifier", "role_password"}
)
"""Groups that an environment may hold; those of other services are theirs to check."""
