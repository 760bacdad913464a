"""One Apache Kafka broker (KRaft, broker and controller in one process) on loopback ports.

For `make run-kafka` and for tests, which kill it, pause it and start it again on the same ports
and data. Every call blocks for up to some seconds: an event loop calls `asyncio.to_thread`. The
broker never outlives its parent, and never hears the terminal's Ctrl-C.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
import time
from base64 import urlsafe_b64encode
from pathlib import Path
from secrets import token_bytes
from types import TracebackType
from typing import Self

from deploy.kafka.configuration import properties
from deploy.kafka.jars import KafkaUnavailable, ensure_jars, find_java
from deploy.kafka.ports import HOST, free_ports, is_free
from deploy.kafka.probe import count_brokers

_LOGGING = Path(__file__).with_name("log4j2.properties")
# Measured: 380 MB resident after a load test. No second-tier compiler, because start time matters
# more than throughput here.
_JAVA_OPTIONS = ("-Xmx512m", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true")
_START_SECONDS = 60.0  # It takes 2 to 4 s alone; a busy machine of two cores needs many more.
_STOP_SECONDS = 20.0
_PROBE_SECONDS = 0.05

# The watcher kills the broker when its parent is gone. It reads a pipe whose other end only the
# parent holds; the broker's shell writes its own pid there before it becomes Java, so there is no
# moment at which an unwatched broker runs. (Linux's PR_SET_PDEATHSIG would fire when the *thread*
# that started the broker ends, which may be a worker thread.)
# It also removes a temporary folder, named in its $1, which nobody else is left to remove.
_WATCHER = """
while read -r line; do pid=$line; done
[ -z "$pid" ] || kill -KILL "$pid"
[ -z "$1" ] || { sleep 1; rm -rf "$1"; }
"""
_BROKER = 'echo $$; exec "$@" >>"$0" 2>&1'


class LocalKafka:
    """A broker of our own. `with LocalKafka() as kafka:` starts it and stops it in order.

    `data` is the folder for its log, configuration and log file, kept between runs; without it a
    temporary folder is used, and removed by `stop()`. Raises `KafkaUnavailable` where there is
    no Java or Maven, where the jars cannot be fetched, or where the broker does not come up.
    """

    def __init__(self, data: Path | None = None) -> None:
        self._kept = data
        self._folder: Path | None = None
        self._lock: int | None = None
        self._port = 0
        self._controller_port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher: subprocess.Popen[bytes] | None = None
        self._pipe: int | None = None
        self._paused = False

    @property
    def bootstrap_servers(self) -> str:
        """Where clients connect, such as "127.0.0.1:21092"; known after the first `start()`."""
        if not self._port:
            raise RuntimeError("The broker has not been started yet.")
        return f"{HOST}:{self._port}"

    @property
    def log_file(self) -> Path:
        """The broker's own log."""
        return self._existing_folder() / "broker.log"

    @property
    def pid(self) -> int | None:
        """The broker's process id while it runs (or is paused), to measure it."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> None:
        """Start, the first time or again, and return when it answers clients."""
        if self.pid is not None:
            return
        java, classes = find_java(), ensure_jars()
        self._forget_process()
        self._prepare_folder()
        self._choose_ports()
        self._write_configuration()
        self._format(java, classes)
        self._spawn(java, classes)
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.kill()
            raise

    def kill(self) -> None:
        """SIGKILL, as a power cut would: nothing is flushed, nobody is told."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._forget_process()

    def pause(self) -> None:
        """SIGSTOP: connections stay open and nothing answers."""
        if self.pid is not None:
            os.kill(self.pid, signal.SIGSTOP)
            self._paused = True

    def resume(self) -> None:
        """SIGCONT, after `pause()`."""
        if self.pid is not None:
            os.kill(self.pid, signal.SIGCONT)
        self._paused = False

    def restore(self) -> None:
        """Whatever was done to it: make it run and answer again."""
        if self._paused:
            self.resume()
        self.start()
        self._wait_until_it_answers()

    def stop(self) -> None:
        """Stop in order, by force after 20 s; a temporary folder is removed."""
        if self._process is not None:
            self.resume()
            self._process.terminate()
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._forget_process()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
        if self._kept is None and self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._folder = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _existing_folder(self) -> Path:
        if self._folder is None:
            raise RuntimeError("The broker has not been started yet.")
        return self._folder

    def _prepare_folder(self) -> None:
        if self._folder is not None:
            return
        if self._kept is None:
            folder = Path(tempfile.mkdtemp(prefix="kafka-"))
        else:
            folder = self._kept.resolve()
            folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / "in-use", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise KafkaUnavailable(f"Another broker is using {folder}; stop it first.") from None
        self._folder, self._lock = folder, lock

    def _choose_ports(self) -> None:
        """Keep the ports of the last start; a second run of kept data takes them up again."""
        remembered = self._existing_folder() / "ports"
        if not self._port and remembered.exists():
            ports = [int(port) for port in remembered.read_text().split()]
            if len(ports) == 2 and all(is_free(port) for port in ports):
                self._port, self._controller_port = ports
        if not self._port:
            self._port, self._controller_port = free_ports()
        remembered.write_text(f"{self._port} {self._controller_port}\n")

    def _write_configuration(self) -> None:
        folder = self._existing_folder()
        content = properties(folder / "log", self._port, self._controller_port)
        (folder / "server.properties").write_text(content)

    def _format(self, java: str, classes: str) -> None:
        folder = self._existing_folder()
        if (folder / "log" / "meta.properties").exists():
            return
        # 16 bytes; the first is fixed, because an id that begins with "-" is read as an option.
        cluster = urlsafe_b64encode(b"s" + token_bytes(15)).decode().rstrip("=")
        tool = ["kafka.tools.StorageTool", "format", "--cluster-id", cluster]
        done = subprocess.run(
            [*self._java(java, classes), *tool, "--config", str(folder / "server.properties")],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise KafkaUnavailable(
                f"Kafka's storage could not be formatted:\n{done.stdout}{done.stderr}"
            )

    def _java(self, java: str, classes: str) -> list[str]:
        logging = [
            f"-Dlog4j2.configurationFile={_LOGGING.as_uri()}",
            f"-Dkafka.log.file={self.log_file}",
        ]
        return [java, *_JAVA_OPTIONS, *logging, "-cp", classes]

    def _spawn(self, java: str, classes: str) -> None:
        folder = self._existing_folder()
        reading, self._pipe = os.pipe()
        temporary = "" if self._kept else str(folder)
        try:
            self._watcher = subprocess.Popen(
                ["/bin/sh", "-c", _WATCHER, "kafka-watcher", temporary],
                stdin=reading,
                start_new_session=True,
            )
        finally:
            os.close(reading)
        kafka = [
            *self._java(java, classes),
            "kafka.Kafka",
            str(folder / "server.properties"),
        ]
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", _BROKER, str(folder / "console.log"), *kafka],
            stdin=subprocess.DEVNULL,
            stdout=self._pipe,
            start_new_session=True,
        )

    def _wait_until_it_answers(self) -> None:
        ends_at = time.monotonic() + _START_SECONDS
        while count_brokers(HOST, self._port) == 0:
            if self.pid is None:
                raise KafkaUnavailable(f"Kafka ended while starting. {self._last_words()}")
            if time.monotonic() > ends_at:
                raise KafkaUnavailable(
                    f"Kafka did not answer within {_START_SECONDS:.0f} s. {self._last_words()}"
                )
            time.sleep(_PROBE_SECONDS)

    def _last_words(self) -> str:
        said: list[str] = []
        for name in ("broker.log", "console.log"):
            path = self._existing_folder() / name
            if path.exists():
                said += path.read_text(errors="replace").splitlines()[-10:]
        return "Its last words:\n" + "\n".join(said)

    def _forget_process(self) -> None:
        """Let the watcher end; the broker is gone, and its pid may belong to somebody else soon."""
        if self._watcher is not None:
            self._watcher.kill()
            self._watcher.wait()
            self._watcher = None
        if self._pipe is not None:
            os.close(self._pipe)
            self._pipe = None
        self._process = None
        self._paused = False
