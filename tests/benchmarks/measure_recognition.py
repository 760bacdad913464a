"""How long one child takes to be recognised on a register of so many, and what that costs.

`RECOGNITION_CHILDREN` (50,000) children of an area and their schools are loaded with the import
command's own code; the questions are 2,000 of the same area, written as three kinds of sender write
them. A new process answers them (`recognise_questions`): it holds nothing but what it needs.
"""

from __future__ import annotations

import asyncio
import csv
import json
import os
import resource
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sqlalchemy import text

from chassis.database import Database
from services.directory.import_file import Progress, import_file
from services.directory.import_lines import CHILD_COLUMNS
from services.directory.learn_matcher import learn_matcher
from services.directory.partnership import Partnership
from tests.benchmarks.report import Report
from tests.support.postgres import open_database
from tests.support.synthetic_children import GeneratorSettings, RegisterRow, generate

QUESTIONS = 2_000
SHOW_SECONDS = 10.0
_SINCE = "2024-09-01"

_SIZES = text("""
    select pg_total_relation_size('directory.match_key') / 1e6 as keys,
           pg_total_relation_size('directory.known_person') / 1e6 as people,
           pg_total_relation_size('directory.keyed_child') / 1e6 as keyed,
           pg_database_size(current_database()) / 1e6 as everything""")


async def measure_recognition(report: Report, url: str, folder: Path) -> None:
    """Generate, load, learn, and let a process that has just started answer."""
    children = int(os.environ.get("RECOGNITION_CHILDREN", "50000"))
    name = f"recognition-{children}"
    started = time.monotonic()
    await asyncio.to_thread(_generate, children, folder)
    report.tell(
        f"{name}-generate",
        {"seconds": time.monotonic() - started, "process_mb": _most_memory()},
        f"drawn in {time.monotonic() - started:.0f} s, {_most_memory():.0f} MB",
    )
    partnership = Partnership()
    async with open_database(url) as database:
        await import_file(database, folder / "organisations.csv", partnership=partnership)
        await _load(report, name, database, folder, partnership)
        started = time.monotonic()
        await learn_matcher(database, partnership)
        learnt = time.monotonic() - started
        most = _most_memory(resource.RUSAGE_CHILDREN)
        report.tell(
            f"{name}-learn",
            {"seconds": learnt, "process_mb": most},
            f"learnt in {learnt:.1f} s by a process of {most:.0f} MB",
        )
        answered = await _answer(url, folder)
        _tell_answers(report, name, answered)
        async with database.reading() as session:
            (sizes,) = (await session.execute(_SIZES)).mappings()
    report.tell(
        f"{name}-disk",
        {part: float(size) for part, size in sizes.items()},
        f"keys {sizes['keys']:.0f} MB, people {sizes['people']:.0f} MB, keys by child "
        f"{sizes['keyed']:.0f} MB; the whole database {sizes['everything']:.0f} MB",
    )


async def _load(
    report: Report, name: str, database: Database, folder: Path, partnership: Partnership
) -> None:
    started = shown = time.monotonic()
    written = started

    def show(progress: Progress) -> None:
        nonlocal shown, written
        if not progress.waiting:
            written = written if progress.bytes_read == progress.bytes_total else time.monotonic()
        if time.monotonic() - shown > SHOW_SECONDS:
            shown = time.monotonic()
            print(f"  {progress.written} written, {progress.waiting} to spread", flush=True)

    result = await import_file(database, folder / "children.csv", show, partnership)
    loaded = time.monotonic() - started
    report.tell(
        f"{name}-load",
        {"seconds": loaded, "per_second": result.written / loaded, "process_mb": _most_memory()},
        f"{result.written} children loaded in {loaded:.0f} s, {result.written / loaded:.0f} a "
        f"second, the last {loaded - (written - started):.0f} s to spread their keys",
    )


async def _answer(url: str, folder: Path) -> Any:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.benchmarks.recognise_questions", str(folder)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    written, _ = await process.communicate(url.encode())
    return json.loads(written)


def _tell_answers(report: Report, name: str, answered: Any) -> None:
    one, rate = answered["one"], answered["per_second"]
    report.tell(
        f"{name}-one",
        one,
        f"one child {one['median_ms']:.1f} ms, 99th percentile {one['p99_ms']:.1f} ms, "
        f"longest {one['longest_ms']:.0f} ms",
    )
    report.tell(
        f"{name}-rate",
        rate,
        f"{rate:.0f} a second in batches of {answered['together']}, {answered['at_once']} at once, "
        f"{answered['cpu_ms']:.2f} ms of CPU each",
    )
    right, wrong, asked = (answered[part] for part in ("right", "wrong", "asked"))
    report.tell(
        f"{name}-decisions",
        {"right": right, "wrong": wrong, "person_asked": asked},
        f"of {right + wrong + asked}: {right} recognised, {wrong} wrongly, a person asked of "
        f"{asked}",
    )
    report.tell(
        f"{name}-cold",
        {part: answered[part] for part in ("first_answer_s", "process_mb")},
        f"a new process answers after {answered['first_answer_s']:.1f} s, all in "
        f"{answered['process_mb']:.0f} MB",
    )


def _most_memory(who: int = resource.RUSAGE_SELF) -> float:
    return resource.getrusage(who).ru_maxrss / 1024


def _generate(children: int, folder: Path) -> None:
    """The files of the import command, and the questions with their answers, row by row."""
    schools: set[str] = set()
    with (folder / "children.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, CHILD_COLUMNS, restval="")
        writer.writeheader()

        def take(row: RegisterRow) -> None:
            if row.school_urn:
                schools.add(row.school_urn)
            writer.writerow(_line(row))

        settings = GeneratorSettings(children=children, queries=QUESTIONS, seed=4)
        population = generate(settings, take=take)
    with (folder / "organisations.csv").open("w", newline="", encoding="utf-8") as file:
        organisations = csv.writer(file)
        organisations.writerow(("id", "kind", "name", "urn"))
        organisations.writerows(
            (f"school-{urn}", "school", f"School {urn}", urn) for urn in sorted(schools)
        )
    pairs = zip(population.queries, population.truths, strict=True)
    questions = [{**asdict(query), "truth": truth.id} for query, truth in pairs]
    (folder / "questions.json").write_text(json.dumps(questions), "utf-8")


def _line(row: RegisterRow) -> dict[str, str]:
    values = row._asdict()
    ref, urn = values.pop("id"), values.pop("school_urn")
    return {
        **values,
        "register_ref": ref,
        "nhs_verified": "true" if row.nhs_number else "",
        "enrolments": f"school-{urn}:registered:{_SINCE}:" if urn else "",
    }
