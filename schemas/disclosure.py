"""Finds free text that would tell one family about another, before anybody is told (step 4).

What is found is held for a person; the structured fields go on time. Answers with pointers only,
never with what was found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from schemas.identifiers import normalise_postcode
from schemas.mentions import (
    address_phrases,
    mentioned_words,
    mentions_address,
    mentions_date,
    mentions_name,
    name_forms,
)
from schemas.profiles.texts import child_item, told_texts


def find_third_parties(
    data: Mapping[str, Any],
    child_index: int,
    known_names: Sequence[str] = (),
    *,
    event_type: str | None = None,
    own_name: str | None = None,
) -> tuple[str, ...]:
    """JSON pointers of the texts told about this child that mention somebody else of the event.

    Somebody else: every other child and adult, with names (also the child's own alternative
    names), birth dates and addresses that the child does not share; withheld addresses even if it
    does. `known_names` are further people (or old names) that the register knows of, `own_name`
    is the child's present name there, where it differs from the event's. Without `event_type` the
    told texts of every type are searched.
    """
    others = _gather(data, child_index, known_names, own_name)
    return tuple(
        pointer
        for pointer, text in told_texts(event_type, data, child_index)
        if (others.names and mentions_name(text, mentioned_words(text), others.names))
        or mentions_date(text, others.births)
        or mentions_address(text, others.streets, others.postcodes)
    )


@dataclass
class _Marks:
    """By what people can be recognised."""

    names: set[str] = field(default_factory=set)
    births: set[date] = field(default_factory=set)
    streets: set[str] = field(default_factory=set)
    postcodes: set[str] = field(default_factory=set)

    def add_name(self, name: Any) -> None:
        if isinstance(name, dict):
            parts = [name[part] for part in ("given", "family") if isinstance(name.get(part), str)]
            self.names |= name_forms(parts)

    def add_birth(self, birth: Any) -> None:
        if isinstance(birth, dict) and birth.get("precision", "exact") in ("exact", "estimated"):
            try:
                self.births.add(date.fromisoformat(str(birth.get("value"))))
            except ValueError:
                return

    def add_address(self, address: Any) -> None:
        if not isinstance(address, dict):
            return
        lines = address.get("lines")
        if isinstance(lines, (list, tuple)):
            self.streets |= address_phrases(line for line in lines if isinstance(line, str))
        postcode = normalise_postcode(str(address.get("postcode") or ""))
        if postcode is not None:
            self.postcodes.add(postcode)


def _gather(
    data: Mapping[str, Any], child_index: int, known_names: Sequence[str], own_name: str | None
) -> _Marks:
    own_child = _dict(child_item(data, child_index).get("child"))
    own, others, withheld = _Marks(), _Marks(), _Marks()
    if own_name is not None:
        own.names = name_forms([own_name])
    else:
        own.add_name(own_child.get("name"))
    own.add_birth(own_child.get("dateOfBirth"))
    _add_dwelling(own_child.get("address"), own, withheld)
    care = _dict(own_child.get("inCare"))
    if "placementAddress" in care:
        _add_dwelling({"withhold": True, **_dict(care["placementAddress"])}, own, withheld)
    for name in _list(own_child.get("alternativeNames")):
        others.add_name(name)
    for position, item in enumerate(_list(data.get("children"))):
        if position != child_index:
            _add_person(_dict(_dict(item).get("child")), others, withheld)
    for adult in _list(data.get("adults")):
        _add_person(_dict(adult), others, withheld)
    _add_dwelling(data.get("place"), others, withheld)
    others.names |= name_forms(known_names)
    return _Marks(
        others.names - own.names,
        others.births - own.births,
        (others.streets - own.streets) | withheld.streets,
        (others.postcodes - own.postcodes) | withheld.postcodes,
    )


def _add_person(person: Mapping[str, Any], others: _Marks, withheld: _Marks) -> None:
    for name in (person.get("name"), *_list(person.get("alternativeNames"))):
        others.add_name(name)
    others.add_birth(person.get("dateOfBirth"))
    for address in _addresses(person):
        _add_dwelling(address, others, withheld)


def _addresses(person: Mapping[str, Any]) -> Iterator[Any]:
    yield person.get("address")
    yield _dict(person.get("inCare")).get("placementAddress")


def _add_dwelling(address: Any, marks: _Marks, withheld: _Marks) -> None:
    hidden = isinstance(address, dict) and address.get("withhold") is True
    (withheld if hidden else marks).add_address(address)


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
