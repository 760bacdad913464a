"""A Kafka broker for the tests, the best that this machine can give, and which one it was.

In this order: `KAFKA_BOOTSTRAP_SERVERS`; a container where a Docker engine answers; a real broker
from Maven Central's jars where Java and Maven are; else librdkafka's mock brokers, said loudly,
with the tests marked `real_kafka` skipped. Under `CI=true` the mock is refused.
`KAFKA_FOR_TESTS` (container, local or mock) takes one kind and no other.

A pytest plugin: `pytest_plugins = ["tests.support.kafka"]` gives the fixture `kafka_broker`.
"""

from __future__ import annotations

import importlib
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

import psutil
import pytest

from deploy.kafka.broker import LocalKafka
from deploy.kafka.jars import (
    KafkaUnavailable,
    ensure_jars,
    find_java,
    find_maven,
    have_jars,
    kafka_version,
)
from deploy.kafka.ports import free_ports
from deploy.kafka.probe import count_brokers

Kind = Literal["given", "container", "local", "mock"]

_DOCKER_SECONDS = 2
_CONTAINER_START_SECONDS = 120
_CONTAINER_PORT = 9092
_MOCK_WARNING = (
    "KAFKA IS A MOCK (librdkafka's): crashes, rebalances and retention are NOT tested. "
    "Install Java 17 and Maven, or set KAFKA_BOOTSTRAP_SERVERS."
)


@dataclass(frozen=True)
class Broker:
    """A running broker, and what can be done to it; None stands where that is impossible.

    The calls block for up to some seconds (`asyncio.to_thread` keeps a loop alive meanwhile).
    After each test the broker is restored, whatever the test did to it.
    """

    kind: Kind
    bootstrap_servers: str
    kill: Callable[[], None] | None = None
    start: Callable[[], None] | None = None
    pause: Callable[[], None] | None = None
    resume: Callable[[], None] | None = None
    restore: Callable[[], None] | None = None

    @property
    def is_real(self) -> bool:
        """Whether this is Apache Kafka, not the mock."""
        return self.kind != "mock"


@dataclass(frozen=True)
class Choice:
    """Which kind is used, in words for the header and the closing summary."""

    kind: Kind
    told: str


def connections_to(servers: str) -> list[str]:
    """This process's connections to these brokers, whatever their state: address and state."""
    ports = {int(one.rsplit(":", 1)[1]) for one in servers.split(",")}
    return [
        f"{one.laddr.ip}:{one.laddr.port} {one.status}"
        for one in psutil.Process().net_connections("tcp")
        if one.raddr and one.raddr.port in ports
    ]


def choose(environment: Mapping[str, str]) -> Choice:
    """The best kind that this machine offers. Starts nothing; may fetch the jars once (5 s)."""
    servers = environment.get("KAFKA_BOOTSTRAP_SERVERS")
    if servers:
        return Choice("given", f"the broker of KAFKA_BOOTSTRAP_SERVERS, {servers}")
    wanted = environment.get("KAFKA_FOR_TESTS", "")
    if wanted not in ("", *get_args(Kind)):
        raise pytest.UsageError(f"KAFKA_FOR_TESTS={wanted} is none of container, local and mock.")
    missing = "KAFKA_FOR_TESTS asks for it"
    if wanted == "container" or (not wanted and _docker_answers(environment)):
        return Choice("container", f"Apache Kafka {kafka_version()} in a container")
    if wanted != "mock":
        try:
            find_java()
            if not have_jars():
                find_maven()
                ensure_jars()
            return Choice("local", f"Apache Kafka {kafka_version()} from Maven Central's jars")
        except KafkaUnavailable as unavailable:
            if wanted == "local":
                raise pytest.UsageError(str(unavailable)) from None
            missing = str(unavailable)
    return Choice("mock", f"librdkafka's mock brokers ({missing})")


@contextmanager
def running(kind: Kind, servers: str = "") -> Iterator[Broker]:
    """A broker of this kind, stopped afterwards; `servers` is the address of a given one."""
    roads: dict[Kind, Callable[[], AbstractContextManager[Broker]]] = {
        "given": lambda: _given(servers),
        "container": _container,
        "local": _local,
        "mock": _mock,
    }
    with roads[kind]() as broker:
        yield broker


@contextmanager
def _given(servers: str) -> Iterator[Broker]:
    yield Broker("given", servers)


@contextmanager
def _local(data: Path | None = None) -> Iterator[Broker]:
    with LocalKafka(data) as kafka:
        yield Broker(
            "local",
            kafka.bootstrap_servers,
            kill=kafka.kill,
            start=kafka.start,
            pause=kafka.pause,
            resume=kafka.resume,
            restore=kafka.restore,
        )


