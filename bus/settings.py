"""Which road the facts take, and how patiently."""

from pydantic import Field

from chassis.settings import Group


class BusSettings(Group):
    """`postgresql:` reads the log where it is written; `kafka://host:port,…` carries it."""

    url: str = Field(default="postgresql:", pattern=r"^(postgresql:|kafka://[^/\s]+)$")
    topic_prefix: str = "safeguarding."
    partitions: int = Field(default=6, ge=1)
    replication_factor: int = Field(default=1, ge=1)
    batch_size: int = Field(default=50, ge=1, le=1000)
    poll_seconds: float = Field(
        default=1.0, description="How often the log is looked at when nothing wakes the reader."
    )
    retry_first_delay_seconds: float = 0.5
    retry_limit_seconds: float = Field(
        default=120.0, description="How long a retry may hold its key before it is parked."
    )
    session_timeout_ms: int = Field(default=10_000, description="Kafka consumer group session.")
    send_seconds: float = Field(
        default=10.0, description="Deadline of one relayed chunk; below the request time-out."
    )

    watch_seconds: float = Field(default=5.0, gt=0, description="How often each part is measured.")
    slow_seconds: float = Field(
        default=30.0, gt=0, description="What waits longer makes its part slow …"
    )
    behind_seconds: float = Field(default=300.0, gt=0, description="… behind …")
    stopped_seconds: float = Field(
        default=120.0, gt=0, description="… or stopped, when nothing moved for so long."
    )

    @property
    def kafka_servers(self) -> str | None:
        """The bootstrap servers, or None on the embedded log."""
        return self.url.removeprefix("kafka://") if self.url.startswith("kafka://") else None
