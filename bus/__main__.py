"""`python -m bus relay | parked [GROUP] | replay GROUP [FACT]`.

`relay` carries the log to Kafka in a process of its own (every service's process stands by for it
too); the others are what a person does about parked messages: they show identifiers and reasons,
never a payload. All read `SGB_DATABASE__URL`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from uuid import UUID

from fastapi import APIRouter

from bus import held
from bus.append import Waker
from bus.road import open_road
from bus.settings import BusSettings
from chassis.database import Database
from chassis.migrations import Chain, check_schema
from chassis.process import Service, run, serve
from chassis.settings import DatabaseSettings, ProcessSettings
from chassis.telemetry import configure_logs
from schemas.facts import TOPICS


async def list_parked(database: Database, group: str | None) -> list[str]:
    """A line per parked message: group, id, type, since, attempts, reason."""
    async with database.reading() as session:
        return [
            f"{name}  {one.fact.id}  {one.fact.type}  since {one.held_at:%Y-%m-%dT%H:%M:%SZ}  "
            f"attempts {one.attempts}  {one.reason}"
            for name, one in await held.list_parked(session, group)
        ]


async def replay(database: Database, group: str, fact: UUID | None) -> int:
    """Let a group's parked messages go on; returns how many."""
    async with database.transaction() as session:
        count = await held.replay(session, group, fact)
    Waker.wake_all()
    return count


class RelaySettings(ProcessSettings):
    """What `python -m bus relay` reads."""

    bus: BusSettings = BusSettings()


async def carry() -> None:
    """Serve health and carry the log until stopped."""
    settings = RelaySettings()
    configure_logs(settings.log)
    database = Database(settings.database, "relay")
    await check_schema(database, [Chain("bus", "bus")])
    road = open_road(settings.bus, database, TOPICS)
    relay = Service("relay", APIRouter(), road.tasks(), road.checks(), [database])
    await serve([relay], settings.http)


async def _run(arguments: argparse.Namespace, url: str) -> int:
    database = Database(DatabaseSettings.model_validate({"url": url}), "bus-command")
    try:
        if arguments.command == "parked":
            lines = await list_parked(database, arguments.group)
            print("\n".join(lines) or "nothing is parked")  # noqa: T201 - a command's answer
            return 0
        count = await replay(database, arguments.group, arguments.fact)
        print(f"{count} replayed")  # noqa: T201 - the same
        return 0 if count else 1
    finally:
        await database.close()


def main() -> int:
    """Parse the arguments and run one command."""
    parser = argparse.ArgumentParser(prog="python -m bus", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("relay", help="carry the log to Kafka until stopped")
    parked = commands.add_parser("parked", help="list what is parked, oldest first")
    parked.add_argument("group", nargs="?")
    again = commands.add_parser("replay", help="let parked messages go on")
    again.add_argument("group")
    again.add_argument("fact", nargs="?", type=UUID, help="one message; all of the group without")
    arguments = parser.parse_args()
    if arguments.command == "relay":
        run(carry())
        return 0
    url = os.environ.get("SGB_DATABASE__URL")
    if not url:
        sys.exit("Set SGB_DATABASE__URL to postgresql://role@host/database, then run again.")
    return asyncio.run(_run(arguments, url))


if __name__ == "__main__":
    sys.exit(main())
