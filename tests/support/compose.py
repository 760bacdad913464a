"""Reads deploy/compose.yaml as Compose would, so that a test can run what it says.

Only what this file uses is understood: `${NAME:?why}`, `${NAME:-default}`, commands as lists,
environments as mappings.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).parents[2] / "deploy" / "compose.yaml"
_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::(?P<kind>[?-])(?P<text>[^}]*))?\}")


class MissingVariableError(ValueError):
    """A `${NAME:?…}` of the file has no value."""


@dataclass(frozen=True)
class Command:
    """What Compose would run for one service of our own image."""

    argv: list[str]
    environment: dict[str, str]
    after: dict[str, str]
    """The services waited for, and the condition each must meet."""


def load() -> dict[str, Any]:
    """The file as written, YAML merges resolved, variables not."""
    loaded: dict[str, Any] = yaml.safe_load(FILE.read_text())
    return loaded


def variables() -> set[str]:
    """The names that the file demands from its environment."""
    return {found["name"] for found in _VARIABLE.finditer(FILE.read_text()) if found["kind"] == "?"}


def commands(
    given: Mapping[str, str], hosts: Mapping[str, str] | None = None
) -> dict[str, Command]:
    """By service name: every command that runs our image, with its whole environment.

    Args:
        given: the values of `variables()`, and of those with a default where it is not wanted.
        hosts: addresses to put in place of the file's, such as
            `{"kafka:9092": "127.0.0.1:21092", "postgres:5432": "127.0.0.1:5433"}`.

    Raises:
        MissingVariableError: where a demanded variable is not given or empty.
    """
    found = {}
    for name, service in load()["services"].items():
        if "build" not in service:
            continue
        environment = {
            key: _moved(_filled(str(value), given), hosts or {})
            for key, value in service.get("environment", {}).items()
        }
        after = {one: waits["condition"] for one, waits in service.get("depends_on", {}).items()}
        found[name] = Command(list(service["command"]), environment, after)
    return found


def _filled(text: str, given: Mapping[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        name, kind = found["name"], found["kind"]
        if given.get(name):
            return given[name]
        if kind == "-":
            return found["text"]
        raise MissingVariableError(f"{name} is needed: {found['text'] or 'it has no default'}")

    return _VARIABLE.sub(value, text)


def _moved(text: str, hosts: Mapping[str, str]) -> str:
    for written, actual in hosts.items():
        text = re.sub(rf"(?<=[@/,]){re.escape(written)}(?=[,/]|$)", actual, text)
    return text
