"""The numbers by which comparisons are weighed: how often each level is seen, and of whom.

A model has some kinds of record (`kinds`): careful, ordinary, and hurried ones err differently, and
errors of one record go together. It is data: versioned, saved as JSON, the same for everybody who
decides with it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.directory.matching.fields import FIELDS, MISSING, MOST_LEVELS
from services.directory.matching.frequencies import name_of

Table = NDArray[np.float64]
KINDS = 3
# How much more often than on average each kind of record errs, before anything is measured.
_ERRS = (0.25, 1.2, 3.5)
_KIND_SHARES = (0.4, 0.4, 0.2)
TURNED = 0.01


@dataclass(frozen=True)
class Model:
    """What is believed. Tables are shares by field (row) and level; MISSING's column is 1.

    own: by kind of record, field and level, of two records of one child.
    relative: of a child and a co-twin (first) or other sibling, each recorded without fault.
    other: of two strangers. kinds: share of each kind.
    registered: share of those asked about who are on the register.
    related: of those who are not, the share whose co-twin, or other sibling, is.
    turned: share of records with given and family name in each other's place.
    """

    own: Table
    relative: Table
    other: Table
    kinds: Table
    registered: float
    related: Table
    turned: float

    @property
    def version(self) -> str:
        """A short name of these numbers: the same numbers, the same name."""
        return name_of(self.to_json())

    def to_json(self) -> str:
        """As text, by names of fields and levels."""
        return json.dumps(
            {
                "registered": round(self.registered, 6),
                "turned": round(self.turned, 6),
                "related": [round(float(share), 6) for share in self.related],
                "kinds": [round(float(share), 6) for share in self.kinds],
                "own": [_named(table) for table in self.own],
                "relative": [_named(table) for table in self.relative],
                "other": _named(self.other),
            },
            indent=1,
        )

    @staticmethod
    def from_json(text: str) -> Model:
        """Raises KeyError or ValueError where the text is no model of these fields."""
        read = json.loads(text)
        return Model(
            own=np.stack([_table(one) for one in read["own"]]),
            relative=np.stack([_table(one) for one in read["relative"]]),
            other=_table(read["other"]),
            kinds=np.array(read["kinds"]),
            registered=float(read["registered"]),
            related=np.array(read["related"]),
            turned=float(read["turned"]),
        )


def read_model(path: Path) -> Model:
    """A saved model."""
    return Model.from_json(path.read_text("utf-8"))


def starting_model() -> Model:
    """What is believed before anything was measured (`fields`)."""
    own = np.ones((KINDS, len(FIELDS), MOST_LEVELS + 1))
    relative = np.ones((2, len(FIELDS), MOST_LEVELS + 1))
    other = np.ones((len(FIELDS), MOST_LEVELS + 1))
    for at, field in enumerate(FIELDS):
        count = len(field.levels)
        shares = np.array([level.own for level in field.levels])
        shares = shares / shares.sum()
        for kind, errs in enumerate(_ERRS):
            wrong = shares.copy()
            wrong[1:] *= errs
            wrong[0] = max(1.0 - wrong[1:].sum(), 0.2)
            own[kind, at, :count] = wrong / wrong.sum()
        relative[:, at, :count] = _normal([level.relative for level in field.levels])
        other[at, :count] = _normal([level.other for level in field.levels])
    related = np.array((0.05, 0.25))
    kinds = np.array(_KIND_SHARES)
    return Model(own, relative, other, kinds, registered=0.94, related=related, turned=TURNED)


def _normal(shares: list[float]) -> Table:
    raw = np.array(shares)
    return np.asarray(raw / raw.sum())


def _named(table: Table) -> dict[str, dict[str, float]]:
    return {
        field.name: {
            level.name: float(f"{table[at, place]:.6g}") for place, level in enumerate(field.levels)
        }
        for at, field in enumerate(FIELDS)
    }


def _table(named: dict[str, Any]) -> Table:
    table = np.ones((len(FIELDS), MISSING + 1))
    for at, field in enumerate(FIELDS):
        for place, level in enumerate(field.levels):
            table[at, place] = named[field.name][level.name]
    return table
