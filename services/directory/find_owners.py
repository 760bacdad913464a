"""Which child of the register a line of a file is about: by its own key, else as an event's child.

A line of another source is taken for a child exactly as an event would be: by numbers, else by the
exact name, birth date and postcode. Whatever a person would have to look at is no line to write.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import text

from chassis.database import Session
from schemas.blocks import Child as SentChild
from services.directory.import_fields import BadField, ChildLine
from services.directory.register import RegisteredChild, same_name
from services.directory.resolve import Match, resolve_exactly

REGISTER = "register"
"""The source of the project's own file, whose key is a column of the child."""

_SURELY = frozenset({"nhs-number", "upn", "name"})
"""Matches that are exact. A likely one would put one child's address on another."""
_NEW = frozenset({"no-candidate", "possible-candidates", "not-confirmed"})

_BY_REF = text("""
    select ref, child from directory.child_ref where ref = any(cast(:refs as text[]))
    union all
    select 'register:' || register_ref, id from directory.child
     where register_ref = any(cast(:register as text[]))""")

_BY_NUMBER = text("""
    with found(id) as (
        select id from directory.child where nhs_number = any(cast(:numbers as text[]))
        union
        select id from directory.child where upn = any(cast(:upns as text[])))
    select c.id, c.nhs_number, c.nhs_verified, c.upn, c.date_of_birth
      from found join directory.child c using (id)
     where c.withdrawn_at is null and c.register_ref is null""")

_TAKEN = text("""
    select nhs_number from directory.child where nhs_number = any(cast(:numbers as text[]))""")


async def find_owners(
    session: Session, lines: Mapping[int, ChildLine], bad: dict[int, BadField]
) -> dict[int, UUID]:
    """The children that these lines are about; who is not among them is new, or noted as `bad`."""
    refs = [ref_of(line) for line in lines.values()]
    register = [line.ref for line in lines.values() if line.source == REGISTER]
    rows = await session.execute(_BY_REF, {"refs": refs, "register": register})
    by_ref = {row.ref: row.child for row in rows}
    owners = {
        number: by_ref[ref_of(line)] for number, line in lines.items() if ref_of(line) in by_ref
    }
    new = {number: line for number, line in lines.items() if number not in owners}
    own = {number: line for number, line in new.items() if line.source == REGISTER}
    others = {number: line for number, line in new.items() if line.source != REGISTER}
    taken = set(owners.values())
    for number, child in [
        *(await _find_by_number(session, own, bad)),
        *(await _find_by_rules(session, others, bad)),
    ]:
        if child in taken:
            bad[number] = BadField("line", "same-child-twice")
        else:
            owners[number] = child
            taken.add(child)
    return owners


def ref_of(line: ChildLine) -> str:
    """The key of a line's child among all sources."""
    return f"{line.source}:{line.ref}"


async def _find_by_number(
    session: Session, lines: Mapping[int, ChildLine], bad: dict[int, BadField]
) -> list[tuple[int, UUID]]:
    """Rows that an event or another source made, until the register's own line takes them over.

    Two keys of one register are two children, whatever numbers they share.
    """
    numbers = {number for line in lines.values() if (number := line.known.get("nhs_number"))}
    upns = {upn for line in lines.values() if (upn := line.known.get("upn"))}
    if not (numbers or upns):
        return []
    values = {"numbers": sorted(numbers), "upns": sorted(upns)}
    by_number: dict[str, list[Any]] = {}
    for row in await session.execute(_BY_NUMBER, values):
        for key in {row.nhs_number, row.upn} - {None}:
            by_number.setdefault(key, []).append(row)
    found: list[tuple[int, UUID]] = []
    for number, line in lines.items():
        keys = (line.known.get("nhs_number"), line.known.get("upn"))
        same = {
            row.id
            for key in keys
            if key
            for row in by_number.get(key, [])
            if _is_same(line.known, row)
        }
        if len(same) > 1:
            bad[number] = BadField("line", "numbers-of-two-children")
        elif same:
            found.append((number, same.pop()))
    return found


def _is_same(known: Mapping[str, Any], row: Any) -> bool:
    if known.get("date_of_birth") is None or known["date_of_birth"] != row.date_of_birth:
        return False
    if known.get("upn") and known["upn"] == row.upn:
        return True
    verified = known.get("nhs_verified") and row.nhs_verified
    return bool(verified and known["nhs_number"] == row.nhs_number)


async def _find_by_rules(
    session: Session, lines: Mapping[int, ChildLine], bad: dict[int, BadField]
) -> list[tuple[int, UUID]]:
    if not lines:
        return []
    answers = await resolve_exactly(session, [_as_sent(line.known) for line in lines.values()])
    found: list[tuple[int, UUID]] = []
    new: list[ChildLine] = []
    for (number, line), answer in zip(lines.items(), answers, strict=True):
        if isinstance(answer, Match) and answer.by in _SURELY and _is_named(line, answer.child):
            found.append((number, answer.child.id))
        elif isinstance(answer, Match) or answer.reason in _NEW:
            new.append(line)
        else:
            bad[number] = BadField("line", answer.reason)
    await _leave_numbers(session, new)
    return found


def _is_named(line: ChildLine, child: RegisteredChild) -> bool:
    """Beside a number that is not verified the given name must agree as well: twins share much."""
    if line.known.get("nhs_verified") or line.known.get("upn"):
        return True
    names = [child.given_name, *(one.get("given", "") for one in child.alternative_names)]
    return any(same_name(line.known.get("given_name"), name) for name in names)


async def _leave_numbers(session: Session, lines: list[ChildLine]) -> None:
    """An unverified number that another child has is not taken: it may be a twin's."""
    doubted = [
        line for line in lines
        if line.known.get("nhs_number") and not line.known.get("nhs_verified")
    ]  # fmt: skip
    if not doubted:
        return
    numbers = sorted({line.known["nhs_number"] for line in doubted})
    taken = {row.nhs_number for row in await session.execute(_TAKEN, {"numbers": numbers})}
    for line in doubted:
        if line.known["nhs_number"] in taken:
            line.known["nhs_number"] = None


def _as_sent(known: Mapping[str, Any]) -> SentChild:
    """What a line states, in the words of an event."""
    block: dict[str, Any] = {
        "name": {"given": known.get("given_name"), "family": known.get("family_name")},
        "alternativeNames": known.get("alternative_names") or [],
    }
    if known.get("date_of_birth"):
        block["dateOfBirth"] = {"value": known["date_of_birth"], "precision": "exact"}
    if known.get("nhs_number"):
        status = "verified" if known.get("nhs_verified") else "unverified"
        block["nhsNumber"] = {"value": known["nhs_number"], "status": status}
    if known.get("upn"):
        block["upn"] = known["upn"]
    if known.get("postcode"):
        block["address"] = {"postcode": known["postcode"]}
    return SentChild.model_validate(block, by_alias=True, by_name=False)
