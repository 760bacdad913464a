"""No rung of a ladder learns more than the first was told: of the model, and of the content."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from schemas.catalogue import validate_data
from schemas.errors import InvalidData
from schemas.examples import load
from schemas.facts import ChildIdentity, Digest, EventAddressed, Sender
from schemas.ladders import find_ladder_faults
from schemas.organisations import (
    NARROWER,
    Organisation,
    OrganisationKind,
    Profile,
    RecipientRole,
    Rung,
    tells_no_more,
)
from schemas.profiles import WouldWiden, narrow, render
from schemas.profiles.narrow import _NARROWED, UNREAD

POLICE = Sender(organisation="police-example", name="Example Police", kind="police")
OFFICER = {"organisation": "la-duty-example", "role": "duty-officer"}
SCHOOL = {"id": "urn-900001", "kind": "school", "name": "Example School"}


@pytest.mark.parametrize(
    ("fields", "faults"),
    [
        ({"ladder": [OFFICER]}, []),
        ({"ladder": [{**OFFICER, "profile": "alert"}]}, []),
        # It would hold for notices of every profile, and widens most of them.
        ({"ladder": [{**OFFICER, "profile": "school-full"}]},
         [("/ladder/0/profile", "rung-told-more")]),
        ({"ladders": [{"profiles": ["school-full"], "rungs": [
            {**OFFICER, "profile": "school-full"}]}]}, []),
        ({"ladders": [{"profiles": ["school-full"], "rungs": [
            {**OFFICER, "profile": "early-years-minimal"}]}]}, []),
        ({"ladders": [{"profiles": ["school-full"], "rungs": [
            OFFICER, {**OFFICER, "profile": "mash-incident"}]}]},
         [("/ladders/0/rungs/1/profile", "rung-told-more")]),
        ({"ladders": [{"profiles": ["school-full", "missing-alert"], "rungs": [
            {**OFFICER, "profile": "school-full"}]}]},
         [("/ladders/0/rungs/0/profile", "rung-told-more")]),
        ({"ladders": [{"profiles": ["alert"], "rungs": []},
                      {"profiles": ["alert"], "rungs": [OFFICER]}]},
         [("/ladders/1/profiles", "profile-twice")]),
        ({"ladder": [{**OFFICER, "minutes": 30}]}, []),
        ({"ladder": [{**OFFICER, "minutes": 30, "until": "working-morning"}]},
         [("/ladder/0", "rung-time-twice")]),
        ({"ladder": [{**OFFICER, "until": "opening", "calendar": "urn-900001"}]}, []),
        ({"ladder": [{**OFFICER, "calendar": "urn-900001"}]},
         [("/ladder/0/calendar", "rung-calendar-alone")]),
        ({"quietHours": [{"role": "deputy", "starts": "18:00", "ends": "08:00"}]}, []),
        ({"quietHours": [{"role": "duty-officer", "starts": "18:00", "ends": "08:00"}]},
         [("/quietHours/0/role", "duty-officer-quiet")]),
    ],
)  # fmt: skip
def test_a_ladder_that_would_tell_somebody_more_is_refused_at_the_door(
    fields: dict[str, Any], faults: list[tuple[str, str]]
) -> None:
    organisation = {**SCHOOL, **fields}
    found = find_ladder_faults(Organisation.model_validate(organisation))
    assert [(one.pointer, one.rule) for one in found] == faults
    data = {**load("organisation.changed")["data"], "organisation": organisation}
    at = datetime(2026, 3, 2, tzinfo=UTC)
    if not faults:
        validate_data("organisation.changed", 1, data, now=at)
        return
    with pytest.raises(InvalidData) as refused:
        validate_data("organisation.changed", 1, data, now=at)
    assert [(one.pointer, one.rule) for one in refused.value.errors] == [
        (f"/organisation{pointer}", rule) for pointer, rule in faults
    ]


def test_an_organisation_of_before_is_read_as_before() -> None:
    one = Organisation.model_validate({**SCHOOL, "ladder": [OFFICER]})
    assert one.kind is OrganisationKind.SCHOOL
    assert one.ladder == (Rung(organisation="la-duty-example", role=RecipientRole.DUTY_OFFICER),)
    assert (one.ladders, one.quiet_hours, one.absences, one.holiday_contact) == ((), (), (), None)


def addressed(event_type: str) -> EventAddressed:
    example = load(event_type)
    return EventAddressed.model_validate(
        {
            "receipt": UUID(int=7), "event_type": event_type, "key": "k", "sender": POLICE,
            "occurred_at": "2026-03-02T22:00:00Z", "accepted_at": "2026-03-02T22:40:00Z",
            "child_index": 0, "child_id": UUID(int=8),
            "identity": ChildIdentity(
                given_name="Robin", family_name="Example", nhs_number="9990000018",
                nhs_verified=True,
            ),
            "supersedes": UUID(int=9), "recipients": (), "data": example["data"],
            "digest": Digest(since=datetime(2025, 3, 2, tzinfo=UTC)),
        }
    )  # fmt: skip


EVENT_OF = {
    Profile.SCHOOL_FULL: "domestic-abuse.recorded",
    Profile.LA_EDUCATION: "domestic-abuse.recorded",
    Profile.HEALTH_MINIMAL: "domestic-abuse.recorded",
    Profile.EARLY_YEARS_MINIMAL: "domestic-abuse.recorded",
    Profile.MISSING_ALERT: "missing.reported",
    Profile.MISSING_FOUND: "missing.found",
    Profile.REFERRER_OUTCOME: "referral.decided",
    Profile.WORKER_DIGEST: "worker.assigned",
}

FROM_SCHOOL = {"incidentAt": "attendedAt"}
"""Where a field of a narrower content stands in the wider one, if under another name."""


@pytest.mark.parametrize("told", list(Profile))
@pytest.mark.parametrize("to", list(Profile))
def test_what_is_narrowed_holds_nothing_that_was_not_told(told: Profile, to: Profile) -> None:
    wide = render(told, addressed(EVENT_OF.get(told, "domestic-abuse.recorded")))
    if not tells_no_more(to, than=told):
        with pytest.raises(WouldWiden):
            narrow(wide.as_bytes(), told, to)
        return
    narrowed = narrow(wide.as_bytes(), told, to)
    if to is told:
        assert narrowed is None
        return
    assert narrowed is not None
    before, after = json.loads(wide.as_bytes()), json.loads(narrowed.as_bytes())
    assert after.pop("profile") == to
    if to is Profile.ALERT:
        assert after == {"receipt": before["receipt"], "handling": before["handling"],
                         "message": UNREAD}  # fmt: skip
        return
    assert set(after) <= {
        "receipt", "handling", "eventType", "part", "derived", "corrects", "heldFields", "child",
        "incidentAt", "present", "welfareCheckDone",
    }  # fmt: skip
    assert after.pop("heldFields", []) == []
    child = after.pop("child")
    assert set(child) <= {"name", "dateOfBirth", "expectedDateOfDelivery"}
    assert child.items() <= before["child"].items()
    for name, value in after.items():
        assert before[name if name in before else FROM_SCHOOL[name]] == value


def test_what_is_narrowed_is_what_would_have_been_rendered_without_what_was_not_told() -> None:
    event = addressed("domestic-abuse.recorded")
    rendered = render(Profile.EARLY_YEARS_MINIMAL, event).as_json()
    health = render(Profile.HEALTH_MINIMAL, event).as_bytes()
    narrowed = narrow(health, Profile.HEALTH_MINIMAL, Profile.EARLY_YEARS_MINIMAL)
    assert narrowed is not None
    assert narrowed.as_json() == rendered
    school = render(Profile.SCHOOL_FULL, event).as_bytes()
    narrowed = narrow(school, Profile.SCHOOL_FULL, Profile.EARLY_YEARS_MINIMAL)
    assert narrowed is not None
    rendered.pop("welfareCheckDone", None)
    assert narrowed.as_json() == rendered


def test_every_narrower_profile_can_be_made() -> None:
    assert set(_NARROWED) == {(of, to) for of, tos in NARROWER.items() for to in tos}
