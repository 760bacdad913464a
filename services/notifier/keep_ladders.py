"""Ladders are kept right: judged when recorded, confirmed every so many days, and asked for.

Due times are rows: a confirmation that lapses is said once, by whichever process sees it first.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text

import bus
from chassis.database import Session
from chassis.telemetry import logger
from schemas.facts import LadderUnconfirmed
from schemas.organisations import Organisation
from services.notifier.judge_ladder import find_defects, names_in
from services.notifier.report import SOURCE
from services.notifier.settings import LadderSettings

log = logger("notifier.keep_ladders")

ROUND_SIZE = 200


@dataclass(frozen=True, slots=True)
class Kept:
    """An organisation's ladders as they stand, and how they are looked after."""

    organisation: Organisation
    defects: tuple[str, ...]
    confirmed_at: datetime | None
    confirmed_by: str | None
    confirm_by: datetime


async def judge_ladders(session: Session, at: datetime) -> int:
    """Judge what was recorded since the last time, and what waited for an organisation that was
    unknown; returns how many. What is wrong is logged when it is new."""
    rows = (await session.execute(_UNJUDGED, {"limit": ROUND_SIZE})).all()
    if not rows:
        return 0
    mine = {row.id: _organisation(row) for row in rows}
    named = {name for one in mine.values() for name in names_in(one)}
    others = await session.execute(_READ, {"ids": sorted(named)})
    known = {row.id: _organisation(row) for row in others}
    defects = {name: find_defects(one, known) for name, one in mine.items()}
    await session.execute(
        _JUDGED,
        {
            "ids": list(defects),
            "defects": [",".join(found) for found in defects.values()],
            "at": at,
        },
    )
    for row in rows:
        if defects[row.id] and set(defects[row.id]) != set(row.ladder_defects):
            log.warning(
                "ladder_defective",
                organisation=row.id,
                defects=list(defects[row.id]),
                next="it is listed until the directory is told of a better one",
            )
    return sum(row.ladder_judged_at is None for row in rows)


async def tell_lapses(session: Session, at: datetime, settings: LadderSettings) -> int:
    """Say of each organisation, once, that its confirmation lapsed; returns of how many."""
    period = timedelta(days=settings.confirm_days)
    rows = (
        await session.execute(_LAPSED, {"before": at - period, "at": at, "limit": ROUND_SIZE})
    ).all()
    await bus.append(
        session,
        *(
            bus.fact_of(
                LadderUnconfirmed(
                    organisation=row.id, confirmed_at=row.ladder_confirmed_at,
                    lapsed_at=row.since + period, at=at,
                ),
                SOURCE,
            )
            for row in rows
        ),
    )  # fmt: skip
    for row in rows:
        log.warning(
            "ladder_unconfirmed",
            organisation=row.id,
            next="it is listed until the organisation confirms who is told there",
        )
    return len(rows)


async def confirm_ladder(session: Session, organisation: str, by: str, at: datetime) -> bool:
    """The organisation says that its ladders are right; False when it is not known. `by`: a role,
    not a name."""
    done = await session.execute(_CONFIRM, {"id": organisation, "by": by, "at": at})
    return bool(done.rowcount)


async def read_kept(session: Session, organisation: str, settings: LadderSettings) -> Kept | None:
    """An organisation's ladders, or None when it is not known."""
    row = (await session.execute(_READ, {"ids": [organisation]})).first()
    return _kept(row, settings) if row else None


async def list_unconfirmed(
    session: Session, at: datetime, settings: LadderSettings, after: str, limit: int
) -> list[Kept]:
    """Those that nobody has confirmed in time, or that are defective; by id, past `after`."""
    before = at - timedelta(days=settings.confirm_days)
    rows = await session.execute(_LIST, {"before": before, "after": after, "limit": limit})
    return [_kept(row, settings) for row in rows]


async def count_ladders(
    session: Session, at: datetime, settings: LadderSettings
) -> tuple[int, dict[str, int]]:
    """How many are unconfirmed, and how many have each defect."""
    before = at - timedelta(days=settings.confirm_days)
    lapsed = (await session.execute(_COUNT_LAPSED, {"before": before})).scalar_one()
    rows = await session.execute(_COUNT_DEFECTS)
    return lapsed, {row.defect: row.count for row in rows}


def _kept(row: Any, settings: LadderSettings) -> Kept:
    return Kept(
        _organisation(row),
        tuple(row.ladder_defects),
        row.ladder_confirmed_at,
        row.ladder_confirmed_by,
        row.since + timedelta(days=settings.confirm_days),
    )


def _organisation(row: Any) -> Organisation:
    """As much of it as is kept here."""
    return Organisation.model_validate(
        {
            "id": row.id, "kind": row.kind, "name": row.name, "ladder": row.ladder,
            "ladders": row.ladders, **row.availability,
        }
    )  # fmt: skip


_COLUMNS = """id, kind, name, ladder, ladders, availability, ladder_defects, ladder_judged_at,
    ladder_confirmed_at, ladder_confirmed_by, coalesce(ladder_confirmed_at, known_since) as since"""

# Who is on no ladder and needs none has nothing to confirm.
_LADDERED = "(ladder <> '[]' or ladders <> '[]' or 'no-ladder' = any(ladder_defects))"
_IS_LAPSED = f"coalesce(ladder_confirmed_at, known_since) <= :before and {_LADDERED}"

_UNJUDGED = text(f"""
    select {_COLUMNS} from notifier.recipient
     where ladder_judged_at is null or 'unknown-organisation' = any(ladder_defects)
     order by ladder_judged_at nulls first, id limit :limit for update skip locked""")

_READ = text(f"select {_COLUMNS} from notifier.recipient where id = any(:ids)")

_JUDGED = text("""
    update notifier.recipient r
       set ladder_judged_at = :at, ladder_defects = string_to_array(j.defects, ',')
      from unnest(cast(:ids as text[]), cast(:defects as text[])) j(id, defects)
     where r.id = j.id""")

_LAPSED = text(f"""
    with lapsed as (
        select id, coalesce(ladder_confirmed_at, known_since) as since from notifier.recipient
         where {_IS_LAPSED}
           and (ladder_asked_at is null
                or ladder_asked_at <= coalesce(ladder_confirmed_at, known_since))
         order by id limit :limit for update skip locked)
    update notifier.recipient r set ladder_asked_at = :at from lapsed
     where r.id = lapsed.id
    returning r.id, r.ladder_confirmed_at, lapsed.since""")

_CONFIRM = text("""
    update notifier.recipient set ladder_confirmed_at = :at, ladder_confirmed_by = :by
     where id = :id""")

_LIST = text(f"""
    select {_COLUMNS} from notifier.recipient
     where (({_IS_LAPSED}) or ladder_defects <> '{{}}') and id > :after
     order by id limit :limit""")

_COUNT_LAPSED = text(f"select count(*) from notifier.recipient where {_IS_LAPSED}")

_COUNT_DEFECTS = text("""
    select defect, count(*) as count from notifier.recipient, unnest(ladder_defects) defect
     group by defect""")
