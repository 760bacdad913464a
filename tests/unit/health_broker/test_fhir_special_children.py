"""Children who are not plainly known, siblings, restatements, and texts as FHIR takes them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from schemas.facts import Profile
from services.health_broker.fhir import codes, find_faults
from tests.unit.health_broker.samples import (
    addressed,
    components,
    read_child,
    resource,
    resources,
    text_of,
    write,
)


@pytest.mark.parametrize(
    ("identity", "status"),
    [
        ({"nhs_verified": True}, "number-present-and-verified"),
        ({"nhs_verified": False}, "number-present-but-not-traced"),
        ({"nhs_number": None}, None),
    ],
)
def test_without_a_verified_number_the_message_goes_to_a_person_and_says_so(
    identity: dict[str, Any], status: str | None
) -> None:
    event = addressed("domestic-abuse.recorded")
    assert event.identity is not None
    who = event.identity.model_copy(update=identity)
    data = {**event.data, "children": [{**event.data["children"][0], "child": {}}]}
    event = event.model_copy(update={"identity": who, "data": data})
    _, rendered = write(Profile.HEALTH_MINIMAL, event)
    assert find_faults(rendered.bundle) == []
    patient = read_child(resource(rendered.bundle, "Patient"))
    assert patient.get("status") == status
    header = resource(rendered.bundle, "MessageHeader")
    text = text_of(resource(rendered.bundle, "Communication"))
    staffed = status != "number-present-and-verified"
    assert (header["meta"].get("tag") == [codes.STAFFED_MAILBOX]) is staffed
    assert ("do not file automatically" in text) is staffed


@pytest.mark.parametrize(
    ("precision", "shown"),
    [("exact", "2012-09-01"), ("estimated", "2012-09-01"), ("month", "2012-09"), ("year", "2012")],
)
def test_a_birth_date_is_told_no_more_exactly_than_it_is_known(precision: str, shown: str) -> None:
    event = addressed("missing.reported", identity=None)
    child = {"dateOfBirth": {"value": "2012-09-01", "precision": precision}}
    data = {**event.data, "children": [{**event.data["children"][0], "child": child}]}
    _, rendered = write(Profile.MISSING_ALERT, event.model_copy(update={"data": data}))
    patient = resource(rendered.bundle, "Patient")
    assert patient["birthDate"] == shown
    assert ("_birthDate" in patient) is (precision == "estimated")
    assert find_faults(rendered.bundle) == []


def test_an_unborn_child_is_told_by_the_expected_date() -> None:
    event = addressed("domestic-abuse.recorded", identity=None)
    child = {"expectedDateOfDelivery": "2026-07-01", "name": {"family": "Sample"}}
    data = {**event.data, "children": [{**event.data["children"][0], "child": child}]}
    _, rendered = write(Profile.HEALTH_MINIMAL, event.model_copy(update={"data": data}))
    patient = resource(rendered.bundle, "Patient")
    assert patient["extension"][0]["valueDate"] == "2026-07-01"
    assert find_faults(rendered.bundle) == []


def test_a_restatement_changes_what_was_told_and_is_new_to_whom_nothing_was_told() -> None:
    original = uuid4()
    event = addressed("missing.reported", supersedes=original)
    concerns = (original,)
    _, update = write(Profile.MISSING_ALERT, event, concerns=concerns, told_before=True)
    _, new = write(Profile.MISSING_ALERT, event, concerns=(original,))
    for rendered, reason in ((update, "update"), (new, "new")):
        header = resource(rendered.bundle, "MessageHeader")
        assert header["reason"]["coding"][0]["code"] == reason == rendered.reason
        answered = resource(rendered.bundle, "Communication")["inResponseTo"]
        assert answered[0]["identifier"]["value"] == str(original)


def test_siblings_of_one_event_share_no_id_but_the_event_s() -> None:
    first = addressed("domestic-abuse.recorded")
    second = first.model_copy(update={"child_id": uuid4(), "child_index": 1})
    ids = [
        {
            entry["fullUrl"]
            for entry in write(Profile.HEALTH_MINIMAL, one, notice=uuid4())[1].bundle["entry"]
        }
        for one in (first, second)
    ]
    _, rendered = write(Profile.HEALTH_MINIMAL, first)
    organisations = {f"urn:uuid:{one['id']}" for one in resources(rendered.bundle, "Organization")}
    assert ids[0] & ids[1] == organisations


def test_text_that_fhir_forbids_is_cleaned() -> None:
    event = addressed("missing.reported")
    item = {**event.data["children"][0], "description": "Tall\x01\x1f, dark\thair\nglasses"}
    event = event.model_copy(update={"data": {**event.data, "children": [item]}})
    _, rendered = write(Profile.MISSING_ALERT, event)
    told = components(resource(rendered.bundle, "Observation"))["description"]
    assert told == "Tall  , dark\thair\nglasses"
    assert find_faults(rendered.bundle) == []


def test_times_are_said_as_england_reads_them() -> None:
    event = addressed("domestic-abuse.recorded")
    at = datetime(2026, 7, 1, 22, 30, tzinfo=UTC)
    data = {**event.data, "attendedAt": at.isoformat()}
    _, rendered = write(Profile.HEALTH_MINIMAL, event.model_copy(update={"data": data}))
    assert "on 1 July 2026 at 23:30" in text_of(resource(rendered.bundle, "Communication"))
