"""Which free text of an event some recipient other than the MASH is told, by event type.

Only this text is searched for other people, and only this text can be held.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from schemas.errors import make_pointer

_MISSING = (("description",), ("lastSeenPlace",), ("ifSeen",))
CHILD_TEXTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "domestic-abuse.recorded": (
        ("whereInIncident",),
        ("circumstances",),
        ("voice", "reason"),
        ("voice", "words"),
        ("voice", "observations"),
    ),
    "missing.reported": _MISSING,
    "missing.updated": _MISSING,
}
"""Paths inside one item of `children`."""

_OUTCOME = ("rationaleShareable", "actions")
EVENT_TEXTS: dict[str, tuple[str, ...]] = {
    "referral.decided": _OUTCOME,
    "assessment.completed": _OUTCOME,
}
"""Names at the top of the data; of `actions`, each description."""


def told_texts(
    event_type: str | None, data: Mapping[str, Any], child_index: int
) -> Iterator[tuple[str, str]]:
    """(JSON pointer, text) of each told text of one child; with no type, of every type."""
    types = (event_type,) if event_type is not None else (*CHILD_TEXTS, *EVENT_TEXTS)
    # Types share paths: each is looked at once.
    paths = dict.fromkeys(path for name in types for path in CHILD_TEXTS.get(name, ()))
    fields = dict.fromkeys(field for name in types for field in EVENT_TEXTS.get(name, ()))
    for path in paths:
        value: Any = child_item(data, child_index)
        for part in path:
            value = value.get(part) if isinstance(value, dict) else None
        if isinstance(value, str):
            yield make_pointer("children", child_index, *path), value
    for field in fields:
        value = data.get(field)
        if isinstance(value, str):
            yield make_pointer(field), value
        elif isinstance(value, list):
            for position, item in enumerate(value):
                if isinstance(item, dict) and isinstance(item.get("description"), str):
                    yield make_pointer(field, position, "description"), item["description"]


def child_item(data: Mapping[str, Any], child_index: int) -> dict[str, Any]:
    """The item of one child; an event without that child has an empty one."""
    items = data.get("children")
    if isinstance(items, list) and 0 <= child_index < len(items):
        item = items[child_index]
        if isinstance(item, dict):
            return item
    return {}
