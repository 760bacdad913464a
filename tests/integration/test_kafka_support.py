"""The broker of tests and laptops keeps what it acknowledged and dies with its parent."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from uuid import uuid4

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from deploy.kafka import KafkaUnavailable, LocalKafka
from deploy.kafka.jars import find_java, kafka_version
from tests.support.kafka import Broker, choose, running
from tests.support.waiting import eventually

_ROOT = Path(__file__).parents[2]


async def test_what_is_sent_is_read_back_in_order(kafka_broker: Broker) -> None:
    topic = await _new_topic(kafka_broker)
    async with _producer(kafka_broker) as producer:
        await _send(producer, topic, range(200))

    assert await _read(kafka_broker, topic, 200) == list(range(200))


@pytest.mark.real_kafka
async def test_no_acknowledged_message_is_lost_when_the_broker_is_killed(
    kafka_broker: Broker,
) -> None:
    if kafka_broker.kill is None or kafka_broker.start is None:
        pytest.skip("this broker is somebody else's and cannot be killed")
    topic = await _new_topic(kafka_broker)
    acknowledged: list[int] = []
    async with _producer(kafka_broker) as producer:
        first = await _send(producer, topic, range(500))
        acknowledged += first
        going_on = asyncio.create_task(_send(producer, topic, range(500, 3000)))
        await asyncio.to_thread(kafka_broker.kill)
        await asyncio.to_thread(kafka_broker.start)
        acknowledged += await asyncio.wait_for(going_on, 60)

    assert len(acknowledged) >= 500
    read = await _read(kafka_broker, topic, len(acknowledged))
    assert set(acknowledged) <= set(read)
    assert read == sorted(set(read))


@pytest.mark.real_kafka
async def test_a_paused_broker_answers_nobody_until_it_is_resumed(kafka_broker: Broker) -> None:
    if kafka_broker.pause is None or kafka_broker.resume is None:
        pytest.skip("this broker is somebody else's and cannot be paused")
    topic = await _new_topic(kafka_broker)
    async with _producer(kafka_broker) as producer:
        await _send(producer, topic, [0])
        await asyncio.to_thread(kafka_broker.pause)
        waiting = asyncio.create_task(_send(producer, topic, [1]))
        done, _ = await asyncio.wait({waiting}, timeout=0.5)
        assert not done
        await asyncio.to_thread(kafka_broker.resume)
        assert await asyncio.wait_for(waiting, 30) == [1]


async def test_the_mock_serves_one_producer_and_one_consumer_of_a_group() -> None:
    with running("mock") as mock:
        topic = await _new_topic(mock)
        async with _producer(mock) as producer:
            await _send(producer, topic, range(100))
        assert await _read(mock, topic, 100, group="readers") == list(range(100))


def test_kept_data_and_their_address_outlive_a_stop_and_serve_one_broker_only(
    tmp_path: Path,
) -> None:
    _needs_local_kafka()
    with LocalKafka(tmp_path) as kafka:
        address = kafka.bootstrap_servers
        cluster = (tmp_path / "log" / "meta.properties").read_text()
        with pytest.raises(KafkaUnavailable, match="Another broker is using"):
            LocalKafka(tmp_path).start()
    with LocalKafka(tmp_path) as kafka:
        assert kafka.bootstrap_servers == address
        assert (tmp_path / "log" / "meta.properties").read_text() == cluster


def test_a_temporary_broker_leaves_nothing_behind() -> None:
    _needs_local_kafka()
    with LocalKafka() as kafka:
        folder, pid = kafka.log_file.parent, kafka.pid
        assert folder.exists()
        assert pid is not None
    assert not folder.exists()
    assert not psutil.pid_exists(pid)


async def test_the_broker_dies_with_its_parent_and_never_hears_its_terminal() -> None:
    _needs_local_kafka()
    with _parent_of_a_broker() as (parent, broker, folder):
        assert os.getsid(broker.pid) != os.getsid(parent.pid)
        parent.kill()
        parent.wait(10)
        broker.wait(10)
        await eventually(lambda: not folder.exists(), within_seconds=10)


def test_a_broker_that_cannot_start_says_why(tmp_path: Path) -> None:
    _needs_local_kafka()
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "meta.properties").write_text("version=1\nnode.id=7\ncluster.id=other\n")
    kafka = LocalKafka(tmp_path)
    with pytest.raises(KafkaUnavailable, match="ended while starting") as refused:
        kafka.start()
    assert "Stored node id 7" in str(refused.value)
    assert kafka.pid is None
    kafka.stop()


def test_a_missing_java_is_named_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(KafkaUnavailable, match=r"Java is missing: install .*17"):
        LocalKafka().start()


def test_an_old_java_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\"' >&2\n")
    java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(KafkaUnavailable, match=r"Java 17 or newer is needed; .* is Java 11"):
        find_java()


def test_a_given_broker_goes_before_every_other() -> None:
    assert choose({"KAFKA_BOOTSTRAP_SERVERS": "kafka.example:9092"}).kind == "given"


def test_without_java_or_container_the_mock_is_chosen_and_the_reason_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    choice = choose({"DOCKER_HOST": f"unix://{tmp_path}/no-engine.sock"})
    assert choice.kind == "mock"
    assert "Java is missing" in choice.told


def test_the_version_of_kafka_comes_from_the_pom() -> None:
    assert kafka_version().startswith("4.")


@pytest.mark.parametrize(
    ("ci", "code", "said"),
    [
        ("false", 0, "KAFKA IS A MOCK"),
        ("true", 4, "CI=true asks for a real Kafka"),
    ],
)
def test_the_mock_is_loud_and_refused_under_ci(
    tmp_path: Path, ci: str, code: int, said: str
) -> None:
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["tests.support.kafka"]\n')
    (tmp_path / "test_one.py").write_text(
        "import pytest\n"
        "@pytest.mark.real_kafka\n"
        "def test_crash(kafka_broker): raise AssertionError\n"
        "def test_send(kafka_broker): assert not kafka_broker.is_real\n"
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = real_kafka: needs a real one\n")
    environment = {**os.environ, "CI": ci, "KAFKA_FOR_TESTS": "mock", "PYTHONPATH": str(_ROOT)}
    for inherited in ("KAFKA_BOOTSTRAP_SERVERS", "PYTEST_ADDOPTS"):
        environment.pop(inherited, None)
    command = [sys.executable, "-m", "pytest", "--rootdir", str(tmp_path), str(tmp_path)]

    done = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )

    told = done.stdout + done.stderr
    assert done.returncode == code, told
    assert said in told
    if code == 0:
        assert "1 passed, 1 skipped" in told


def _needs_local_kafka() -> None:
    try:
        choice = choose({"KAFKA_FOR_TESTS": "local"})
    except pytest.UsageError as missing:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(missing))
    assert choice.kind == "local"


async def _new_topic(broker: Broker) -> str:
    topic = f"support-{uuid4()}"
    if broker.is_real:  # The mock makes topics by itself and knows no CreateTopics.
        admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)
        await asyncio.wait_for(admin.start(), 30)
        try:
            await asyncio.wait_for(admin.create_topics([NewTopic(topic, 1, 1)]), 30)
        finally:
            await admin.close()
    return topic


@asynccontextmanager
async def _producer(broker: Broker) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(
        bootstrap_servers=broker.bootstrap_servers, acks="all", enable_idempotence=True
    )
    await asyncio.wait_for(producer.start(), 30)
    try:
        yield producer
    finally:
        await asyncio.wait_for(producer.stop(), 30)


async def _send(producer: AIOKafkaProducer, topic: str, numbers: Iterable[int]) -> list[int]:
    """Send all to partition 0 and return those that were acknowledged."""
    pending = [
        (number, await producer.send(topic, str(number).encode(), partition=0))
        for number in numbers
    ]
    acknowledged = []
    for number, sent in pending:
        try:
            await sent
        except KafkaError:
            continue
        acknowledged.append(number)
    return acknowledged


async def _read(broker: Broker, topic: str, count: int, group: str | None = None) -> list[int]:
    """The first `count` messages, or more if they come along, of partition 0."""
    consumer = AIOKafkaConsumer(
        *([topic] if group else []),
        bootstrap_servers=broker.bootstrap_servers,
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    await asyncio.wait_for(consumer.start(), 30)
    try:
        if group is None:
            consumer.assign([TopicPartition(topic, 0)])
        read: list[int] = []
        ends_at = time.monotonic() + 30
        while len(read) < count and time.monotonic() < ends_at:
            batches = await consumer.getmany(timeout_ms=500)
            read += [int(one.value) for batch in batches.values() for one in batch]
        return read
    finally:
        await asyncio.wait_for(consumer.stop(), 30)


@contextmanager
def _parent_of_a_broker() -> Iterator[tuple[subprocess.Popen[str], psutil.Process, Path]]:
    """Another Python that starts a temporary broker and waits for its own end."""
    program = (
        "import time; from deploy.kafka import LocalKafka\n"
        "kafka = LocalKafka(); kafka.start(); print(kafka.pid, kafka.log_file, flush=True)\n"
        "time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=_ROOT, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        try:
            pid, log_file = parent.stdout.readline().split()
            yield parent, psutil.Process(int(pid)), Path(log_file).parent
        finally:
            parent.kill()
