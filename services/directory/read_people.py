"""Children of the register as the matcher sees them: with their schools of today and their parents.

A restricted child is never read here: it is found by its numbers or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import text

from chassis.database import Session
from schemas.blocks import Child as SentChild
from services.directory.matching.person import Person, make_person

_COLUMNS = """
    c.number, c.given_name, c.family_name, c.alternative_names, c.date_of_birth, c.sex,
    c.nhs_number, c.upn, c.address, c.postcode, c.household,
    (select o.urn from directory.enrolment e join directory.organisation o on o.id = e.organisation
      where e.child = c.id and o.urn is not null and e.from_date <= :today
        and (e.to_date is null or e.to_date >= :today)
      order by e.from_date desc, e.id desc limit 1) as school,
    array(select a.given_name || '|' || a.family_name
            from directory.relationship r join directory.adult a on a.id = r.adult
           where r.child = c.id and r.withdrawn_at is null and r.kind <> 'sibling'
           order by r.recorded_at, r.receipt limit 4) as guardians"""

_BY_NUMBER = text(f"""
    select {_COLUMNS} from unnest(cast(:numbers as int[])) w(number)
      join directory.child c on c.number = w.number where not c.restricted""")

_BY_ID = text(f"""
    select {_COLUMNS} from unnest(cast(:ids as uuid[])) w(id)
      join directory.child c on c.id = w.id where not c.restricted""")

_IN_ORDER = text(f"""
    select {_COLUMNS} from directory.child c
     where c.number > :after and not c.restricted order by c.number limit :most""")


async def read_people(session: Session, numbers: Iterable[int], today: date) -> dict[int, Person]:
    """People by the register's number; restricted children are left out."""
    values = {"numbers": sorted(set(numbers)), "today": today}
    return {row.number: _person(row) for row in await session.execute(_BY_NUMBER, values)}


async def read_people_by_id(
    session: Session, ids: Sequence[UUID], today: date
) -> dict[int, Person]:
    """The same by the ids of children."""
    rows = await session.execute(_BY_ID, {"ids": list(ids), "today": today})
    return {row.number: _person(row) for row in rows}


async def read_next_people(
    session: Session, after: int, most: int, today: date
) -> dict[int, Person]:
    """The next of all people behind a number, in order."""
    values = {"after": after, "most": most, "today": today}
    return {row.number: _person(row) for row in await session.execute(_IN_ORDER, values)}


def person_sent(child: SentChild, guardians: Iterable[tuple[str, str]]) -> Person:
    """The child of an event as the matcher sees it. Numbers whose check fails are not used."""
    names = [
        (name.given or "", name.family or "")
        for name in (child.name, *child.alternative_names)
        if name is not None
    ]
    birth, address, school = child.date_of_birth, child.address, child.school
    return make_person(
        "asked",
        names,
        date_of_birth=birth.value.isoformat() if birth is not None else "",
        precision=birth.precision if birth is not None else "exact",
        sex=child.sex or "",
        nhs_number=child.valid_nhs_number or "",
        upn=child.valid_upn or "",
        address=", ".join(address.lines) if address is not None else "",
        postcode=(address.postcode or "") if address is not None else "",
        school=(school.urn or "") if school is not None else "",
        guardians=guardians,
    )


def _person(row: Any) -> Person:
    names = [(row.given_name, row.family_name)]
    names += [(one.get("given", ""), one.get("family", "")) for one in row.alternative_names]
    return make_person(
        str(row.number),
        names,
        date_of_birth=row.date_of_birth.isoformat() if row.date_of_birth else "",
        sex=row.sex or "",
        nhs_number=row.nhs_number or "",
        upn=row.upn or "",
        address=row.address or "",
        postcode=row.postcode or "",
        school=row.school or "",
        household=row.household or "",
        guardians=[(one.partition("|")[0], one.partition("|")[2]) for one in row.guardians],
    )
