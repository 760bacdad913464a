"""A line per figure, and the same by name in `.data/bench.json`."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PLACE = ROOT / ".data" / "bench.json"


@dataclass
class Report:
    """What was measured so far, and the file that keeps it."""

    figures: dict[str, Any] = field(default_factory=dict)
    place: Path = PLACE

    def tell(self, name: str, value: Any, words: str) -> None:
        """Print one figure and keep it."""
        self.figures[name] = value
        print(f"{name}: {words}", flush=True)

    def tell_ratio(
        self, name: str, ours: Sequence[float], theirs: Sequence[float], what: str, limit: float
    ) -> None:
        """Alternating rounds: the ratio's median and range, and the absolute rates."""
        ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
        value = {
            "ratio_median": statistics.median(ratios),
            "ratio_range": [min(ratios), max(ratios)],
            "ours_per_second": statistics.median(ours),
            "ours_range": [min(ours), max(ours)],
            "baseline_per_second": statistics.median(theirs),
            "baseline_range": [min(theirs), max(theirs)],
            "rounds": len(ratios),
            "limit": limit,
        }
        self.tell(
            name,
            value,
            f"{value['ratio_median']:.3f} of the baseline ({min(ratios):.2f} to {max(ratios):.2f}, "
            f"{len(ratios)} rounds; at least {limit}): {value['ours_per_second']:.0f} {what}/s "
            f"({min(ours):.0f} to {max(ours):.0f}) beside {value['baseline_per_second']:.0f} "
            f"({min(theirs):.0f} to {max(theirs):.0f})",
        )

    def write(self) -> None:
        """Write what there is; called after each part, so that an interrupted run keeps its."""
        self.place.parent.mkdir(exist_ok=True)
        known = json.loads(self.place.read_text()) if self.place.exists() else {}
        self.place.write_text(json.dumps({**known, **self.figures}, indent=1) + "\n")


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which a share of the sorted values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def peak_memory_mb(pid: int) -> float:
    """The most resident memory that a process ever had."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0
