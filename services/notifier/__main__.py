"""`python -m services.notifier`: serve; manage endpoints, contacts, keys, ladders; files."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from fastapi import APIRouter

import bus
from chassis.addresses import SystemLookup
from chassis.clock import now
from chassis.database import Database, Session
from chassis.migrations import Chain, check_schema
from chassis.process import Service, run, serve
from chassis.settings import printable, refuse_unknown
from chassis.telemetry import configure_logs
from chassis.webhook_keys import KINDS
from schemas.facts import TOPICS
from schemas.organisations import OrganisationKind
from schemas.permissions import GIVEN_BY_NAME
from services.notifier import contact_commands, credentials, endpoints
from services.notifier.app import build
from services.notifier.calendars import local_date
from services.notifier.channels.pulls import set_interval
from services.notifier.keep_ladders import ROUND_SIZE, confirm_ladder, list_unconfirmed
from services.notifier.rules import BadTableError, Table, as_table, read_rules
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
    elif command.what == "deadlines":
        rules = _rules(settings).in_force(local_date(now()))
        sys.stdout.write(as_table(rules) + "\n")
    elif command.what == "serve":
        _rules(settings)
        run(_serve(settings))
    elif command.what == "export":
        asyncio.run(_export(settings, command))
    elif command.what == "bounce":
        raw = sys.stdin.buffer.read(contact_commands.LIMIT_BYTES)
        sys.exit(asyncio.run(contact_commands.take_bounce(settings, raw)))
    else:
        asyncio.run(_manage(settings, command))


def _rules(settings: Settings) -> Table:
    try:
        return read_rules(settings.notifier.deadlines.table)
    except (BadTableError, OSError) as error:
        sys.exit(f"The rules of deadlines cannot be read; nothing was started.\n{error}")


async def _serve(settings: Settings) -> None:
    database = Database(settings.database, "notifier")
    road = bus.open_road(settings.bus, database, TOPICS)
    await check_schema(database, [Chain("bus", "bus"), Chain("notifier", "services.notifier")])
    service = build(settings, database, road)
    await serve([Service("bus", APIRouter(), road.tasks(), road.checks()), service], settings.http)


async def _manage(settings: Settings, command: argparse.Namespace) -> None:
    if (command.what, command.action) == ("endpoint", "add"):
        await _check_url(settings, command.url)
    database = Database(settings.database, "notifier-command")
    try:
        async with database.transaction() as session:
            lines = await _MANAGE[command.what](session, command, settings)
    finally:
        await database.close()
    sys.stdout.write("".join(f"{line}\n" for line in lines))


async def _check_url(settings: Settings, url: str) -> None:
    lookup = SystemLookup()
    try:
        await endpoints.judge_url(url, settings.notifier.send.allowed_networks, lookup)
    except endpoints.EndpointError as error:
        sys.exit(str(error))
    finally:
        lookup.close()


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


async def _pulls(session: Session, command: argparse.Namespace, _settings: Settings) -> list[str]:
    minutes = None if command.minutes == 0 else command.minutes
    await set_interval(session, command.organisation, minutes, now())
    return [f"every {minutes} minutes" if minutes else "no interval"]


async def _endpoint(
    session: Session, command: argparse.Namespace, _settings: Settings
) -> list[str]:
    match command.action:
        case "add":
            return [
                await endpoints.add_endpoint(
                    session,
                    command.organisation,
                    command.url,
                    kind=command.kind,
                    per_second=command.per_second,
                )
            ]
        case "rotate":
            key = await endpoints.rotate_endpoint(
                session, command.organisation, command.hours, command.kind
            )
            return [key] if key else sys.exit("That organisation has no endpoint.")
        case "end-old-key":
            if not await endpoints.end_previous_key(session, command.organisation):
                sys.exit("No old key of that organisation signs.")
            return ["only the new key signs, everywhere within some seconds"]
        case "remove":
            if not await endpoints.remove_endpoint(session, command.organisation):
                sys.exit("That organisation has no endpoint.")
            return ["removed; what waits for it fails and escalates"]
        case "enable":
            done = await endpoints.enable_endpoint(session, command.organisation)
            return [done] if done else sys.exit("That organisation has no endpoint to enable.")
        case _:
            return [
                f"{one.organisation}\t{one.url}\t{one.added_at:%Y-%m-%d}\t{one.kind}"
                f"\t{one.per_second or 'any'}/s\t{one.state}"
                for one in await endpoints.list_endpoints(session)
            ]


async def _credential(
    session: Session, command: argparse.Namespace, _settings: Settings
) -> list[str]:
    match command.action:
        case "add":
            return [
                await credentials.add_credential(
                    session,
                    command.organisation,
                    OrganisationKind(command.kind),
                    name=command.name,
                    scopes=command.scope,
                    rights=command.right,
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


async def _ladder(session: Session, command: argparse.Namespace, settings: Settings) -> list[str]:
    if command.action == "confirm":
        if not await confirm_ladder(session, command.organisation, command.by, now()):
            sys.exit("That organisation is not known.")
        return ["confirmed"]
    ladders = settings.notifier.ladders
    lines: list[str] = []
    after = ""
    while found := await list_unconfirmed(session, now(), ladders, after, ROUND_SIZE):
        lines += [
            f"{one.organisation.id}\t{one.confirm_by:%Y-%m-%d}\t{','.join(one.defects)}"
            for one in found
        ]
        after = found[-1].organisation.id
    return lines


_MANAGE = {
    "endpoint": _endpoint,
    "credential": _credential,
    "ladder": _ladder,
    "pull-interval": _pulls,
    "contact": contact_commands.manage,
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m services.notifier", description=__doc__)
    commands = parser.add_subparsers(dest="what")
    parser.set_defaults(what="serve")
    commands.add_parser("serve", help="run the service (the default)")
    commands.add_parser("settings", help="print the settings, secrets masked")
    commands.add_parser("deadlines", help="print the rules of deadlines that are in force today")
    endpoint = commands.add_parser("endpoint", help="where an organisation takes webhooks")
    actions = endpoint.add_subparsers(dest="action", required=True)
    add = actions.add_parser("add", help="prints what the receiver verifies with, once")
    add.add_argument("organisation")
    add.add_argument("url")
    add.add_argument("--kind", choices=KINDS, default="hmac", help="of its signatures")
    add.add_argument(
        "--per-second", type=_per_second, metavar="N", help="never more requests in any second"
    )
    rotate = actions.add_parser("rotate", help="a new key; both sign for a while")
    rotate.add_argument("organisation")
    rotate.add_argument("--kind", choices=KINDS, help="other than before")
    rotate.add_argument("--hours", type=float, default=endpoints.ROTATION_HOURS)
    ended = actions.add_parser("end-old-key", help="the old key of a rotation signs no more")
    ended.add_argument("organisation")
    actions.add_parser("remove", help="what waits for it fails").add_argument("organisation")
    enable = actions.add_parser("enable", help="take off a pause, or use the last one again")
    enable.add_argument("organisation")
    actions.add_parser("list", help="organisation, address, since, kind, rate, state")
    export = commands.add_parser("export", help="an organisation's notices as a file; opens them")
    export.add_argument("organisation")
    export.add_argument("--form", choices=["csv", "json"], default="csv")
    export.add_argument("--out", required=True)
    export.add_argument("--after", type=int, default=0, help="the cursor of the last file")
    export.add_argument("--bom", action="store_true", help="mark the CSV as UTF-8")
    pulls = commands.add_parser("pull-interval", help="how often a system says that it pulls")
    pulls.add_argument("organisation")
    pulls.add_argument("minutes", type=int, help="0: it says nothing")
    contact_commands.add_parsers(commands)
    credential = commands.add_parser("credential", help="keys of recipients' systems")
    actions = credential.add_subparsers(dest="action", required=True)
    add = actions.add_parser("add", help="prints the key, once")
    add.add_argument("organisation")
    add.add_argument("--kind", required=True, choices=[str(kind) for kind in OrganisationKind])
    add.add_argument("--name", default="")
    add.add_argument(
        "--scope", action="append", default=[], help="an organisation it acts for; repeatable"
    )
    add.add_argument(
        "--right", action="append", default=[], choices=sorted(GIVEN_BY_NAME),
        help="what it may do besides reading and confirming; repeatable",
    )  # fmt: skip
    for name in ("rotate", "revoke"):
        actions.add_parser(name).add_argument("organisation")
    actions.add_parser("list")
    ladder = commands.add_parser("ladder", help="who is told next, and that it is right")
    actions = ladder.add_subparsers(dest="action", required=True)
    confirm = actions.add_parser("confirm", help="somebody at the organisation said so")
    confirm.add_argument("organisation")
    confirm.add_argument("--by", required=True, help="a role, not a name")
    actions.add_parser("list", help="unconfirmed or defective; by when, and what is wrong")
    return parser


def _per_second(value: str) -> int:
    number = int(value)
    if not 1 <= number <= 10_000:
        raise argparse.ArgumentTypeError("is 1 to 10000")
    return number


if __name__ == "__main__":
    main()
