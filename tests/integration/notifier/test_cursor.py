"""The mailbox by cursor loses nothing, though notices commit in another order than they came."""

from __future__ import annotations

import asyncio
import random
from uuid import UUID

import pytest
from sqlalchemy import text

import bus
from chassis.clock import now
from chassis.database import Database
from schemas.facts import Profile
from schemas.organisations import RecipientRole
from services.notifier.channels.cursor import collect_after
from services.notifier.compose import compose
from services.notifier.routes import record_organisations
from services.notifier.settings import DeadlineSettings
from tests.integration.notifier.world import SCHOOL, TO_SCHOOL, addressed, organisation, to

OTHER = "urn-900002"
TO_OTHER = to(OTHER, RecipientRole.SCHOOL, Profile.SCHOOL_FULL)
COMPOSERS, ROUNDS = 6, 12


@pytest.fixture(autouse=True)
async def partnership(database: Database) -> None:
    async with database.transaction() as session:
        await record_organisations(session, [organisation(one) for one in (SCHOOL, OTHER)])


async def page(
    database: Database, after: int, *names: str, limit: int = 500
) -> list[tuple[int, UUID]]:
    async with database.transaction() as session:
        rows, facts = await collect_after(session, names or (SCHOOL,), after, limit, now())
        await bus.append(session, *facts)
    return [(row.number, row.id) for row in rows]


async def test_what_commits_late_is_listed_late_and_not_passed_over(database: Database) -> None:
    composed, may_commit = asyncio.Event(), asyncio.Event()

    async def compose_slowly() -> None:
        async with database.transaction() as session:
            await compose(session, [addressed(TO_SCHOOL)], now(), DeadlineSettings())
            composed.set()
            await may_commit.wait()

    slow = asyncio.create_task(compose_slowly())
    await composed.wait()
    async with database.transaction() as session:
        await compose(session, [addressed(TO_SCHOOL)], now(), DeadlineSettings())
    [(first, seen)] = await page(database, 0)
    may_commit.set()
    await slow
    [(second, late)] = await page(database, first)
    assert second > first
    async with database.reading() as session:
        rows = await session.execute(
            text("select id from notifier.obligation order by composed_at, id")
        )
        # By the time it was composed, a cursor would have passed over the late one.
        assert [row.id for row in rows] == [late, seen]
    assert await page(database, second) == []
    assert [one for _, one in await page(database, 0)] == [seen, late]


async def test_composers_and_readers_at_once_lose_nothing_and_turn_nothing_round(
    database: Database,
) -> None:
    made: set[UUID] = set()
    done = asyncio.Event()
    dice = random.Random(11)

    async def compose_on() -> None:
        for _ in range(ROUNDS):
            async with database.transaction() as session:
                facts = [addressed(TO_SCHOOL, TO_OTHER) for _ in range(dice.choice((1, 3)))]
                await compose(session, facts, now(), DeadlineSettings())
                # Some are composed first and commit last.
                await session.execute(
                    text("select pg_sleep(:seconds)"), {"seconds": dice.choice((0, 0.01, 0.05))}
                )
                rows = await session.execute(
                    text("select id from notifier.obligation where receipt = any(:receipts)"),
                    {"receipts": [fact.receipt for fact in facts]},
                )
                ids = [row.id for row in rows]
            made.update(ids)

    async def read_on(*names: str) -> list[tuple[int, UUID]]:
        seen: list[tuple[int, UUID]] = []
        while True:
            last = done.is_set()
            found = await page(database, seen[-1][0] if seen else 0, *names, limit=7)
            seen += found
            if last and not found:
                return seen
            await asyncio.sleep(0)

    # A supplier's key over both and each school's own at once: they number for each other.
    readers = [
        asyncio.create_task(read_on(*names))
        for names in ((SCHOOL, OTHER), (SCHOOL,), (OTHER,), (OTHER, SCHOOL))
    ]
    naive = asyncio.create_task(read_by_time(database, done))
    await asyncio.gather(*(compose_on() for _ in range(COMPOSERS)))
    done.set()
    both, school, other, again = await asyncio.gather(*readers)
    for seen in (both, school, other, again):
        numbers = [number for number, _ in seen]
        assert numbers == sorted(set(numbers))
    assert {one for _, one in both} == made
    assert both == again
    assert {one for _, one in school} | {one for _, one in other} == made
    assert len(school) + len(other) == len(both) == len(made)
    missed = len(made) - len(await naive)
    print(f"{len(made)} notices, {COMPOSERS} composers, four readers: none lost; by time {missed}")
    assert missed > 0, "the race was no race: a cursor over composing lost nothing"


async def read_by_time(database: Database, done: asyncio.Event) -> set[UUID]:
    """The cursor that is wrong, by when each was composed: there is something to lose."""
    seen: set[UUID] = set()
    mark = None
    while True:
        last = done.is_set()
        async with database.reading() as session:
            rows = (
                await session.execute(
                    text("""select id, composed_at from notifier.obligation
                             where cast(:mark as timestamptz) is null or composed_at > :mark
                             order by composed_at, id"""),
                    {"mark": mark},
                )
            ).all()
        seen |= {row.id for row in rows}
        if rows:
            mark = rows[-1].composed_at
        elif last:
            return seen
        await asyncio.sleep(0)


async def test_a_cursor_gives_the_same_again_and_leaves_out_what_was_withdrawn(
    database: Database,
) -> None:
    async with database.transaction() as session:
        await compose(session, [addressed(TO_SCHOOL) for _ in range(5)], now(), DeadlineSettings())
    first = await page(database, 0, limit=2)
    assert await page(database, 0, limit=2) == first
    rest = await page(database, first[-1][0])
    assert len({one for _, one in [*first, *rest]}) == 5
    async with database.transaction() as session:
        await session.execute(
            text("update notifier.obligation set withdrawn_at = now() where id = :id"),
            {"id": rest[0][1]},
        )
    assert await page(database, first[-1][0]) == rest[1:]
