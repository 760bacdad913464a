"""The data folder belongs to one run at a time, and its secrets to its owner."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from deploy.laptop.place import LaptopError, Place, check_ports


def test_two_runs_cannot_share_a_folder(tmp_path: Path) -> None:
    Place(tmp_path).take()
    with pytest.raises(LaptopError, match="Another run"):
        Place(tmp_path).take()


def test_a_private_file_is_read_by_nobody_else(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.write_private(place.secrets_file, "first")
    place.write_private(place.secrets_file, "second")
    assert place.secrets_file.read_text() == "second"
    assert place.secrets_file.stat().st_mode & 0o777 == 0o600


def test_a_taken_port_is_told_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(LaptopError, match=rf"Port {port} is in use.*PORT=8100 make run"):
            check_ports(port, 1)
