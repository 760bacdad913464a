"""What every reader of import files shares: a child as a line states it, and its fields read.

Pure. A value is never repeated: what is wrong with a child's line must not leak into a terminal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

Scope = Literal["all", "place", "unknown"]
"""What a line's enrolments replace: all of the child's that files stated; those at the places that
it names; or nothing, and they count only where nothing else is known."""

_YES = frozenset({"1", "true", "yes", "y"})
_NO = frozenset({"0", "false", "no", "n"})


class BadField(Exception):  # noqa: N818 - a value that is raised from deep inside a line
    """A field of a line and the rule that it breaks."""

    def __init__(self, field: str, rule: str) -> None:
        super().__init__(field)
        self.field = field
        self.rule = rule


@dataclass(frozen=True)
class ChildLine:
    """A child as one line states it.

    Attributes:
        ref: by which the same child is found in the next file of the same source.
        known: the columns of `directory.child` that the line speaks of; others stay as they are.
        restates: whether it replaces what it speaks of, or adds to it (names are kept).
        enrolments: with an `organisation` or a `number`; None: it does not speak of them.
    """

    source: str
    ref: str
    known: dict[str, Any]
    restates: bool = True
    enrolments: list[dict[str, Any]] | None = None
    scope: Scope = "all"


def check_text(values: Iterable[tuple[str, str]]) -> None:
    """Refuse what PostgreSQL or UTF-8 has no place for."""
    for name, value in values:
        if not value.isprintable() and any(
            mark < " " or "\ud800" <= mark <= "\udfff" for mark in value
        ):
            raise BadField(name, "forbidden-character")


def read_truth(line: Mapping[str, str], name: str) -> bool | None:
    """True, false, or None where nothing is said."""
    value = (line.get(name) or "").strip().lower()
    if value and value not in _YES | _NO:
        raise BadField(name, "true-or-false")
    return value in _YES if value else None


def read_day(name: str, value: str) -> date | None:
    """2014-05-14."""
    if not value:
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise BadField(name, "date-yyyy-mm-dd") from None


def read_any_day(name: str, value: str) -> date | None:
    """2014-05-14, 14/05/2014 or 20140514, as exports write it."""
    parts = value.split("/")
    if len(parts) == 3 and all(part.isdigit() for part in parts) and len(parts[2]) == 4:
        value = f"{parts[2]}-{parts[1]:0>2}-{parts[0]:0>2}"
    try:
        return read_day(name, value[:10])
    except BadField:
        raise BadField(name, "date-yyyy-mm-dd-or-dd/mm/yyyy") from None


def read_normal(
    line: Mapping[str, str], name: str, normalise: Callable[[str], str | None]
) -> str | None:
    """A number or a postcode in its one form."""
    value = line.get(name)
    if not value:
        return None
    normal = normalise(value)
    if normal is None:
        raise BadField(name, "check-digit-or-form")
    return normal


def read_items(line: Mapping[str, str], name: str) -> list[str]:
    """Several values with `;` between."""
    return [one.strip() for one in (line.get(name) or "").split(";") if one.strip()]


def known_only(values: Mapping[str, Any]) -> dict[str, Any]:
    """What is said at all."""
    return {name: value for name, value in values.items() if value not in (None, "", [])}


def enrolment(status: str, first: date, last: date | None, **place: str | None) -> dict[str, Any]:
    """One enrolment; `place` is an `organisation` or a `number`."""
    return {
        "status": status,
        "from_date": first.isoformat(),
        "to_date": last.isoformat() if last else None,
        **place,
    }
