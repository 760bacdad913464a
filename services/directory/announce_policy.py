"""Says on the bus what the policy table is, so that others can tell people why they are told.

When a directory starts, and once a day; a repeat changes nothing. Nobody decides by it: who is told
is decided here.
"""

from __future__ import annotations

import asyncio
from functools import partial

from bus import append, fact_of
from chassis.database import Database
from chassis.process import Task
from schemas.facts import PolicyLine, PolicyRecorded
from services.directory.partnership import SOURCE, Partnership
from services.directory.policy import KINDS

EVERY_SECONDS = 24 * 3600.0


def policy_task(database: Database, partnership: Partnership) -> Task:
    """Says it now, and again each day."""
    return Task("directory-policy", partial(_announce_for_ever, database, partnership))


async def _announce_for_ever(database: Database, partnership: Partnership) -> None:
    while True:
        async with database.transaction() as session:
            await append(session, fact_of(policy_fact(partnership), SOURCE))
        await asyncio.sleep(EVERY_SECONDS)


def policy_fact(partnership: Partnership) -> PolicyRecorded:
    """The table as a fact."""
    return PolicyRecorded(
        lines=tuple(
            PolicyLine(
                rule=line.id,
                event_type=line.event,
                recipient=line.recipient,
                when=line.when,
                profile=line.profile,
                kinds=tuple(sorted(KINDS[line.recipient])),
            )
            for line in partnership.policy.lines
        ),
        at=partnership.clock(),
    )
