"""`python -m deploy.laptop [--kafka]`: the whole product on this machine; what `make run` starts.

Stops in the order in which nothing is lost: the door and the tasks, the demonstration's receivers,
PostgreSQL, and Kafka last. Never for real data: the database trusts everyone on this machine.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from chassis.clock import LONDON, now
from deploy.kafka.broker import LocalKafka
from deploy.kafka.jars import KafkaUnavailable
from deploy.laptop import show
from deploy.laptop.keys import load_keys
from deploy.laptop.place import LaptopError, Place, check_ports
from deploy.laptop.postgres import EmbeddedPostgres, PostgresError
from deploy.laptop.settings import LaptopSettings, read_settings

PEER_PORTS = 2


def main() -> int:
    """Start, serve until Ctrl-C, stop in order."""
    began = time.monotonic()
    parser = argparse.ArgumentParser(prog="python -m deploy.laptop", description=__doc__)
    parser.add_argument("--kafka", action="store_true", help="carry the log on a real Kafka")
    on_kafka = parser.parse_args().kafka
    print(show.BANNER, flush=True)
    try:
        _start(read_settings(), began, on_kafka=on_kafka)
    except (LaptopError, PostgresError, KafkaUnavailable) as error:
        print(f"\nCannot start: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped before it was ready; the next start goes on from here.")
        return 130
    print("Stopped; everything is kept. Start again with the same command.")
    return 0


def _start(settings: LaptopSettings, began: float, *, on_kafka: bool) -> None:
    signal.signal(signal.SIGTERM, _interrupt)
    place = Place(settings.data)
    place.take()
    check_ports(settings.port, 2 + PEER_PORTS)
    keys = load_keys(place, now().astimezone(LONDON).date(), settings.children)
    with _kafka(place, wanted=on_kafka) as bus_url, _postgres(place) as postgres:
        # Importing every service takes seconds, so it comes after the first lines on the screen.
        from deploy.laptop.run import run

        run(settings, place, keys, postgres, bus_url, began)


@contextmanager
def _kafka(place: Place, *, wanted: bool) -> Iterator[str]:
    """Where the log goes; a broker of our own with its data kept, if it is wanted."""
    if not wanted:
        yield "postgresql:"
        return
    show.say("starting Apache Kafka")
    broker = LocalKafka(place.kafka)
    try:
        broker.start()
        yield f"kafka://{broker.bootstrap_servers}"
    finally:
        broker.stop()


@contextmanager
def _postgres(place: Place) -> Iterator[EmbeddedPostgres]:
    """PostgreSQL, durable as a server's is (fsync stays on)."""
    show.say("starting PostgreSQL" if place.postgres.exists() else "making a PostgreSQL database")
    server = EmbeddedPostgres(place.postgres)
    try:
        server.start()
        yield server
    finally:
        server.stop()


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
