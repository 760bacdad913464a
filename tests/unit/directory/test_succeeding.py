"""Which organisation stands for one that closed, merged, split or became another."""

from __future__ import annotations

from datetime import date
from typing import Any

from schemas.organisations import Organisation
from services.directory.organisations import Organisations

TODAY = date(2026, 9, 1)


def school(number: int, **more: Any) -> Organisation:
    values = {"id": f"urn-90000{number}", "kind": "school", "name": f"School {number}"}
    return Organisation.model_validate({**values, "urn": f"90000{number}", **more})


def known(*schools: Organisation, today: date | None = TODAY) -> Organisations:
    return Organisations(schools, today)


def last(found: Organisations, id_: str) -> str | None:
    present = found.present(id_)
    return present.organisation.id if present else None


def test_a_chain_is_followed_to_its_end_by_id_and_by_number() -> None:
    found = known(
        school(1, successor="urn-900002", ukprn="10000001"),
        school(2, successor="urn-900003"),
        school(3),
    )
    assert last(found, "urn-900001") == "urn-900003"
    for number in ("900001", " 900002 ", "10000001"):
        present = found.numbered(number)
        assert present is not None
        assert present.organisation.id == "urn-900003"


def test_two_schools_that_merged_are_one_known_under_every_id() -> None:
    found = known(school(1, successor="urn-900003"), school(2, successor="urn-900003"), school(3))
    present = found.present("urn-900003")
    assert present is not None
    assert present.ids == {"urn-900001", "urn-900002", "urn-900003"}
    assert found.present("urn-900001") == present


def test_a_succession_counts_from_its_day_on() -> None:
    schools = (school(1, successor="urn-900002", successor_from="2026-09-01"), school(2))
    assert last(known(*schools, today=date(2026, 8, 31)), "urn-900001") == "urn-900001"
    assert last(known(*schools), "urn-900001") == "urn-900002"


def test_a_school_that_split_stands_for_nobody() -> None:
    split = school(1, split_into=["urn-900002", "urn-900003"], successor_from="2026-09-01")
    schools = (school(0, successor="urn-900001"), split, school(2), school(3))
    assert last(known(*schools), "urn-900001") is None
    assert last(known(*schools), "urn-900000") is None
    assert known(*schools).numbered("900001") is None
    assert last(known(*schools, today=date(2026, 8, 31)), "urn-900000") == "urn-900001"


def test_one_that_was_told_speaks_for_itself_where_nobody_took_its_place() -> None:
    found = known(school(1, split_into=["urn-900002", "urn-900003"]))
    told = found.told("urn-900001")
    assert told is not None
    assert told.organisation.id == "urn-900001"
    assert found.told("urn-900009") is None


def test_a_ring_of_successors_ends_and_stands_for_nobody() -> None:
    found = known(
        school(1, successor="urn-900002"), school(2, successor="urn-900001"),
        school(3, successor="urn-900003"), school(4, successor="urn-900001"),
    )  # fmt: skip
    assert [last(found, f"urn-90000{number}") for number in (1, 2, 3, 4)] == [None] * 4


def test_a_successor_that_nobody_has_recorded_yet_changes_nothing() -> None:
    assert last(known(school(1, successor="urn-900009")), "urn-900001") == "urn-900001"


def test_a_number_of_two_that_both_stand_names_neither() -> None:
    two = known(school(1, ukprn="10000001"), school(2, ukprn="10000001"))
    assert two.numbered("10000001") is None
    one = known(school(1, ukprn="10000001", successor="urn-900002"), school(2, ukprn="10000001"))
    present = one.numbered("10000001")
    assert present is not None
    assert present.organisation.id == "urn-900002"


def test_an_authoritys_social_care_is_who_serves_the_area_and_not_one_of_its_teams() -> None:
    known = Organisations(
        Organisation.model_validate(one)
        for one in (
            {"id": "council", "kind": "local-authority", "name": "Council"},
            {"id": "a-team", "kind": "social-care", "name": "A", "local_authority": "council"},
            {"id": "mash", "kind": "social-care", "name": "MASH", "local_authority": "council",
             "covers_postcodes": ("ZZ9",)},
        )
    )  # fmt: skip
    found = known.social_care_of("council")
    assert found is not None
    assert found.id == "mash"
