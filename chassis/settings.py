"""Settings: read once in `__main__`, frozen, passed down as values; a misspelt name is refused.

Every name begins with `SGB_`; groups are separated by `__`, as in `SGB_DATABASE__URL`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "SGB_"


class Group(BaseModel):
    """A nested group: a name that it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class DatabaseSettings(Group):
    """Where the service's PostgreSQL (15 or newer) is, and how much of it to use."""

    url: SecretStr = Field(description="postgresql://role@host/database")
    pool_size: int = Field(default=8, ge=1, le=200)
    idle_in_transaction_seconds: float = Field(
        default=5.0,
        description="A stuck appender stalls every reader of the log, so the server ends it.",
    )
    statement_seconds: float = Field(default=30.0)
    connect_seconds: float = Field(default=5.0)


class HttpSettings(Group):
    """Where the process listens."""

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    public_url: str = Field(
        default="", description="How others reach this process; empty: http://host:port"
    )


class LogSettings(Group):
    """How the process logs."""

    level: str = "INFO"
    json_lines: bool = True


class WebhookSettings(Group):
    """How webhooks are sent: patience with one answer, with one receiver, and where they may go."""

    timeout_seconds: float = Field(default=10.0, gt=0)
    retry_first_seconds: float = Field(default=2.0, gt=0)
    retry_last_seconds: float = Field(default=300.0, gt=0)
    retry_after_least_seconds: float = Field(default=1.0, ge=0)
    retry_after_most_seconds: float = Field(
        default=600.0, description="A receiver that asks for longer is asked again after this."
    )
    allowed_networks: tuple[IPv4Network | IPv6Network, ...] = Field(
        default=(),
        description="May be reached though not public, and without https: a JSON list of networks.",
    )
    pause_after_failures: int = Field(
        default=10, ge=1, description="So many in a row, and the endpoint is left alone."
    )
    pause_first_seconds: float = Field(
        default=5.0, gt=0, description="For how long at first; each further pause is twice as long."
    )
    pause_last_seconds: float = Field(default=60.0, gt=0, description="And at most for so long.")


class ProcessSettings(BaseSettings):
    """What every process reads; services add their own group."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
        # A secret that is refused is named and not shown.
        hide_input_in_errors=True,
    )

    database: DatabaseSettings
    http: HttpSettings = HttpSettings()
    log: LogSettings = LogSettings()


class UnknownSettingError(ValueError):
    """A variable that begins with the prefix names no setting."""


def refuse_unknown(
    known: Mapping[str, Any] | set[str], environment: Mapping[str, str] | None = None
) -> None:
    """Raise `UnknownSettingError` for a `SGB_` variable whose group is not in `known`.

    pydantic-settings ignores a misspelt top-level variable in silence; nested ones it refuses.
    Groups of other services are allowed, because one environment file may serve them all.
    """
    for name in environment if environment is not None else os.environ:
        if not name.upper().startswith(PREFIX):
            continue
        group = name[len(PREFIX) :].lower().split("__")[0]
        if group not in known:
            raise UnknownSettingError(f"{name} names no setting; known groups: {sorted(known)}")


def printable(settings: BaseSettings) -> str:
    """The settings as JSON with secrets masked, for `python -m services.NAME settings`."""
    return json.dumps(settings.model_dump(mode="json"), indent=2)
