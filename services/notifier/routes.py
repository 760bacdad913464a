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
from schemas.organisations import DateRange, Rung, ServiceHours
from services.notifier.calendars import SchoolCalendar, ServiceCalendar
from services.notifier.rules import read_rules
from services.notifier.settings import DeadlineSettings


class StoredCalendar(Model):
    """The part of an organisation that deadlines need."""

    opens_at: time | None = None
    terms: tuple[DateRange, ...] = ()
    closures: tuple[DateRange, ...] = ()
    service_hours: tuple[ServiceHours, ...] = ()


@dataclass(frozen=True, slots=True)
class Route:
    """How a recipient is reached: its channel, its days and hours, its endpoint if it has one."""

    organisation: str
    name: str
    channel: str
    calendar: SchoolCalendar
    ladder: tuple[Rung, ...]
    endpoint: UUID | None
    service: ServiceCalendar = field(default_factory=ServiceCalendar)

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
            "ladders": [
                "[" + ",".join(rung.model_dump_json() for rung in row.organisation.ladder) + "]"
                for row in rows
            ],
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
    )


_RECORD = text("""
    insert into notifier.recipient (id, kind, name, channel, calendar, ladder, recorded_at)
    select * from unnest(cast(:ids as text[]), cast(:kinds as text[]), cast(:names as text[]),
                         cast(:channels as text[]), cast(:calendars as jsonb[]),
                         cast(:ladders as jsonb[]), cast(:ats as timestamptz[]))
        on conflict (id) do update
       set kind = excluded.kind, name = excluded.name, channel = excluded.channel,
           calendar = excluded.calendar, ladder = excluded.ladder,
           recorded_at = excluded.recorded_at
     where recipient.recorded_at <= excluded.recorded_at""")

_READ = text("""
    select r.id, r.name, r.channel, r.calendar, r.ladder, e.id as endpoint
      from notifier.recipient r
      left join notifier.endpoint e on e.organisation = r.id and e.enabled
     where r.id = any(:ids)""")
