"""`python -m services.directory [serve | settings | import FILE | evaluate … | …]`."""

from __future__ import annotations

import argparse
import asyncio
import sys
from datetime import timedelta
from pathlib import Path
from time import monotonic

from fastapi import APIRouter
from sqlalchemy import text

from bus import open_road
from chassis.clock import now
from chassis.credentials import make_key, revoke_keys
from chassis.database import Database
from chassis.migrations import Chain, check_schema
from chassis.process import Service, run, serve
from chassis.settings import printable, refuse_unknown
from chassis.telemetry import configure_logs
from schemas.facts import TOPICS
from schemas.organisations import OrganisationKind
from services.directory.app import build
from services.directory.import_file import (
    ImportResult,
    Options,
    Progress,
    Report,
    UnknownFileError,
    import_file,
)
from services.directory.keep_findings import REVIEWERS, count_findings
from services.directory.matching.files import MissingColumnError, evaluate_files
from services.directory.matching.model import read_model
from services.directory.partnership import Partnership
from services.directory.policy import read_policy
from services.directory.read_file import FORMATS
from services.directory.settings import KNOWN_GROUPS, Settings
from services.directory.tables import Credential

CHAINS = (Chain("bus", "bus"), Chain("directory", "services.directory"))
MOST_SHOWN = 100
SHOW_SECONDS = 2.0


def main() -> int:
    """Parse, act, and return the exit status."""
    chosen = _parser().parse_args()
    if chosen.command == "evaluate":
        return _evaluate(chosen)
    refuse_unknown(set(KNOWN_GROUPS))
    settings = Settings()
    if chosen.command == "settings":
        sys.stdout.write(printable(settings) + "\n")
        return 0
    configure_logs(settings.log)
    if chosen.command == "import":
        options = Options(chosen.format, chosen.school)
        return asyncio.run(_import(settings, chosen.file, options))
    if chosen.command == "findings":
        return asyncio.run(_print_findings(settings))
    if chosen.command == "reviewer":
        return asyncio.run(_change_reviewer(settings, chosen))
    run(_serve(settings))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m services.directory", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("serve", help="serve alone (the default)")
    commands.add_parser("settings", help="print the settings, secrets masked")
    load = commands.add_parser("import", help="load organisations or children from a file")
    load.add_argument("file", type=Path)
    load.add_argument("--format", choices=FORMATS, help="what it holds; else it is recognised")
    load.add_argument("--school", help="the URN of a school census without such a column")
    evaluate = commands.add_parser(
        "evaluate", help="the very same decision on files: a register, queries, a decision for each"
    )
    evaluate.add_argument("register", type=Path, metavar="REGISTER.csv")
    evaluate.add_argument("queries", type=Path, metavar="QUERIES.csv")
    evaluate.add_argument("--out", type=Path, required=True, metavar="DECISIONS.csv")
    evaluate.add_argument(
        "--model", type=Path, help="a saved model; without, one is learnt from the two files"
    )
    evaluate.add_argument(
        "--distinct",
        action="store_true",
        help="no two rows of QUERIES are one person, as in a school's roll: decided together",
    )
    evaluate.add_argument("--save-model", type=Path, help="where to write the model that was used")
    commands.add_parser("findings", help="per agency: what was found of its own records")
    reviewer = commands.add_parser("reviewer", help="keys of those who decide")
    reviewer.add_argument("action", choices=("add", "rotate", "revoke"))
    reviewer.add_argument("organisation", help="the id of a social-care organisation")
    reviewer.add_argument("--name", default="reviewer", help="shown beside each decision")
    reviewer.add_argument(
        "--kind", default=OrganisationKind.SOCIAL_CARE.value, choices=list(OrganisationKind)
    )
    reviewer.add_argument(
        "--overlap-hours", type=float, default=0.0, help="rotate: how long old keys still work"
    )
    return parser


async def _serve(settings: Settings) -> None:
    database = Database(settings.database, "directory")
    road = open_road(settings.bus, database, TOPICS)
    await check_schema(database, CHAINS)
    service = build(settings, database, road)
    await serve([Service("bus", APIRouter(), road.tasks(), road.checks()), service], settings.http)


