"""What a schema alone cannot say: check digits, plausible dates, what may be absent and when.

The rules read the data as it was sent, so that they speak even where its shape is wrong too, and
every failing field is named at once. They never repeat a value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from schemas.envelope import CLOCK_SKEW
from schemas.identifiers import normalise_nhs_number, normalise_upn

YOUNGEST_ADULT_YEARS = 26
"""A `child` is younger: social care and education duties to a young person end at 25."""

OLDEST_YEARS = 130
_DELIVERY_AHEAD = timedelta(days=310)
_DELIVERY_BEHIND = timedelta(days=28)

_NUMBERS = {
    "urn": re.compile(r"\d{6}", re.ASCII),
    "ukprn": re.compile(r"\d{8}", re.ASCII),
    "welshNumber": re.compile(r"\d{7}", re.ASCII),
}


class Weight(StrEnum):
    """What a finding does to the event."""

    REFUSE = "refuse"
    REFUSE_UNLESS_URGENT = "refuse-unless-urgent"
    FLAG = "flag"


class Finding(NamedTuple):
    """One thing that is wrong, where, and how much it weighs."""

    pointer: str
    rule: str
    message: str
    weight: Weight


Rule = Callable[[dict[str, Any], datetime], Iterator[Finding]]


def judge_contact(data: dict[str, Any], _now: datetime) -> Iterator[Finding]:
    """Somebody can be asked, and each `withholdFrom` says who."""
    contact = data.get("contact")
    if isinstance(contact, dict) and not (contact.get("phone") or contact.get("email")):
        yield _refuse("/contact", "contact-unreachable", "needs a phone or an email")
    for position, withhold in _objects(data, "withholdFrom"):
        if not (withhold.get("organisation") or withhold.get("role")):
            yield _refuse(
                f"/withholdFrom/{position}", "withhold-nobody", "needs an organisation or a role"
            )


def judge_children(data: dict[str, Any], now: datetime) -> Iterator[Finding]:
    """Each child of `children` can be found by somebody, and its dates can be true."""
    for position, item in _objects(data, "children"):
        child = item.get("child")
        if isinstance(child, dict):
            yield from _judge_child(child, f"/children/{position}/child", now)


def judge_one_child(data: dict[str, Any], now: datetime) -> Iterator[Finding]:
    """The same for an event about a single `child`."""
    child = data.get("child")
    if isinstance(child, dict):
        yield from _judge_child(child, "/child", now)


def judge_adults(data: dict[str, Any], now: datetime) -> Iterator[Finding]:
    """Adults have been born, not too long ago, and are called something if they have a name."""
    for position, adult in _objects(data, "adults"):
        pointer = f"/adults/{position}"
        yield from _judge_name(adult.get("name"), f"{pointer}/name")
        yield from _judge_birth(adult.get("dateOfBirth"), f"{pointer}/dateOfBirth", now, None)


def judge_one_adult(data: dict[str, Any], now: datetime) -> Iterator[Finding]:
    """The one `adult` of an event can be told from others; a link by half a name finds nobody."""
    adult = data.get("adult")
    if not isinstance(adult, dict):
        return
    yield from _judge_birth(adult.get("dateOfBirth"), "/adult/dateOfBirth", now, None)
    name = adult.get("name")
    if isinstance(name, dict) and not (name.get("given") and name.get("family")):
        yield _refuse("/adult/name", "name-incomplete", "needs a given and a family name")


def judge_findable(data: dict[str, Any], _now: datetime) -> Iterator[Finding]:
    """A link serves nobody if the adult can never be found by it."""
    adult = data.get("adult")
    if isinstance(adult, dict):
        address = adult.get("address")
        placed = isinstance(address, dict) and address.get("postcode")
        if not adult.get("dateOfBirth") and not placed:
            yield _refuse("/adult/dateOfBirth", "not-findable", "needs this, or a postcode")


def judge_period(data: dict[str, Any], _now: datetime) -> Iterator[Finding]:
    """What holds between two days does not end before it starts."""
    starts, ends = _day(data.get("startsOn")), _day(data.get("endsOn"))
    if starts and ends and ends < starts:
        yield _refuse("/endsOn", "ends-before-start", "is before startsOn")


def judge_basis(data: dict[str, Any], _now: datetime) -> Iterator[Finding]:
    """The reason for sharing is recorded; a member of the public gives none."""
    basis = data.get("basis")
    if basis is None:
        if data.get("referrerIsPublic") is not True:
            yield Finding("/basis", "basis-missing", "is required", Weight.REFUSE_UNLESS_URGENT)
    elif isinstance(basis, dict):
        told = basis.get("familyInformed") is not False
        if not told and basis.get("reasonNotInformed") is None:
            yield _flag("/basis/reasonNotInformed", "reason-missing", "says why not informed")


def judge_voices(data: dict[str, Any], _now: datetime) -> Iterator[Finding]:
    """Missing voice never stops an event; it is chased."""
    for position, item in _objects(data, "children"):
        voice, pointer = item.get("voice"), f"/children/{position}/voice"
        if voice is None:
            yield _flag(pointer, "voice-missing", "the child's voice was not recorded")
        elif isinstance(voice, dict):
            captured = voice.get("captured")
            if captured in ("not-attempted", "not-possible") and not voice.get("reason"):
                yield _flag(f"{pointer}/reason", "voice-reason-missing", "says why not")


def judge_incident(data: dict[str, Any], _now: datetime) -> Iterator[Finding]:
    """An incident names a child or an adult, or says that its text speaks of a child."""
    if data.get("children") in (None, []):
        if data.get("textSpeaksOfChild") is True:
            yield _flag("/children", "no-structured-child", "the text speaks of a child")
        elif any(isinstance(one.get("name"), dict) for _, one in _objects(data, "adults")):
            # Nobody is unseen because one record lacks a link: the adults may have children.
            yield _flag("/children", "only-adults-named", "children are found by known links only")
        else:
            yield _refuse("/children", "child-required", "needs a child, or textSpeaksOfChild")


def judge_enrolment(data: dict[str, Any], _now: datetime) -> Iterator[Finding]:
    """An enrolment has a place where its status means one, and does not end before it starts."""
    needs_place = data.get("status") in ("registered", "dual", "other-provision", "early-years")
    if needs_place and not (data.get("organisation") or data.get("school")):
        yield _refuse("/organisation", "place-required", "needs an organisation or a school")
    yield from judge_period(data, _now)


def judge_assignment(data: dict[str, Any], _now: datetime) -> Iterator[Finding]:
    """Somebody has the case, or it is closed; never both."""
    closed, worker = data.get("reason") == "closed", data.get("worker")
    if worker is None and not closed:
        yield _refuse("/worker", "worker-missing", "is required, unless the case is closed")
    elif worker is not None and closed:
        yield _refuse("/worker", "worker-of-closed", "has no place where the case is closed")


def judge_times(*names: str) -> Rule:
    """A rule: none of these times is in the future; `*` in a name stands for each child."""

    def judge(data: dict[str, Any], now: datetime) -> Iterator[Finding]:
        limit = now + CLOCK_SKEW
        for name in names:
            if name.startswith("*"):
                for position, item in _objects(data, "children"):
                    if _is_after(item.get(name[1:]), limit):
                        yield _refuse(
                            f"/children/{position}/{name[1:]}", "time-in-future", "is in the future"
                        )
            elif _is_after(data.get(name), limit):
                yield _refuse(f"/{name}", "time-in-future", "is in the future")

    return judge


def _judge_child(child: dict[str, Any], pointer: str, now: datetime) -> Iterator[Finding]:
    yield from _judge_numbers(child, pointer)
    name, expected = child.get("name"), child.get("expectedDateOfDelivery")
    birth = child.get("dateOfBirth")
    if name is None and expected is None:
        yield Finding(f"{pointer}/name", "name-missing", "is required", Weight.REFUSE_UNLESS_URGENT)
    yield from _judge_name(name, f"{pointer}/name")
    for position, other in _objects(child, "alternativeNames"):
        yield from _judge_name(other, f"{pointer}/alternativeNames/{position}")
    if birth is None and expected is None:
        yield _flag(f"{pointer}/dateOfBirth", "birth-date-missing", "is not known")
    elif birth is not None and expected is not None:
        yield _refuse(
            f"{pointer}/expectedDateOfDelivery", "born-and-expected", "the child is born already"
        )
    yield from _judge_birth(birth, f"{pointer}/dateOfBirth", now, YOUNGEST_ADULT_YEARS)
    delivery = _day(expected)
    if delivery is not None:
        today = now.date()
        if not today - _DELIVERY_BEHIND <= delivery <= today + _DELIVERY_AHEAD:
            yield _refuse(
                f"{pointer}/expectedDateOfDelivery", "delivery-implausible", "is not plausible"
            )


def _judge_numbers(child: dict[str, Any], pointer: str) -> Iterator[Finding]:
    """A bad identifier never stops an urgent event: it is flagged and used for nothing."""
    number = child.get("nhsNumber")
    if isinstance(number, dict) and isinstance(number.get("value"), str):
        if normalise_nhs_number(number["value"]) is None:
            yield Finding(
                f"{pointer}/nhsNumber/value",
                "nhs-number-invalid",
                "is no NHS number: its check digit or length fails",
                Weight.REFUSE_UNLESS_URGENT,
            )
    elif number is None or (isinstance(number, dict) and number.get("reasonAbsent") is None):
        yield _flag(f"{pointer}/nhsNumber", "nhs-number-missing", "no number and no reason")
    upn = child.get("upn")
    if isinstance(upn, str) and normalise_upn(upn) is None:
        yield Finding(
            f"{pointer}/upn",
            "upn-invalid",
            "is no UPN: its check letter or length fails",
            Weight.REFUSE_UNLESS_URGENT,
        )
    school = child.get("school")
    if isinstance(school, dict):
        for name, form in _NUMBERS.items():
            text = school.get(name)
            if isinstance(text, str) and not form.fullmatch(text.strip()):
                yield Finding(
                    f"{pointer}/school/{name}",
                    "school-number-invalid",
                    "is not written as such a number",
                    Weight.REFUSE_UNLESS_URGENT,
                )


def _judge_name(name: object, pointer: str) -> Iterator[Finding]:
    if isinstance(name, dict) and not (name.get("given") or name.get("family")):
        yield Finding(
            pointer, "name-empty", "needs a given or a family name", Weight.REFUSE_UNLESS_URGENT
        )


def _judge_birth(
    birth: object, pointer: str, now: datetime, younger_than: int | None
) -> Iterator[Finding]:
    if not isinstance(birth, dict):
        return
    born = _day(birth.get("value"))
    if born is None:
        return
    # Just after midnight in British summer time, UTC is still on the day before.
    today = (now + timedelta(hours=1)).date()
    first = born
    if birth.get("precision") == "month":
        first = born.replace(day=1)
    elif birth.get("precision") == "year":
        first = born.replace(month=1, day=1)
    if first > today:
        yield _refuse(f"{pointer}/value", "born-in-future", "is in the future")
    elif today.year - born.year > OLDEST_YEARS:
        yield _refuse(f"{pointer}/value", "birth-implausible", "is too long ago")
    elif younger_than is not None and _age(born, today) >= younger_than:
        yield _refuse(f"{pointer}/value", "not-a-child", f"is {younger_than} years ago or more")


def _age(born: date, today: date) -> int:
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def _objects(data: dict[str, Any], name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    items = data.get(name)
    if isinstance(items, list):
        for position, item in enumerate(items):
            if isinstance(item, dict):
                yield position, item


def _day(value: object) -> date | None:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _is_after(value: object, limit: datetime) -> bool:
    if not isinstance(value, str):
        return False
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return False
    return at.tzinfo is not None and at > limit


def _refuse(pointer: str, rule: str, message: str) -> Finding:
    return Finding(pointer, rule, message, Weight.REFUSE)


def _flag(pointer: str, rule: str, message: str) -> Finding:
    return Finding(pointer, rule, message, Weight.FLAG)
