"""Which headers of a receiver's answer are kept with an attempt: those that help to mend a receiver
and say nothing of anybody."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache

KEPT = ("content-type", "content-length", "retry-after", "server", "via", "x-request-id")
LONGEST = 200
NOT_SHOWN = "(not shown)"


def keep_headers(headers: Mapping[str, str]) -> str | None:
    """The kept ones of an answer (names in any case, if the mapping allows it) as JSON, or None.

    What a receiver sends is never trusted to be text that PostgreSQL takes: one value that it
    refuses would fail a whole round of settling.
    """
    return _written(*(headers.get(name) for name in KEPT))


@lru_cache(maxsize=1024)
def _written(*values: str | None) -> str | None:
    """Receivers answer the same, mostly, and this is done for every webhook."""
    found = {
        name: value[:LONGEST] if value.isascii() and value.isprintable() else NOT_SHOWN
        for name, value in zip(KEPT, values, strict=True)
        if value is not None
    }
    return json.dumps(found) if found else None
