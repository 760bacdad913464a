"""What a laptop prints when it is ready, and the same for programs in `demo.json`."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from deploy.laptop.agencies import AGENCIES
from deploy.laptop.events import FIRST_EVENT
from deploy.laptop.place import Place

BANNER = """
Safeguarding Bus – demonstration on this machine, with synthetic data only
--------------------------------------------------------------------------"""


@dataclass(frozen=True, slots=True)
class Shown:
    """Everything that is told about a run."""

    base_url: str
    receiver_url: str
    peer_url: str
    authorizations: Mapping[str, str]
    events: Mapping[str, Mapping[str, Any]]


def say(line: str) -> None:
    """A line for the person at the terminal."""
    print(f"  {line}", flush=True)


def write_demo(place: Place, shown: Shown) -> None:
    """`demo.json`, the first event's data, and each agency's header as a file for `curl`."""
    credentials = {
        name: {
            "authorization": authorization,
            "organisation": AGENCIES[name].organisation,
            "role": AGENCIES[name].role,
        }
        for name, authorization in shown.authorizations.items()
    }
    demo = {
        "base_url": shown.base_url,
        "receiver_url": shown.receiver_url,
        "peer_url": shown.peer_url,
        "credentials": credentials,
        "events": shown.events,
    }
    first = shown.events[FIRST_EVENT]
    place.write_private(place.demo_file, json.dumps(demo, indent=1))
    place.write_private(place.first_event, json.dumps(first["body"]["data"], indent=1))
    for name, authorization in shown.authorizations.items():
        place.write_private(place.header_file(name), f"Authorization: {authorization}\n")


def curl_line(place: Place, shown: Shown) -> str:
    """A command that posts the first event as a new one each time it is pasted."""
    first = shown.events[FIRST_EVENT]
    headers = {
        "Authorization": shown.authorizations[str(first["as"])],
        "Content-Type": "application/json",
        "ce-specversion": "1.0",
        "ce-type": FIRST_EVENT,
        "ce-source": str(first["body"]["source"]),
    }
    lines = [f"curl -i {shown.base_url}/v1/events"]
    lines += [f"-H {shlex.quote(f'{name}: {value}')}" for name, value in headers.items()]
    lines += [
        '-H "ce-id: paste-$(date +%s)-$RANDOM"',
        '-H "ce-time: $(date -u +%Y-%m-%dT%H:%M:%SZ)"',
    ]
    lines += [f"--data {shlex.quote(f'@{place.first_event}')}"]
    return " \\\n  ".join(lines)


def ready_text(place: Place, shown: Shown, notes: Sequence[str], at: datetime) -> str:
    """What stands on the screen when everything answers."""
    wide = max(len(name) for name in shown.authorizations)
    keys = "\n".join(
        f"  {name:<{wide}}  {authorization}" for name, authorization in shown.authorizations.items()
    )
    said = "\n".join(f"  {note}" for note in notes)
    return f"""
{said}

Ready at {at:%H:%M:%S} UTC. Ctrl-C stops it; the data stays.

  Home page      {shown.base_url}/
  Interface      {shown.base_url}/docs
  Health         {shown.base_url}/health/ready
  A school's receiver of webhooks, standing in for its own system
                 {shown.receiver_url}/
  A hospital's receiver of FHIR messages, standing in for its own system
                 {shown.peer_url}/

One credential per agency (also in {_short(place)}demo.json)
{keys}

Post the first event: paste this into another terminal. Each paste is a new event.

{curl_line(place, shown)}

Then read what comes next: docs/tutorial/first-event.md. Webhooks appear below.
"""


def _short(place: Place) -> str:
    here = Path.cwd()
    return f"{place.root.relative_to(here) if place.root.is_relative_to(here) else place.root}/"
