"""Children of the register as the matcher sees them: with their schools of today and their parents.

What the matcher compares is read from `directory.known_person`, a narrow row a child; where that
row comes from is read here too. A restricted child is never read: it is found by its numbers.
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
from services.directory.person_text import read_person

_KNOWN = text("""
    select p.number, p.person from unnest(cast(:numbers as int[])) w(number)
      join directory.known_person p on p.number = w.number""")

_REGISTERED = text("""
    select c.number, c.given_name, c.family_name, c.alternative_names, c.date_of_birth, c.sex,
           c.nhs_number, c.upn, c.address, c.postcode, c.household,
           c.guardian_given_name, c.guardian_family_name,
           (select o.urn from directory.enrolment e
              join directory.organisation o on o.id = e.organisation
             where e.child = c.id and o.urn is not null and e.from_date <= :today
               and (e.to_date is null or e.to_date >= :today)
             order by e.from_date desc, e.id desc limit 1) as school,
           (select least(min(e.from_date) filter (where e.from_date > :today),
                         min(e.to_date + 1) filter (where e.to_date >= :today))
              from directory.enrolment e where e.child = c.id) as stale_on,
           array(select a.given_name || '|' || a.family_name
                   from directory.relationship r join directory.adult a on a.id = r.adult
                  where r.child = c.id and r.withdrawn_at is null and r.kind <> 'sibling'
                  order by r.recorded_at, r.receipt limit 4) as guardians
      from unnest(cast(:ids as uuid[])) w(id) join directory.child c on c.id = w.id
     where not c.restricted and c.withdrawn_at is null""")


async def read_people(session: Session, numbers: Iterable[int]) -> dict[int, Person]:
    """People by the register's number; restricted children are left out."""
    wanted = sorted(set(numbers))
    if not wanted:
        return {}
    rows = await session.execute(_KNOWN, {"numbers": wanted})
    return {row.number: read_person(str(row.number), row.person) for row in rows}


async def read_registered(
    session: Session, ids: Sequence[UUID], today: date
) -> list[tuple[int, Person, date | None]]:
    """From the register itself: number, person, and the day on which its school will be another."""
    rows = await session.execute(_REGISTERED, {"ids": list(ids), "today": today})
    return [(row.number, _person(row), row.stale_on) for row in rows]


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
        guardians=[
            (row.guardian_given_name or "", row.guardian_family_name or ""),
            *((one.partition("|")[0], one.partition("|")[2]) for one in row.guardians),
        ],
    )
