"""How long one child takes to be recognised on a register of so many, and what that costs.

`RECOGNITION_CHILDREN` (50,000) children are loaded with the import command's own code; the
questions are 2,000 of the same area, written as three kinds of sender write them.
"""

from __future__ import annotations

import csv
import os
import resource
import statistics
import time
from dataclasses import asdict
from datetime import date
from pathlib import Path

from sqlalchemy import text

from chassis.clock import LONDON, now
from chassis.database import Database
from services.directory.import_file import import_file
from services.directory.import_lines import CHILD_COLUMNS
from services.directory.learn_matcher import learn_matcher
from services.directory.matcher import Learnt, Matcher
from services.directory.matching.person import Person, person_of_row
from services.directory.partnership import Partnership
from services.directory.recognise import Asked, recognise_children
from tests.benchmarks.report import Report, percentile
from tests.support.postgres import open_database
from tests.support.synthetic_children import GeneratorSettings, Population, generate

QUESTIONS = 2_000
WARM_UP = 200
TOGETHER = 50


async def measure_recognition(report: Report, url: str, folder: Path) -> None:
    """Load, learn, start cold, recognise one by one and in batches, add a child meanwhile."""
    children = int(os.environ.get("RECOGNITION_CHILDREN", "50000"))
    population = generate(GeneratorSettings(children=children, queries=QUESTIONS, seed=4))
    path = folder / "children.csv"
    _write(path, population)
    asked = [person_of_row(asdict(query), query.query) for query in population.queries]
    truths = [truth.id for truth in population.truths]
    del population
    name = f"recognition-{children}"
    partnership = Partnership()
    today = now().astimezone(LONDON).date()
    async with open_database(url) as database:
        started = time.monotonic()
        result = await import_file(database, path, partnership=partnership)
        loaded = time.monotonic() - started
        report.tell(f"{name}-load", loaded, f"{result.written} children loaded in {loaded:.0f} s")
        async with database.transaction() as session:
            await session.execute(text("analyze directory.child"))
            await session.execute(text("analyze directory.match_key"))
        started = time.monotonic()
        await learn_matcher(database, partnership)
        learnt = time.monotonic() - started
        matcher = Matcher()
        started = time.monotonic()
        async with database.reading() as session:
            await matcher.read_newest(session)
        cold = time.monotonic() - started
        report.tell(
            f"{name}-learn", learnt, f"learnt in {learnt:.1f} s, read again in {cold:.2f} s"
        )
        if matcher.learnt is None:
            raise RuntimeError("nothing was learnt")
        times: list[float] = []
        right = 0
        for at, person in enumerate(asked):
            async with database.reading() as session:
                started = time.monotonic()
                (judged,) = await recognise_children(
                    session, matcher.learnt, [Asked(person, 0)], {}
                )
                if at >= WARM_UP:
                    times.append(1000 * (time.monotonic() - started))
            right += judged.status == "match" and bool(truths[at])
        report.tell(
            f"{name}-one",
            {"median_ms": statistics.median(times), "p99_ms": percentile(times, 0.99)},
            f"one child {statistics.median(times):.1f} ms, 99th percentile "
            f"{percentile(times, 0.99):.1f} ms; {right} of {QUESTIONS} recognised",
        )
        rate = await _in_batches(database, matcher.learnt, asked, today)
        report.tell(f"{name}-rate", rate, f"{rate:.0f} a second in batches of {TOGETHER}")
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        async with database.reading() as session:
            disk = await session.execute(
                text("select pg_total_relation_size('directory.match_key') / 1e6")
            )
            size = float(disk.scalar_one())
        report.tell(
            f"{name}-memory",
            {"process_mb": memory, "keys_mb": size},
            f"at most {memory:.0f} MB (the generator's own included), keys {size:.0f} MB on disk",
        )


async def _in_batches(
    database: Database, learnt: Learnt, asked: list[Person], today: date
) -> float:
    started = time.monotonic()
    for at in range(0, len(asked), TOGETHER):
        batch = [Asked(person, place) for place, person in enumerate(asked[at : at + TOGETHER])]
        async with database.reading() as session:
            await recognise_children(session, learnt, batch, {})
    return len(asked) / (time.monotonic() - started)


def _write(path: Path, population: Population) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, CHILD_COLUMNS, restval="")
        writer.writeheader()
        for row in population.register:
            writer.writerow(
                {
                    "register_ref": row.id,
                    "given_name": row.given_name,
                    "family_name": row.family_name,
                    "date_of_birth": row.date_of_birth,
                    "sex": row.sex,
                    "nhs_number": row.nhs_number,
                    "nhs_verified": "true" if row.nhs_number else "",
                    "upn": row.upn,
                    "address": row.address,
                    "postcode": row.postcode,
                    "household": row.household,
                    "guardian_given_name": row.guardian_given_name,
                    "guardian_family_name": row.guardian_family_name,
                }
            )
