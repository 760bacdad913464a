"""Splink as the other side: a model tuned for the case, trained on it without truth, on DuckDB.

A baseline that is poor by accident would be a lie: its blocking is looser than it needs, it has a
level for every error that the data is known to have (swapped names and dates among them), and it
gets the parts of FEBRL's addresses in columns of their own.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from typing import Any

from tests.benchmarks.linkage.case import Case, Row
from tests.benchmarks.linkage.score import Answer
from tests.benchmarks.linkage.splink_levels import STREET_ALONE, columns_of, comparison_of

Pair = tuple[str, str, float]
"""A register row, a query, the match weight in bits."""

_PAIRS_FOR_U = 1_000_000
"""On FEBRL's few fields 0.3, 1 and 3 million gave the same figures to four digits, in 6, 13 and
30 seconds."""

_SHARE_FOUND_EXACTLY = 0.8
"""A guess, as Splink asks for one; 0.6 and 0.9 gave the same figures to four digits."""

_NAMES_SWAPPED = ("l.given_name = r.family_name", "l.family_name = r.given_name")
_HALF_DATES = ("substr(date_of_birth, 1, 4)", "substr(date_of_birth, 6, 5)")
_STARTS = ("substr(given_name, 1, 3)", "substr(family_name, 1, 3)")


def link_with_splink(case: Case, *, distinct: bool = False) -> list[Answer]:
    """The best candidate per query by match weight, which unlike the probability never is 1.

    distinct: its weights go through the rule by which ours tells people of one list apart.
    """
    # Only the benchmark's own environment has these.
    import duckdb
    import splink

    logging.getLogger("splink").setLevel(logging.ERROR)
    columns = columns_of(case)
    connection = duckdb.connect(":memory:")
    api = splink.DuckDBAPI(connection=connection)
    linker = splink.Linker(
        [
            api.register(_table(case.register, "id", columns), dataset_display_name="register"),
            api.register(_table(case.queries, "query", columns), dataset_display_name="query"),
        ],
        splink.SettingsCreator(
            link_type="link_only",
            comparisons=[comparison_of(column) for column in columns],
            blocking_rules_to_generate_predictions=[*_blocking(columns), *_NAMES_SWAPPED],
            retain_matching_columns=False,
            max_iterations=60,
            em_convergence=1e-5,
        ),
        log_level=logging.ERROR,
    )
    _train(linker, columns)
    pairs = linker.inference.predict(threshold_match_weight=-20)
    rows = connection.execute(
        "select source_dataset_l, unique_id_l, unique_id_r, match_weight from "
        + pairs.physical_name
    ).fetchall()
    pairs_found = [
        (left, right, weight) if source == "register" else (right, left, weight)
        for source, left, right, weight in rows
    ]
    return _best(_told_apart(pairs_found) if distinct else pairs_found)


def _train(linker: Any, columns: Sequence[str]) -> None:
    training = linker.training
    certain = [
        ("given_name", "family_name", "date_of_birth"),
        ("given_name", "date_of_birth", "postcode"),
        ("family_name", "date_of_birth", "postcode"),
        ("given_name", "family_name", "street_number"),
        ("given_name", "family_name", "street"),
        ("nhs_number",),
    ]
    training.estimate_probability_two_random_records_match(
        _rules(certain, columns), recall=_SHARE_FOUND_EXACTLY
    )
    # None: without it Splink stops at a tenth of the pairs, once each level was seen 100 times.
    training.estimate_u_using_random_sampling(
        max_pairs=_PAIRS_FOR_U, seed=1, min_count_per_level=None
    )
    blocks = [("date_of_birth",), ("given_name", "family_name"), _places(columns)]
    for rule in _rules(blocks, columns):
        training.estimate_parameters_using_expectation_maximisation(rule)


def _blocking(columns: Sequence[str]) -> list[Any]:
    """Whom to compare at all: whoever shares any one of these."""
    halves = [(start, half) for start in _STARTS for half in _HALF_DATES]
    places: list[tuple[str, ...]] = [("nhs_number",), _places(columns)]
    for part in (STREET_ALONE, "address_1", "suburb"):
        places += [(name, part) for name in _STARTS]
    places += [("substr(postcode, 1, 2)", _HALF_DATES[0])]
    return _rules(
        [("date_of_birth",), ("given_name",), ("family_name",), _STARTS, *halves, *places], columns
    )


def _places(columns: Sequence[str]) -> tuple[str, ...]:
    """What says where somebody lives; the sample town is all one postcode."""
    return ("postcode",) if "postcode" in columns else ("street",)


def _rules(groups: Iterable[tuple[str, ...]], columns: Sequence[str]) -> list[Any]:
    """A blocking rule for each group of expressions, all of whose columns the case has."""
    import splink

    return [
        splink.block_on(*group)
        for group in groups
        if all(set(re.findall(r"\w+", part)) & set(columns) for part in group)
    ]


def _table(rows: Sequence[Row], key: str, columns: Sequence[str]) -> Any:
    import pyarrow

    texts = {name: [row.get(name, "").lower() or None for row in rows] for name in columns}
    return pyarrow.table({"unique_id": [row[key] for row in rows], **texts})


def _told_apart(pairs: Sequence[Pair]) -> list[Pair]:
    import numpy as np

    from services.directory.matching.apart import against, settle

    records, asked = ({name: at for at, name in enumerate(names)} for names in (
        dict.fromkeys(one[0] for one in pairs), dict.fromkeys(one[1] for one in pairs)
    ))  # fmt: skip
    of_record = np.array([records[one[0]] for one in pairs])
    of_query = np.array([asked[one[1]] for one in pairs])
    odds = np.exp2(np.array([one[2] for one in pairs]))
    left = settle(odds, of_query, of_record, np.zeros(len(pairs), dtype=bool))
    weighed = odds * left
    weights = np.log2(weighed / against(weighed, of_query)).tolist()
    return [
        (identity, query, weight)
        for (identity, query, _), weight in zip(pairs, weights, strict=True)
    ]


def _best(pairs: Iterable[Pair]) -> list[Answer]:
    found: dict[str, Answer] = {}
    for identity, query, weight in pairs:
        if query not in found or weight > found[query].certainty:
            found[query] = Answer(query, identity, weight)
    return list(found.values())
