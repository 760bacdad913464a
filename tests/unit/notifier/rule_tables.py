"""Tables of deadlines that differ from the one that is shipped by a line."""

from __future__ import annotations

from importlib.resources import files


def shipped() -> str:
    """The table as it stands beside the code."""
    return files("services.notifier").joinpath("deadlines.toml").read_text("utf-8")


def changed(line: str, by: str | None = None, *, before: str = "") -> str:
    """The table with one line replaced, or another rule before the one that the line is of."""
    text = shipped()
    assert text.count(line) == 1, line
    if not before:
        return text.replace(line, by or "")
    head, _, tail = text.partition(line)
    start = head.rindex("[[")
    return head[:start] + before + head[start:] + line + tail
