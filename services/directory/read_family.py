"""What the directory keeps about the adults of a child: orders in force, and where parents work.

Read for a whole batch before anybody is addressed; decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text

from chassis.database import Session
from schemas.blocks import OrderInForce, PersonName

PARENTS = ("mother", "father", "step-parent", "partner-of-parent", "foster-carer")
"""Whose place of work is a conflict: its staff would be told about their colleague's family."""

_ORDERS = text("""
    select child, given_name, family_name, kind, from_date, to_date from directory.court_order
     where child = any(cast(:children as uuid[])) and withdrawn_at is null
       and from_date <= :today and (to_date is null or to_date >= :today)
     order by child, from_date, receipt""")

_WORK = text("""
    select r.child, a.works_at, r.kind, a.given_name, a.family_name
      from directory.relationship r join directory.adult a on a.id = r.adult
     where r.child = any(cast(:children as uuid[])) and r.withdrawn_at is null
       and a.works_at is not null
       and (r.from_date is null or r.from_date <= :today)
       and (r.to_date is null or r.to_date >= :today)""")


class Worker(NamedTuple):
    """An adult of a child, and the organisation where that adult works."""

    works_at: str
    kind: str
    given_name: str
    family_name: str


@dataclass
class Family:
    """Of one child: the orders in force, and the adults of whom it is known where they work."""

    orders: list[OrderInForce] = field(default_factory=list)
    workers: list[Worker] = field(default_factory=list)


async def read_families(
    session: Session, children: Iterable[UUID], today: date
) -> dict[UUID, Family]:
    """By child; a child about whom nothing is kept is left out."""
    wanted = sorted(set(children))
    values = {"children": wanted, "today": today}
    families: dict[UUID, Family] = {}
    for row in await session.execute(_WORK, values):
        worker = Worker(row.works_at, row.kind, row.given_name, row.family_name)
        families.setdefault(row.child, Family()).workers.append(worker)
    for child, orders in (await read_orders(session, wanted, today)).items():
        families.setdefault(child, Family()).orders = orders
    return families


async def read_orders(
    session: Session, children: Iterable[UUID], today: date
) -> dict[UUID, list[OrderInForce]]:
    """The orders in force on a day, by child."""
    rows = await session.execute(_ORDERS, {"children": sorted(set(children)), "today": today})
    orders: dict[UUID, list[OrderInForce]] = {}
    for row in rows:
        orders.setdefault(row.child, []).append(
            OrderInForce(
                person=PersonName(given=row.given_name, family=row.family_name),
                kind=row.kind,
                starts_on=row.from_date,
                ends_on=row.to_date,
            )
        )
    return orders
