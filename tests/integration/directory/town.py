"""A register of strangers, and how a test waits until one transaction waits for another."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date

from sqlalchemy import text

from tests.integration.directory.stage import Stage

GIVEN = ("Ada", "Bertram", "Clara", "Dorian", "Edith", "Felix", "Greta", "Hugo", "Iris", "Jonas")
FAMILY = ("Ashdown", "Birchall", "Cranmore", "Dunmere", "Elstow", "Farrant", "Goring", "Haskew")
MOST_SECONDS = 20.0

_WAITS = text("""
    select exists (select 1 from pg_stat_activity
                    where datname = current_database() and wait_event_type = 'Lock')""")


async def settle_town(
    stage: Stage, given_names: Sequence[str] = GIVEN, family_names: Sequence[str] = FAMILY
) -> None:
    """Some families, none of them of the children in question; the matcher has measured them."""
    for at, (given, family) in enumerate((g, f) for g in given_names for f in family_names):
        await stage.child(
            given,
            family,
            date(2009 + at % 9, 1 + at % 12, 1 + at % 27),
            postcode=f"ZZ9 {at % 9}A{'ABDEFGHJ'[at % 8]}",
            address=f"{at} Example Street",
        )
    await stage.learn()


async def until_it_waits(stage: Stage, other: asyncio.Task[object]) -> None:
    """Until a transaction of this database waits for a lock: the other task has come so far.

    Fails where it ended without having waited.
    """
    async with asyncio.timeout(MOST_SECONDS):
        while True:
            assert not other.done(), "it did not wait"
            async with stage.database.reading() as session:
                if (await session.execute(_WAITS)).scalar_one():
                    return
            await asyncio.sleep(0.01)
