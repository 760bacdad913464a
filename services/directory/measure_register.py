"""Counts a register and measures its strangers and relatives, beside the event loop.

Reads what the matcher reads, in chunks and outside any transaction. A large register is measured
by a process of its own, `python -m services.directory.measure_register`, because many seconds of
counting would keep every event waiting.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from typing import NamedTuple

import psycopg

from services.directory.matching.frequencies import Frequencies
from services.directory.matching.model import starting_model
from services.directory.matching.person import Person
from services.directory.matching.train import measure_others, measure_relatives
from services.directory.person_text import read_person

CHUNK = 10_000
SAMPLE = 100_000
"""So many people, spread over the register, are enough to measure strangers and relatives by."""
RUN = 50
"""Families stand together on most registers: runs, so that brothers and sisters are in."""
OWN_PROCESS_FROM = 2_000
"""A smaller register is measured before a process has started."""
MOST_HOMES = 1_000_000
"""Homes are counted for those that house many; with more, those seen once are let go."""

_NEXT = """
    select number, person from directory.known_person where number > %s order by number limit %s"""


class Measured(NamedTuple):
    """What a register taught, as it is kept: of `people`, of whom `sampled` were compared."""

    model: str
    frequencies: str
    people: int
    sampled: int


async def measure_register(url: str, size: int) -> Measured:
    """Measure the register behind a URL, of about so many people; cancelled, it stops at once."""
    if size < OWN_PROCESS_FROM:
        return await asyncio.to_thread(measure, url, size)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.directory.measure_register"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    try:
        # By its input, where nobody else reads it: the URL may hold a password.
        written, _ = await process.communicate(json.dumps([url, size]).encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise RuntimeError(f"measuring the register ended with status {process.returncode}")
    return Measured(*json.loads(written))


def measure(url: str, size: int) -> Measured:
    """The same in this thread."""
    common = Frequencies()
    sample: list[Person] = []
    every = max(1, size // SAMPLE)
    for number, person in _read(url):
        common.add(person)
        if len(common.homes) > MOST_HOMES:
            _let_go(common)
        if (number // RUN) % every == 0:
            sample.append(person)
    model = measure_others(starting_model(), sample, common)
    model = measure_relatives(model, sample, common)
    return Measured(model.to_json(), common.to_json(), common.people, len(sample))


def _read(url: str) -> Iterator[tuple[int, Person]]:
    with psycopg.connect(url, autocommit=True, application_name="directory-measure") as connection:
        after = 0
        while rows := connection.execute(_NEXT, (after, CHUNK), binary=True).fetchall():
            for number, line in rows:
                yield number, read_person(str(number), line)
            after = rows[-1][0]


def _let_go(common: Frequencies) -> None:
    """Of homes, keep those that several people share."""
    for home in [home for home, living in common.homes.items() if living == 1]:
        del common.homes[home]


def _main() -> None:
    # A traceback's last line may quote a name.
    sys.excepthook = lambda kind, *_: sys.stderr.write(f"measuring ended: {kind.__name__}\n")
    url, size = json.load(sys.stdin)
    json.dump(measure(url, size), sys.stdout)


if __name__ == "__main__":
    _main()
