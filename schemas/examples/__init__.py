"""One whole event per type, plainly synthetic: for the documentation, the demonstration, tests.

NHS numbers are of the range that is kept for tests (999 000 0000 to 999 999 9999); postcodes and
people do not exist.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any


def load(event_type: str) -> dict[str, Any]:
    """The example of a type as a fresh dictionary; FileNotFoundError where there is none."""
    text = files(__name__).joinpath(f"{event_type}.json").read_text(encoding="utf-8")
    event: dict[str, Any] = json.loads(text)
    return event
