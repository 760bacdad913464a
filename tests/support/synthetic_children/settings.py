"""What is asked of the generator: sizes, shares and the seed; all shares lie between 0 and 1."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class GeneratorSettings:
    """One population and the queries about it; equal settings give equal files."""

    children: int = 20_000
    queries: int | None = None
    """None asks about as many as there are children, 20,000 at most."""
    seed: int = 1
    reference_day: date = date(2026, 9, 1)
    """Children are under 18 on this day."""
    twin_share: float = 0.027
    """Children who have a co-twin (ONS: some 15 in 1,000 maternities are multiple)."""
    twins_same_sex_share: float = 0.64
    """A third of pairs come from one egg, and of the others half are alike."""
    double_barrelled_share: float = 0.06
    cousin_share: float = 0.04
    """Families who repeat the surname and a given name of another family."""
    good_share: float = 0.55
    middling_share: float = 0.33
    """What is neither good nor middling is poor."""
    off_register_share: float = 0.06
    """Children of the area whom the register lacks, by chance: brothers, sisters, co-twins too."""
    unregistered_share: float = 0.0
    """Besides: queries about somebody who was drawn to be taken for a child of the register."""
    moved_share: float = 0.12
    school_changed_share: float = 0.05
    surname_changed_share: float = 0.02
    number_mixups: float = 0.01
    """Queries with a number, about a child with siblings, that carry a sibling's number."""

    @property
    def query_count(self) -> int:
        return min(self.children, 20_000) if self.queries is None else self.queries
