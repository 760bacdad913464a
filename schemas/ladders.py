"""What a schema cannot say of ladders: nobody on one is told more than the first, and so on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from schemas.errors import FieldError, make_pointer
from schemas.organisations import Organisation, Profile, RecipientRole, Rung, tells_no_more
from schemas.rules import Finding, Weight


def judge_ladders(data: dict[str, Any], _now: datetime) -> Iterator[Finding]:
    """The ladders of an organisation can be climbed as they are written."""
    try:
        organisation = Organisation.model_validate(
            data.get("organisation"), by_alias=True, by_name=False
        )
    except ValidationError:
        return  # Its shape is refused as it is.
    for fault in find_ladder_faults(organisation):
        yield Finding(f"/organisation{fault.pointer}", fault.rule, fault.message, Weight.REFUSE)


def find_ladder_faults(organisation: Organisation) -> Iterator[FieldError]:
    """What is wrong with the ladders and quiet hours of an organisation; pointers start at it."""
    yield from _rung_faults(organisation.ladder, Profile, "ladder")
    named: set[Profile] = set()
    for position, ladder in enumerate(organisation.ladders):
        path = ("ladders", position)
        if named & set(ladder.profiles) or len(set(ladder.profiles)) < len(ladder.profiles):
            yield FieldError(
                make_pointer(*path, "profiles"), "profile-twice", "must name each profile once"
            )
        named |= set(ladder.profiles)
        yield from _rung_faults(ladder.rungs, ladder.profiles, *path, "rungs")
    for position, quiet in enumerate(organisation.quiet_hours):
        if quiet.role is RecipientRole.DUTY_OFFICER:
            yield FieldError(
                make_pointer("quietHours", position, "role"),
                "duty-officer-quiet",
                "may not be the duty officer, who has no quiet hours",
            )


def _rung_faults(
    rungs: Iterable[Rung], profiles: Iterable[Profile], *path: str | int
) -> Iterator[FieldError]:
    first_told = tuple(profiles)
    for position, rung in enumerate(rungs):
        told = rung.profile
        if told is not None and not all(tells_no_more(told, than=one) for one in first_told):
            yield FieldError(
                make_pointer(*path, position, "profile"),
                "rung-told-more",
                "would tell this rung more than the first is told",
            )
        if rung.minutes is not None and rung.until is not None:
            yield FieldError(
                make_pointer(*path, position), "rung-time-twice", "has minutes or until, not both"
            )
        if rung.calendar is not None and rung.until != "opening":
            yield FieldError(
                make_pointer(*path, position, "calendar"),
                "rung-calendar-alone",
                "is for a rung that has until the opening",
            )
