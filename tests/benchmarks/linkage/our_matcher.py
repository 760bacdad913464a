"""The matcher of the directory, asked the way `evaluate` asks it."""

from __future__ import annotations

from tests.benchmarks.linkage.case import QUERY_COLUMNS, REGISTER_COLUMNS, Case, ours
from tests.benchmarks.linkage.score import Answer


def link_with_ours(case: Case, *, distinct: bool = False) -> list[Answer]:
    """The best candidate per query, whatever the matcher would do about it.

    distinct: told that no two queries are one person.
    Numbers are taken as they are: those of the files are no NHS numbers and fail its check digit.
    """
    # Imported late: the tests of the scores need no matcher.
    from services.directory.matching.files import link

    register = ours(case.register, REGISTER_COLUMNS)
    queries = ours(case.queries, QUERY_COLUMNS)
    return [
        Answer(decision.query, decision.best, decision.probability)
        for decision in link(register, queries, check_numbers=False, distinct=distinct)
    ]
