"""A message says what its profile says, field by field, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from fhir.resources.R4B.bundle import Bundle

from schemas.examples import load
from schemas.facts import Digest, EventAddressed, Profile
from schemas.profiles import (
    Content,
    HealthMinimal,
    MissingAlert,
    MissingFound,
    Withdrawal,
    render,
)
from services.health_broker.fhir import Rendered, codes, find_faults, render_message
from tests.unit.health_broker.samples import (
    AT,
    addressed,
    components,
    envelope,
    read_child,
    resource,
    resources,
    text_of,
    write,
)

MESSAGES = {
    Profile.HEALTH_MINIMAL: "domestic-abuse.recorded",
    Profile.MISSING_ALERT: "missing.reported",
    Profile.MISSING_FOUND: "missing.found",
    Profile.WITHDRAWAL: "missing.reported",
}
EVERY = pytest.mark.parametrize("profile", list(MESSAGES))


def _write(profile: Profile, **changes: Any) -> tuple[EventAddressed, Content, Rendered]:
    restated = uuid4() if profile is Profile.WITHDRAWAL else None
    event = addressed(MESSAGES[profile], supersedes=restated, **changes)
    return event, *write(profile, event)


@EVERY
def test_every_message_is_valid_fhir_r4(profile: Profile) -> None:
    _, _, rendered = _write(profile)
    Bundle.model_validate(rendered.bundle)
    Bundle.model_validate_json(rendered.as_bytes())
    assert find_faults(json.loads(rendered.as_bytes())) == []


@EVERY
@pytest.mark.parametrize("child_index", [0, 1])
def test_a_child_whom_only_the_sender_knows_gives_a_valid_message(
    profile: Profile, child_index: int
) -> None:
    index = child_index if MESSAGES[profile] == "domestic-abuse.recorded" else 0
    _, _, rendered = _write(profile, identity=None, child_index=index)
    assert find_faults(rendered.bundle) == []


@EVERY
def test_a_message_made_twice_is_the_same_to_the_last_byte(profile: Profile) -> None:
    event, _, first = _write(profile)
    _, again = write(profile, event)
    assert again.as_bytes() == first.as_bytes()


@EVERY
def test_clinical_resources_are_restricted_and_not_for_the_family(profile: Profile) -> None:
    _, _, rendered = _write(profile)
    for entry in rendered.bundle["entry"]:
        one = entry["resource"]
        if one["resourceType"] not in ("MessageHeader", "Organization"):
            assert {label["code"] for label in one["meta"]["security"]} == {"R", "NOPAT"}
    assert rendered.bundle["meta"]["security"][0]["code"] == "R"


def test_the_message_of_health_minimal_says_each_of_its_fields() -> None:
    event = addressed("domestic-abuse.recorded")
    content, rendered = write(Profile.HEALTH_MINIMAL, event, informed=True)
    assert isinstance(content, HealthMinimal)
    message = rendered.bundle
    header, patient = resource(message, "MessageHeader"), resource(message, "Patient")
    communication = resource(message, "Communication")
    observation = resource(message, "Observation")
    said = {
        "profile": header["eventCoding"]["code"],
        "receipt": communication["identifier"][0]["value"],
        "handling": text_of(communication).endswith(content.handling),
        "event_type": communication["topic"]["coding"][0]["code"],
        "part": header["reason"]["coding"][0]["code"],
        "corrects": communication.get("inResponseTo"),
        "held_fields": "To follow" in text_of(communication),
        "derived": "Not named by the sender" in text_of(communication) or None,
        "child": read_child(patient),
        "incident_at": observation["effectiveDateTime"],
        "present": components(observation)["child-present"],
        "welfare_check_done": components(observation)["welfare-check"],
        "social_care_informed": components(observation)["social-care-informed"],
    }
    assert content.child.name is not None
    assert content.child.date_of_birth is not None
    assert content.child.nhs_number is not None
    told = {
        "profile": "domestic-abuse-notification",
        "receipt": str(content.receipt),
        "handling": True,
        "event_type": "domestic-abuse-notification",
        "part": "new",
        "corrects": None,
        "held_fields": False,
        "derived": content.derived,
        "child": {
            "family": content.child.name.family,
            "given": content.child.name.given,
            "birth": content.child.date_of_birth.value.isoformat(),
            "number": content.child.nhs_number.value,
            "status": "number-present-and-verified",
        },
        "incident_at": content.incident_at.isoformat(),
        "present": content.present,
        "welfare_check_done": content.welfare_check_done,
        "social_care_informed": content.social_care_informed,
    }
    assert said == told
    assert set(said) == set(HealthMinimal.model_fields)


def test_a_child_whom_no_sender_listed_gives_a_valid_message_that_says_so() -> None:
    event = addressed("domestic-abuse.recorded", child_index=9, derived=True)
    content, rendered = write(Profile.HEALTH_MINIMAL, event)
    assert find_faults(rendered.bundle) == []
    communication = resource(rendered.bundle, "Communication")
    assert "Not named by the sender" in text_of(communication)
    assert read_child(resource(rendered.bundle, "Patient"))["given"] == "Jane"
    assert "component" not in resource(rendered.bundle, "Observation")
    assert isinstance(content, HealthMinimal)


def test_the_message_of_missing_alert_says_each_of_its_fields() -> None:
    event = addressed("missing.reported", held=("/children/0/lastSeenPlace",))
    content, rendered = write(Profile.MISSING_ALERT, event)
    assert isinstance(content, MissingAlert)
    message = rendered.bundle
    header, communication = resource(message, "MessageHeader"), resource(message, "Communication")
    observation, flag = resource(message, "Observation"), resource(message, "Flag")
    said = components(observation)
    told = {
        "profile": header["eventCoding"]["code"] == "missing-child-alert",
        "receipt": communication["identifier"][0]["value"] == str(content.receipt),
        "handling": text_of(communication).endswith(content.handling),
        "event_type": communication["topic"]["coding"][0]["code"] == "missing-child-alert",
        "part": header["reason"]["coding"][0]["code"] == "new",
        "corrects": "inResponseTo" not in communication,
        "updates": content.updates is None and "inResponseTo" not in communication,
        "held_fields": "To follow once a person has looked at it: lastSeenPlace."
        in text_of(communication),
        "derived": content.derived is None and "Not named" not in text_of(communication),
        "child": read_child(resource(message, "Patient"))["number"] == "9990000018",
        "grade": said["missing-risk-level"]["coding"][0]["code"] == content.grade,
        "description": said["description"] == content.description,
        "last_seen_at": content.last_seen_at is not None
        and said["last-seen-time"] == content.last_seen_at.isoformat() == flag["period"]["start"],
        "last_seen_place": content.last_seen_place is None and "last-seen-place" not in said,
        "if_seen": said["contact"] == content.if_seen and content.if_seen in text_of(communication),
    }
    assert all(told.values()), told
    assert set(told) == set(MissingAlert.model_fields)
    assert (communication["priority"], flag["status"]) == ("stat", "active")


def test_the_message_of_an_update_changes_the_flag_that_the_report_raised() -> None:
    report = addressed("missing.reported")
    _, raised = write(Profile.MISSING_ALERT, report)
    update = addressed("missing.updated", child_id=report.child_id, closes=(report.receipt,))
    content, rendered = write(
        Profile.MISSING_ALERT, update, concerns=(report.receipt,), told_before=True
    )
    assert isinstance(content, MissingAlert)
    message = rendered.bundle
    header, flag = resource(message, "MessageHeader"), resource(message, "Flag")
    communication = resource(message, "Communication")
    assert find_faults(message) == []
    assert header["reason"]["coding"][0]["code"] == "update"
    assert flag["status"] == "active"
    assert flag["id"] == resource(raised.bundle, "Flag")["id"]
    (answered,) = communication["inResponseTo"]
    assert answered["identifier"]["value"] == str(content.updates)
    risk = components(resource(message, "Observation"))["missing-risk-level"]
    assert risk["coding"][0]["code"] == content.grade == "high"


def test_the_message_of_missing_found_ends_the_flag_that_the_alert_raised() -> None:
    alert = addressed("missing.reported")
    _, raised = write(Profile.MISSING_ALERT, alert)
    found = addressed("missing.found", child_id=alert.child_id, closes=(alert.receipt,))
    content, rendered = write(Profile.MISSING_FOUND, found, concerns=(alert.receipt,))
    assert isinstance(content, MissingFound)
    message = rendered.bundle
    header, flag = resource(message, "MessageHeader"), resource(message, "Flag")
    communication, patient = resource(message, "Communication"), resource(message, "Patient")
    assert header["eventCoding"]["code"] == "missing-child-alert"
    assert header["reason"]["coding"][0]["code"] == "update"
    assert flag["status"] == "inactive"
    assert flag["period"] == {"end": message["timestamp"]}
    for kind in ("Flag", "Communication", "Patient"):
        assert resource(message, kind)["id"] == resource(raised.bundle, kind)["id"]
    assert communication["identifier"][0]["value"] == str(content.receipt)
    assert text_of(communication).startswith(content.instruction)
    assert content.child.name is not None
    assert read_child(patient)["family"] == content.child.name.family
    assert "number" not in read_child(patient)
    assert resources(message, "Observation") == []


def test_two_reports_of_one_episode_are_both_ended() -> None:
    found = addressed("missing.found")
    first, second = uuid4(), uuid4()
    _, rendered = write(Profile.MISSING_FOUND, found, concerns=(first, second))
    flags = resources(rendered.bundle, "Flag")
    assert [flag["status"] for flag in flags] == ["inactive", "inactive"]
    assert len({flag["id"] for flag in flags}) == 2


@pytest.mark.parametrize(
    ("event", "kinds"),
    [
        (codes.MISSING_CHILD, ["Communication", "Flag"]),
        (codes.DOMESTIC_ABUSE, ["Communication"]),
        (None, ["Communication"]),
    ],
)
def test_a_withdrawal_names_what_was_sent_and_nothing_of_it(
    event: str | None, kinds: list[str]
) -> None:
    original = uuid4()
    retraction = addressed("missing.reported", supersedes=original)
    content, rendered = write(
        Profile.WITHDRAWAL, retraction, concerns=(original,), withdrawn_event=event
    )
    assert isinstance(content, Withdrawal)
    message = rendered.bundle
    header = resource(message, "MessageHeader")
    assert header["reason"]["coding"][0]["code"] == "delete"
    assert header["eventCoding"]["code"] == (event or "notice-withdrawal")
    found = [entry["resource"]["resourceType"] for entry in message["entry"]]
    assert found == ["MessageHeader", *kinds, "Organization", "Organization"]
    for kind in kinds:
        assert resource(message, kind)["status"] == "entered-in-error"
    communication = resource(message, "Communication")
    assert communication["identifier"][0]["value"] == str(content.receipt)
    assert communication["inResponseTo"][0]["identifier"]["value"] == str(original)
    assert text_of(communication) == f"{content.instruction} {content.handling}"


def test_domestic_abuse_raises_no_flag_because_it_would_never_end() -> None:
    _, _, rendered = _write(Profile.HEALTH_MINIMAL)
    assert resources(rendered.bundle, "Flag") == []


def test_social_care_is_never_said_to_be_informed_when_that_is_not_known() -> None:
    event, _, rendered = _write(Profile.HEALTH_MINIMAL)
    assert "social-care-informed" not in rendered.as_bytes().decode()
    _, informed = write(Profile.HEALTH_MINIMAL, event, informed=True)
    assert components(resource(informed.bundle, "Observation"))["social-care-informed"] is True


@pytest.mark.parametrize(
    "profile", sorted(set(Profile) - set(MESSAGES) - {Profile.REFERRER_OUTCOME})
)
def test_other_profiles_have_no_message(profile: Profile) -> None:
    of_worker = profile is Profile.WORKER_DIGEST
    event = addressed(
        "worker.assigned" if of_worker else "domestic-abuse.recorded",
        digest=Digest(since=AT) if of_worker else None,
    )
    content = render(profile, event)
    assert render_message(content, envelope(event)) is None


@pytest.mark.parametrize(
    "event_type", ["domestic-abuse.recorded", "missing.reported", "missing.found"]
)
def test_nothing_of_the_event_outside_the_profile_is_in_the_message(event_type: str) -> None:
    profile = next(one for one, its in MESSAGES.items() if its == event_type)
    marked = _mark(load(event_type)["data"])
    event = addressed(event_type, identity=None, data=marked)
    content, rendered = write(profile, event)
    told = set(_marks(content.as_json()))
    assert set(_marks(json.loads(rendered.as_bytes()))) == told
    assert told
    assert told < set(_marks(marked))
    assert "MARKPOLICE" not in rendered.as_bytes().decode()
    assert "address" not in rendered.as_bytes().decode()


_FREE = {"given", "family", "description", "lastSeenPlace", "ifSeen", "circumstances", "words"} | {
    "whereInIncident", "observations", "reason", "by", "othersPresent", "narrative", "name",
    "role", "agency", "phone", "email", "whereFound", "withWhom", "condition", "workerName",
    "workerPhone", "reviewingOfficerName", "policeReference", "relationship", "postcode",
    "lines", "text", "source", "exploitationMarkers",
}  # fmt: skip


def _mark(value: Any, path: str = "") -> Any:
    """Every free text replaced by a mark that names its place."""
    if isinstance(value, dict):
        return {
            name: _mark(inner, f"{path}x{name}")
            if name in _FREE or not isinstance(inner, str)
            else inner
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [_mark(inner, f"{path}x{position}") for position, inner in enumerate(value)]
    return f"MARK{path}KRAM" if isinstance(value, str) else value


def _marks(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from _marks(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _marks(inner)
    elif isinstance(value, str):
        for part in value.split("MARK")[1:]:
            yield part.split("KRAM")[0]
