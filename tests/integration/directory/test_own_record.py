"""An organisation states its own ladder, contacts, terms and hours, and no more than that."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.facts import EventApplied, OrganisationRecorded
from tests.integration.directory.area import AREA, MASH, NURSING, SCHOOL_A, SCHOOL_B
from tests.integration.directory.stage import Stage

NAME = {"id": SCHOOL_A, "kind": "school", "name": "School A"}
LADDER = [
    {"organisation": SCHOOL_A, "role": "deputy", "minutes": 45},
    {"organisation": MASH, "role": "duty-officer"},
]


async def state(
    stage: Stage, record: dict[str, Any], sender: str = SCHOOL_A, kind: str = "school"
) -> tuple[str, list[OrganisationRecorded]]:
    """The outcome, as the sender reads it, and what is told of the organisation."""
    stage.later(minutes=1)
    event = stage.event("organisation.changed", {"organisation": record}, sender=sender, kind=kind)
    heard = await stage.feed(event)
    [applied] = heard.of(EventApplied)
    return applied.outcome, heard.of(OrganisationRecorded)


async def test_it_states_its_ladder_and_calendar_and_what_it_does_not_name_stays(
    stage: Stage,
) -> None:
    record = {
        **NAME,
        "ladder": LADDER,
        "opensAt": "08:20:00",
        "closures": [{"first": "2026-05-25", "last": "2026-05-29"}],
        "holidayContact": {"organisation": MASH, "role": "duty-officer"},
    }
    outcome, [told] = await state(stage, record)
    assert outcome == "applied"
    one = told.organisation
    assert [rung.organisation for rung in one.ladder] == [SCHOOL_A, MASH]
    assert one.opens_at is not None
    assert one.opens_at.isoformat() == "08:20:00"
    # As its authority had stated it.
    assert (one.channel, one.nursing_provider, one.local_authority, one.urn) == (
        "webhook", NURSING, MASH, "900001",
    )  # fmt: skip
    outcome, [told] = await state(stage, {**NAME, "closures": []})
    assert (outcome, told.organisation.closures) == ("applied", ())
    assert told.organisation.ladder == one.ladder
    assert await state(stage, NAME) == ("nothing-newer", [])


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({"kind": "police"}, "own-record-fields:/organisation/kind"),
        ({"name": "Another name"}, "own-record-fields:/organisation/name"),
        ({"urn": "900002"}, "own-record-fields:/organisation/urn"),
        ({"localAuthority": "la-elsewhere"}, "own-record-fields:/organisation/localAuthority"),
        ({"nursingProvider": None}, "own-record-fields:/organisation/nursingProvider"),
        ({"coversPostcodes": ["ZZ9"]}, "own-record-fields:/organisation/coversPostcodes"),
        ({"channel": "none"}, "own-record-fields:/organisation/channel"),
        ({"successor": SCHOOL_B}, "own-record-fields:/organisation/successor"),
        (
            {"ladder": [{"organisation": SCHOOL_B, "role": "team"}]},
            "own-record-recipients:/organisation/ladder",
        ),
        (
            {"absences": [{"first": "2026-05-25", "last": "2026-05-29",
                           "standIn": {"organisation": SCHOOL_B, "role": "school"}}]},
            "own-record-recipients:/organisation/absences",
        ),
        (
            {"holidayContact": {"organisation": SCHOOL_B, "role": "school"}},
            "own-record-recipients:/organisation/holidayContact",
        ),
    ],
)  # fmt: skip
async def test_what_is_not_its_own_to_change_refuses_all_of_it_and_names_rule_and_field(
    stage: Stage, change: dict[str, Any], refused: str
) -> None:
    record = {**NAME, "opensAt": "07:00:00", **change}
    assert await state(stage, record) == (refused, [])
    # Nothing of it was taken: the authority's word, as it was, changes nothing.
    [before] = [one for one in AREA if one["id"] == SCHOOL_A]
    names = {"local_authority": "localAuthority", "nursing_provider": "nursingProvider"}
    restated = {names.get(name, name): value for name, value in before.items()}
    outcome, told = await state(stage, restated, MASH, "social-care")
    assert (outcome, told) == ("nothing-newer", [])


async def test_another_s_record_and_one_that_nobody_knows_are_refused(stage: Stage) -> None:
    other = {**NAME, "id": SCHOOL_B, "opensAt": "07:00:00"}
    outcome, told = await state(stage, other)
    assert (outcome, told) == ("own-record-fields:/organisation/id", [])
    unknown = {**NAME, "id": "urn-999999"}
    assert await state(stage, unknown, "urn-999999") == ("own-record:/organisation/id", [])


async def test_somebody_new_whom_the_authority_has_named_may_stay_on_its_ladder(
    stage: Stage,
) -> None:
    named = {
        **NAME, "urn": "900001", "localAuthority": MASH,
        "ladder": [{"organisation": SCHOOL_B, "role": "team"}],
    }  # fmt: skip
    outcome, _ = await state(stage, named, MASH, "social-care")
    assert outcome == "applied"
    again = {**NAME, "ladder": [*LADDER, {"organisation": SCHOOL_B, "role": "team"}]}
    outcome, [told] = await state(stage, again)
    assert (outcome, len(told.organisation.ladder)) == ("applied", 3)
