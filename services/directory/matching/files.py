"""The very same decision on files: a register and queries in, a decision per query out.

A partnership judges the matcher on its own data before it trusts it. Nothing is stored; the model
is learnt from the two files, without any answer, unless one is given.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from schemas.identifiers import normalise_nhs_number, normalise_upn
from services.directory.matching.apart import tell_apart
from services.directory.matching.choose import Weights
from services.directory.matching.compare import compare
from services.directory.matching.explain import explain, in_one_line
from services.directory.matching.frequencies import count
from services.directory.matching.judge import MOST_SHOWN, Judgement, judge
from services.directory.matching.model import Model, starting_model
from services.directory.matching.person import Person, person_of_row
from services.directory.matching.pool import Pool
from services.directory.matching.train import Pairs, learn, measure_others, measure_relatives

DECISION_COLUMNS = (
    "query", "status", "best", "probability", "second", "second_probability", "margin",
    "explanation", *(f"shown_{place}" for place in range(1, MOST_SHOWN + 1)),
)  # fmt: skip
LEARNT_FROM = 20_000
"""So many queries are enough to learn from; a longer file takes no longer to learn."""

Report = Callable[[str, int, int], None]


def _say_nothing(what: str, done: int, of: int) -> None:
    """For whoever does not wait for it."""


class MissingColumnError(ValueError):
    """A file lacks the column by which its rows are known."""


class FileDecision(NamedTuple):
    """One row of the answer; `shown` are the five best, best first."""

    query: str
    status: str
    best: str
    probability: float
    second: str
    second_probability: float
    margin: float
    explanation: str
    shown: tuple[str, ...]


class Evaluated(NamedTuple):
    """What came of two files: how many queries got each status, and by which model."""

    counts: Counter[str]
    model: Model


def evaluate_files(
    register: Path,
    queries: Path,
    out: Path,
    report: Report,
    model: Model | None = None,
    *,
    distinct: bool = False,
) -> Evaluated:
    """Read both CSV files and write the decisions. Raises `MissingColumnError`, `OSError`.

    distinct: no two queries are one person; so decided together, as the children of an event are.
    """
    people = [_read(row, row["id"], check_numbers=True) for row in read_rows(register, "id")]
    asked = [_read(row, row["query"], check_numbers=True) for row in read_rows(queries, "query")]
    linker = Linker(people, report)
    used = model or linker.learn_from(asked)
    counts: Counter[str] = Counter()
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(DECISION_COLUMNS)
        for one in linker.decide(asked, used, distinct=distinct):
            counts[one.status] += 1
            shown = [*one.shown, *("" for _ in range(MOST_SHOWN - len(one.shown)))]
            writer.writerow(
                [
                    one.query,
                    one.status,
                    one.best,
                    f"{one.probability:.9f}",
                    one.second,
                    f"{one.second_probability:.9f}",
                    f"{one.margin:.9f}",
                    one.explanation,
                    *shown,
                ]
            )
    return Evaluated(counts, used)


def read_rows(path: Path, key: str) -> list[dict[str, str]]:
    """The rows of a CSV file that has this column; others may be absent."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file, restval="")
        if key not in (reader.fieldnames or ()):
            raise MissingColumnError(f"{path.name} has no column {key}")
        return list(reader)


def link(
    register: Iterable[Mapping[str, str]],
    queries: Iterable[Mapping[str, str]],
    *,
    check_numbers: bool = True,
    model: Model | None = None,
    distinct: bool = False,
) -> list[FileDecision]:
    """Decide each query against the register, in the order of the queries.

    check_numbers: a number whose check digit fails is not used, as everywhere in the product.
    distinct: no two queries are one person.
    """
    linker = Linker([_read(row, row["id"], check_numbers) for row in register])
    asked = [_read(row, row["query"], check_numbers) for row in queries]
    return list(linker.decide(asked, model or linker.learn_from(asked), distinct=distinct))


class Linker:
    """A register ready to be asked."""

    def __init__(self, people: Sequence[Person], report: Report = _say_nothing) -> None:
        self._people = people
        self._report = report
        self._common = count(people)
        self._pool = Pool(people, lambda done, of: report("keys of the register", done, of))

    def learn_from(self, asked: Sequence[Person]) -> Model:
        """A model learnt from the register and from questions whose answers nobody knows."""
        people, common = self._people, self._common
        model = measure_others(starting_model(), people, common)
        model = measure_relatives(model, people, common)
        step = max(1, len(asked) // LEARNT_FROM)
        answers = []
        for at, one in enumerate(asked[::step]):
            answers.append([compare(one, found, common) for found in self._find(one)])
            if at % 500 == 0:
                self._report("learning", at, len(asked) // step)
        return learn(model, Pairs.of(answers), len(people))

    def decide(
        self, asked: Sequence[Person], model: Model, *, distinct: bool = False
    ) -> Iterator[FileDecision]:
        """The decisions, in order. Those on `distinct` people come once all have been judged."""
        weights = Weights.of(model)
        judged: Iterable[Judgement] = self._judge(asked, weights)
        if distinct:
            judged = tell_apart(list(judged))
        for one, judgement in zip(asked, judged, strict=True):
            yield _in_words(one.ref, judgement, weights, self._common.people)

    def _judge(self, asked: Sequence[Person], weights: Weights) -> Iterator[Judgement]:
        for at, one in enumerate(asked):
            yield judge(one, self._find(one), self._common, weights)
            if at % 500 == 0:
                self._report("queries", at, len(asked))

    def _find(self, asked: Person) -> list[Person]:
        return [self._people[place] for place in self._pool.find(asked)]


def _read(row: Mapping[str, str], ref: str, check_numbers: bool) -> Person:
    person = person_of_row(row, ref)
    if not check_numbers:
        return person
    return person._replace(
        nhs_number=normalise_nhs_number(person.nhs_number) if person.nhs_number else None,
        upn=normalise_upn(person.upn) if person.upn else None,
    )


def _in_words(query: str, judged: Judgement, weights: Weights, people: int) -> FileDecision:
    best = judged.best
    if best is None:
        return FileDecision(query, judged.status, "", 0.0, "", 0.0, 0.0, "nobody was found", ())
    second = judged.candidates[1] if len(judged.candidates) > 1 else None
    words = in_one_line(explain(best.comparison, weights, people))
    relative = sum(one.relative for one in judged.candidates)
    words += f"; not registered {judged.unknown:.4f} (of these as a relative {relative:.4f})"
    if judged.doubt:
        words += f"; not automatic: {judged.doubt}"
    return FileDecision(
        query,
        judged.status,
        best.person.ref,
        best.probability,
        second.person.ref if second else "",
        second.probability if second else 0.0,
        judged.margin,
        words,
        tuple(one.person.ref for one in judged.candidates[:MOST_SHOWN]),
    )
