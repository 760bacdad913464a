"""pseudopeople's sample town: its census of 2020 is the register, that of 2030 asks.

In ten years half of the town moved, people married, were born, came and left. The register has the
package's default noise. The queries have every kind of noise of every column that is used, raised
to `CELL_PROBABILITY` and `TOKEN_PROBABILITY` (defaults 0.01 and 0.1); only a whole birth date
copied from somebody of the same household stays as frequent as by default.
"""

from __future__ import annotations

import os
import random
from typing import Any

from tests.benchmarks.linkage.case import Case, Row

CELL_PROBABILITY = 0.03
TOKEN_PROBABILITY = 0.2
PARTS = ("street",)

_WRITTEN = ("make_phonetic_errors", "make_ocr_errors", "make_typos")
_DIGITS = ("write_wrong_digits", "make_ocr_errors", "make_typos")
_KINDS = {
    "first_name": ("leave_blank", "use_nickname", "use_fake_name", *_WRITTEN),
    "last_name": ("leave_blank", "use_fake_name", *_WRITTEN),
    "date_of_birth": ("leave_blank", "swap_month_and_day", *_DIGITS),
    "street_number": ("leave_blank", *_DIGITS),
    "street_name": ("leave_blank", *_WRITTEN),
    "unit_number": ("leave_blank", *_DIGITS),
    "city": ("leave_blank", *_WRITTEN),
    "zipcode": ("leave_blank", "write_wrong_zipcode_digits", "make_ocr_errors", "make_typos"),
    "sex": ("leave_blank", "choose_wrong_option"),
}
_BY_TOKEN = {*_WRITTEN, *_DIGITS}


def town() -> Case:
    """About 10,200 registered people and 10,900 queries, of whom about 6,200 are registered."""
    register = [
        {"id": str(row["simulant_id"]), "household": str(row["household_id"]), **_columns(row)}
        for row in _census(2020, {"row_noise": {"duplicate_with_guardian": _never()}})
    ]
    known = {row["id"] for row in register}
    asking = [row for row in _census(2030, {"column_noise": noise()}) if _says_who(row)]
    # The package writes both censuses in one order; a matcher must not profit from it.
    random.Random(0).shuffle(asking)
    queries, truth = [], {}
    for number, row in enumerate(asking):
        query = f"q{number:05d}"
        queries.append({"query": query, **_columns(row)})
        truth[query] = str(row["simulant_id"]) if row["simulant_id"] in known else ""
    return Case(name="pseudopeople", register=register, queries=queries, truth=truth, parts=PARTS)


def noise() -> dict[str, dict[str, dict[str, float]]]:
    """The raised noise, as pseudopeople's configuration names it."""
    return {
        column: {
            kind: {"cell_probability": CELL_PROBABILITY}
            | ({"token_probability": TOKEN_PROBABILITY} if kind in _BY_TOKEN else {})
            for kind in kinds
        }
        for column, kinds in _KINDS.items()
    }


def _never() -> dict[str, float]:
    """No child twice in the register: then a right answer would count as a wrong one."""
    return {
        "row_probability_in_households_under_18": 0.0,
        "row_probability_in_college_group_quarters_under_24": 0.0,
    }


def _census(year: int, noises: dict[str, Any]) -> list[dict[str, Any]]:
    # Only the benchmark's own environment has it, and it takes seconds to import.
    # It draws a progress bar for each column otherwise.
    os.environ.setdefault("TQDM_DISABLE", "1")
    import pseudopeople

    frame = pseudopeople.generate_decennial_census(
        seed=year, year=year, config={"decennial_census": noises}
    )
    rows: list[dict[str, Any]] = frame.astype(object).where(frame.notna(), "").to_dict("records")
    return rows


def _says_who(row: dict[str, Any]) -> bool:
    """Whether anything is left of name and birth date: without both nobody could be found."""
    return bool(row["first_name"] or row["last_name"] or row["date_of_birth"])


def _columns(row: dict[str, Any]) -> Row:
    return {
        "given_name": str(row["first_name"]),
        "family_name": str(row["last_name"]),
        "date_of_birth": _date(str(row["date_of_birth"])),
        "sex": str(row["sex"]).lower(),
        "address": _joined(row, "street_number", "street_name", "unit_number", "city"),
        "postcode": str(row["zipcode"]),
        "street": _joined(row, "street_number", "street_name", "unit_number"),
    }


def _joined(row: dict[str, Any], *columns: str) -> str:
    return " ".join(word for column in columns if (word := str(row[column])))


def _date(text: str) -> str:
    """From MM/DD/YYYY; what noise left in another shape stays as it was written."""
    parts = text.split("/")
    return f"{parts[2]}-{parts[0]}-{parts[1]}" if len(parts) == 3 else text
