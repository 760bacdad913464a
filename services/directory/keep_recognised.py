"""Keeps how each child was recognised: what spoke for it, by which version of the matcher.

Levels and weights, never a name, number or address: so that a wrong decision can be understood.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from uuid import UUID

from prometheus_client import Counter
from sqlalchemy import text

from chassis.database import Session
from chassis.ids import new_id
from chassis.telemetry import logger
from services.directory.matching.explain import explain
from services.directory.partnership import Partnership
from services.directory.resolve import Match

log = logger("directory.recognise")

recognised_total = Counter(
    "directory_recognised_total", "Children who were recognised although nothing exact found them"
)

_INSERT = text("""
    insert into directory.recognition (id, receipt, child_index, status, child, probability, margin,
        steps, matcher, recognised_at)
    select r.*, :matcher, :at
      from jsonb_to_recordset(cast(:rows as jsonb)) as r(id uuid, receipt uuid, child_index int,
           status text, child uuid, probability double precision, margin double precision,
           steps jsonb)""")


async def keep_recognised(
    session: Session, partnership: Partnership, recognised: Sequence[tuple[UUID, int, Match]]
) -> None:
    """One row each: receipt, position in the event, and the match."""
    learnt = partnership.matcher.learnt
    if learnt is None or not recognised:
        return
    rows = []
    for receipt, child_index, match in recognised:
        judged = match.judged
        if judged is None or judged.best is None:
            continue
        steps = explain(judged.best.comparison, learnt.weights, learnt.people)
        rows.append(
            {
                "id": str(new_id()),
                "receipt": str(receipt),
                "child_index": child_index,
                "status": judged.status,
                "child": str(match.child.id),
                "probability": judged.best.probability,
                "margin": judged.margin,
                "steps": [asdict(step) for step in steps],
            }
        )
        recognised_total.inc()
        log.info(
            "child_recognised",
            receipt=str(receipt),
            child_index=child_index,
            probability=round(judged.best.probability, 6),
            matcher=learnt.version,
        )
    values = {"rows": json.dumps(rows), "matcher": learnt.version, "at": partnership.clock()}
    await session.execute(_INSERT, values)
