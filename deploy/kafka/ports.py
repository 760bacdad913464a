"""Loopback ports for a broker that is to be killed and to have the same ports again."""

from __future__ import annotations

import random
import socket

from deploy.kafka.jars import KafkaUnavailable

HOST = "127.0.0.1"
# Below the range from which Linux and macOS take the ports of outgoing connections. A client that
# keeps trying a dead broker on a port of that range can end up connected to itself, and the
# broker then cannot have its port back.
_PORTS = range(15_000, 30_000)
_PORT_ATTEMPTS = 20


def free_ports() -> tuple[int, int]:
    """Two loopback ports that nobody uses now and no outgoing connection will take."""
    candidates = random.sample(_PORTS, _PORT_ATTEMPTS * 2)
    free = [port for port in candidates if is_free(port)]
    if len(free) < 2:
        raise KafkaUnavailable(f"No two free ports on {HOST} from {_PORTS.start} on.")
    return free[0], free[1]


def is_free(port: int) -> bool:
    """Whether a broker could listen on this loopback port now."""
    with socket.socket() as probe:
        # As the broker's own sockets do: connections of an earlier run may linger on the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True
