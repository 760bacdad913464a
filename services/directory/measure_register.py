"""Counts a register and measures its strangers and relatives, beside the event loop.

Reads what the matcher reads, in chunks and outside any transaction. A large register is measured
by a process of its own, because minutes of counting would keep every event waiting.
"""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import NamedTuple

import psycopg

from services.directory.matching.frequencies import Frequencies
from services.directory.matching.model import Model, starting_model
from services.directory.matching.person import Person
from services.directory.matching.train import measure_others, measure_relatives
from services.directory.person_text import read_person

CHUNK = 10_000
SAMPLE = 100_000
"""So many people, spread over the register, are enough to measure strangers and relatives by."""
RUN = 50
"""Families stand together on most registers: runs, so that brothers and sisters are in."""
OWN_PROCESS_FROM = 20_000
"""A smaller register is measured before a process has started."""
MOST_HOMES = 2_000_000
"""Homes are counted for those that house many; with more, those seen once are let go."""

_NEXT = """
    select number, person from directory.known_person where number > %s order by number limit %s"""


class Measured(NamedTuple):
    """What a register taught; `sampled` people were compared."""

    model: Model
    common: Frequencies
    sampled: int


async def measure_register(url: str, size: int) -> Measured:
    """Measure the register behind a URL, of about so many people; cancelled, it stops at once."""
    if size < OWN_PROCESS_FROM:
        return await asyncio.to_thread(measure, url, size)
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_measure_and_send, args=(theirs, url, size), daemon=True)
    process.start()
    theirs.close()
    try:
        measured: Measured = await asyncio.to_thread(ours.recv)
    except EOFError:
        raise RuntimeError("the process that measures the register ended early") from None
    finally:
        process.terminate()
        ours.close()
    return measured


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
    return Measured(measure_relatives(model, sample, common), common, len(sample))


def _measure_and_send(to: Connection, url: str, size: int) -> None:
    to.send(measure(url, size))
    to.close()


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
