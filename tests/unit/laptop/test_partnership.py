"""The synthetic partnership is valid, plainly synthetic, repeatable, and holds the hard cases."""

from __future__ import annotations

import csv
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from deploy.laptop.partnership import (
    DEMO_SCHOOL,
    OWN_COUNCIL,
    OWN_MASH,
    OWN_NURSING,
    Partnership,
    make_partnership,
    write_partnership,
)
from deploy.laptop.partnership.invented import make_upn
from schemas.canary import CHILD, OUTWARD
from schemas.identifiers import normalise_nhs_number, normalise_postcode, normalise_upn
from schemas.organisations import OrganisationKind

TODAY = date(2026, 11, 23)


@pytest.fixture(scope="module")
def partnership() -> Partnership:
    return make_partnership(TODAY, children=6000)


def test_the_same_seed_and_day_give_the_same_partnership(partnership: Partnership) -> None:
    assert make_partnership(TODAY, children=6000) == partnership


def test_a_smaller_register_begins_with_the_same_children(partnership: Partnership) -> None:
    assert make_partnership(TODAY, children=50).children == partnership.children[:50]


def test_there_are_sixty_schools_twelve_of_them_elsewhere(partnership: Partnership) -> None:
    schools = [one for one in partnership.organisations if one.kind is OrganisationKind.SCHOOL]
    assert len(schools) == 60
    assert sum(one.local_authority != OWN_COUNCIL for one in schools) == 12
    assert all(one.nursing_provider for one in schools)
    assert len({one.nursing_provider for one in schools}) == 3
    elsewhere = {one.nursing_provider for one in schools if one.local_authority != OWN_COUNCIL}
    assert OWN_NURSING not in elsewhere


def test_four_hospitals_have_emergency_departments(partnership: Partnership) -> None:
    assert sum(one.emergency_department for one in partnership.organisations) == 4


def test_every_organisation_that_is_referred_to_exists(partnership: Partnership) -> None:
    ids = {one.id for one in partnership.organisations}
    assert len(ids) == len(partnership.organisations)
    for one in partnership.organisations:
        named = {one.local_authority, one.nursing_provider, one.successor} - {None}
        assert named | {rung.organisation for rung in one.ladder} <= ids
    for child in partnership.children:
        assert child.local_authority in ids
        enrolled = {part.partition(":")[0] for part in child.enrolments.split(";") if part}
        assert enrolled - {"-"} <= ids


def test_numbers_are_valid_unique_and_of_ranges_that_nobody_has(partnership: Partnership) -> None:
    nhs_numbers = [child.nhs_number for child in partnership.children if child.nhs_number]
    assert all(number.startswith("999") for number in nhs_numbers)
    assert all(normalise_nhs_number(number) == number for number in nhs_numbers)
    assert len(set(nhs_numbers)) == len(nhs_numbers)
    upns = [child.upn for child in partnership.children if child.upn]
    assert all(normalise_upn(upn) == upn and upn[1:4] == "999" for upn in upns)
    assert len(set(upns)) == len(upns)
    postcodes = [child.postcode for child in partnership.children]
    assert all(normalise_postcode(one) == one and one[:2] in {"ZS", "ZN", "ZX", "ZW"}
               for one in postcodes)  # fmt: skip


def test_surnames_say_that_nobody_is_real(partnership: Partnership) -> None:
    made_up = ("Demo", "Example", "Mock", "Sample", "Specimen")
    assert all(child.family_name.startswith(made_up) for child in partnership.children)


def test_the_hard_cases_are_there(partnership: Partnership) -> None:
    children = partnership.children
    statuses = Counter(
        part.split(":")[1] for child in children for part in child.enrolments.split(";") if part
    )
    assert statuses["registered"] > 3000
    for status in ("dual", "home-educated", "missing-education", "unknown"):
        assert statuses[status] >= 1, status
    born = Counter((child.household, child.date_of_birth) for child in children if child.household)
    twins = sum(count for count in born.values() if count > 1) / len(children)
    assert 0.02 < twins < 0.035
    households = Counter(child.household for child in children if child.household)
    assert max(households.values()) >= 3
    in_care = [child for child in children if child.responsible_authority]
    assert any(child.responsible_authority != child.local_authority for child in in_care)
    assert any(not child.enrolments for child in children), "children under school age"
    assert any(child.nhs_number and not child.nhs_verified for child in children)
    assert any(not child.nhs_number for child in children)


def test_nobody_is_born_in_the_future_or_grown_up(partnership: Partnership) -> None:
    ages = [(TODAY - child.date_of_birth).days for child in partnership.children]
    assert min(ages) >= 0
    assert max(ages) < 18 * 366


def test_the_known_child_attends_the_school_that_is_told_by_webhook(
    partnership: Partnership,
) -> None:
    assert partnership.children[0].enrolments.startswith(f"{DEMO_SCHOOL}:registered:")
    webhooks = [one.id for one in partnership.organisations if one.channel == "webhook"]
    assert webhooks == [DEMO_SCHOOL]


def test_too_small_a_register_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 6"):
        make_partnership(TODAY, children=5)


def test_a_upn_needs_a_serial_of_three_digits() -> None:
    with pytest.raises(ValueError, match="three"):
        make_upn(1, 2026, 1000)


def test_it_is_written_as_the_directory_imports_it(tmp_path: Path) -> None:
    small = make_partnership(TODAY, children=20)
    organisations, children = write_partnership(small, tmp_path)
    with organisations.open(newline="", encoding="utf-8") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    school = rows[DEMO_SCHOOL]
    assert school["opens_at"] == "08:30"
    assert school["terms"].startswith("2026-09-02/2026-12-18;")
    assert school["ladder"] == f"{DEMO_SCHOOL}:deputy;{OWN_MASH}:duty-officer"
    assert rows[OWN_MASH]["covers_postcodes"].startswith("ZS1;ZS2")
    with children.open(newline="", encoding="utf-8") as file:
        first = next(csv.DictReader(file))
    assert first["nhs_verified"] == "true"
    assert first["restricted"] == "false"


def test_nobody_in_it_is_taken_for_the_canary(partnership: Partnership) -> None:
    assert CHILD["nhs_number"] not in {one.nhs_number for one in partnership.children}
    assert all(OUTWARD not in one.covers_postcodes for one in partnership.organisations)
