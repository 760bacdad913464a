"""`python -m deploy.contracts [--check]`: every generated contract, from every layer that has one.

`schemas` cannot see the programs above it, so what they describe themselves is added here.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

from deploy.laptop.app import create_api
from schemas.generate import contracts, run


def openapi() -> str:
    """OpenAPI 3.1 of every service's requests, from the application itself; needs no database."""
    return json.dumps(create_api().openapi(), indent=2, ensure_ascii=False) + "\n"


EXTRA_PRODUCERS: dict[str, Callable[[], str]] = {"openapi.json": openapi}
"""Path below `schemas/generated/` → what produces its text."""


def all_contracts() -> dict[str, str]:
    """Every generated file by its path below `schemas/generated/`."""
    return {**contracts(), **{path: produce() for path, produce in EXTRA_PRODUCERS.items()}}


if __name__ == "__main__":
    sys.exit(run(all_contracts(), sys.argv[1:]))
