"""How each organisation is reached: a read copy of what the directory says, and its endpoint."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import time
from typing import Any
from uuid import UUID

from sqlalchemy import text

from chassis.database import Session
from schemas.facts import OrganisationRecorded
from schemas.model import Model
from schemas.organisations import (
    Absence,
    DateRange,
    Ladder,
    Organisation,
    Post,
    QuietHours,
    Rung,
    ServiceHours,
    ladder_for,
)
from services.notifier.calendars import SchoolCalendar, ServiceCalendar
from services.notifier.rules import read_rules
from services.notifier.settings import DeadlineSettings


class StoredCalendar(Model):
    """The part of an organisation that deadlines need."""

    opens_at: time | None = None
    terms: tuple[DateRange, ...] = ()
    closures: tuple[DateRange, ...] = ()
    service_hours: tuple[ServiceHours, ...] = ()


class Availability(Model):
    """When nobody is called there, and who stands in."""

    quiet_hours: tuple[QuietHours, ...] = ()
    absences: tuple[Absence, ...] = ()
    holiday_contact: Post | None = None


ALWAYS_THERE = Availability()


@dataclass(frozen=True, slots=True)
class Route:
    """How a recipient is reached: its channel, its days and hours, its endpoint if it has one.

    `ladder` is for every profile without one of its own in `ladders`.
    """

    organisation: str
    name: str
    channel: str
    calendar: SchoolCalendar
    ladder: tuple[Rung, ...]
    endpoint: UUID | None
    service: ServiceCalendar = field(default_factory=ServiceCalendar)
    ladders: tuple[Ladder, ...] = ()
    availability: Availability = ALWAYS_THERE

    def ladder_for(self, profile: str) -> tuple[Rung, ...]:
        """Who is told next, of notices of a profile."""
        return ladder_for(self.ladder, self.ladders, profile)

    def missing(self) -> str | None:
        """Why nothing can be delivered there, if so."""
        if self.channel == "none":
            return "no-channel"
        if self.channel == "webhook" and self.endpoint is None:
            return "no-endpoint"
        return None


async def record_organisations(session: Session, facts: Sequence[OrganisationRecorded]) -> None:
    """Keep the newest word on each organisation; an older one changes nothing."""
    newest: dict[str, OrganisationRecorded] = {}
    for fact in facts:
        known = newest.get(fact.organisation.id)
        if known is None or known.at <= fact.at:
            newest[fact.organisation.id] = fact
    if not newest:
        return
    rows = [newest[name] for name in sorted(newest)]
    await session.execute(
        _RECORD,
        {
            "ids": [row.organisation.id for row in rows],
            "kinds": [str(row.organisation.kind) for row in rows],
            "names": [row.organisation.name for row in rows],
            "channels": [row.organisation.channel for row in rows],
            "calendars": [
                StoredCalendar(
                    opens_at=row.organisation.opens_at,
                    terms=row.organisation.terms,
                    closures=row.organisation.closures,
                    service_hours=row.organisation.service_hours,
                ).model_dump_json(by_alias=True)
                for row in rows
            ],
            "common": [_list_of(row.organisation.ladder) for row in rows],
            "own": [_list_of(row.organisation.ladders) for row in rows],
            "availabilities": [_availability(row.organisation) for row in rows],
            "ats": [row.at for row in rows],
        },
    )


async def read_routes(
    session: Session, organisations: Collection[str], settings: DeadlineSettings
) -> dict[str, Route]:
    """The route of each organisation that is known."""
    if not organisations:
        return {}
    opens_at = read_rules(settings.table).defaults.school_opens_at
    rows = await session.execute(_READ, {"ids": sorted(organisations)})
    return {row.id: _route(row, opens_at) for row in rows}


async def read_channel(session: Session, organisation: str) -> str | None:
    """By which channel an organisation is told, as the directory says; None if it is not known."""
    found = (await session.execute(_CHANNEL, {"id": organisation})).scalar()
    return None if found is None else str(found)


def _route(row: Any, opens_at: time) -> Route:
    stored = StoredCalendar.model_validate(row.calendar)
    return Route(
        row.id,
        row.name,
        row.channel,
        SchoolCalendar(stored.opens_at or opens_at, stored.terms, stored.closures),
        tuple(Rung.model_validate(rung) for rung in row.ladder),
        row.endpoint,
        ServiceCalendar(stored.service_hours, stored.closures),
        tuple(Ladder.model_validate(one) for one in row.ladders),
        Availability.model_validate(row.availability) if row.availability else ALWAYS_THERE,
    )


def _list_of(models: Sequence[Model]) -> str:
    return "[" + ",".join(one.model_dump_json(exclude_none=True) for one in models) + "]"


def _availability(organisation: Organisation) -> str:
    stored = Availability(
        quiet_hours=organisation.quiet_hours,
        absences=organisation.absences,
        holiday_contact=organisation.holiday_contact,
    )
    # Most have none, and an empty one need not be read for every notice.
    return "{}" if stored == ALWAYS_THERE else stored.model_dump_json(exclude_none=True)


_RECORD = text("""
    insert into notifier.recipient (id, kind, name, channel, calendar, ladder, ladders,
                                    availability, recorded_at, known_since)
    select r.*, r.at
      from unnest(cast(:ids as text[]), cast(:kinds as text[]), cast(:names as text[]),
                  cast(:channels as text[]), cast(:calendars as jsonb[]), cast(:common as jsonb[]),
                  cast(:own as jsonb[]), cast(:availabilities as jsonb[]),
                  cast(:ats as timestamptz[]))
           r(id, kind, name, channel, calendar, ladder, ladders, availability, at)
        on conflict (id) do update
       set kind = excluded.kind, name = excluded.name, channel = excluded.channel,
           calendar = excluded.calendar, ladder = excluded.ladder, ladders = excluded.ladders,
           availability = excluded.availability, recorded_at = excluded.recorded_at,
           ladder_judged_at = null
     where recipient.recorded_at <= excluded.recorded_at""")

_CHANNEL = text("select channel from notifier.recipient where id = :id")

_READ = text("""
    select r.id, r.name, r.channel, r.calendar, r.ladder, r.ladders, r.availability,
           e.id as endpoint
      from notifier.recipient r
      left join notifier.endpoint e on e.organisation = r.id and e.enabled
     where r.id = any(:ids)""")
