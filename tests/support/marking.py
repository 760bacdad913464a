"""A plainly marked person: every text about it holds a mark that must be found nowhere outside.

Marks are put wherever an event's schema takes them, so that a field added later is marked too.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from datetime import date
from itertools import count
from typing import Any

from chassis.clock import now
from deploy.laptop.partnership import RegisteredChild
from schemas.catalogue import judge_event
from schemas.errors import InvalidData
from schemas.examples import load
from tests.support.identifiers import make_nhs_number

MARK = "zqmark"
"""Every mark begins so; none is part of another word."""

BORN = date(2014, 7, 19)
POSTCODE = "ZZ9 9ZQ"
_IDENTITY = ("name", "dateOfBirth", "nhsNumber", "upn", "address")
_numbers = count(1)


def make_mark() -> str:
    """A word that is used once; letters only, because it may stand for a name."""
    number, letters = next(_numbers), ""
    while number:
        number, last = divmod(number, 26)
        letters = chr(97 + last) + letters
    return f"{MARK.capitalize()}{letters}"


FAMILY, STREET = make_mark(), make_mark()


class MarkedChild:
    """One child of the marked family, registered and sent with the same marks."""

    def __init__(self, number: int, school: str, mash: str) -> None:
        self.given = make_mark()
        self.nhs_number = make_nhs_number(number)
        self.registered = RegisteredChild(
            register_ref=f"marked-{number}",
            given_name=self.given,
            family_name=FAMILY,
            date_of_birth=BORN,
            sex="female",
            nhs_number=self.nhs_number,
            nhs_verified=True,
            upn="",
            address=f"5 {STREET} Road",
            postcode=POSTCODE,
            local_authority=mash,
            household="household-marked",
            enrolments=f"{school}:registered:2020-09-01:",
        )

    def sent(self) -> dict[str, Any]:
        """Who it is, as a sender says it."""
        return {
            "name": {"given": self.given, "family": FAMILY},
            "dateOfBirth": {"value": BORN.isoformat(), "precision": "exact"},
            "nhsNumber": {"value": self.nhs_number, "status": "verified"},
            "address": {"lines": [f"5 {STREET} Road"], "postcode": POSTCODE},
        }


def marks_of(*children: MarkedChild) -> tuple[str, ...]:
    """What to search for, in lower case: the marks, and numbers and dates in several forms."""
    numbers = [child.nhs_number for child in children]
    spaced = [f"{one[:3]} {one[3:6]} {one[6:]}" for one in numbers]
    births = (f"{BORN}", f"{BORN:%d/%m/%Y}", f"{BORN:%Y%m%d}", f"{BORN:%d %B %Y}".casefold())
    return (MARK, *births, *numbers, *spaced, "zz9 9zq", "zz99zq")


def marked_event(event_type: str, source: str, **changes: Any) -> dict[str, Any]:
    """The type's example with a mark in every text that its schema takes without a complaint.

    `changes` replace fields of the data. The sender's own ids are marked as well.
    """
    event = load(event_type)
    event.update(id=make_mark(), source=source, time=now().isoformat(), correlationid=make_mark())
    event["data"].update(changes)
    complaints = _judge(event)
    assert complaints is not None, f"the example of {event_type} is accepted"
    for holder, name in list(_texts(event["data"])):
        before = holder[name]
        holder[name] = make_mark()
        if _judge(event) != complaints:
            holder[name] = before
    return event


def about(event: dict[str, Any], *children: MarkedChild) -> dict[str, Any]:
    """The same event, now about these children of the register; its first child is repeated."""
    items = event["data"].get("children") or [event["data"]]
    while len(items) < len(children):
        items.append(copy.deepcopy(items[0]))
    del items[len(children) :]
    for item, child in zip(items, children, strict=True):
        kept = {name: it for name, it in item["child"].items() if name not in _IDENTITY}
        kept.pop("inCare", None)
        item["child"] = {**kept, **child.sent()}
    return event


def broken_versions(event: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The event with one text after the other turned into a list of a mark, and no contact."""
    for place, _ in enumerate(_texts(event["data"])):
        broken = copy.deepcopy(event)
        broken["id"] = make_mark()
        holder, name = list(_texts(broken["data"]))[place]
        holder[name] = [make_mark()]
        broken["data"]["contact"] = make_mark()
        yield broken


def _judge(event: dict[str, Any]) -> tuple[Any, ...] | None:
    """What is complained of although it is accepted; None where it is refused."""
    try:
        return judge_event(event, now=now()).judged.flags
    except InvalidData:
        return None


def _texts(value: Any) -> Iterator[tuple[Any, Any]]:
    """(holder, name) of each text below a value."""
    pairs = list(value.items() if isinstance(value, dict) else enumerate(value))
    for name, inner in pairs:
        if isinstance(inner, str):
            yield value, name
        elif isinstance(inner, dict | list):
            yield from _texts(inner)
