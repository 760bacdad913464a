"""From what one recipient was told to what another may be told of it, who may know less.

For rungs of a ladder: the event itself is not kept where notices are, so the narrower content is
made from the wider one, field by field. What a narrower profile has and the wider one did not tell
(an NHS number, say) stays absent: nobody on a ladder learns more than the first was told.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from schemas.organisations import Profile, tells_no_more
from schemas.profiles.content import (
    Alert,
    Content,
    EarlyYearsMinimal,
    HealthMinimal,
    NamedChild,
    SchoolFull,
)
from schemas.profiles.render import MODELS

UNREAD = "A notice is unread. See that somebody reads it, and quote this reference."
"""To a rung that is told nothing else: it cannot read the notice, but it can telephone."""


class WouldWiden(ValueError):  # noqa: N818 — said as the caller would say it.
    """The profile asked for tells something that the one told does not."""


def narrow(content: bytes, told: Profile, to: Profile) -> Content | None:
    """The content of profile `told` in the narrower profile `to`; None where they are the same.

    Raises `WouldWiden` where `to` is neither the same nor narrower.
    """
    if to is told:
        return None
    if not tells_no_more(to, than=told):
        raise WouldWiden(f"{to} tells more than {told}")
    if to is Profile.ALERT:
        return Alert(receipt=Content.model_validate_json(content).receipt, message=UNREAD)
    return _NARROWED[told, to](MODELS[told].model_validate_json(content))


def _school_as_early_years(content: Content) -> Content:
    told = cast(SchoolFull, content)
    return EarlyYearsMinimal(
        receipt=told.receipt,
        event_type=told.event_type,
        part=told.part,
        derived=told.derived,
        corrects=told.corrects,
        child=_named(told.child),
        incident_at=told.attended_at,
        present=told.present,
    )


def _health_as_early_years(content: Content) -> Content:
    told = cast(HealthMinimal, content)
    return EarlyYearsMinimal(
        receipt=told.receipt,
        event_type=told.event_type,
        part=told.part,
        derived=told.derived,
        corrects=told.corrects,
        child=_named(told.child),
        incident_at=told.incident_at,
        present=told.present,
        welfare_check_done=told.welfare_check_done,
    )


def _named(child: NamedChild) -> NamedChild:
    return NamedChild(
        name=child.name,
        date_of_birth=child.date_of_birth,
        expected_date_of_delivery=child.expected_date_of_delivery,
    )


_NARROWED: dict[tuple[Profile, Profile], Callable[[Content], Content]] = {
    (Profile.SCHOOL_FULL, Profile.EARLY_YEARS_MINIMAL): _school_as_early_years,
    (Profile.LA_EDUCATION, Profile.EARLY_YEARS_MINIMAL): _school_as_early_years,
    (Profile.HEALTH_MINIMAL, Profile.EARLY_YEARS_MINIMAL): _health_as_early_years,
}
"""One for each pair of `schemas.organisations.NARROWER`."""
