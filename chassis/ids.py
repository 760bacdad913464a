"""New identifiers, ordered by time so that their indexes stay compact (RFC 9562, version 7)."""

import os
import time
from uuid import UUID

_AT_ONCE = 512
_RANDOM_BYTES = 10

# Random bytes are asked of the system for many ids at once: a call for each cost 3 % of a sender.
_random: list[bytes] = []
os.register_at_fork(after_in_child=_random.clear)


def new_id() -> UUID:
    """A version 7 UUID: 48 bits of milliseconds since 1970, the rest random."""
    if not _random:
        drawn = os.urandom(_RANDOM_BYTES * _AT_ONCE)
        _random.extend(
            drawn[start : start + _RANDOM_BYTES] for start in range(0, len(drawn), _RANDOM_BYTES)
        )
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds << 80) | int.from_bytes(_random.pop(), "big")
    value = (value & ~(0xF << 76)) | (0x7 << 76)
    value = (value & ~(0x3 << 62)) | (0x2 << 62)
    return UUID(int=value)
