"""`python -m tests.support.synthetic_children FOLDER`: writes a population to a folder."""

from __future__ import annotations

import argparse
import gc
import sys
import time
from pathlib import Path

from tests.support.synthetic_children import GeneratorSettings, write


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.support.synthetic_children")
    standard = GeneratorSettings()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--children", type=int, default=standard.children)
    parser.add_argument("--queries", type=int, help="as many as children, 20,000 at most")
    parser.add_argument("--seed", type=int, default=standard.seed)
    parser.add_argument("--twins", type=float, default=standard.twin_share)
    parser.add_argument("--unregistered", type=float, default=standard.unregistered_share)
    parser.add_argument("--mixups", type=float, default=standard.number_mixups)
    given = parser.parse_args(arguments)
    settings = GeneratorSettings(
        children=given.children,
        queries=given.queries,
        seed=given.seed,
        twin_share=given.twins,
        unregistered_share=given.unregistered,
        number_mixups=given.mixups,
    )
    started = time.monotonic()
    # A million rows are made and none is dropped: looking for garbage would only cost time.
    gc.disable()
    write(settings, given.folder, _show_progress)
    print(f"\n{given.folder}: written in {time.monotonic() - started:.0f} s")


def _show_progress(what: str, done: int, of: int) -> None:
    end = "\n" if done == of else ""
    sys.stdout.write(f"\r{what}: {done:,} of {of:,}{end}")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
