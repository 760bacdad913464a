"""A register, queries and the truth between them, as rows of text; writes them as CSV files.

The columns are those of the matcher's evaluation files. Both matchers get the same rows, except
that Splink also gets the parts of an address that ours reads from one line.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

Row = dict[str, str]

PERSON = (
    "given_name",
    "family_name",
    "date_of_birth",
    "sex",
    "nhs_number",
    "upn",
    "address",
    "postcode",
    "school_urn",
)
GUARDIAN = ("guardian_given_name", "guardian_family_name")
REGISTER_COLUMNS = ("id", *PERSON, "household", *GUARDIAN)
QUERY_COLUMNS = ("query", *PERSON, *GUARDIAN)


@dataclass(frozen=True)
class Case:
    """What one scenario is measured on.

    Attributes:
        truth: the registered identity of each query; "" where nobody of the register is meant.
        parts: columns beyond ours, which only Splink is given.
    """

    name: str
    register: Sequence[Row]
    queries: Sequence[Row]
    truth: dict[str, str]
    parts: tuple[str, ...] = ()

    @property
    def registered(self) -> int:
        """How many queries mean somebody of the register."""
        return sum(1 for identity in self.truth.values() if identity)


def ours(rows: Sequence[Row], columns: tuple[str, ...]) -> list[Row]:
    """The rows with exactly the columns of an evaluation file."""
    return [{column: row.get(column, "") for column in columns} for row in rows]


def write_case(case: Case, folder: Path) -> None:
    """`REGISTER.csv`, `QUERIES.csv` and `TRUTH.csv` in a folder named after the case."""
    place = folder / case.name
    place.mkdir(parents=True, exist_ok=True)
    truth = [{"query": query, "id": identity} for query, identity in case.truth.items()]
    _write(place / "REGISTER.csv", REGISTER_COLUMNS, case.register)
    _write(place / "QUERIES.csv", QUERY_COLUMNS, case.queries)
    _write(place / "TRUTH.csv", ("query", "id"), truth)


def _write(path: Path, columns: tuple[str, ...], rows: Sequence[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(ours(rows, columns))
