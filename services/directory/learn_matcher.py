"""Measures the register and learns the matcher's model from it, without ever seeing an answer.

Strangers and relatives are measured on the register, recording errors on the children of recent
events. Runs after large imports, when the register has grown, and by command; never on the hot way.
"""

from __future__ import annotations

import asyncio
from functools import partial

from sqlalchemy import text

from chassis.database import Database
from chassis.process import Task
from chassis.telemetry import logger
from services.directory.matcher import keep_learnt
from services.directory.matching.frequencies import Frequencies
from services.directory.matching.model import Model, starting_model
from services.directory.matching.person import Person
from services.directory.matching.train import measure_others, measure_relatives
from services.directory.partnership import Partnership
from services.directory.read_people import read_next_people

log = logger("directory.matcher")

CHUNK = 5_000
SAMPLE = 100_000
"""So many people, spread over the register, are enough to measure strangers and relatives by."""
GROWN = 1.1
LOOK_SECONDS = 60.0

_SIZE = text("select coalesce(max(number), 0) from directory.child")
"""Nearly the number of children, and the end of an index."""


async def learn_matcher(database: Database, partnership: Partnership) -> str:
    """Measure, learn, store; returns the version. Reads in chunks, holds no transaction long."""
    common = Frequencies()
    sample: list[Person] = []
    async with database.reading() as session:
        size: int = (await session.execute(_SIZE)).scalar_one()
    every = max(1, size // SAMPLE)
    after = 0
    while True:
        async with database.reading() as session:
            people = await read_next_people(session, after, CHUNK, partnership.today())
        if not people:
            break
        for number, person in people.items():
            common.add(person)
            # Families stand together on most registers: runs, so that brothers and sisters are in.
            if (number // 50) % every == 0:
                sample.append(person)
        after = max(people)
        await asyncio.sleep(0)
    model = await asyncio.to_thread(_measure, sample, common)
    async with database.transaction() as session:
        version = await keep_learnt(session, model, common, partnership.clock())
        await partnership.matcher.read_newest(session)
    log.info("matcher_learnt", version=version, people=common.people, sampled=len(sample))
    return version


def learn_task(database: Database, partnership: Partnership) -> Task:
    """Keeps this process's matcher the newest, and learns anew when the register has grown."""
    return Task("directory-matcher", partial(_keep_learnt, database, partnership))


async def _keep_learnt(database: Database, partnership: Partnership) -> None:
    while True:
        async with database.reading() as session:
            await partnership.matcher.read_newest(session)
            size: int = (await session.execute(_SIZE)).scalar_one()
        learnt = partnership.matcher.learnt
        if size and (learnt is None or not learnt.people <= size * GROWN <= learnt.people * 1.21):
            await learn_matcher(database, partnership)
        await asyncio.sleep(LOOK_SECONDS)


def _measure(sample: list[Person], common: Frequencies) -> Model:
    return measure_relatives(measure_others(starting_model(), sample, common), sample, common)
