"""First start: the synthetic partnership into the directory, one credential per agency.

Every step may be repeated, and a marker is written after the last: a first start that was
interrupted goes on at the next one.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy.dialects.postgresql import insert

from chassis.clock import now
from chassis.credentials import CredentialRow
from chassis.database import Database
from deploy.laptop.agencies import AGENCIES, Agency
from deploy.laptop.keys import Keys
from deploy.laptop.partnership import FEWEST_CHILDREN, make_partnership, write_partnership
from deploy.laptop.place import LaptopError, Place
from schemas.permissions import Operation, may
from services.directory.import_file import import_file
from services.directory.tables import Credential as OfDirectory
from services.intake.tables import Agency as IntakeAgency
from services.intake.tables import Credential as OfIntake
from services.notifier.tables import Credential as OfNotifier

_DOORS: dict[type[CredentialRow], Callable[[Agency], bool]] = {
    OfIntake: lambda agency: bool(agency.source),
    OfDirectory: lambda agency: not agency.sandbox and may(agency.kind, Operation.RESOLVE),
    OfNotifier: lambda agency: not agency.sandbox and may(agency.kind, Operation.READ_NOTICES),
}
"""Where a key is made known: at the doors that its agency may use."""


async def load_partnership(
    place: Place, keys: Keys, directory: Database, say: Callable[[str], None]
) -> None:
    """Write the CSV files and import them, unless the marker says that it was done."""
    if place.loaded_marker.exists():
        return
    partnership = make_partnership(keys.made_on, keys.children)
    organisations, children = write_partnership(partnership, place.demo)
    say(
        f"loading {len(partnership.organisations)} organisations and"
        f" {len(partnership.children):,} children, all synthetic"
    )
    for file in (organisations, children):
        result = await import_file(directory, file)
        if result.skipped:
            bad = result.skipped[0]
            raise LaptopError(f"{file.name}, line {bad.line}: {bad.field}: {bad.rule}")
    loaded = {"at": now().isoformat(), "children": len(partnership.children)}
    place.write_private(place.loaded_marker, json.dumps(loaded))


async def make_credentials(owner: Database, keys: Keys) -> None:
    """Each agency's one key, made known at every door that it may use."""
    at = now()
    rows: dict[str, dict[str, Any]] = {
        name: {
            "id": key.id,
            # A key is stored as its secret's SHA-256 (chassis.credentials).
            "secret_hash": hashlib.sha256(key.secret.encode()).digest(),
            "organisation": AGENCIES[name].organisation,
            "name": AGENCIES[name].name,
            "kind": AGENCIES[name].kind.value,
            "scopes": list(AGENCIES[name].serves) or [AGENCIES[name].organisation],
            "source": AGENCIES[name].source or None,
            "created_at": at,
        }
        for name, key in keys.agencies.items()
    }
    agencies = [
        {
            "organisation": one.organisation,
            "name": one.name,
            "kind": one.kind.value,
            "source": one.source,
            "added_at": at,
        }
        for one in AGENCIES.values()
        if one.source and not one.sandbox
    ]
    async with owner.transaction() as session:
        await session.execute(insert(IntakeAgency).on_conflict_do_nothing(), agencies)
        for table, opens in _DOORS.items():
            known = [row for name, row in rows.items() if opens(AGENCIES[name])]
            if table is OfIntake:
                boxed = {key.id for name, key in keys.agencies.items() if AGENCIES[name].sandbox}
                known = [{**row, "sandbox": row["id"] in boxed} for row in known]
            await session.execute(insert(table).on_conflict_do_nothing(), known)


def read_known_children(place: Place, count: int = FEWEST_CHILDREN) -> list[Mapping[str, str]]:
    """The first lines of the register, whom the examples are about."""
    with (place.demo / "children.csv").open(newline="", encoding="utf-8") as file:
        return [row for _, row in zip(range(count), csv.DictReader(file), strict=False)]
