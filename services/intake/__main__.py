"""`python -m services.intake`: serves; `settings`; `agency add|sandbox|rotate|revoke|list`."""

from __future__ import annotations

import argparse
import asyncio
import sys
from datetime import timedelta

from fastapi import APIRouter

from bus import open_road
from chassis.database import Database
from chassis.migrations import Chain, check_schema
from chassis.process import Service, run, serve
from chassis.settings import printable, refuse_unknown
from chassis.telemetry import configure_logs
from schemas.facts import TOPICS
from schemas.organisations import OrganisationKind
from services.intake import agencies
from services.intake.app import build
from services.intake.settings import KNOWN_GROUPS, Settings

CHAINS = (Chain("bus", "bus"), Chain("intake", "services.intake"))


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says."""
    command = _parser().parse_args(arguments)
    refuse_unknown(set(KNOWN_GROUPS))
    settings = Settings()
    configure_logs(settings.log)
    match command.command:
        case "settings":
            sys.stdout.write(printable(settings) + "\n")
        case "agency":
            try:
                sys.stdout.write(asyncio.run(_change_agencies(settings, command)) + "\n")
            except agencies.AgencyError as error:
                sys.stderr.write(f"{error}\n")
                return 1
        case _:
            run(_serve(settings))
    return 0


async def _serve(settings: Settings) -> None:
    database = Database(settings.database, "intake")
    await check_schema(database, CHAINS)
    road = open_road(settings.bus, database, TOPICS)
    service = build(settings, database, road)
    bus = Service("bus", APIRouter(), road.tasks(), road.checks(), [database])
    await serve([bus, service], settings.http)


async def _change_agencies(settings: Settings, command: argparse.Namespace) -> str:
    database = Database(settings.database, "intake-agency")
    try:
        async with database.transaction() as session:
            match command.action:
                case "add":
                    return await agencies.add_agency(
                        session,
                        command.organisation,
                        kind=OrganisationKind(command.kind),
                        name=command.name,
                        source=command.source,
                    )
                case "sandbox":
                    return await agencies.add_sandbox_key(session, command.organisation)
                case "rotate":
                    overlap = timedelta(hours=command.overlap_hours)
                    return await agencies.rotate_key(session, command.organisation, overlap)
                case "revoke":
                    ended = await agencies.revoke_agency(
                        session, command.organisation, only_sandbox=command.only_sandbox
                    )
                    return f"{ended} keys of {command.organisation} ended"
                case _:
                    lines = await agencies.list_agencies(session)
                    return "\n".join(_line(one) for one in lines) or "no agencies"
    finally:
        await database.close()


def _line(agency: agencies.AgencyLine) -> str:
    newest = agency.newest_key_at.isoformat(timespec="seconds") if agency.newest_key_at else "-"
    return (
        f"{agency.organisation}\t{agency.kind}\t{agency.source}\t{agency.name}\t"
        f"{agency.keys} valid keys, newest of {newest}; {agency.sandbox_keys} of the sandbox"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m services.intake", description=__doc__)
    commands = parser.add_subparsers(dest="command", metavar="settings | agency")
    commands.add_parser("settings", help="print the settings, secrets masked")
    actions = commands.add_parser("agency", help="agencies and their keys").add_subparsers(
        dest="action", required=True
    )
    add = actions.add_parser("add", help="add an agency; prints its key, once")
    add.add_argument("organisation")
    add.add_argument("--kind", required=True, choices=[kind.value for kind in OrganisationKind])
    add.add_argument("--name", required=True)
    add.add_argument("--source", required=True, help="the `source` of its events")
    actions.add_parser(
        "sandbox", help="make a key of its sandbox, which reaches nothing real; prints it, once"
    ).add_argument("organisation")
    rotate = actions.add_parser("rotate", help="make a new key; prints it, once")
    rotate.add_argument("organisation")
    rotate.add_argument("--overlap-hours", type=float, default=24.0)
    revoke = actions.add_parser("revoke", help="end every key now")
    revoke.add_argument("organisation")
    revoke.add_argument("--only-sandbox", action="store_true", help="leave the others")
    actions.add_parser("list", help="show every agency")
    return parser


if __name__ == "__main__":
    sys.exit(main())
