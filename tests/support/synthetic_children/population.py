"""A population: the register, the queries about it and the truth, drawn and written to files."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from random import Random

from tests.support.synthetic_children.asking import Asking
from tests.support.synthetic_children.families import World
from tests.support.synthetic_children.model import Child, Family, Query, RegisterRow, Truth
from tests.support.synthetic_children.registering import Registrar
from tests.support.synthetic_children.settings import GeneratorSettings

REGISTER, QUERIES, TRUTH = "REGISTER.csv", "QUERIES.csv", "TRUTH.csv"
_A_STEP_OF_PROGRESS = 10_000


@dataclass(frozen=True)
class Population:
    """Queries and truths come in the same order; register rows of a family follow each other.

    Of millions the rows are written as they are made (`generate`'s `take`) and not kept here.
    """

    register: list[RegisterRow]
    queries: list[Query]
    truths: list[Truth]


def generate(
    settings: GeneratorSettings,
    tell: Callable[[str, int, int], None] | None = None,
    take: Callable[[RegisterRow], object] | None = None,
) -> Population:
    """Draws everything from the seed; `tell` hears of each step: what, how many, of how many.

    Only the families that are asked about are kept whole; of the others the rows remain, or go to
    `take`.
    """
    tell = tell or _tell_nobody
    register: list[RegisterRow] = []
    # Of their own, so that other shares of errors leave the families as they were.
    world = World(settings, Random(f"{settings.seed} families"))
    registrar = Registrar(settings, world.area, Random(f"{settings.seed} register"))
    random = Random(f"{settings.seed} queries")
    wanted = [random.randrange(settings.children) for _ in range(settings.query_count)]
    kept = _fill_register(settings, world, registrar, set(wanted), tell, take or register.append)
    asking = Asking(settings, world, registrar.id_of, random)
    queries: list[Query] = []
    truths: list[Truth] = []
    for index, number in enumerate(wanted, start=1):
        query, truth = asking.ask(f"Q{index:07d}", *kept[number])
        queries.append(query)
        truths.append(truth)
        if index % _A_STEP_OF_PROGRESS == 0 or index == len(wanted):
            tell("queries", index, len(wanted))
    return Population(register, queries, truths)


def write(
    settings: GeneratorSettings,
    folder: Path,
    tell: Callable[[str, int, int], None] | None = None,
) -> None:
    """REGISTER.csv, QUERIES.csv and TRUTH.csv in a folder, which is made if need be.

    The register is written as it is made: a population of millions needs no memory.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / REGISTER).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(RegisterRow._fields)
        population = generate(settings, tell, writer.writerow)
    columns = tuple(field.name for field in fields(Query))
    _write_rows(folder / QUERIES, columns, map(astuple, population.queries))
    _write_rows(folder / TRUTH, Truth._fields, population.truths)


def _fill_register(
    settings: GeneratorSettings,
    world: World,
    registrar: Registrar,
    wanted: set[int],
    tell: Callable[[str, int, int], None],
    take: Callable[[RegisterRow], object],
) -> dict[int, tuple[Family, Child]]:
    kept: dict[int, tuple[Family, Child]] = {}
    off_share = settings.off_register_share
    chance = Random(f"{settings.seed} off the register")
    children, made = settings.children, 0
    for family in world.make_families():
        # The last family may be larger than what is left: its youngest are left out.
        del family.children[children - made :]
        for child in family.children:
            child.number, made = made, made + 1
            child.registered = chance.random() >= off_share
            if child.registered:
                take(registrar.register(child))
            if child.number in wanted:
                kept[child.number] = (family, child)
            if made % _A_STEP_OF_PROGRESS == 0 or made == children:
                tell("children", made, children)
        if made == children:
            break
    return kept


def _write_rows(path: Path, columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def _tell_nobody(what: str, done: int, of: int) -> None:
    """The progress of a test is of no interest."""
