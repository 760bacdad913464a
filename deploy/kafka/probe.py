"""Asks a Kafka broker whom it knows, with one hand-made request and no client library.

A broker accepts connections before it may serve; only when it lists itself is it let in by its
controller. Used while waiting for a start.
"""

from __future__ import annotations

import socket
import struct

_METADATA, _VERSION, _CORRELATION = 3, 1, 1
_TIMEOUT_SECONDS = 1.0


def count_brokers(host: str, port: int) -> int:
    """How many brokers the one at this address lists as serving; 0 where nothing answers."""
    # Request header 1: key, version, correlation id, no client id; body: an empty list of topics.
    request = struct.pack(">hhihi", _METADATA, _VERSION, _CORRELATION, -1, 0)
    try:
        with socket.create_connection((host, port), _TIMEOUT_SECONDS) as connection:
            connection.settimeout(_TIMEOUT_SECONDS)
            connection.sendall(struct.pack(">i", len(request)) + request)
            with connection.makefile("rb") as reader:
                answer = reader.read(12)
    except OSError:
        return 0
    if len(answer) < 12:
        return 0
    # Length, correlation id, then the list of brokers with its length first.
    _, correlation, brokers = struct.unpack(">iii", answer)
    return int(brokers) if correlation == _CORRELATION else 0
