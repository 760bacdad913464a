"""What a laptop prints and writes for programs says the same, and secrets stay with their owner."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from deploy.laptop.agencies import AGENCIES
from deploy.laptop.events import FIRST_EVENT
from deploy.laptop.home import Addresses, home_routes
from deploy.laptop.keys import load_keys
from deploy.laptop.place import LaptopError, Place
from deploy.laptop.settings import read_settings
from deploy.laptop.show import Shown, curl_line, ready_text, write_demo

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def _shown() -> Shown:
    return Shown(
        base_url="http://127.0.0.1:8100",
        receiver_url="http://127.0.0.1:8101",
        peer_url="http://127.0.0.1:8102",
        authorizations={name: f"Bearer sgb_{name}_secret" for name in AGENCIES},
        events={
            FIRST_EVENT: {"as": "police", "body": {"source": "police.example", "data": {"a": 1}}}
        },
    )


def test_the_file_for_programs_has_every_agency_and_is_private(tmp_path: Path) -> None:
    place = Place(tmp_path)
    write_demo(place, _shown())
    demo = json.loads(place.demo_file.read_text())
    assert demo["base_url"] == "http://127.0.0.1:8100"
    assert demo["receiver_url"] == "http://127.0.0.1:8101"
    assert set(demo["credentials"]) == set(AGENCIES)
    assert demo["credentials"]["police"]["organisation"] == AGENCIES["police"].organisation
    assert set(demo["credentials"]["police"]) == {"authorization", "organisation", "role"}
    assert json.loads(place.first_event.read_text()) == {"a": 1}
    assert place.header_file("police").read_text() == "Authorization: Bearer sgb_police_secret\n"
    for file in (place.demo_file, place.header_file("police")):
        assert file.stat().st_mode & 0o777 == 0o600


def test_the_printed_command_is_a_new_event_at_each_paste(tmp_path: Path) -> None:
    place = Place(tmp_path / "a folder")
    command = curl_line(place, _shown())
    assert "curl -i http://127.0.0.1:8100/v1/events" in command
    assert "-H 'Authorization: Bearer sgb_police_secret'" in command
    assert '"ce-id: paste-$(date +%s)-$RANDOM"' in command
    assert f"--data '@{place.first_event}'" in command


def test_what_is_printed_names_every_credential(tmp_path: Path) -> None:
    text = ready_text(Place(tmp_path), _shown(), ["First start: 1.0 s."], NOW)
    assert all(f"Bearer sgb_{name}_secret" in text for name in AGENCIES)
    assert "First start: 1.0 s." in text


def test_keys_stay_the_same_from_one_start_to_the_next(tmp_path: Path) -> None:
    place = Place(tmp_path)
    first = load_keys(place, date(2026, 11, 23), 300)
    assert load_keys(place, date(2027, 1, 1), 999) == first
    assert set(first.agencies) == set(AGENCIES)
    assert place.secrets_file.stat().st_mode & 0o777 == 0o600


def test_a_misspelt_or_wrong_variable_is_refused_by_name() -> None:
    assert read_settings({}).port == 8000
    assert read_settings({"PORT": "8100", "SGB_LAPTOP_CHILDREN": "300"}).receiver_port == 8101
    with pytest.raises(LaptopError, match="SGB_LAPTOP_CHILDRN names no setting"):
        read_settings({"SGB_LAPTOP_CHILDRN": "300"})
    with pytest.raises(LaptopError, match="PORT: "):
        read_settings({"PORT": "http"})


def test_the_home_page_needs_no_script_and_fetches_nothing_from_elsewhere() -> None:
    [home, tutorial] = home_routes(Addresses()).routes
    assert {getattr(one, "path", "") for one in (home, tutorial)} == {"/", "/tutorial"}
