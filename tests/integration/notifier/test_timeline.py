"""Silence over a bank-holiday weekend, on a clock that the test turns, printed as a timeline.

Composing, sweeping and confirming are the real ones, on PostgreSQL. The page that explains it shows
this very timeline, so that neither can change alone.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import text

import bus
from chassis.clock import LONDON
from chassis.database import Database
from schemas.facts import EventAddressed, Profile
from schemas.organisations import (
    Absence,
    DateRange,
    Ladder,
    OrganisationKind,
    Post,
    QuietHours,
    RecipientRole,
    Rung,
)
from services.notifier.acknowledge import advance
from services.notifier.compose import compose
from services.notifier.escalate import sweep
from services.notifier.routes import record_organisations
from services.notifier.settings import DeadlineSettings
from tests.integration.notifier.world import SetClock, addressed, organisation, to

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "how-silence-climbs.md"
SETTINGS = DeadlineSettings()
PRIMARY, COLLEGE, TRUST, NURSES = "urn-900001", "urn-900002", "trust-example", "nursing-example"
MASH, DUTY, NEIGHBOUR, DIRECTOR = (
    "la-example", "la-duty-example", "neighbour-example", "director-example",
)  # fmt: skip
DEPUTY, TEAM, OFFICER = RecipientRole.DEPUTY, RecipientRole.TEAM, RecipientRole.DUTY_OFFICER

OFF = (
    QuietHours(starts=time(18), ends=time(8)),
    QuietHours(starts=time(0), ends=time(0), days=("sat", "sun", "bank-holiday")),
)
ORGANISATIONS = (
    organisation(
        PRIMARY,
        terms=(DateRange(first=date(2026, 9, 2), last=date(2026, 12, 18)),),
        holiday_contact=Post(organisation=TRUST, role=TEAM),
        ladders=(
            Ladder(
                profiles=(Profile.SCHOOL_FULL,),
                rungs=(
                    Rung(organisation=PRIMARY, role=DEPUTY, minutes=45),
                    Rung(organisation=TRUST, role=TEAM, profile=Profile.EARLY_YEARS_MINIMAL),
                    Rung(organisation=DUTY, role=OFFICER, profile=Profile.ALERT,
                         until="working-morning"),
                ),
            ),
        ),
    ),
    organisation(
        COLLEGE,
        ladders=(
            Ladder(
                profiles=(Profile.REFERRER_OUTCOME,),
                rungs=(
                    Rung(organisation=COLLEGE, role=TEAM, minutes=600),
                    Rung(organisation=COLLEGE, role=DEPUTY, minutes=60),
                    Rung(organisation=TRUST, role=TEAM, profile=Profile.ALERT),
                ),
            ),
        ),
        quiet_hours=OFF,
    ),
    organisation(TRUST, OrganisationKind.LOCAL_AUTHORITY, quiet_hours=OFF),
    organisation(NURSES, OrganisationKind.SCHOOL_NURSING, ladder=((DUTY, OFFICER),)),
    organisation(
        MASH,
        OrganisationKind.SOCIAL_CARE,
        ladders=(
            Ladder(
                profiles=(Profile.MASH_INCIDENT,),
                rungs=(
                    Rung(organisation=MASH, role=DEPUTY),
                    Rung(organisation=DUTY, role=OFFICER, minutes=30),
                    Rung(organisation=DIRECTOR, role=OFFICER, profile=Profile.ALERT,
                         until="working-morning"),
                ),
            ),
        ),
        quiet_hours=OFF,
    ),
    organisation(
        DUTY,
        OrganisationKind.LOCAL_AUTHORITY,
        absences=(
            Absence(
                first=date(2026, 8, 28), last=date(2026, 8, 31),
                stand_in=Post(organisation=NEIGHBOUR, role=OFFICER),
            ),
        ),
    ),
    organisation(NEIGHBOUR, OrganisationKind.LOCAL_AUTHORITY),
    organisation(DIRECTOR, OrganisationKind.LOCAL_AUTHORITY),
)  # fmt: skip


EVENTS = {"referral.decided": "decision", "domestic-abuse.recorded": "incident"}


class Line(NamedTuple):
    """One thing that happened to one notice."""

    at: str
    event: str
    organisation: str
    role: str
    profile: str
    what: str

    def __str__(self) -> str:
        who = f"{self.organisation:<17} {self.role:<14} {self.profile:<16}"
        return f"{self.at}  {self.event} {who} {self.what}"


class Timeline:
    """Turns the clock from one thing to the next, and writes down what happened."""

    def __init__(self, database: Database, clock: SetClock) -> None:
        self.database = database
        self.clock = clock
        self.lines: list[Line | str] = []
        self.away_until: datetime | None = None
        self._seen: dict[Any, Any] = {}

    async def go_on_to(self, until: datetime) -> None:
        """Sweep at every due time up to one, and a second before each: then nothing happens."""
        while (due := await self._next_due()) is not None and due <= until:
            due = max(due, self.away_until or due)
            if due > until:
                break
            early = due - timedelta(seconds=1)
            if early > self.clock() and self.away_until is None:
                self.clock.at = early
                await self._sweep()
                assert not await self._write(), "too early"
            self.clock.at, self.away_until = due, None
            await self._sweep()
            await self._sweep()  # Another process, at the same moment.
            await self._write()
        self.clock.at = until

    def say(self, what: str) -> None:
        self.lines.append(f"{_local(self.clock())}  -- {what}")

    async def tell(self, fact: EventAddressed) -> None:
        async with self.database.transaction() as session:
            await compose(session, [fact], self.clock(), SETTINGS)
        await self._write()

    async def confirm(self, organisation: str, role: str, receipt: Any) -> None:
        async with self.database.transaction() as session:
            rows = await session.execute(
                text("""select id from notifier.obligation where organisation = :organisation
                           and role = :role and receipt = :receipt"""),
                {"organisation": organisation, "role": role, "receipt": receipt},
            )
            [row] = rows.all()
            facts = await advance(session, [row.id], "acknowledged", self.clock(), by="lead")
            await bus.append(session, *facts)
        await self._write()

    async def _sweep(self) -> None:
        async with self.database.transaction() as session:
            await sweep(session, self.clock(), SETTINGS)

    async def _next_due(self) -> datetime | None:
        async with self.database.reading() as session:
            rows = await session.execute(
                text("""select min(watch_due_at) from notifier.obligation
                         where watch = 'watching'""")
            )
            found: datetime | None = rows.scalar()
            return found

    async def _write(self) -> bool:
        """Write down what is new of each notice, in the order of ladders; True if anything is."""
        async with self.database.reading() as session:
            rows = await session.execute(
                text("""select o.* from notifier.obligation o
                           join notifier.obligation f on f.id = o.chain
                          order by o.event_type, f.role, o.id <> o.chain, o.rung""")
            )
            found = rows.all()
        new: list[Line] = []
        for row in found:
            was = self._seen.get(row.id)
            now = (row.watch, row.deferred_at, row.acknowledged_at)
            at = _local(self.clock())
            new += [
                Line(at, EVENTS[row.event_type], row.organisation, row.role, row.profile, what)
                for what in _changes(row, was)
            ]
            self._seen[row.id] = now
        self.lines += new
        return bool(new)


def _changes(row: Any, was: Any) -> list[str]:
    said: list[str] = []
    if was is None:
        standing = f" for {row.stands_in_for}" if row.stands_in_for else ""
        said.append(f"told{standing}" + (f", rung {row.rung}" if row.rung else ""))
    watch, deferred, confirmed = was or ("watching", None, None)
    if row.acknowledged_at and not confirmed:
        said.append("confirms; its ladder ends")
    if row.deferred_at and not deferred:
        said.append(f"is silent; the next are quiet until {_local(row.watch_due_at)}")
    if row.watch == "climbed" and watch != "climbed":
        said.append("is away" if was is None else "is silent")
    if row.watch == "exhausted" and watch != "exhausted":
        said.append("is silent; nobody is left to tell")
    return said


def _local(at: datetime) -> str:
    return f"{at.astimezone(LONDON):%a %d %b %H:%M}"


def local(day: int, hour: int, minute: int = 0, month: int = 8) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=LONDON).astimezone(UTC)


async def test_a_bank_holiday_weekend_of_silence(database: Database) -> None:
    timeline = Timeline(database, SetClock(local(27, 17, 40)))
    at: Callable[[], datetime] = timeline.clock
    async with database.transaction() as session:
        await record_organisations(session, ORGANISATIONS)

    timeline.say("a referral that the college made is decided")
    decided = addressed(
        to(COLLEGE, RecipientRole.REFERRER, Profile.REFERRER_OUTCOME),
        event_type="referral.decided", at=at(),
    )  # fmt: skip
    await timeline.tell(decided)
    await timeline.go_on_to(local(28, 21, 10))

    timeline.say("police record an incident; the school is closed until Wednesday")
    incident = addressed(
        to(PRIMARY, RecipientRole.SCHOOL, Profile.SCHOOL_FULL),
        to(NURSES, RecipientRole.SCHOOL_NURSING, Profile.HEALTH_MINIMAL),
        to(MASH, RecipientRole.MASH, Profile.MASH_INCIDENT),
        at=at(),
    )
    await timeline.tell(incident)
    await timeline.go_on_to(local(28, 22, 30))
    timeline.say("the notifier stops for four hours")
    timeline.away_until = local(29, 2, 30)
    await timeline.go_on_to(local(29, 9, 12))
    await timeline.confirm(DIRECTOR, "duty-officer", incident.receipt)
    await timeline.go_on_to(local(1, 8, 20, month=9))
    await timeline.confirm(NURSES, "school-nursing", incident.receipt)
    await timeline.go_on_to(local(1, 9, 25, month=9))
    await timeline.confirm(TRUST, "team", incident.receipt)
    await timeline.go_on_to(local(4, 9, 0, month=9))

    printed = "\n".join(str(line).rstrip() for line in timeline.lines)
    print(printed)
    assert printed in PAGE.read_text(encoding="utf-8")
    # No rung was told twice, and none in a wider profile than the first.
    async with database.reading() as session:
        rows = await session.execute(
            text("""select chain, organisation, role, count(*) from notifier.obligation
                     group by 1, 2, 3 having count(*) > 1""")
        )
        assert rows.all() == []
