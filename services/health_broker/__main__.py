"""`python -m services.health_broker`: serves alone; `settings` prints; `peer …` keeps the peers."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from datetime import timedelta

from fastapi import APIRouter
from pydantic import ValidationError

from bus import open_road
from chassis.database import Database
from chassis.migrations import Chain, OldSchemaError, check_schema
from chassis.process import Service, run, serve
from chassis.settings import UnknownSettingError, printable, refuse_unknown
from chassis.telemetry import configure_logs
from schemas.facts import TOPICS
from schemas.organisations import OrganisationKind
from services.health_broker.app import build
from services.health_broker.peers import (
    PeerError,
    add_peer,
    find_peers,
    remove_peer,
    rotate_peer,
)
from services.health_broker.settings import KNOWN_GROUPS, Settings

CHAINS = (Chain("bus", "bus"), Chain("health_broker", "services.health_broker"))


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the settings and do what the command says."""
    given = _read_arguments(arguments)
    try:
        refuse_unknown(set(KNOWN_GROUPS))
        settings = Settings()
    except UnknownSettingError as error:
        sys.exit(str(error))
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False)
        sys.exit("\n".join(f"{'__'.join(map(str, one['loc']))}: {one['msg']}" for one in faults))
    configure_logs(settings.log)
    try:
        if given.command == "settings":
            print(printable(settings))  # noqa: T201 - the command's answer
        elif given.command == "peer":
            asyncio.run(_keep_peers(settings, given))
        else:
            run(_serve(settings))
    except (PeerError, OldSchemaError) as error:
        sys.exit(str(error))


def _read_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m services.health_broker", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("serve", help="serve (the default)")
    commands.add_parser("settings", help="print the settings, secrets masked")
    peer = commands.add_parser("peer", help="health systems that take FHIR messages")
    actions = peer.add_subparsers(dest="action", required=True)
    adding = actions.add_parser("add", help="add or change one; prints its key, once")
    adding.add_argument("organisation")
    adding.add_argument("url", help="its base URL; messages go to URL/$process-message")
    adding.add_argument("--ods-code", help="default: what the directory says")
    adding.add_argument("--kind", choices=[kind.value for kind in OrganisationKind])
    adding.add_argument(
        "--token-variable", metavar="NAME", help="the variable with the token that it asks of us"
    )
    rotating = actions.add_parser("rotate", help="a new key; the present one ends later")
    rotating.add_argument("organisation")
    rotating.add_argument("--overlap-hours", type=float, default=24.0)
    removing = actions.add_parser("remove", help="no message goes there any more")
    removing.add_argument("organisation")
    actions.add_parser("list", help="every peer, and since when its queue is open")
    return parser.parse_args(arguments)


async def _serve(settings: Settings) -> None:
    database = Database(settings.database, "health-broker")
    await check_schema(database, CHAINS)
    road = open_road(settings.bus, database, TOPICS)
    carried = Service("bus", APIRouter(), road.tasks(), road.checks())
    await serve([carried, build(settings, database, road)], settings.http)


async def _keep_peers(settings: Settings, given: argparse.Namespace) -> None:
    database = Database(settings.database, "health-broker-peer")
    try:
        await check_schema(database, CHAINS)
        async with database.transaction() as session:
            if given.action == "add":
                token = os.environ.get(given.token_variable) if given.token_variable else None
                key = await add_peer(
                    session,
                    given.organisation,
                    given.url,
                    ods_code=given.ods_code,
                    kind=given.kind,
                    token=token,
                )
                lines = [f"Its key, shown once: {key}"]
            elif given.action == "rotate":
                overlap = timedelta(hours=given.overlap_hours)
                key = await rotate_peer(session, given.organisation, overlap=overlap)
                lines = [f"Its new key, shown once: {key}"]
            elif given.action == "remove":
                await remove_peer(session, given.organisation)
                lines = [f"{given.organisation} is no peer any more."]
            else:
                lines = [
                    f"{one.organisation}\t{one.ods_code}\t{one.base_url}\t"
                    + (f"queue open since {one.queue_opened_at}" if one.queue_opened_at else "well")
                    for one in (await find_peers(session)).values()
                ]
        print("\n".join(lines))  # noqa: T201 - the command's answer
    finally:
        await database.close()


if __name__ == "__main__":
    main()
