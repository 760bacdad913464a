"""Walks the whole way every few minutes with an incident of nobody, and says when it is not back.

Posted as an agency posts, received as a recipient receives, acknowledged by the API, and read back
by its sender. It lives in intake, so that it goes on when the directory, the notifier or the bus
between them stops. Rows hold how far each trip came: a restart goes on with them.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from prometheus_client import Counter, Gauge
from sqlalchemy import text

import bus
from chassis.clock import Clock
from chassis.database import Database, Session
from chassis.ids import new_id
from chassis.only_one import only_one
from chassis.telemetry import logger
from schemas.canary import RECIPIENTS, make_event
from schemas.facts import CanaryLate, CanaryReturned
from services.intake.canary_door import Answer, CanaryDoor
from services.intake.insert import SOURCE
from services.intake.settings import CanarySettings

log = logger("intake.canary")

late = Gauge("canary_late", "1 while the canary is not back within its limit")
round_trip = Gauge("canary_round_trip_seconds", "The canary's last round trip")
leg_seconds = Gauge("canary_leg_seconds", "The legs of the canary's last round trip", ["leg"])
trips = Counter("canary_trips_total", "Synthetic incidents posted", ["answer"])

ONE_WALKS = 0x4341_4E41_5259_0001
"""The lock of the process whose canary walks (ASCII "CANARY")."""

KEPT = timedelta(days=7)
MOST = 20
CONFIRMED = ("acknowledged", "filed")

Reached = Literal["nothing", "accepted", "delivered", "acknowledged"]


class Canary:
    """Drives the trips of one process; of several, one walks."""

    def __init__(
        self, database: Database, settings: CanarySettings, own_url: str, clock: Clock
    ) -> None:
        self._database = database
        self._settings = settings
        self._own_url = own_url
        self._clock = clock

    async def run(self) -> None:
        """Walk until cancelled, while no other process does."""
        async with CanaryDoor(self._settings, self._own_url) as door:
            while True:
                async with only_one(self._database, ONE_WALKS) as mine:
                    while mine is not None:
                        # On the connection that holds the lock: a lost one ends this round.
                        if await self._is_due(mine):
                            await self.start(door)
                        await self.look(door)
                        await asyncio.sleep(self._settings.look_seconds)
                await asyncio.sleep(self._settings.look_seconds)

    async def start(self, door: CanaryDoor) -> None:
        """Begin a trip. Its row comes first: a door that is shut is a late trip too."""
        at = self._clock()
        trip = f"canary-{new_id()}"
        await self._write(_BEGIN, trip=trip, at=at, before=at - KEPT)
        answer = await door.post(make_event(trip, at))
        trips.labels(str(answer.status)).inc()
        if answer.status != 202:
            log.error("canary_not_accepted", trip=trip, status=answer.status, next="late soon")
            return
        await self._write(
            _ACCEPT, trip=trip, receipt=UUID(answer.body["receipt"]), at=self._clock()
        )

    async def look(self, door: CanaryDoor) -> None:
        """Acknowledge what came, see how far each trip is, and judge."""
        for notice in await self._read(_ARRIVED, most=MOST):
            await self._acknowledge(door, notice.notice)
        for trip in await self._read(_OPEN, most=MOST):
            await self._follow(trip, await door.progress(trip.receipt))
        async with self._database.transaction() as session:
            await judge(session, self._clock(), self._settings.late_seconds)

    async def _is_due(self, session: Session) -> bool:
        newest = (await session.execute(_NEWEST)).scalar()
        every = timedelta(seconds=self._settings.every_seconds)
        return newest is None or newest + every <= self._clock()

    async def _acknowledge(self, door: CanaryDoor, notice: UUID) -> None:
        read = await door.open(notice)
        receipt: Any = None
        if read.well:
            receipt = (read.body.get("content") or {}).get("receipt")
            done = await door.acknowledge(notice)
        else:
            done = read
        if done.well or done.status in (404, 410):
            await self._write(_ACKNOWLEDGE, notice=notice, receipt=receipt, at=self._clock())
        else:
            log.warning(
                "canary_not_acknowledged", notice=str(notice), status=done.status, next="again"
            )

    async def _follow(self, trip: Any, answer: Answer) -> None:
        """Note what the sender is told, once it is all."""
        told = [
            one for child in answer.body.get("children", ()) for one in child.get("recipients", ())
        ]
        confirmed = {one.get("organisation") for one in told if one["state"] in CONFIRMED}
        if not confirmed.issuperset(RECIPIENTS):
            return
        at = self._clock()
        row = (await self._write(_RETURN, trip=trip.id, at=at)).first()
        if row is None:
            return
        seconds = (at - row.posted_at).total_seconds()
        round_trip.set(seconds)
        times = (row.posted_at, row.accepted_at, row.delivered_at, row.acknowledged_at, at)
        if None not in times:
            legs = zip(("accept", "deliver", "acknowledge", "tell"), times, times[1:], strict=False)
            for leg, begins, ends in legs:
                leg_seconds.labels(leg).set((ends - begins).total_seconds())
        log.info("canary_returned", trip=trip.id, seconds=round(seconds, 3))

    async def _read(self, statement: Any, **values: Any) -> list[Any]:
        async with self._database.reading() as session:
            return list(await session.execute(statement, values))

    async def _write(self, statement: Any, **values: Any) -> Any:
        async with self._database.transaction() as session:
            return await session.execute(statement, values)


async def judge(session: Session, at: datetime, limit_seconds: float) -> str | None:
    """Late or returned, by the newest trip of which it can be said; told once per change."""
    last = (await session.execute(_LAST, {"limit": at - timedelta(seconds=limit_seconds)})).first()
    if last is None:
        return None
    state = "late" if last.returned_at is None else "returned"
    late.set(state == "late")
    changed = (await session.execute(_CHANGE, {"state": state, "at": at})).first()
    if changed is None:
        return None
    if state == "late":
        reached = reached_by(last)
        log.error(
            "canary_late",
            trip=last.id,
            receipt=str(last.receipt),
            reached=reached,
            limit_seconds=limit_seconds,
            next="look at /v1/status for what stands still; nothing else may arrive either",
        )
        fact: CanaryLate | CanaryReturned = CanaryLate(
            service=SOURCE, since=last.posted_at, limit_seconds=limit_seconds, reached=reached
        )
    else:
        seconds = (last.returned_at - last.posted_at).total_seconds()
        log.warning("canary_back", trip=last.id, seconds=round(seconds, 3), next="nothing to do")
        fact = CanaryReturned(service=SOURCE, since=at, seconds=seconds)
    await bus.append(session, bus.fact_of(fact, SOURCE))
    return state


def reached_by(trip: Any) -> Reached:
    """How far a trip came."""
    if trip.acknowledged_at is not None:
        return "acknowledged"
    if trip.delivered_at is not None:
        return "delivered"
    return "nothing" if trip.accepted_at is None else "accepted"


_NEWEST = text("select posted_at from intake.canary_trip order by posted_at desc limit 1")

_BEGIN = text("""
    with old as (
        delete from intake.canary_trip where posted_at < :before returning receipt),
    forgotten as (
        delete from intake.canary_notice n using old where n.receipt = old.receipt)
    insert into intake.canary_trip (id, posted_at) values (:trip, :at)""")

_ACCEPT = text("""
    update intake.canary_trip set receipt = :receipt, accepted_at = :at where id = :trip""")

_ARRIVED = text("""
    select notice from intake.canary_notice where acknowledged_at is null
     order by received_at limit :most""")

_ACKNOWLEDGE = text("""
    with done as (
        update intake.canary_notice
           set acknowledged_at = :at, receipt = cast(:receipt as uuid)
         where notice = :notice returning receipt, received_at, acknowledged_at)
    update intake.canary_trip t
       set delivered_at = greatest(t.delivered_at, done.received_at),
           acknowledged_at = greatest(t.acknowledged_at, done.acknowledged_at)
      from done where t.receipt = done.receipt""")

_OPEN = text("""
    select id, receipt from intake.canary_trip
     where returned_at is null and receipt is not null and acknowledged_at is not null
     order by posted_at desc limit :most""")

_RETURN = text("""
    update intake.canary_trip set returned_at = :at
     where id = :trip and returned_at is null
    returning posted_at, accepted_at, delivered_at, acknowledged_at""")

_LAST = text("""
    select id, receipt, posted_at, accepted_at, delivered_at, acknowledged_at, returned_at
      from intake.canary_trip where returned_at is not null or posted_at <= :limit
     order by posted_at desc limit 1""")

_CHANGE = text("""
    insert into intake.canary_state (state, since) values (:state, :at)
        on conflict ("only") do update set state = excluded.state, since = excluded.since
     where canary_state.state <> excluded.state
    returning state""")
