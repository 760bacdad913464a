"""Notes what was refused, after the refusal and apart from it: together, bounded, by a task.

Whatever comes of a note, the refusal stands as it was answered. Between two writes an organisation
has so many notes in memory; what is beyond them is counted and not kept, so that a sender who is
refused a thousand times a second costs a hundred rows a second and no more.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from prometheus_client import Counter
from sqlalchemy.exc import SQLAlchemyError

from chassis.bell import wait
from chassis.clock import Clock
from chassis.database import Database, is_away
from chassis.problems import Problem
from chassis.telemetry import describe, logger
from chassis.to_its_end import to_its_end
from schemas.catalogue import EVENT_TYPES
from services.intake.keep_rejections import keep_rejections
from services.intake.settings import RejectionSettings
from services.intake.tables import Credential

log = logger("intake.rejections")

rejections_total = Counter("intake_rejections_total", "What was refused, by its code", ["code"])
unkept_total = Counter("intake_rejections_unkept_total", "Refusals that no list shows", ["reason"])

MOST_AT_ONCE = 100
MOST_ORGANISATIONS = 1000
MOST_ERRORS = 20
LONGEST_ID = 256
SWEEP_SECONDS = 3600.0
_PLACES = ("pointer", "header", "parameter")

Row = dict[str, Any]


class RejectionNotes:
    """The notes of one process; `run` writes them."""

    def __init__(self, database: Database, settings: RejectionSettings, clock: Clock) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock
        self._notes: dict[str, deque[Row]] = {}
        self._bell = asyncio.Event()

    def note(self, sender: Credential, problem: Problem, event: Any = None) -> None:
        """Note a refusal; nothing is noted of what is ours to mend (5xx).

        Args:
            event: as it was read, if it could be.
        """
        if problem.status >= 500:
            return
        rejections_total.labels(problem.code).inc()
        notes = self._notes.get(sender.organisation)
        if notes is None:
            if len(self._notes) >= MOST_ORGANISATIONS:
                unkept_total.labels("busy").inc()
                return
            notes = self._notes[sender.organisation] = deque(maxlen=MOST_AT_ONCE)
        if len(notes) == MOST_AT_ONCE:
            unkept_total.labels("busy").inc()
        notes.append(
            {
                "organisation": sender.organisation,
                "sandbox": sender.sandbox,
                "at": self._clock().isoformat(),
                "status": problem.status,
                "code": problem.code,
                **_read_event(event, sender),
                "errors": [_error(error) for error in problem.errors[:MOST_ERRORS]],
                "more_errors": max(0, len(problem.errors) - MOST_ERRORS),
            }
        )
        self._bell.set()

    async def run(self) -> None:
        """Write until cancelled; what is noted while the database is away waits."""
        try:
            while True:
                await wait(self._bell, SWEEP_SECONDS)
                await asyncio.sleep(self._settings.linger_seconds)
                await to_its_end(self.write_once())
        finally:
            if self._notes:
                await self.write_once()

    async def write_once(self) -> int:
        """Write what was noted; returns how many."""
        taken, self._notes = self._notes, {}
        rows = [row for notes in taken.values() for row in notes]
        before = self._clock() - timedelta(days=self._settings.days)
        try:
            async with self._database.transaction() as session:
                await keep_rejections(session, rows, self._settings.most, before)
        except (SQLAlchemyError, OSError) as error:
            if is_away(error):
                for name, notes in self._notes.items():
                    taken.setdefault(name, deque(maxlen=MOST_AT_ONCE)).extend(notes)
                self._notes = taken
                raise
            unkept_total.labels("unstorable").inc(len(rows))
            # By another name: `log.exception` would write the error's own text.
            report = log.error
            report(
                "rejections_unkept",
                rejections=len(rows),
                next="the refusals stand; no list shows these",
                **describe(error),
            )
        return len(rows)


def _read_event(event: Any, sender: Credential) -> Row:
    """What may be kept of an event: its type if it is one, its id, and the source if it is its
    sender's."""
    stated: Mapping[str, Any] = event if isinstance(event, dict) else {}
    kind, source, name = stated.get("type"), stated.get("source"), stated.get("id")
    known = isinstance(kind, str) and kind in EVENT_TYPES
    plain = isinstance(name, str) and 0 < len(name) <= LONGEST_ID and name.isprintable()
    return {
        "type": kind if known else None,
        "source": source if isinstance(source, str) and source == sender.source else None,
        "sender_id": name if plain else None,
    }


def _error(error: Mapping[str, str]) -> Row:
    """The place and the rule; a place that holds what cannot be shown is left out."""
    kept = {place: error[place] for place in _PLACES if error.get(place, "\0").isprintable()}
    return {**kept, "rule": error["rule"]}
