"""A consumer in a process of its own, to be killed or stopped from outside or by a fact.

`python -m tests.support.bus_worker URL SETTINGS GROUP`: writes a row per fact handled into
`public.effects`. A fact `{"once": "kill" | "stop", "mark": PATH}` makes the first process that
handles it kill or stop itself inside the transaction, after its effect.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import text

from bus import BusSettings, Fact, Handler, Subscription, open_road
from chassis.database import Database, Session
from chassis.process import Task, keep_running
from chassis.settings import DatabaseSettings

TOPICS = ("events",)
KNOWN = frozenset({"thing.happened", "thing.retracted"})

EFFECTS = """
    create table public.effects (
        n bigint generated always as identity, group_name text, fact uuid, key text,
        number bigint, worker int)"""


async def record_effect(session: Session, group: str, fact: Fact, number: int) -> None:
    """One row per effect: a second row for the same fact is a second effect."""
    await session.execute(
        text("""insert into public.effects (group_name, fact, key, number, worker)
                values (:group, :fact, :key, :number, :worker)"""),
        {
            "group": group,
            "fact": fact.id,
            "key": fact.key,
            "number": number,
            "worker": os.getpid(),
        },
    )


def worker_handler(group: str) -> Handler:
    """The handler: an effect per fact, and whatever the fact asks for once."""

    async def handle(session: Session, facts: Sequence[Fact]) -> None:
        for fact in facts:
            body = json.loads(fact.payload)
            await record_effect(session, group, fact, body["number"])
            if body.get("once") and not Path(body["mark"]).exists():
                Path(body["mark"]).touch()
                os.kill(os.getpid(), signal.SIGKILL if body["once"] == "kill" else signal.SIGSTOP)

    return handle


async def main(url: str, settings: BusSettings, group: str) -> None:
    """Consume until killed."""
    database = Database(DatabaseSettings.model_validate({"url": url}), f"worker-{os.getpid()}")
    road = open_road(settings, database, TOPICS)
    subscription = Subscription(group, TOPICS, worker_handler(group), KNOWN)
    tasks: list[Task] = [*road.tasks(), *road.readers(database, subscription)]
    await asyncio.gather(*(keep_running(task) for task in tasks))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], BusSettings.model_validate_json(sys.argv[2]), sys.argv[3]))
