"""Writes children that files state, a chunk at a time: found again, merged, and only what changed.

A child of another source is the same where birth date and number agree; two children are never
merged. A file that knows nothing of restrictions changes nothing of a restricted child but its
enrolments.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import text

from chassis.database import Session
from chassis.ids import new_id
from services.directory.find_owners import REGISTER, find_owners, ref_of
from services.directory.import_fields import BadField, ChildLine
from services.directory.keep_findings import forget_findings
from services.directory.listen import publish
from services.directory.partnership import Partnership
from services.directory.track_changed import note_changed
from services.directory.write_enrolments import Stated, place_enrolments, write_enrolments
from services.directory.write_keys import add_keys, refresh_keys, write_exact_keys

COLUMNS = {
    "register_ref": "text", "given_name": "text", "family_name": "text",
    "alternative_names": "jsonb", "date_of_birth": "date", "sex": "text", "nhs_number": "text",
    "nhs_verified": "boolean", "upn": "text", "address": "text", "postcode": "text",
    "local_authority": "text", "household": "text", "responsible_authority": "text",
    "restricted": "boolean", "guardian_given_name": "text", "guardian_family_name": "text",
}  # fmt: skip
_EMPTY: dict[str, Any] = {
    **dict.fromkeys(COLUMNS), "given_name": "", "family_name": "", "alternative_names": [],
    "nhs_verified": False, "restricted": False,
}  # fmt: skip

_ONE_AT_A_TIME = text("select pg_advisory_xact_lock(:lock)")
_LOCK = 0x4449_5249
"""Two files at once must not make one child two (ASCII "DIRI")."""

_ROWS = text(f"""
    select id, {", ".join(COLUMNS)} from directory.child where id = any(cast(:ids as uuid[]))""")

_STATED = f"""
      from jsonb_to_recordset(cast(:rows as jsonb)) as r(id uuid,
           {", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())})"""

_ADD = text(f"""
    insert into directory.child (id, {", ".join(COLUMNS)}, recorded_at)
    select r.*, :at {_STATED} order by r.id""")

# Apart from adding: an insert that ends as an update has drawn a number all the same.
_CHANGE = text(f"""
    update directory.child c
       set {", ".join(f"{name} = r.{name}" for name in COLUMNS)}, recorded_at = :at
      {_STATED} where c.id = r.id""")

_REFS = text("""
    insert into directory.child_ref (ref, child)
    select * from unnest(cast(:refs as text[]), cast(:children as uuid[]))
        on conflict do nothing""")


async def write_children(
    session: Session,
    partnership: Partnership,
    lines: Mapping[int, ChildLine],
    *,
    later: bool = False,
) -> dict[int, BadField]:
    """Write what these lines state, by their number; returns those that cannot be written.

    later: the caller spreads the keys of new children when it has written them all.
    """
    await session.execute(_ONE_AT_A_TIME, {"lock": _LOCK})
    placed, bad = await place_enrolments(session, partnership, lines)
    good = {number: line for number, line in lines.items() if number not in bad}
    owners = await find_owners(session, good, bad)
    before = await _read_rows(session, owners.values())
    changed: dict[UUID, dict[str, Any]] = {}
    for number, line in good.items():
        if number in bad:
            continue
        owner = owners.setdefault(number, new_id())
        row = changed.get(owner) or before.get(owner)
        if row is not None and _contradicts(line, row):
            bad[number] = BadField("nhs_number", "another-verified-number-is-known")
            continue
        merged = _merge(line, row, owner)
        if merged != row:
            changed[owner] = merged
    written = {number: line for number, line in good.items() if number not in bad}
    await _write_rows(session, partnership, changed, before)
    refs = {
        ref_of(line): owners[number] for number, line in written.items() if line.source != REGISTER
    }
    if refs:
        await session.execute(_REFS, {"refs": list(refs), "children": list(refs.values())})
    stated = [
        Stated(owners[number], line.scope, placed[number])
        for number, line in written.items()
        if number in placed
    ]
    fresh = changed.keys() - before.keys()
    moved = await write_enrolments(session, partnership, stated, fresh)
    touched = changed.keys() | moved
    today = partnership.today()
    await refresh_keys(session, sorted(touched & before.keys()), today)
    await add_keys(session, sorted(touched - before.keys()), today, later=later)
    await note_changed(session, partnership, changed)
    hidden = {child for child, row in changed.items() if row["restricted"]}
    await publish(session, await forget_findings(session, partnership, hidden), {})
    return bad


async def _write_rows(
    session: Session,
    partnership: Partnership,
    changed: Mapping[UUID, Mapping[str, Any]],
    before: Mapping[UUID, Any],
) -> None:
    """The rows of children, old ones and new, and what they are found by exactly."""
    for statement, ids in (
        (_CHANGE, changed.keys() & before.keys()),
        (_ADD, changed.keys() - before.keys()),
    ):
        if ids:
            rows = json.dumps([changed[id_] for id_ in sorted(ids)], default=str)
            await session.execute(statement, {"rows": rows, "at": partnership.clock()})
    if changed:
        await write_exact_keys(session, list(changed.values()))


async def _read_rows(session: Session, ids: Iterable[UUID]) -> dict[UUID, dict[str, Any]]:
    wanted = sorted(set(ids))
    if not wanted:
        return {}
    rows = await session.execute(_ROWS, {"ids": wanted})
    return {
        row.id: {"id": row.id, **{name: getattr(row, name) for name in COLUMNS}} for row in rows
    }


def _contradicts(line: ChildLine, row: Mapping[str, Any]) -> bool:
    """Both say that their number is verified, and the numbers differ: a person must look."""
    known = line.known
    return bool(
        not line.restates
        and known.get("nhs_verified")
        and row["nhs_verified"]
        and known["nhs_number"] != row["nhs_number"]
    )


def _merge(line: ChildLine, row: Mapping[str, Any] | None, owner: UUID) -> dict[str, Any]:
    """The row as it is from now on; what the line does not speak of stays as it was."""
    old: dict[str, Any] = dict(row) if row is not None else {"id": owner, **_EMPTY}
    known = dict(line.known)
    if line.source == REGISTER:
        known["register_ref"] = line.ref
    if line.restates:
        return {**old, **known}
    if old["restricted"] and row is not None:
        return old
    if row is not None:
        names = [*old["alternative_names"], *known.get("alternative_names", ())]
        names.append({"given": old["given_name"], "family": old["family_name"]})
        present = {"given": known.get("given_name", ""), "family": known.get("family_name", "")}
        known["alternative_names"] = [
            one for at, one in enumerate(names) if one != present and one not in names[:at]
        ]
        if old["nhs_verified"] and not known.get("nhs_verified"):
            known.pop("nhs_number", None)
            known.pop("nhs_verified", None)
    return {**old, **known}
