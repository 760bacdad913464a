"""`python -m services.notifier`: serve, manage endpoints and credentials, write mailbox files."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from fastapi import APIRouter

import bus
from chassis.clock import now
from chassis.database import Database, Session
from chassis.migrations import Chain, check_schema
from chassis.process import Service, run, serve
from chassis.settings import printable, refuse_unknown
from chassis.telemetry import configure_logs
from schemas.facts import TOPICS
from schemas.organisations import OrganisationKind
from services.notifier import credentials, endpoints
from services.notifier.app import build
from services.notifier.channels.pulls import set_interval
from services.notifier.settings import Settings
from services.notifier.write_export import write_export

GROUPS = {
    "database", "http", "log", "bus", "intake", "directory", "notifier", "health_broker", "role",
}  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the settings, then do what the command says."""
    command = _parser().parse_args(arguments)
    settings = Settings()
    refuse_unknown(GROUPS)
    configure_logs(settings.log)
    if command.what == "settings":
        sys.stdout.write(printable(settings) + "\n")
    elif command.what == "serve":
        run(_serve(settings))
    elif command.what == "export":
        asyncio.run(_export(settings, command))
    else:
        asyncio.run(_manage(settings, command))


async def _serve(settings: Settings) -> None:
    database = Database(settings.database, "notifier")
    road = bus.open_road(settings.bus, database, TOPICS)
    await check_schema(database, [Chain("bus", "bus"), Chain("notifier", "services.notifier")])
    service = build(settings, database, road)
    await serve([Service("bus", APIRouter(), road.tasks(), road.checks()), service], settings.http)


async def _manage(settings: Settings, command: argparse.Namespace) -> None:
    database = Database(settings.database, "notifier-command")
    try:
        async with database.transaction() as session:
            lines = await _MANAGE[command.what](session, command)
    finally:
        await database.close()
    sys.stdout.write("".join(f"{line}\n" for line in lines))


async def _export(settings: Settings, command: argparse.Namespace) -> None:
    database = Database(settings.database, "notifier-command")
    size = settings.notifier.mailbox.page_limit
    try:
        done = await write_export(
            database,
            command.organisation,
            command.form,
            Path(command.out),
            after=command.after,
            size=size,
            bom=command.bom,
        )
    finally:
        await database.close()
    sys.stdout.write(f"{done.count} notices; the next file begins --after {done.after}\n")


async def _pulls(session: Session, command: argparse.Namespace) -> list[str]:
    minutes = None if command.minutes == 0 else command.minutes
    await set_interval(session, command.organisation, minutes, now())
    return [f"every {minutes} minutes" if minutes else "no interval"]


async def _endpoint(session: Session, command: argparse.Namespace) -> list[str]:
    match command.action:
        case "add":
            try:
                return [await endpoints.add_endpoint(session, command.organisation, command.url)]
            except endpoints.EndpointError as error:
                sys.exit(str(error))
        case "rotate":
            secret = await endpoints.rotate_endpoint(session, command.organisation)
            return [secret] if secret else sys.exit("That organisation has no endpoint.")
        case "remove":
            if not await endpoints.remove_endpoint(session, command.organisation):
                sys.exit("That organisation has no endpoint.")
            return ["removed; what waits for it fails and escalates"]
        case _:
            found = await endpoints.list_endpoints(session)
            return [f"{name}\t{url}\t{at:%Y-%m-%d}" for name, url, at in found]


async def _credential(session: Session, command: argparse.Namespace) -> list[str]:
    match command.action:
        case "add":
            return [
                await credentials.add_credential(
                    session,
                    command.organisation,
                    OrganisationKind(command.kind),
                    name=command.name,
                    scopes=command.scope,
                )
            ]
        case "rotate":
            key = await credentials.rotate_credential(session, command.organisation)
            return [key] if key else sys.exit("That organisation has no credential.")
        case "revoke":
            ended = await credentials.revoke_credential(session, command.organisation)
            return [f"revoked: {ended}"]
        case _:
            found = await credentials.list_credentials(session)
            return [
                f"{name}\t{key}\t{','.join(scopes)}\t{ends or 'in use'}"
                for name, key, scopes, ends in found
            ]


_MANAGE = {"endpoint": _endpoint, "credential": _credential, "pull-interval": _pulls}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m services.notifier", description=__doc__)
    commands = parser.add_subparsers(dest="what")
    parser.set_defaults(what="serve")
    commands.add_parser("serve", help="run the service (the default)")
    commands.add_parser("settings", help="print the settings, secrets masked")
    endpoint = commands.add_parser("endpoint", help="where an organisation takes webhooks")
    actions = endpoint.add_subparsers(dest="action", required=True)
    add = actions.add_parser("add", help="prints the signing secret, once")
    add.add_argument("organisation")
    add.add_argument("url")
    for name in ("rotate", "remove"):
        actions.add_parser(name).add_argument("organisation")
    actions.add_parser("list")
    export = commands.add_parser("export", help="an organisation's notices as a file; opens them")
    export.add_argument("organisation")
    export.add_argument("--form", choices=["csv", "json"], default="csv")
    export.add_argument("--out", required=True)
    export.add_argument("--after", type=int, default=0, help="the cursor of the last file")
    export.add_argument("--bom", action="store_true", help="mark the CSV as UTF-8")
    pulls = commands.add_parser("pull-interval", help="how often a system says that it pulls")
    pulls.add_argument("organisation")
    pulls.add_argument("minutes", type=int, help="0: it says nothing")
    credential = commands.add_parser("credential", help="keys of recipients' systems")
    actions = credential.add_subparsers(dest="action", required=True)
    add = actions.add_parser("add", help="prints the key, once")
    add.add_argument("organisation")
    add.add_argument("--kind", required=True, choices=[str(kind) for kind in OrganisationKind])
    add.add_argument("--name", default="")
    add.add_argument(
        "--scope", action="append", default=[], help="an organisation it acts for; repeatable"
    )
    for name in ("rotate", "revoke"):
        actions.add_parser(name).add_argument("organisation")
    actions.add_parser("list")
    return parser


if __name__ == "__main__":
    main()
