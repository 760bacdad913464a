"""Which fields of an event no schema knows. They are kept and ignored, and the sender is told.

One kind is refused: a misspelt wish to withhold, which ignored would tell the very person.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel

from schemas.errors import make_pointer

_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")

Known = dict[str, Any]
"""Field names with what is known below them (None: nothing to look into)."""


def known_fields(model: type[BaseModel]) -> Known:
    """The tree of a model's field names as they are written in JSON."""
    return {
        (field.alias or name): _below(field.annotation)
        for name, field in model.model_fields.items()
    }


def find_unknown_fields(data: object, known: Known) -> Iterator[str]:
    """JSON pointers of fields that the schema does not know; their values are not looked at.

    A name that is no plain name may hold anything, so the object around it is reported instead.
    """
    stack: list[tuple[object, Known, tuple[str | int, ...]]] = [(data, known, ())]
    while stack:
        item, below, path = stack.pop()
        if isinstance(item, dict):
            for name, inner in item.items():
                if name not in below:
                    yield make_pointer(*path, *([name] if _PLAIN_NAME.fullmatch(name) else []))
                elif (deeper := below[name]) is not None and inner:
                    stack.append((inner, deeper, (*path, name)))
        elif isinstance(item, list):
            stack.extend((inner, below, (*path, place)) for place, inner in enumerate(item))


def is_wish_to_withhold(pointer: str) -> bool:
    """Whether a field's name looks like `withhold` or `withholdFrom`, written otherwise."""
    name = pointer.rsplit("/", 1)[-1].casefold().replace("_", "").replace("-", "")
    return "withh" in name or "withold" in name


def _below(annotation: Any) -> Known | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return known_fields(annotation)
    for argument in get_args(annotation):
        found = _below(argument)
        if found is not None:
            return found
    return None
