"""What of an event's data is refused, what is flagged, and how it is said."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.catalogue import EVENT_TYPES, read_data, validate_data
from schemas.errors import InvalidData
from schemas.examples import load

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
URGENT = ("domestic-abuse.recorded", "missing.reported", "missing.found")
ABOUT_CHILDREN = (*URGENT, "referral.submitted")


def data_of(event_type: str) -> dict[str, Any]:
    data: dict[str, Any] = load(event_type)["data"]
    return data


def flags(event_type: str, data: Any) -> dict[str, str]:
    return {flag.pointer: flag.code for flag in validate_data(event_type, 1, data, now=NOW).flags}


def refused(event_type: str, data: Any) -> dict[str, str]:
    with pytest.raises(InvalidData) as refusal:
        validate_data(event_type, 1, data, now=NOW)
    return {error.pointer: error.rule for error in refusal.value.errors}


def put(data: dict[str, Any], pointer: str, value: Any) -> dict[str, Any]:
    *path, last = pointer.strip("/").split("/")
    holder: Any = data
    for part in path:
        holder = holder[int(part)] if isinstance(holder, list) else holder.setdefault(part, {})
    holder[int(last) if isinstance(holder, list) else last] = value
    return data


def test_the_examples_are_accepted_without_a_flag() -> None:
    for event_type in EVENT_TYPES:
        assert flags(event_type, data_of(event_type)) == {}


BAD_IDENTIFIERS = [
    ("nhsNumber", {"value": "999 000 0019"}, "nhsNumber/value", "nhs-number-invalid"),
    ("nhsNumber", {"value": "not known"}, "nhsNumber/value", "nhs-number-invalid"),
    ("upn", "A999200001001", "upn", "upn-invalid"),
    ("school", {"urn": "12"}, "school/urn", "school-number-invalid"),
    ("school", {"ukprn": "x"}, "school/ukprn", "school-number-invalid"),
]


@pytest.mark.parametrize(("field", "value", "pointer", "rule"), BAD_IDENTIFIERS)
@pytest.mark.parametrize("event_type", ABOUT_CHILDREN)
def test_a_bad_identifier_is_flagged_when_urgent_and_else_refused(
    event_type: str, field: str, value: Any, pointer: str, rule: str
) -> None:
    data = put(data_of(event_type), f"/children/0/child/{field}", value)
    judge = flags if event_type in URGENT else refused
    assert judge(event_type, data)[f"/children/0/child/{pointer}"] == rule


def test_a_bad_identifier_of_an_enrolment_is_refused() -> None:
    data = put(data_of("enrolment.changed"), "/child/upn", "nonsense")
    assert refused("enrolment.changed", data) == {"/child/upn": "upn-invalid"}


@pytest.mark.parametrize("missing", ["voice", "nhsNumber", "basis", "name", "dateOfBirth"])
def test_what_is_missing_never_stops_an_urgent_event(missing: str) -> None:
    data = data_of("domestic-abuse.recorded")
    item = data["children"][0]
    for holder in (data, item, item["child"]):
        holder.pop(missing, None)
    assert list(flags("domestic-abuse.recorded", data)) == [
        {
            "voice": "/children/0/voice",
            "basis": "/basis",
        }.get(missing, f"/children/0/child/{missing}")
    ]


def test_a_referral_needs_its_basis_unless_a_member_of_the_public_refers() -> None:
    data = data_of("referral.submitted")
    del data["basis"]
    assert refused("referral.submitted", data) == {"/basis": "basis-missing"}
    data["referrerIsPublic"] = True
    assert flags("referral.submitted", data) == {}


def test_an_incident_names_a_child_or_says_that_its_text_speaks_of_one() -> None:
    data = {**data_of("domestic-abuse.recorded"), "children": [], "adults": []}
    assert refused("domestic-abuse.recorded", data) == {"/children": "child-required"}
    data["textSpeaksOfChild"] = True
    assert flags("domestic-abuse.recorded", data) == {"/children": "no-structured-child"}


def test_an_incident_that_names_adults_only_is_accepted_for_their_children_may_be_known() -> None:
    data = {**data_of("domestic-abuse.recorded"), "children": []}
    assert flags("domestic-abuse.recorded", data) == {"/children": "only-adults-named"}
    data["adults"] = [{**data["adults"][0], "name": None}]
    assert refused("domestic-abuse.recorded", data) == {"/children": "child-required"}


def test_a_relationship_names_an_adult_who_can_be_found_again() -> None:
    data = data_of("relationship.asserted")
    adult = {**data["adult"], "dateOfBirth": None}
    assert flags("relationship.asserted", {**data, "adult": adult}) == {}
    adult["address"] = None
    assert refused("relationship.asserted", {**data, "adult": adult}) == {
        "/adult/dateOfBirth": "not-findable"
    }
    adult = {**data["adult"], "name": {"family": "Example"}}
    assert refused("relationship.asserted", {**data, "adult": adult}) == {
        "/adult/name": "name-incomplete"
    }
    assert refused("relationship.asserted", {**data, "endsOn": "2010-01-01"}) == {
        "/endsOn": "ends-before-start"
    }


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_every_event_has_a_contact_that_can_be_reached(event_type: str) -> None:
    data = data_of(event_type)
    contact = data.pop("contact")
    assert refused(event_type, data) == {"/contact": "missing"}
    data["contact"] = {name: contact[name] for name in ("name", "role", "agency")}
    assert refused(event_type, data) == {"/contact": "contact-unreachable"}


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_withholding_is_possible_in_every_event_and_names_somebody(event_type: str) -> None:
    data = {**data_of(event_type), "withholdFrom": [{"role": "school", "reason": "conflict"}]}
    assert flags(event_type, data) == {}
    data["withholdFrom"] = [{"reason": "conflict"}]
    assert refused(event_type, data) == {"/withholdFrom/0": "withhold-nobody"}


@pytest.mark.parametrize("name", ["withhold_from", "withheldFrom", "witholdFrom", "WithholdFrom"])
def test_a_misspelt_wish_to_withhold_is_refused_even_when_urgent(name: str) -> None:
    data = {**data_of("domestic-abuse.recorded"), name: []}
    assert refused("domestic-abuse.recorded", data) == {f"/{name}": "withhold-misspelt"}


def test_other_unknown_fields_are_flagged_and_python_names_are_no_names() -> None:
    data = put(data_of("missing.reported"), "/children/0/last_seen_at", "2026-03-06T16:30:00Z")
    put(data, "/children/0/child/nickname", "x")
    assert flags("missing.reported", data) == {
        "/children/0/last_seen_at": "unknown-field",
        "/children/0/child/nickname": "unknown-field",
    }


def test_a_name_that_may_hold_anything_is_not_repeated() -> None:
    data = put(data_of("missing.reported"), "/children/0/child/Robin Example", "x")
    assert flags("missing.reported", data) == {"/children/0/child": "unknown-field"}


@pytest.mark.parametrize(
    ("birth", "rule"),
    [
        ({"value": "2026-11-24"}, "born-in-future"),
        ({"value": "2026-11-23"}, None),
        ({"value": "2026-11-30", "precision": "month"}, None),
        ({"value": "2026-12-31", "precision": "year"}, None),
        ({"value": "2026-12-01", "precision": "month"}, "born-in-future"),
        ({"value": "2000-11-24"}, None),
        ({"value": "2000-11-23"}, "not-a-child"),
        ({"value": "1890-01-01"}, "birth-implausible"),
        ({"value": "2015-02-30"}, "date-from-datetime-parsing"),
        ({"value": 1425945600}, "value-error"),
    ],
)
def test_a_childs_birth_date_is_plausible(birth: dict[str, Any], rule: str | None) -> None:
    data = put(data_of("domestic-abuse.recorded"), "/children/0/child/dateOfBirth", birth)
    if rule is None:
        assert flags("domestic-abuse.recorded", data) == {}
    else:
        assert refused("domestic-abuse.recorded", data) == {
            "/children/0/child/dateOfBirth/value": rule
        }


def test_just_after_midnight_in_summer_a_child_may_be_born_today() -> None:
    data = put(data_of("missing.found"), "/children/0/child/dateOfBirth/value", "2026-06-02")
    late = datetime(2026, 6, 1, 23, 30, tzinfo=UTC)
    assert validate_data("missing.found", 1, data, now=late).flags == ()
    with pytest.raises(InvalidData):
        validate_data("missing.found", 1, data, now=late - timedelta(hours=1))


@pytest.mark.parametrize(("expected", "plausible"), [
    ("2027-04-01", True), ("2026-11-10", True), ("2027-10-15", False), ("2026-10-01", False),
])  # fmt: skip
def test_an_unborn_child_has_a_plausible_date_and_needs_no_name(
    expected: str, plausible: bool
) -> None:
    data = data_of("referral.submitted")
    data["children"][0]["child"] = {
        "expectedDateOfDelivery": expected,
        "nhsNumber": {"reasonAbsent": "unborn"},
    }
    if plausible:
        assert flags("referral.submitted", data) == {}
    else:
        assert refused("referral.submitted", data) == {
            "/children/0/child/expectedDateOfDelivery": "delivery-implausible"
        }


def test_no_child_is_born_and_expected() -> None:
    pointer = "/children/0/child/expectedDateOfDelivery"
    data = put(data_of("referral.submitted"), pointer, "2027-01-01")
    assert refused("referral.submitted", data) == {pointer: "born-and-expected"}


@pytest.mark.parametrize(("event_type", "pointer"), [
    ("domestic-abuse.recorded", "/attendedAt"), ("domestic-abuse.recorded", "/recordedAt"),
    ("missing.reported", "/reportedAt"), ("missing.reported", "/children/0/lastSeenAt"),
    ("missing.found", "/foundAt"), ("referral.decided", "/decidedAt"),
])  # fmt: skip
def test_what_has_happened_is_not_in_the_future(event_type: str, pointer: str) -> None:
    data = put(data_of(event_type), pointer, "2026-11-23T12:06:00Z")
    assert refused(event_type, data) == {pointer: "time-in-future"}


def test_an_action_has_a_due_date() -> None:
    data = data_of("referral.decided")
    del data["actions"][0]["dueOn"]
    assert refused("referral.decided", data) == {"/actions/0/dueOn": "missing"}


def test_an_enrolment_has_a_place_and_ends_after_it_starts() -> None:
    data = data_of("enrolment.changed") | {"endsOn": "2026-03-01"}
    del data["organisation"], data["school"]
    assert refused("enrolment.changed", data) == {
        "/organisation": "place-required",
        "/endsOn": "ends-before-start",
    }
    data |= {"status": "home-educated", "endsOn": None}
    assert flags("enrolment.changed", data) == {}


def test_every_failing_field_is_named_at_once() -> None:
    data = data_of("referral.submitted")
    put(data, "/children/0/child/upn", "nonsense")
    put(data, "/children/0/child/nhsNumber", {"value": 12})
    put(data, "/children/0/child/dateOfBirth/value", "2030-01-01")
    put(data, "/children/0/voice/captured", "perhaps")
    put(data, "/urgency", None)
    put(data, "/reason", "   ")
    put(data, "/contact", {"name": "Somebody"})
    assert set(refused("referral.submitted", data)) == {
        "/children/0/child/upn",
        "/children/0/child/nhsNumber/value",
        "/children/0/child/dateOfBirth/value",
        "/children/0/voice/captured",
        "/urgency",
        "/reason",
        "/contact",
        "/contact/role",
        "/contact/agency",
    }


def test_no_message_repeats_what_was_sent() -> None:
    def mark(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: mark(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [mark(inner) for inner in value]
        return "Qwxz"

    for event_type in EVENT_TYPES:
        with pytest.raises(InvalidData) as refusal:
            validate_data(event_type, 1, mark(data_of(event_type)), now=NOW)
        assert refusal.value.errors
        assert "qwxz" not in f"{refusal.value} {refusal.value.errors}".casefold()


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.data())
def test_anything_anywhere_is_refused_or_accepted_and_never_a_fault(draw: st.DataObject) -> None:
    event_type = draw.draw(st.sampled_from(sorted(EVENT_TYPES)))
    data: Any = data_of(event_type)
    holder: Any = data
    while True:
        key = draw.draw(
            st.sampled_from(sorted(holder) if isinstance(holder, dict) else range(len(holder)))
        )
        if isinstance(holder[key], (dict, list)) and holder[key] and draw.draw(st.booleans()):
            holder = holder[key]
            continue
        holder[key] = draw.draw(anything)
        break
    with suppress(InvalidData):
        judged = validate_data(event_type, 1, data, now=NOW)
        assert read_data(event_type, 1, data) == judged.data
