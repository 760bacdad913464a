"""Takes withheld addresses out of an event that leaves the area."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from schemas.errors import make_pointer


def without_withheld_addresses(data: dict[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """A copy without withheld addresses, and their pointers: the MASH of the sender may tell."""
    withheld: list[str] = []

    def without(holder: Any, name: str, *path: str | int, by_default: bool = False) -> Any:
        address = holder.get(name) if isinstance(holder, dict) else None
        if isinstance(address, dict) and address.get("withhold", by_default):
            withheld.append(make_pointer(*path, name))
            return {key: value for key, value in holder.items() if key != name}
        return holder

    told = dict(without(data, "place"))
    for group in ("children", "adults"):
        if isinstance(told.get(group), list):
            told[group] = [
                _without_child_addresses(item, without, group, position)
                for position, item in enumerate(told[group])
            ]
    return told, tuple(withheld)


def _without_child_addresses(
    item: Any, without: Callable[..., Any], group: str, position: int
) -> Any:
    item = without(item, "address", group, position)
    if not isinstance(item, dict) or not isinstance(item.get("child"), dict):
        return item
    path = (group, position, "child")
    child = without(item["child"], "address", *path)
    if isinstance(child.get("inCare"), dict):
        care = without(child["inCare"], "placementAddress", *path, "inCare", by_default=True)
        child = {**child, "inCare": care}
    return {**item, "child": child}
