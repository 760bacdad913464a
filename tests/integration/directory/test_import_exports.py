"""Loading what other systems export: a school census, a health register, FHIR patients."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from services.directory.import_file import ImportResult, Options, import_file
from services.directory.import_lines import CHILD_COLUMNS
from tests.integration.directory.area import MASH, NURSING, SCHOOL_A, SCHOOL_B, nhs_number, upn
from tests.integration.directory.stage import Stage
from tests.integration.directory.test_import import child, write

CENSUS = ("UPN", "Forename", "Surname", "Middle names", "Former surname", "Preferred surname",
          "Date of birth", "Sex", "Address line 1", "Postcode", "Enrolment status", "Entry date",
          "Leaving date", "URN", "Ethnicity", "Guardian forename", "Guardian surname")  # fmt: skip
HEALTH = ("NHS_Number", "NHS_Number_Status", "Given_Name", "Family_Name", "DOB", "Gender",
          "Postcode", "Address_1", "GP_ODS_Code", "School_URN", "Team")  # fmt: skip


def pupil(seed: int, **changes: Any) -> dict[str, Any]:
    return {
        "UPN": upn(seed), "Forename": f"Given{seed}", "Surname": "Sample",
        "Date of birth": "14/05/2014", "Sex": "F", "Address line 1": "1 Sample Street",
        "Postcode": "zz91aa", "Enrolment status": "C", "Entry date": "2025-09-01",
        "URN": "900001", "Ethnicity": "WBRI", **changes,
    }  # fmt: skip


def patient_line(seed: int, **changes: Any) -> dict[str, Any]:
    return {
        "NHS_Number": nhs_number(seed * 9), "NHS_Number_Status": "01",
        "Given_Name": f"Given{seed}", "Family_Name": "Sample", "DOB": "2014-05-14", "Gender": "2",
        "Postcode": "ZZ9 1AA", "GP_ODS_Code": "Y90001", "Team": "West", **changes,
    }  # fmt: skip


def patient(seed: int, **changes: Any) -> dict[str, Any]:
    url = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus"
    return {
        "resourceType": "Patient",
        "id": f"patient-{seed}",
        "identifier": [
            {
                "system": "https://fhir.nhs.uk/Id/nhs-number",
                "value": nhs_number(seed * 9),
                "extension": [
                    {
                        "url": url,
                        "valueCodeableConcept": {
                            "coding": [{"code": "number-present-and-verified"}]
                        },
                    }
                ],
            }
        ],
        "name": [
            {"use": "old", "family": "Former", "given": [f"Given{seed}"]},
            {"use": "official", "family": "Sample", "given": [f"Given{seed}", "Middle"]},
        ],
        "gender": "female",
        "birthDate": "2014-05-14",
        "address": [{"use": "home", "line": ["1 Sample Street"], "postalCode": "ZZ9 1AA"}],
        **changes,
    }


def bundle(*patients: dict[str, Any]) -> dict[str, Any]:
    outcome = {"resource": {"resourceType": "OperationOutcome"}}
    entries = [{"resource": one} for one in patients]
    return {"resourceType": "Bundle", "type": "searchset", "entry": [*entries, outcome]}


async def load(
    stage: Stage, path: Path, columns: tuple[str, ...], *rows: dict[str, Any], **options: Any
) -> ImportResult:
    file = write(path, columns, *rows)
    return await import_file(
        stage.database, file, partnership=stage.partnership, options=Options(**options)
    )


async def load_json(stage: Stage, path: Path, text: str) -> ImportResult:
    path.write_text(text, "utf-8")
    return await import_file(stage.database, path, partnership=stage.partnership)


async def the_child(stage: Stage) -> Any:
    (row,) = await stage.rows("select * from directory.child")
    return row


async def keys(stage: Stage) -> int:
    (row,) = await stage.rows("select count(*) from directory.child_key")
    return int(row.count)


async def test_a_census_is_loaded_and_its_pupils_are_found(stage: Stage, tmp_path: Path) -> None:
    row = pupil(1, **{
        "Former surname": "Before", "Middle names": "Kim", "Guardian forename": "Pat",
        "Guardian surname": "Sample",
    })  # fmt: skip
    result = await load(stage, tmp_path / "census.csv", CENSUS, row)
    assert (result.kind, result.written, result.skipped) == ("children", 1, [])
    kept = await the_child(stage)
    assert (kept.given_name, kept.family_name, kept.sex) == ("Given1", "Sample", "female")
    assert (kept.postcode, str(kept.date_of_birth)) == ("ZZ9 1AA", "2014-05-14")
    assert (kept.guardian_given_name, kept.guardian_family_name) == ("Pat", "Sample")
    block = {
        "name": {"given": "Given1", "family": "Before"},
        "dateOfBirth": {"value": "2014-05-14"},
        "address": {"postcode": "ZZ9 1AA"},
    }
    heard = await stage.feed(stage.abuse(block))
    assert heard.organisations() == {SCHOOL_A, NURSING, MASH}


async def test_a_census_of_one_school_needs_no_column_for_it(stage: Stage, tmp_path: Path) -> None:
    columns = tuple(name for name in CENSUS if name != "URN")
    row = {name: value for name, value in pupil(1).items() if name != "URN"}
    without = await load(stage, tmp_path / "c.csv", columns, row)
    assert [(bad.field, bad.rule) for bad in without.skipped] == [("school", "required")]
    result = await load(stage, tmp_path / "c.csv", columns, row, school="900002")
    assert result.written == 1
    (row,) = await stage.rows("select organisation from directory.enrolment")
    assert row.organisation == SCHOOL_B


async def test_a_census_line_that_names_an_old_number_is_of_the_school_that_took_over(
    stage: Stage, tmp_path: Path
) -> None:
    await stage.organisations(
        {"id": "urn-900010", "kind": "school", "name": "Old", "urn": "900010",
         "successor": SCHOOL_B},
        {"id": "urn-900011", "kind": "school", "name": "Split", "urn": "900011",
         "split_into": (SCHOOL_A, SCHOOL_B)},
    )  # fmt: skip
    await load(stage, tmp_path / "c.csv", CENSUS, pupil(1, URN="900010"), pupil(2, URN="900011"))
    rows = await stage.rows("select organisation from directory.enrolment order by 1")
    assert [row.organisation for row in rows] == [SCHOOL_B, "urn-900011"]
    heard = await stage.feed(stage.abuse({"upn": None, **_sent(2)}))
    assert heard.reasons == ["no-route-school"]


def _sent(seed: int) -> dict[str, Any]:
    return {
        "name": {"given": f"Given{seed}", "family": "Sample"},
        "dateOfBirth": {"value": "2014-05-14"},
        "address": {"postcode": "ZZ9 1AA"},
    }


@pytest.mark.parametrize(
    ("change", "field", "rule"),
    [
        ({"UPN": "A999000000000"}, "upn", "check-digit-or-form"),
        ({"UPN": ""}, "upn", "required"),
        ({"Date of birth": "31/02/2014"}, "date_of_birth", "date-yyyy-mm-dd-or-dd/mm/yyyy"),
        ({"Entry date": ""}, "entry_date", "dates"),
        ({"Enrolment status": "P"}, "leaving_date", "dates"),
        ({"Enrolment status": "X"}, "status", "status-unknown"),
        ({"URN": "999999"}, "school", "organisation-unknown"),
        ({"Forename": "", "Surname": ""}, "family_name", "required"),
    ],
)
async def test_a_bad_census_line_is_reported_without_its_value(
    stage: Stage, tmp_path: Path, change: dict[str, Any], field: str, rule: str
) -> None:
    result = await load(stage, tmp_path / "c.csv", CENSUS, pupil(1, **change), pupil(2))
    assert (result.written, [tuple(bad) for bad in result.skipped]) == (1, [(2, field, rule)])


async def test_a_file_that_says_nothing_new_writes_nothing(stage: Stage, tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    await load(stage, path, CENSUS, pupil(1), pupil(2))
    first = await stage.rows(
        """select c.id, c.recorded_at, e.id as enrolment, m.moved_at from directory.child c
             join directory.enrolment e on e.child = c.id
             join directory.moved m on m.child = c.id order by c.id"""
    )
    stage.later(days=1)
    result = await load(stage, path, CENSUS, pupil(1), pupil(2))
    assert result.written == 2
    again = await stage.rows(
        """select c.id, c.recorded_at, e.id as enrolment, m.moved_at from directory.child c
             join directory.enrolment e on e.child = c.id
             join directory.moved m on m.child = c.id order by c.id"""
    )
    assert again == first


async def test_a_census_loaded_five_days_late_tells_the_right_school(
    stage: Stage, tmp_path: Path
) -> None:
    path = tmp_path / "c.csv"
    await load(stage, path, CENSUS, pupil(1))
    await stage.readdress()
    heard = await stage.feed(stage.abuse({**_sent(1), "upn": upn(1)}))
    assert SCHOOL_A in heard.organisations()
    stage.later(days=5)
    left = pupil(1, **{"Enrolment status": "P", "Leaving date": "2026-02-19"})
    await load(stage, path, CENSUS, left)
    joined = pupil(1, **{"Entry date": "2026-02-20", "URN": "900002"})
    await load(stage, path, CENSUS, joined)
    heard = await stage.readdress()
    assert {(org, profile) for org, _, profile in heard.told()} == {
        (SCHOOL_A, "withdrawal"), (SCHOOL_B, "school-full"),
    }  # fmt: skip
    assert (await stage.readdress()).facts == []


async def test_one_child_of_three_sources_is_one_child(stage: Stage, tmp_path: Path) -> None:
    own = child(1)
    await load(stage, tmp_path / "own.csv", CHILD_COLUMNS, own)
    await load(stage, tmp_path / "census.csv", CENSUS, pupil(1, **{"Preferred surname": "Short"}))
    await load(stage, tmp_path / "health.csv", HEALTH, patient_line(1, Family_Name="Sample-Long"))
    await load_json(stage, tmp_path / "p.json", json.dumps(patient(1)))
    kept = await the_child(stage)
    assert (kept.register_ref, kept.upn, kept.nhs_number) == (
        "ref-1", own["upn"], own["nhs_number"],
    )  # fmt: skip
    others = {one["family"] for one in kept.alternative_names}
    assert {"Short", "Sample-Long", "Former"} <= others


async def test_a_health_register_s_school_counts_only_where_nothing_is_known(
    stage: Stage, tmp_path: Path
) -> None:
    await load(stage, tmp_path / "own.csv", CHILD_COLUMNS, child(1))
    lines = [patient_line(seed, School_URN="900002") for seed in (1, 2)]
    result = await load(stage, tmp_path / "h.csv", HEALTH, *lines)
    assert result.written == 2
    rows = await stage.rows(
        """select c.register_ref, e.organisation from directory.enrolment e
             join directory.child c on c.id = e.child order by 1 nulls last"""
    )
    assert [tuple(row) for row in rows] == [("ref-1", SCHOOL_A), (None, SCHOOL_B)]


async def test_an_unverified_number_of_another_child_is_not_taken(
    stage: Stage, tmp_path: Path
) -> None:
    await load(stage, tmp_path / "own.csv", CHILD_COLUMNS, child(1))
    twin = patient_line(1, NHS_Number_Status="02", Given_Name="Twin")
    other = patient_line(1, NHS_Number_Status="02", Given_Name="Else", DOB="2012-01-01")
    await load(stage, tmp_path / "h.csv", HEALTH, twin)
    await load(stage, tmp_path / "h2.csv", HEALTH, {**other, "Family_Name": "Other"})
    rows = await stage.rows(
        "select given_name, nhs_number, nhs_verified from directory.child order by given_name"
    )
    assert [row.given_name for row in rows if row.nhs_number] == ["Given1"]


async def test_a_number_of_one_and_a_name_of_another_is_for_a_person(
    stage: Stage, tmp_path: Path
) -> None:
    await load(stage, tmp_path / "own.csv", CHILD_COLUMNS, child(1), child(2))
    line = patient_line(1, Given_Name="Given2")
    result = await load(stage, tmp_path / "h.csv", HEALTH, line)
    assert [tuple(bad) for bad in result.skipped] == [(2, "line", "identifiers-disagree")]


async def test_a_census_and_a_health_register_without_a_common_number_meet_by_name(
    stage: Stage, tmp_path: Path
) -> None:
    await load(stage, tmp_path / "c.csv", CENSUS, pupil(1))
    await load(stage, tmp_path / "h.csv", HEALTH, patient_line(1))
    kept = await the_child(stage)
    assert (kept.upn, kept.nhs_number) == (upn(1), nhs_number(9))
    number = {"nhsNumber": {"value": nhs_number(9), "status": "verified"}}
    heard = await stage.feed(stage.abuse({**_sent(1), **number}))
    assert SCHOOL_A in heard.organisations()


async def test_a_bundle_and_lines_of_patients_are_read_alike(stage: Stage, tmp_path: Path) -> None:
    patients = [patient(seed) for seed in range(1, 4)]
    whole = json.dumps(bundle(*patients), indent=1)
    result = await load_json(stage, tmp_path / "bundle.json", whole)
    assert (result.kind, result.written, result.skipped) == ("children", 3, [])
    rows = await stage.rows("select id, recorded_at from directory.child order by id")
    stage.later(days=1)
    lines = "\n".join(json.dumps(one) for one in patients)
    assert (await load_json(stage, tmp_path / "p.ndjson", lines)).written == 3
    assert await stage.rows("select id, recorded_at from directory.child order by id") == rows
    number = {"nhsNumber": {"value": nhs_number(9), "status": "verified"}}
    heard = await stage.feed(stage.abuse({**_sent(1), **number}))
    assert len(heard.addressed) == 1


async def test_a_bundle_on_each_line_loses_nobody(stage: Stage, tmp_path: Path) -> None:
    text = "\n".join(json.dumps(bundle(patient(seed), patient(seed + 1))) for seed in (1, 3))
    assert (await load_json(stage, tmp_path / "p.ndjson", text)).written == 4


async def test_a_partial_birth_date_is_none(stage: Stage, tmp_path: Path) -> None:
    await load_json(stage, tmp_path / "p.json", json.dumps(patient(1, birthDate="2014-05")))
    assert (await the_child(stage)).date_of_birth is None


async def test_a_bad_patient_is_reported_without_its_value(stage: Stage, tmp_path: Path) -> None:
    number = patient(1)["identifier"][0]
    patients = [
        patient(1, identifier=[{**number, "value": "9990000011"}]),
        patient(2, name=[]),
        patient(3, birthDate="2014-13-40"),
        patient(4, address=[{"postalCode": "nowhere"}]),
        patient(5, id="x\x00", name=[{"family": "\x00"}]),
        {"resourceType": "Patient", "name": [{"family": "Sample"}]},
        patient(6),
        patient(6),
    ]
    result = await load_json(stage, tmp_path / "b.json", json.dumps(bundle(*patients)))
    assert result.written == 1
    assert [tuple(bad) for bad in result.skipped] == [
        (1, "identifier", "check-digit-or-form"),
        (2, "name", "required"),
        (3, "birthDate", "date-yyyy-mm-dd"),
        (4, "address", "check-digit-or-form"),
        (5, "id", "forbidden-character"),
        (6, "id", "required"),
        (8, "nhs_number", "repeated"),
    ]
    broken = await load_json(stage, tmp_path / "b.json", '{"resourceType": "Bundle", "entry": [')
    assert [tuple(bad) for bad in broken.skipped] == [(1, "line", "json")]


async def test_no_file_lifts_a_restriction_that_it_does_not_speak_of(
    stage: Stage, tmp_path: Path
) -> None:
    label = {"security": [{"code": "R"}]}
    await load_json(stage, tmp_path / "p.json", json.dumps(patient(1, meta=label)))
    assert (await the_child(stage)).restricted
    assert await keys(stage) == 0
    renamed = patient(1, name=[{"use": "official", "family": "Other", "given": ["Else"]}])
    await load_json(stage, tmp_path / "p.json", json.dumps(renamed))
    await load(stage, tmp_path / "h.csv", HEALTH, patient_line(1, Family_Name="Birth"))
    kept = await the_child(stage)
    assert (kept.restricted, kept.family_name) == (True, "Sample")
    assert "Birth" not in str(kept.alternative_names)
    own = {name: value for name, value in child(1).items() if name != "restricted"}
    columns = tuple(name for name in CHILD_COLUMNS if name != "restricted")
    await load(stage, tmp_path / "own.csv", columns, own)
    assert (await the_child(stage)).restricted
    await load(stage, tmp_path / "own.csv", CHILD_COLUMNS, child(1, restricted=""))
    assert (await the_child(stage)).restricted
    assert await keys(stage) == 0
    await load(stage, tmp_path / "own.csv", CHILD_COLUMNS, child(1, restricted="no"))
    assert not (await the_child(stage)).restricted
    assert await keys(stage) > 0


async def test_a_column_that_a_file_leaves_out_stays_as_it_was(
    stage: Stage, tmp_path: Path
) -> None:
    await load(stage, tmp_path / "own.csv", CHILD_COLUMNS, child(1))
    columns = ("register_ref", "given_name", "family_name")
    few = {name: child(1)[name] for name in columns}
    await load(stage, tmp_path / "own.csv", columns, few)
    kept = await the_child(stage)
    assert (kept.upn, kept.postcode) == (upn(1), "ZZ9 1AA")
    assert isinstance(kept.id, UUID)


async def test_an_enrolment_that_an_event_ended_stays_ended(stage: Stage, tmp_path: Path) -> None:
    await load(stage, tmp_path / "c.csv", CENSUS, pupil(1))
    data = {
        "child": {**_sent(1), "upn": upn(1)}, "organisation": SCHOOL_A, "status": "registered",
        "startsOn": "2026-02-20", "endsOn": "2026-02-27",
    }  # fmt: skip
    await stage.feed(stage.event("enrolment.changed", data, sender=MASH, kind="local-authority"))
    await load(stage, tmp_path / "c.csv", CENSUS, pupil(1))
    rows = await stage.rows("select to_date from directory.enrolment order by from_date")
    assert [str(row.to_date) for row in rows] == ["2026-02-19", "2026-02-27"]