async def _import(settings: Settings, path: Path, options: Options) -> int:
    database = Database(settings.database, "directory-import")
    try:
        await check_schema(database, CHAINS)
        partnership = Partnership(read_policy(), settings.directory)
        result = await _import_with_bar(database, path, partnership, options)
    except (UnknownFileError, OSError) as error:
        if isinstance(error, UnknownFileError):
            sys.stderr.write(f"{path.name}: {error}\n")
            return 2
        sys.stderr.write(f"{path.name}: cannot be read ({type(error).__name__})\n")
        return 2
    finally:
        await database.close()
    for bad in result.skipped[:MOST_SHOWN]:
        sys.stderr.write(f"line {bad.line}: {bad.field}: {bad.rule}; skipped\n")
    if len(result.skipped) > MOST_SHOWN:
        sys.stderr.write(f"… and {len(result.skipped) - MOST_SHOWN} more\n")
    sys.stderr.write(
        f"{result.written} {result.kind} written, {len(result.skipped)} lines skipped\n"
    )
    return 1 if result.skipped else 0


async def _import_with_bar(
    database: Database, path: Path, partnership: Partnership, options: Options
) -> ImportResult:
    try:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar
    except ImportError:  # The image of production is without it.
        return await import_file(database, path, _say_progress, partnership, options)

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[lines]}"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(path.name, total=None, lines="")

        def show(progress: Progress) -> None:
            bar.update(
                task,
                total=progress.bytes_total,
                completed=progress.bytes_read,
                lines=f"{progress.written + progress.skipped} lines"
                + (f", {progress.waiting} children's keys to spread" if progress.waiting else ""),
            )

        report: Report = show
        return await import_file(database, path, report, partnership, options)


def _say_progress(progress: Progress) -> None:
    percent = 100 * progress.bytes_read // max(progress.bytes_total, 1)
    rest = f", {progress.waiting} children's keys to spread" if progress.waiting else ""
    sys.stderr.write(f"{percent} %, {progress.written + progress.skipped} lines{rest}\n")


def _evaluate(chosen: argparse.Namespace) -> int:
    last = [0.0]

    def show(what: str, done: int, of: int) -> None:
        at = monotonic()
        if at - last[0] >= SHOW_SECONDS:
            last[0] = at
            sys.stderr.write(f"{what}: {done} of {of}\n")

    try:
        model = read_model(chosen.model) if chosen.model else None
        result = evaluate_files(
            chosen.register, chosen.queries, chosen.out, show, model, distinct=chosen.distinct
        )
        if chosen.save_model:
            chosen.save_model.write_text(result.model.to_json() + "\n", "utf-8")
    except (MissingColumnError, OSError, KeyError, ValueError) as error:
        reason = str(error) if isinstance(error, MissingColumnError) else type(error).__name__
        sys.stderr.write(f"cannot evaluate: {reason}\n")
        return 2
    counts = ", ".join(f"{count} {status}" for status, count in sorted(result.counts.items()))
    sys.stderr.write(f"{chosen.out}: {counts}; model {result.model.version}\n")
    return 0


async def _print_findings(settings: Settings) -> int:
    database = Database(settings.database, "directory-findings")
    try:
        async with database.reading() as session:
            rows = await count_findings(session)
    finally:
        await database.close()
    for row in rows:
        oldest = row.oldest_open.isoformat() if row.oldest_open else "-"
        counts = f"open {row.open}, answered {row.answered}, withdrawn {row.withdrawn}"
        whose = row.agency or REVIEWERS
        sys.stdout.write(f"{whose}: {row.kind}: {counts}, oldest open {oldest}\n")
    return 0


async def _change_reviewer(settings: Settings, chosen: argparse.Namespace) -> int:
    database = Database(settings.database, "directory-reviewer")
    try:
        async with database.transaction() as session:
            known = await session.execute(
                text("select 1 from directory.organisation where id = :id"),
                {"id": chosen.organisation},
            )
            if known.first() is None:
                sys.stderr.write("No such organisation is recorded; import it first.\n")
                return 1
            if chosen.action in ("rotate", "revoke"):
                hours = chosen.overlap_hours if chosen.action == "rotate" else 0.0
                ends_at = now() + timedelta(hours=hours)
                ended = await revoke_keys(session, Credential, chosen.organisation, ends_at)
                sys.stderr.write(f"{ended} keys end at {ends_at.isoformat()}\n")
            if chosen.action in ("add", "rotate"):
                key = await make_key(
                    session,
                    Credential,
                    organisation=chosen.organisation,
                    name=chosen.name,
                    kind=chosen.kind,
                )
                sys.stdout.write(key + "\n")
    finally:
        await database.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
