"""The folder where a laptop keeps everything, taken by one run at a time.

As root the database cluster lies elsewhere (`deploy.laptop.postgres`); all the rest stays here.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from deploy.laptop.postgres import data_folder

_STOP_SECONDS = 60.0


class LaptopError(RuntimeError):
    """It cannot run here; the message says why and what to do."""


class Place:
    """Names every file under one folder.

    Args:
        root: `.data`, or where `SGB_LAPTOP_DATA` says.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.postgres = data_folder(self.root)
        self.kafka = self.root / "kafka"
        self.secrets_file = self.root / "secrets.json"
        self.demo = self.root / "demo"
        self.demo_file = self.root / "demo.json"
        self.first_event = self.demo / "first-event.json"
        self.receiver_log = self.root / "receiver.log"
        self.loaded_marker = self.demo / "loaded.json"
        self._lock: int | None = None

    def take(self) -> None:
        """Make the folder and hold it until this process ends; end a server left by a kill."""
        self.root.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(self.root / "in-use", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LaptopError(f"Another run uses {self.root}; stop that one first.") from None
        _end_leftover(self.postgres)
        if not self.secrets_file.exists():
            self._forget_database()

    def _forget_database(self) -> None:
        """Without the secrets its receipts cannot be made again, so a database is of no use.

        As root it lies elsewhere, and stays there when somebody deletes the data folder.
        """
        if not self.postgres.exists():
            return
        if self.postgres.is_relative_to(self.root):
            raise LaptopError(
                f"{self.secrets_file} is missing, without which the database beside it is of no"
                f" use. Put it back, or delete {self.root} to begin anew."
            )
        print("  removing the database of a data folder that was deleted")
        shutil.rmtree(self.postgres)

    def header_file(self, name: str) -> Path:
        """The file whose one line is an agency's `Authorization`, for `curl -H @FILE`."""
        return self.demo / f"as-{name}.txt"

    def write_private(self, path: Path, text: str) -> None:
        """Write a file that only its owner may read, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.draft")
        draft.unlink(missing_ok=True)
        handle = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)


def check_ports(port: int, count: int) -> None:
    """Raise `LaptopError` when one of these ports in a row is taken."""
    for one in range(port, port + count):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", one))
            except OSError:
                last = port + count - 1
                raise LaptopError(
                    f"Port {one} is in use. Ports {port} to {last} are needed: stop what uses"
                    f" it, or choose others, as in `PORT=8100 make run`."
                ) from None


def _end_leftover(cluster: Path) -> None:
    """Stop the PostgreSQL of a run that was killed; the lock says that no other run is alive."""
    try:
        pid = int((cluster / "postmaster.pid").read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return
    if str(cluster) not in _command(pid):
        return  # The number belongs to somebody else by now; PostgreSQL sees that for itself.
    print(f"  stopping the database that an earlier run left behind (process {pid})")
    os.kill(pid, signal.SIGINT)
    deadline = time.monotonic() + _STOP_SECONDS
    while str(cluster) in _command(pid):
        if time.monotonic() > deadline:
            raise LaptopError(f"PostgreSQL (process {pid}) of an earlier run does not stop.")
        time.sleep(0.05)


def _command(pid: int) -> str:
    done = subprocess.run(
        ["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return done.stdout