@contextmanager
def _container() -> Iterator[Broker]:
    """The image's own start script, on a host port fixed beforehand: it survives a restart."""
    docker_container = importlib.import_module("testcontainers.core.container").DockerContainer
    port, _ = free_ports()
    settings = {
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_LISTENERS": f"PLAINTEXT://:{_CONTAINER_PORT},CONTROLLER://:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://127.0.0.1:{port}",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "KAFKA_BROKER_SESSION_TIMEOUT_MS": "2000",
        "KAFKA_BROKER_HEARTBEAT_INTERVAL_MS": "300",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS": "4",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
    }
    image = docker_container(f"apache/kafka:{kafka_version()}")
    for name, value in settings.items():
        image.with_env(name, value)
    image.with_bind_ports(_CONTAINER_PORT, port)

    with image as started:
        engine: Any = started.get_wrapped_container()

        def wait() -> None:
            ends_at = time.monotonic() + _CONTAINER_START_SECONDS
            while count_brokers("127.0.0.1", port) == 0:
                if time.monotonic() > ends_at:
                    raise KafkaUnavailable("The Kafka container did not answer in time.")
                time.sleep(0.1)

        def start() -> None:
            engine.start()
            wait()

        def restore() -> None:
            engine.reload()
            if engine.status == "paused":
                engine.unpause()
            start()

        wait()
        yield Broker(
            "container",
            f"127.0.0.1:{port}",
            kill=engine.kill,
            start=start,
            pause=engine.pause,
            resume=engine.unpause,
            restore=restore,
        )


@contextmanager
def _mock() -> Iterator[Broker]:
    """One mock broker, living as long as the producer that carries it."""
    producer = importlib.import_module("confluent_kafka").Producer
    # Level 0 silences the notice that the given address is ignored; any address will do.
    carrier = producer({"test.mock.num.brokers": 1, "bootstrap.servers": "mock", "log_level": 0})
    brokers = carrier.list_topics(timeout=10).brokers.values()
    yield Broker("mock", ",".join(f"{broker.host}:{broker.port}" for broker in brokers))
    del carrier


def _docker_answers(environment: Mapping[str, str]) -> bool:
    """A ping of our own: the client library's leaks its socket where nobody listens."""
    address = urlsplit(environment.get("DOCKER_HOST") or "unix:///var/run/docker.sock")
    target: str | tuple[str, int]
    if address.scheme == "unix":
        family, target = socket.AF_UNIX, address.path
    elif address.scheme == "tcp" and address.hostname:
        family, target = socket.AF_INET, (address.hostname, address.port or 2375)
    else:
        return False
    with socket.socket(family, socket.SOCK_STREAM) as engine:
        engine.settimeout(_DOCKER_SECONDS)
        try:
            engine.connect(target)
            engine.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            return b" 200 " in engine.recv(64)
        except OSError:
            return False


# The plugin.

_CHOICE = pytest.StashKey[Choice]()


def _needs_broker(item: pytest.Item) -> bool:
    return "kafka_broker" in getattr(item, "fixturenames", ()) or bool(
        item.get_closest_marker("real_kafka")
    )


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Choose the broker where one is needed; without a real one skip, or fail under CI."""
    if not any(_needs_broker(item) for item in items):
        return
    choice = config.stash.setdefault(_CHOICE, choose(os.environ))
    if choice.kind != "mock":
        return
    if os.environ.get("CI", "").lower() == "true":
        raise pytest.UsageError(f"CI=true asks for a real Kafka, and there is none: {choice.told}")
    for item in items:
        if item.get_closest_marker("real_kafka"):
            item.add_marker(pytest.mark.skip(reason="needs a real Kafka; this one is a mock"))


def pytest_report_collectionfinish(config: pytest.Config) -> list[str]:
    """Name the Kafka of this run, once it is known that the run needs one."""
    choice = config.stash.get(_CHOICE, None)
    return [f"kafka: {choice.told}"] if choice else []


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Name the Kafka of this run again where it is read: at the end."""
    choice = config.stash.get(_CHOICE, None)
    if choice is None:
        return
    if choice.kind == "mock":
        terminalreporter.section("WARNING", sep="!", red=True, bold=True)
        terminalreporter.write_line(_MOCK_WARNING, red=True, bold=True)
    terminalreporter.write_line(f"Kafka of this run: {choice.told}.")


@pytest.fixture(scope="session")
def kafka_broker(pytestconfig: pytest.Config) -> Iterator[Broker]:
    """One broker for the whole run."""
    choice = pytestconfig.stash[_CHOICE]
    with running(choice.kind, os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "")) as broker:
        yield broker


@pytest.fixture(autouse=True)
def _kafka_restored(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that fails between killing the broker and starting it takes no other down."""
    yield
    if "kafka_broker" in request.fixturenames:
        broker: Broker = request.getfixturevalue("kafka_broker")
        if broker.restore is not None:
            broker.restore()
