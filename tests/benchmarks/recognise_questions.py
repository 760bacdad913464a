"""`python -m tests.benchmarks.recognise_questions FOLDER`: what a process that has started answers.

The database's URL is read from standard input; the figures are one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import resource
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import uvloop
from sqlalchemy import text

from chassis.database import Database
from chassis.process import spare_the_collector
from services.directory.matcher import Learnt, Matcher
from services.directory.matching.judge import Judgement
from services.directory.matching.person import Person, person_of_row
from services.directory.recognise import Asked, recognise_children
from tests.benchmarks.report import percentile
from tests.support.postgres import open_database

WARM_UP = 200
TOGETHER = 50
AT_ONCE = 2
"""So many batches are under way: one is compared here while PostgreSQL finds for the other."""


async def answer(url: str, folder: Path, started: float) -> dict[str, Any]:
    """One by one, then in batches. `started`: when the process was, by the monotonic clock."""
    written = json.loads((folder / "questions.json").read_text("utf-8"))
    questions = [(person_of_row(row, row["query"]), row["truth"]) for row in written]
    matcher = Matcher()
    async with open_database(url) as database:
        async with database.reading() as session:
            await matcher.read_newest(session)
        learnt = matcher.learnt
        if learnt is None:
            raise RuntimeError("nothing was learnt")
        times: list[float] = []
        judged: list[Judgement] = []
        first = 0.0
        for person, _ in questions:
            async with database.reading() as session:
                at = time.monotonic()
                judged += await recognise_children(session, learnt, [Asked(person, 0)], {})
                times.append(1000 * (time.monotonic() - at))
            first = first or time.monotonic() - started
        rate, cpu_ms = await _in_batches(database, learnt, [person for person, _ in questions])
        right = await _right(database, judged, [truth for _, truth in questions])
    matches = sum(one.status == "match" for one in judged)
    times = times[WARM_UP:]
    return {
        "first_answer_s": first,
        "one": {
            "median_ms": statistics.median(times),
            "p99_ms": percentile(times, 0.99),
            "longest_ms": max(times),
        },
        "per_second": rate,
        "cpu_ms": cpu_ms,
        "together": TOGETHER,
        "at_once": AT_ONCE,
        "right": right,
        "wrong": matches - right,
        "asked": len(judged) - matches,
        "process_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


async def _in_batches(
    database: Database, learnt: Learnt, people: list[Person]
) -> tuple[float, float]:
    """How many a second, and the milliseconds of this process's CPU that each takes."""
    started, cpu = time.monotonic(), time.process_time()
    batches = iter(
        [Asked(person, place) for place, person in enumerate(people[at : at + TOGETHER])]
        for at in range(0, len(people), TOGETHER)
    )

    async def take() -> None:
        for batch in batches:
            async with database.reading() as session:
                await recognise_children(session, learnt, batch, {})

    await asyncio.gather(*(take() for _ in range(AT_ONCE)))
    taken = time.monotonic() - started
    return len(people) / taken, 1000 * (time.process_time() - cpu) / len(people)


async def _right(database: Database, judged: list[Judgement], truths: list[str]) -> int:
    """How many matches are of the child that the question was about."""
    matched = [
        (int(one.candidates[0].person.ref), truth)
        for one, truth in zip(judged, truths, strict=True)
        if one.status == "match"
    ]
    async with database.reading() as session:
        rows = await session.execute(
            text("""select number, register_ref from directory.child
                     where number = any(cast(:numbers as int[]))"""),
            {"numbers": [number for number, _ in matched]},
        )
        refs = {row.number: row.register_ref for row in rows}
    return sum(refs.get(number) == truth for number, truth in matched)


def _main() -> None:
    started = time.monotonic() - time.process_time()
    url = sys.stdin.read()
    spare_the_collector()
    json.dump(uvloop.run(answer(url, Path(sys.argv[1]), started)), sys.stdout)


if __name__ == "__main__":
    _main()
