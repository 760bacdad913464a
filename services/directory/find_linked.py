"""Finds the children who are known to be linked to an incident's adults, listed or not (step 4).

Of the same household: told at once. Any other link, and any doubt about who the adult is: a person
looks first. Never finds a restricted child, in no way; keeps whose word a link rests on, but
answers without it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text

from chassis.database import Session
from schemas.blocks import Adult
from schemas.facts import EventAccepted
from services.directory.find_adults import find_adults
from services.directory.partnership import Partnership
from services.directory.register import COLUMNS, RegisteredChild
from services.directory.situation import INCIDENTS, age

ADULT_AT = 18
"""Whoever is 18 is no child to be told of, whatever the link (Children Act 1989 s.105)."""

MOST_PER_HOUSEHOLD = 50

_RELATIONSHIPS = text(f"""
    select r.receipt as relationship, r.adult, a.described, r.kind, r.same_household, r.from_date,
           r.to_date, r.sender, r.stated_at, c.household, {COLUMNS}
      from unnest(cast(:adults as uuid[])) w(id)
      join directory.adult a on a.id = w.id
      join directory.relationship r on r.adult = a.id and r.withdrawn_at is null
      join directory.child c on c.id = r.child and not c.restricted
     order by r.stated_at, r.receipt""")

_AT_HOME = text(f"""
    select h.household, {COLUMNS}
      from unnest(cast(:households as text[])) h(household)
     cross join lateral (
           select * from directory.child
            where household = h.household and not restricted order by id limit :most) c
     order by c.id""")


@dataclass
class Linked:
    """A child of an event whom its sender did not name.

    Attributes:
        adults: positions in the event's `adults` of those it was found through.
        automatic: told at once; otherwise a person is asked.
        reasons: codes for whoever is asked; never whose word it is.
        relationships: receipts of the assertions, for the directory alone.
    """

    child: RegisteredChild
    adults: set[int] = field(default_factory=set)
    automatic: bool = False
    reasons: set[str] = field(default_factory=set)
    relationships: set[UUID] = field(default_factory=set)


class _Place(NamedTuple):
    event: EventAccepted
    position: int
    adult: Adult
    bystander: bool


async def find_linked(
    session: Session,
    partnership: Partnership,
    events: Sequence[EventAccepted],
    known: Mapping[UUID, Collection[UUID]],
) -> dict[UUID, list[Linked]]:
    """By receipt, the children to add to those who are `known`, always in the same order."""
    places = [place for event in events for place in _places(event)]
    if not places:
        return {}
    found = await find_adults(session, partnership, [place.adult for place in places])
    ids = {one.id for adults in found for one in adults}
    if not ids:
        return {}
    by_adult: dict[UUID, list[Any]] = {}
    for row in await session.execute(_RELATIONSHIPS, {"adults": sorted(ids)}):
        by_adult.setdefault(row.adult, []).append(row)
    today = partnership.today()
    standing = [
        {
            certain: _standing(
                (
                    row
                    for one in adults
                    if one.certain is certain
                    for row in by_adult.get(one.id, ())
                ),
                today,
                one_adult=certain,
            )
            for certain in (True, False)
        }
        for adults in found
    ]
    homes = [_homes(rows[True]) for rows in standing]
    at_home = await _read_at_home(session, {home for some in homes for home in some})
    linked: dict[UUID, dict[UUID, Linked]] = {}
    for place, rows, home in zip(places, standing, homes, strict=True):
        here = linked.setdefault(place.event.receipt, {})
        for certain in (True, False):
            for row in rows[certain]:
                same = row.same_household or (row.same_household is None and row.household in home)
                one = _note(here, row, place, certain and same)
                one.reasons.add(f"relationship:{row.kind}")
                one.relationships.add(row.relationship)
                if not certain:
                    one.reasons.add("adult-not-certain")
        apart = {row.id for row in rows[True] if row.same_household is False}
        for household, relationships in home.items():
            for row in at_home.get(household, ()):
                one = _note(here, row, place, row.id not in apart)
                one.reasons.add("same-household")
                one.relationships |= relationships
    return {
        receipt: _those_to_add(here.values(), known.get(receipt, ()), today)
        for receipt, here in linked.items()
    }


def _places(event: EventAccepted) -> list[_Place]:
    """The named adults of an incident; one said to have another part may be a neighbour."""
    if event.event_type not in INCIDENTS:
        return []
    return [
        _Place(
            event,
            position,
            Adult.model_validate(adult, by_alias=True, by_name=False),
            adult.get("roleInEvent") == "other",
        )
        for position, adult in enumerate(event.data.get("adults") or ())
        if adult.get("name")
    ]


def _standing(rows: Iterable[Any], today: date, *, one_adult: bool) -> list[Any]:
    """Of each agency the last word about each child, where that says that the link holds today.

    Those who are not certain may be several adults: what is said of one says nothing of another.
    """
    last = {(row.sender, row.id, None if one_adult else row.described): row for row in rows}
    return [
        row
        for row in last.values()
        if (row.from_date is None or row.from_date <= today)
        and (row.to_date is None or row.to_date >= today)
    ]


def _homes(rows: Iterable[Any]) -> dict[str, set[UUID]]:
    """The households of an adult, with the assertions that say so."""
    homes: dict[str, set[UUID]] = {}
    for row in rows:
        if row.same_household and row.household:
            homes.setdefault(row.household, set()).add(row.relationship)
    return homes


async def _read_at_home(session: Session, households: set[str]) -> dict[str, list[Any]]:
    if not households:
        return {}
    values = {"households": sorted(households), "most": MOST_PER_HOUSEHOLD}
    found: dict[str, list[Any]] = {}
    for row in await session.execute(_AT_HOME, values):
        found.setdefault(row.household, []).append(row)
    return found


def _note(here: dict[UUID, Linked], row: Any, place: _Place, at_once: bool) -> Linked:
    one = here.get(row.id)
    if one is None:
        fields = (getattr(row, name) for name in RegisteredChild._fields)
        one = here[row.id] = Linked(RegisteredChild(*fields))
    one.adults.add(place.position)
    one.automatic |= at_once and not place.bystander
    if place.bystander:
        one.reasons.add("adult-in-another-part")
    return one


def _those_to_add(linked: Iterable[Linked], known: Collection[UUID], today: date) -> list[Linked]:
    return sorted(
        (
            one
            for one in linked
            if one.child.id not in known
            and (one.child.date_of_birth is None or age(one.child.date_of_birth, today) < ADULT_AT)
        ),
        key=lambda one: one.child.id,
    )
