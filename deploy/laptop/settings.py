"""What a laptop run is told: three variables, and a misspelt one is refused."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from deploy.laptop.partnership import DEFAULT_CHILDREN, FEWEST_CHILDREN
from deploy.laptop.place import LaptopError

PREFIX = "SGB_LAPTOP_"
_NAMES = {"PORT": "port", f"{PREFIX}DATA": "data", f"{PREFIX}CHILDREN": "children"}


class LaptopSettings(BaseModel):
    """Read from the environment by `read_settings`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    port: int = Field(default=8000, ge=1024, le=65_000, description="PORT; three more follow it.")
    data: Path = Field(default=Path(".data"), description="SGB_LAPTOP_DATA")
    children: int = Field(
        default=DEFAULT_CHILDREN,
        ge=FEWEST_CHILDREN,
        le=60_000,
        description="SGB_LAPTOP_CHILDREN: how many the synthetic register holds, at first start.",
    )

    @property
    def receiver_port(self) -> int:
        """Where the demonstration's receiver answers."""
        return self.port + 1

    @property
    def peer_port(self) -> int:
        """Where the demonstration's FHIR peer answers."""
        return self.port + 2


def read_settings(environment: Mapping[str, str] | None = None) -> LaptopSettings:
    """The settings, or `LaptopError` naming the variable that is wrong."""
    found = os.environ if environment is None else environment
    unknown = [name for name in found if name.startswith(PREFIX) and name not in _NAMES]
    if unknown:
        raise LaptopError(f"{unknown[0]} names no setting; known: {', '.join(_NAMES)}.")
    values = {field: found[name] for name, field in _NAMES.items() if found.get(name)}
    try:
        return LaptopSettings.model_validate(values)
    except ValidationError as error:
        field = str(error.errors()[0]["loc"][0])
        name = next(name for name, known in _NAMES.items() if known == field)
        raise LaptopError(f"{name}: {error.errors()[0]['msg']}.") from None
