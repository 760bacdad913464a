"""`make bench-linkage`: our matcher beside Splink on the same rows, a line per figure.

Options through `ARGS="--only c --skip-splink"`. Both learn from the rows and never see the truth.
Also in `.data/bench-linkage.json`; exit status 1 when ours does not reach what it must.
"""

from __future__ import annotations

import argparse
import sys
from importlib.metadata import version
from pathlib import Path

from tests.benchmarks.linkage.case import write_case
from tests.benchmarks.linkage.our_matcher import link_with_ours
from tests.benchmarks.linkage.scenarios import MEASURES, SCENARIOS, Measured, measure, missed
from tests.benchmarks.linkage.splink_model import link_with_splink
from tests.benchmarks.report import ROOT, Report

PLACE = ROOT / ".data" / "bench-linkage.json"


def main() -> None:
    """Measure the chosen scenarios, or write their files."""
    options = _options()
    chosen = [one for key in options.only or SCENARIOS for one in SCENARIOS[key]]
    if options.write_csv is not None:
        for scenario in chosen:
            write_case(scenario.cases[0](), options.write_csv)
        return
    report = Report(place=PLACE)
    matchers = {} if options.skip_ours else {"ours": link_with_ours}
    if not options.skip_splink:
        matchers[f"Splink {version('splink')}"] = link_with_splink
    failures: list[str] = []
    for scenario in chosen:
        for name, link in matchers.items():
            for distinct in (False, True)[: 1 + scenario.distinct]:
                measured = measure(scenario, link, distinct=distinct)
                told = f"{name}, each person once" if distinct else name
                words = _words(scenario.words, measured)
                report.tell(f"{scenario.name}, {told}", measured.figures(), words)
                if name == "ours" and distinct == scenario.distinct:
                    failures += missed(scenario, measured)
        report.write()
    for failure in failures:
        print(f"not reached: {failure}", file=sys.stderr)
    sys.exit(bool(failures))


def _words(words: str, measured: Measured) -> str:
    figures = ", ".join(f"{name} {measured.words(name)}" for name in MEASURES)
    draws = len(measured.seconds)
    seconds = sum(measured.seconds) / draws
    return f"{words}: {figures}; {seconds:.1f} s" + (f" a draw, {draws} draws" * (draws > 1))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-linkage", description=__doc__)
    parser.add_argument("--only", action="append", choices=list(SCENARIOS), help="repeatable")
    parser.add_argument("--skip-splink", action="store_true", help="ours only")
    parser.add_argument("--skip-ours", action="store_true", help="Splink only; no gates")
    parser.add_argument("--write-csv", type=Path, metavar="FOLDER", help="the files, no figures")
    return parser.parse_args()


if __name__ == "__main__":
    main()
