"""How Splink is told to compare each column: levels from the same to something else altogether."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tests.benchmarks.linkage.case import Case

_COMPARED = ("given_name", "family_name", "date_of_birth", "sex", "nhs_number", "postcode")
_OTHER_NAME = {"given_name": "family_name", "family_name": "given_name"}
_OTHER_LINE = {"address_1": "address_2", "address_2": "address_1"}
STREET_ALONE = "regexp_extract(street, ' .*')"


def columns_of(case: Case) -> list[str]:
    """The columns that tell people apart: none that is empty, or the same for nearly everybody."""
    return [column for column in (*_COMPARED, *case.parts) if _tells_apart(case, column)]


def comparison_of(column: str) -> Any:
    """The comparison for one column; its weights are learnt, frequent values count for less."""
    import splink.comparison_level_library as level
    import splink.comparison_library as library

    if column in _OTHER_NAME:
        other = _OTHER_NAME[column]
        between = [
            level.CustomLevel(f"{column}_l = {other}_r"),
            level.DamerauLevenshteinLevel(column, 1),
            level.DamerauLevenshteinLevel(column, 2),
            level.JaroWinklerLevel(column, 0.8),
            level.CustomLevel(f"damerau_levenshtein({column}_l, {other}_r) <= 2"),
        ]
    elif column == "date_of_birth":
        between = [
            level.DamerauLevenshteinLevel(column, 1),
            level.CustomLevel(_day_and_month_swapped(column)),
            level.DamerauLevenshteinLevel(column, 2),
            level.CustomLevel(f"substr({column}_l, 6, 5) = substr({column}_r, 6, 5)"),
        ]
    elif column in _OTHER_LINE:
        between = [
            level.CustomLevel(f"{column}_l = {_OTHER_LINE[column]}_r"),
            level.JaroWinklerLevel(column, 0.92),
            level.JaroWinklerLevel(column, 0.8),
        ]
    elif column == "suburb":
        between = [level.JaroWinklerLevel(column, 0.92), level.JaroWinklerLevel(column, 0.8)]
    elif column == "street":
        between = [
            level.DamerauLevenshteinLevel(column, 1),
            level.DamerauLevenshteinLevel(column, 2),
            level.CustomLevel(_same(STREET_ALONE, column)),
        ]
    elif column == "sex":
        between = []
    else:
        between = [
            level.DamerauLevenshteinLevel(column, 1),
            level.DamerauLevenshteinLevel(column, 2),
        ]
    return library.CustomComparison(
        output_column_name=column,
        comparison_levels=[
            level.CustomLevel(_unknown(column)).configure(is_null_level=True),
            level.ExactMatchLevel(column, term_frequency_adjustments=column != "sex"),
            *between,
            level.ElseLevel(),
        ],
    )


def _unknown(column: str) -> str:
    """Family name and street of one household are one piece of evidence. Counted twice, as a model
    of independent columns does, they made Splink take one sister for another."""
    either = f"{column}_l is null or {column}_r is null"
    return f"{either} or family_name_l = family_name_r" if column == "street" else either


def _same(expression: str, column: str) -> str:
    left, right = (expression.replace(column, f"{column}_{side}") for side in "lr")
    return f"{left} = {right}"


def _day_and_month_swapped(column: str) -> str:
    return " and ".join(
        f"substr({column}_l, {left}) = substr({column}_r, {right})"
        for left, right in (("1, 4", "1, 4"), ("6, 2", "9, 2"), ("9, 2", "6, 2"))
    )


def _tells_apart(case: Case, column: str) -> bool:
    filled = Counter(value for row in case.register if (value := row.get(column, "")))
    return bool(filled) and max(filled.values()) < 0.9 * filled.total()
