"""Commands about the people who are told that notices wait: `contact …`, and `bounce`."""

from __future__ import annotations

import argparse
import sys
from datetime import time
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from chassis.clock import now
from chassis.database import Database, Session, is_away
from chassis.telemetry import logger
from schemas.organisations import RecipientRole
from services.notifier import bounce, contacts
from services.notifier.settings import Settings

log = logger("notifier.contacts")

LIMIT_BYTES = bounce.LIMIT_BYTES


def add_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """`contact …` and `bounce`."""
    commands.add_parser("bounce", help="a delivery status notification on standard input")
    contact = commands.add_parser("contact", help="people who are told that notices wait")
    actions = contact.add_subparsers(dest="action", required=True)
    add = actions.add_parser("add", help="prints its id; the same again confirms it")
    add.add_argument("organisation")
    add.add_argument("channel", choices=["email", "sms"])
    add.add_argument("address")
    add.add_argument("--role", choices=[str(role) for role in RecipientRole])
    add.add_argument(
        "--quiet", nargs=2, type=time.fromisoformat, metavar=("FROM", "UNTIL"),
        help="Europe/London, such as 22:00 07:00; a missing child is told at once all the same",
    )  # fmt: skip
    for name in ("confirm", "remove"):
        actions.add_parser(name).add_argument("contact", type=UUID)
    actions.add_parser("list").add_argument("organisation", nargs="?")


async def manage(session: Session, command: argparse.Namespace, settings: Settings) -> list[str]:
    """Add, confirm, remove or list contacts; the lines to print."""
    match command.action:
        case "add":
            quiet_from, quiet_until = command.quiet or (None, None)
            new = contacts.NewContact(
                command.organisation, command.channel, command.address, command.role,
                quiet_from, quiet_until,
            )  # fmt: skip
            try:
                made, _ = await contacts.add_contact(session, new, now(), settings.notifier)
            except contacts.ContactError as error:
                sys.exit(str(error))
            return [str(made)]
        case "confirm":
            if not await contacts.confirm_contact(session, command.contact, now()):
                sys.exit("There is no such contact.")
            return ["confirmed"]
        case "remove":
            if not await contacts.remove_contact(session, command.contact):
                sys.exit("There is no such contact.")
            return ["removed; its address is forgotten"]
        case _:
            of = [command.organisation] if command.organisation else None
            days = settings.notifier.alerts.confirm_days
            found = await contacts.list_contacts(session, of, now(), days)
            return [
                f"{row.id}\t{row.organisation}\t{row.role or '*'}\t{row.channel}\t"
                f"{contacts.masked(row.channel, row.address)}\t{row.confirmed_at:%Y-%m-%d}\t"
                f"{contacts.how(row)}"
                for row in found
            ]


async def take_bounce(settings: Settings, raw: bytes) -> int:
    """Note what a delivery status notification says; the exit status for the mail system."""
    report = bounce.read_report(raw)
    if report is None:
        log.error("bounce_unreadable", next="nothing changes; a person must read that mail")
        return bounce.Exit.UNREADABLE
    database = Database(settings.database, "notifier-bounce")
    try:
        async with database.transaction() as session:
            known = await bounce.record_bounce(session, report, now())
    except (SQLAlchemyError, OSError) as error:
        if not is_away(error):
            raise
        log.warning("bounce_not_recorded", next="the mail system hands it over again")
        return bounce.Exit.TRY_AGAIN
    finally:
        await database.close()
    if not known:
        log.error("bounce_unmatched", next="nothing changes: it is no alert of ours")
        return bounce.Exit.UNREADABLE
    return bounce.Exit.DONE
