"""Ladders climb while the processes that climb them are killed at random moments, and all of them
are away for four hours: no step is missed, none is taken twice, no ladder takes two at once."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from sqlalchemy import text

from bus import BusSettings, open_road
from chassis.clock import now
from chassis.database import Database
from schemas.facts import TOPICS, Profile
from schemas.organisations import (
    Absence,
    Ladder,
    OrganisationKind,
    Post,
    RecipientRole,
    Rung,
)
from tests.integration.notifier.world import DUTY, SCHOOL, addressed, organisation, publish, to
from tests.support.postgres import open_database
from tests.support.processes import ROOT, ServiceProcess
from tests.support.waiting import eventually

LADDERS = 150
DWELL_SECONDS = 10.0
LEAST_KILLS_EACH = 3
SETTLE_SECONDS = 180.0
TRUST, NEIGHBOUR = "trust-example", "neighbour-example"
TEAM, OFFICER = RecipientRole.TEAM, RecipientRole.DUTY_OFFICER

LADDER = (
    Rung(organisation=SCHOOL, role=RecipientRole.DEPUTY),
    Rung(organisation=TRUST, role=TEAM, profile=Profile.ALERT),
    Rung(organisation=DUTY, role=OFFICER),
)
EXPECTED = [
    (0, SCHOOL, "missing-alert", None),
    (1, SCHOOL, "missing-alert", None),
    (2, TRUST, "alert", None),
    (3, NEIGHBOUR, "missing-alert", DUTY),
]


async def test_no_step_of_a_ladder_is_missed_or_taken_twice(
    database_url: str, tmp_path: Path
) -> None:
    environment = {
        "SGB_DATABASE__URL": database_url,
        "SGB_NOTIFIER__SWEEP_SECONDS": "0.1",
        "SGB_NOTIFIER__DEADLINES__TABLE": str(_write_table(tmp_path)),
        "SGB_NOTIFIER__DEADLINES__RUNG_MINUTES": str(DWELL_SECONDS / 60),
    }
    processes = [
        ServiceProcess(name, ["-m", "services.notifier"], environment, tmp_path / f"{name}.log")
        for name in ("notifier-1", "notifier-2")
    ]
    async with open_database(database_url) as database:
        await open_road(BusSettings(), database, TOPICS).make_topics()
        await _publish(database)
        try:
            for process in processes:
                process.start()
            chance = random.Random(20261125)
            await _kill_until(lambda: _reached(database, rung=1), processes, chance)
            for process in processes:
                process.kill()
            before = await _rungs(database)
            await _be_away(database, hours=4)
            for process in processes:
                process.start()
            await _kill_until(lambda: _killed(processes), processes, chance)
            await eventually(
                lambda: _count(database, "exhausted", LADDERS), SETTLE_SECONDS, "all climbed"
            )
        finally:
            for process in processes:
                process.stop()
        await _reconcile(database, before)
    kills = {process.name: process.kills for process in processes}
    print(f"\n{LADDERS} ladders of {len(LADDER)} rungs, kills {kills}, away at {dict(before)}")
    assert min(kills.values()) >= LEAST_KILLS_EACH


def _write_table(folder: Path) -> Path:
    """The usual rules, but that a missing child's is one minute from arrival, with no grace."""
    usual = (ROOT / "services" / "notifier" / "deadlines.toml").read_text()
    head, missing, others = usual.partition('id = "missing"')
    rule, between, rest = others.partition("[[rule]]")
    rule = rule.replace("60 minutes", "1 minutes").replace("= 30", "= 0")
    head = head.replace("rung-least-minutes = 30", "rung-least-minutes = 0")
    path = folder / "deadlines.toml"
    path.write_text(head + missing + rule + between + rest)
    return path


