"""The canary in a fleet of processes: set up, quick, and what it said."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import text

from chassis.database import Database
from deploy import canary
from tests.support.fleet import Fleet


async def add_canary(fleet: Fleet, *, every: float, late: float) -> None:
    """Let the fleet's intake walk; before it is started."""
    walks = await canary.set_up(fleet.database, fleet.intake.url)
    walks |= {
        "webhook_secrets": json.dumps(walks["webhook_secrets"]),
        "notices_url": fleet.processes["notifier"].url,
        "every_seconds": every,
        "late_seconds": late,
        "look_seconds": 0.1,
    }
    fleet.intake.environment = {
        **fleet.intake.environment,
        **{f"SGB_INTAKE__CANARY__{name.upper()}": str(value) for name, value in walks.items()},
    }


async def said(database: Database) -> list[tuple[str, dict[str, Any]]]:
    """The facts of the canary in the embedded log, in order."""
    async with database.reading() as session:
        rows = await session.execute(
            text("""select type, payload from bus.log where topic = 'status'
                     and type like 'canary.%' order by position""")
        )
        return [(row.type, json.loads(bytes(row.payload))) for row in rows]
