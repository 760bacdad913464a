"""What the bus contract suite needs of each road: facts, readers, workers, and what they did."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from sqlalchemy import text

from bus import BusSettings, Fact, Handler, Subscription, append, open_road
from chassis.clock import now
from chassis.database import Database, Session
from chassis.ids import new_id
from chassis.process import running
from tests.support.bus_worker import KNOWN, TOPICS, record_effect

ROOT = Path(__file__).parents[2]


def make_fact(number: int, key: str = "k", kind: str = "thing.happened", **body: object) -> Fact:
    """A fact whose payload carries a number that grows within its key."""
    payload = json.dumps({"number": number, **body}).encode()
    return Fact(new_id(), kind, "events", key, payload, "test", now())


def number_of(fact: Fact) -> int:
    """The number that `make_fact` put in."""
    return int(json.loads(fact.payload)["number"])


def recording(group: str) -> Handler:
    """A handler with one effect per fact and no surprises."""

    async def handle(session: Session, facts: Sequence[Fact]) -> None:
        for fact in facts:
            await record_effect(session, group, fact, number_of(fact))

    return handle


@dataclass
class Harness:
    """One database and one road, and whoever listens on it."""

    database: Database
    url: str
    settings: BusSettings
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    async def publish(self, *facts: Fact) -> None:
        """Append in one transaction."""
        async with self.database.transaction() as session:
            await append(session, *facts)

    @asynccontextmanager
    async def listening(self, **handlers: Handler) -> AsyncIterator[None]:
        """Read in this process, a group per name, while the block runs."""
        road = open_road(self.settings, self.database, TOPICS)
        subscriptions = [
            Subscription(group, TOPICS, handle, KNOWN) for group, handle in handlers.items()
        ]
        async with running([*road.tasks(), *road.readers(self.database, *subscriptions)]):
            yield

    def start_worker(self, group: str) -> subprocess.Popen[bytes]:
        """A consumer in a process of its own."""
        command = [sys.executable, "-m", "tests.support.bus_worker", self.url]
        worker = subprocess.Popen([*command, self.settings.model_dump_json(), group], cwd=ROOT)
        self.workers.append(worker)
        return worker

    def end_workers(self) -> None:
        """Kill what is left of them, stopped ones too."""
        for worker in self.workers:
            if worker.poll() is None:
                worker.kill()
            worker.wait()

    async def effects(self, group: str) -> list[tuple[UUID, str, int]]:
        """(fact, key, number) in the order of their effects."""
        async with self.database.reading() as session:
            rows = await session.execute(
                text("select fact, key, number from effects where group_name = :g order by n"),
                {"g": group},
            )
            return [(row.fact, row.key, row.number) for row in rows]

    async def numbers(self, group: str, key: str | None = None) -> list[int]:
        """The numbers of the effects, in order, of one key or of all."""
        return [n for _, k, n in await self.effects(group) if key is None or k == key]

    async def has_effects(self, group: str, count: int) -> bool:
        """Whether at least so many effects are there."""
        async with self.database.reading() as session:
            found = await session.execute(
                text("select count(*) from effects where group_name = :g"), {"g": group}
            )
            return int(found.scalar_one()) >= count

    async def reconcile(self, group: str, published: Sequence[Fact]) -> None:
        """Each published fact had exactly one effect, in order within its key."""
        effects = await self.effects(group)
        counts = Counter(fact for fact, _, _ in effects)
        assert {fact for fact, count in counts.items() if count > 1} == set(), "repeated in effect"
        assert {fact.id for fact in published} - set(counts) == set(), "lost"
        assert len(counts) == len(published), "never published"
        by_key: dict[str, list[int]] = {}
        for _, key, number in effects:
            by_key.setdefault(key, []).append(number)
        turned = {key for key, numbers in by_key.items() if numbers != sorted(numbers)}
        assert turned == set(), "turned round"

    async def publish_many(
        self,
        keys: int,
        per_key: int,
        writers: int = 4,
        pause_seconds: float = 0.0,
        first_number: int = 0,
    ) -> list[Fact]:
        """Growing numbers per key, appended by concurrent writers (a key has one writer)."""

        async def write(mine: list[str]) -> list[Fact]:
            done: list[Fact] = []
            for number in range(first_number, first_number + per_key):
                facts = [make_fact(number, key) for key in mine]
                await self.publish(*facts)
                done += facts
                await asyncio.sleep(pause_seconds)
            return done

        names = [f"key-{index}" for index in range(keys)]
        parts = await asyncio.gather(*(write(names[index::writers]) for index in range(writers)))
        return [fact for part in parts for fact in part]