async def _publish(database: Database) -> None:
    today = now().date()
    away = Absence(
        first=today - timedelta(days=1), last=date.max,
        stand_in=Post(organisation=NEIGHBOUR, role=OFFICER),
    )  # fmt: skip
    await publish(
        database,
        organisation(SCHOOL, ladders=(Ladder(profiles=(Profile.MISSING_ALERT,), rungs=LADDER),)),
        organisation(TRUST, OrganisationKind.LOCAL_AUTHORITY),
        organisation(DUTY, OrganisationKind.LOCAL_AUTHORITY, absences=(away,)),
        organisation(NEIGHBOUR, OrganisationKind.LOCAL_AUTHORITY),
    )
    told = to(SCHOOL, RecipientRole.SCHOOL, Profile.MISSING_ALERT)
    arrived_at = now() - timedelta(seconds=60 - DWELL_SECONDS)
    for _ in range(LADDERS):
        await publish(database, addressed(told, event_type="missing.reported", at=arrived_at))


async def _kill_until(
    over: Callable[[], Awaitable[bool]], processes: list[ServiceProcess], chance: random.Random
) -> None:
    """Kill one or the other at any moment and start it again, until it is over."""
    while not await over():
        process = chance.choice(processes)
        await process.ready()
        await asyncio.sleep(chance.uniform(0.0, 1.0))
        process.kill()
        process.start()


async def _reached(database: Database, rung: int) -> bool:
    return rung in await _rungs(database)


async def _killed(processes: list[ServiceProcess]) -> bool:
    return min(one.kills for one in processes) >= LEAST_KILLS_EACH


async def _be_away(database: Database, hours: float) -> None:
    """As if the processes had ended so long ago: everything that is kept is older."""
    async with database.transaction() as session:
        await session.execute(
            text("""update notifier.obligation
                       set watch_due_at = watch_due_at - :away,
                           deadline_at = deadline_at - :away,
                           composed_at = composed_at - :away"""),
            {"away": timedelta(hours=hours)},
        )


async def _rungs(database: Database) -> dict[int, int]:
    async with database.reading() as session:
        rows = await session.execute(
            text("select rung, count(*) from notifier.obligation group by rung order by rung")
        )
        return {row[0]: row[1] for row in rows}


async def _count(database: Database, watch: str, expected: int) -> bool:
    async with database.reading() as session:
        rows = await session.execute(
            text("select count(*) from notifier.obligation where watch = :watch"), {"watch": watch}
        )
        return bool(rows.scalar_one() == expected)


async def _reconcile(database: Database, before: dict[int, int]) -> None:
    async with database.reading() as session:
        rows = await session.execute(
            text("""select chain, rung, organisation, profile, stands_in_for, composed_at,
                             deadline_at
                      from notifier.obligation order by chain, rung""")
        )
        ladders: dict[Any, list[Any]] = {}
        for row in rows:
            ladders.setdefault(row.chain, []).append(row)
        facts = await session.execute(
            text("select type, payload from bus.log where type like 'notice.%'")
        )
        said = Counter((row.type, json.loads(bytes(row.payload))["notice"]) for row in facts)
    assert len(ladders) == LADDERS
    for ladder in ladders.values():
        assert [(row.rung, row.organisation, row.profile, row.stands_in_for)
                for row in ladder] == EXPECTED  # fmt: skip
        for lower, higher in pairwise(ladder):
            assert higher.composed_at >= lower.deadline_at, "before its time"
            dwelt = (higher.composed_at - lower.composed_at).total_seconds()
            assert lower.rung == 0 or dwelt >= DWELL_SECONDS, "two rungs at once"
    assert max(said.values()) == 1, "said twice"
    kinds = Counter(kind for kind, _ in said)
    assert kinds == {
        "notice.escalated": LADDERS * len(LADDER),
        "notice.undelivered": LADDERS * (len(LADDER) + 1),
        "notice.exhausted": LADDERS,
    }
    assert sum(before.values()) < LADDERS * (len(LADDER) + 1), "nothing was left to climb"
