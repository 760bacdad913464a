"""The README is true: the modules, the commands and the request that it names exist."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from deploy.laptop.agencies import AGENCIES
from deploy.laptop.app import create_api
from deploy.laptop.events import FIRST_EVENT
from deploy.laptop.home import FIRST_EVENT_COMMAND

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def _section(title: str) -> str:
    return README.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def _steps() -> list[list[str]]:
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in _section("The way of one event").splitlines()
        if line.startswith("|")
    ]
    return rows[2:]


def test_the_way_of_one_event_has_every_step_in_order() -> None:
    assert [row[0] for row in _steps()] == [str(number) for number in range(1, 11)]
    assert all(cell for row in _steps() for cell in row)


def test_every_module_on_the_way_exists() -> None:
    named = [
        name for row in _steps() for name in re.findall(r"`((?:services|bus)\.[\w.]+)`", row[2])
    ]
    assert len(named) >= 9
    missing = [name for name in named if importlib.util.find_spec(name) is None]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_command_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    written = re.findall(r"(?:`|^ {4}|^\s*\$ |\d )make ([a-z-]+)", text, re.M)
    assert set(written) <= set(targets)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[\w-]+)?\)", page.read_text(encoding="utf-8"))
    files = [link for link in links if "://" not in link]
    missing = [link for link in files if not (page.parent / link).exists()]
    assert missing == []


def test_the_first_event_is_posted_to_a_path_of_the_interface() -> None:
    command = _section("First event").split("```sh\n")[1].split("```")[0].strip()
    assert command == FIRST_EVENT_COMMAND.format(port=8000, data=".data")
    path = re.search(r"127\.0\.0\.1:8000(/\S+)", command)
    assert path is not None
    assert "post" in create_api().openapi()["paths"][path[1]]
    assert f"ce-type: {FIRST_EVENT}" in command
    assert f"ce-source: {AGENCIES['police'].source}" in command


def test_the_glossary_has_the_words_of_the_house() -> None:
    words = re.findall(r"^\| ([a-z]+) \|", _section("Glossary"), re.M)
    house = (
        "event subject recipient obligation notice attempt delivery receipt acknowledgement"
        " escalation outcome parked"
    )
    assert set(house.split()) <= set(words)


def test_the_tutorial_asks_only_for_what_there_is() -> None:
    text = (ROOT / "docs" / "tutorial" / "first-event.md").read_text(encoding="utf-8")
    templates = [
        re.compile(re.sub(r"\{\w+\}", "[A-Z]+", path)) for path in create_api().openapi()["paths"]
    ]
    asked = re.findall(r"127\.0\.0\.1:8000(/v1/\S+)", text)
    assert len(asked) >= 6
    assert [path for path in asked if not any(one.fullmatch(path) for one in templates)] == []
    used = set(re.findall(r"@\.data/demo/as-([a-z-]+)\.txt", text))
    assert {"police", "school", "school-nursing"} <= used <= set(AGENCIES)
    assert FIRST_EVENT_COMMAND.format(port=8000, data=".data") in text
