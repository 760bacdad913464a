"""Minimum necessary: each profile tells exactly what it may, and of one child."""

import json
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest

from schemas.blocks import OrderInForce, PersonName
from schemas.catalogue import EVENT_TYPES, validate_data
from schemas.examples import load
from schemas.facts import ChildIdentity, Digest, DigestLine, EventAddressed, Profile, Sender
from schemas.organisations import RecipientRole
from schemas.profiles import HANDLING, MODELS, NothingToRender, render
from schemas.profiles.texts import told_texts
from tests.unit.schemas.marked_events import EARLIER, MARKED, marked_child

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
RECEIPT = UUID("00000000-0000-5000-8000-000000000001")
EVERYTHING = (Profile.MASH_INCIDENT, Profile.HAND_OFF)
OF_ANY_TYPE = (*EVERYTHING, Profile.RECEIPT, Profile.WITHDRAWAL, Profile.ALERT)
OF_ABUSE = (
    Profile.SCHOOL_FULL,
    Profile.LA_EDUCATION,
    Profile.HEALTH_MINIMAL,
    Profile.EARLY_YEARS_MINIMAL,
)


def address(event_type: str, data: dict[str, Any], **more: Any) -> EventAddressed:
    return EventAddressed(
        receipt=RECEIPT,
        event_type=event_type,
        key="opaque",
        sender=Sender(organisation="police-example", name="Example Police", kind="police"),
        occurred_at=NOW,
        accepted_at=NOW,
        child_id=UUID("00000000-0000-5000-8000-000000000003"),
        recipients=(),
        data=data,
        **{"child_index": 0, **more},
    )


CONTACT = {"contactname", "contactrole", "contactagency", "contactphone"}
NAMED = {"c1given", "c1family", "2013-03-04"}
SCHOOL = NAMED | CONTACT | {
    "policeref", "2001-01-01", "2002-02-02", "c1where", "c1circumstances", "c1voicereason",
    "c1words", "c1observations",
}  # fmt: skip

MAY_TELL: dict[tuple[Profile, str], set[str]] = {
    (Profile.SCHOOL_FULL, "domestic-abuse.recorded"): SCHOOL,
    (Profile.LA_EDUCATION, "domestic-abuse.recorded"): SCHOOL,
    (Profile.HEALTH_MINIMAL, "domestic-abuse.recorded"): NAMED | {"9990000026", "2001-01-01"},
    (Profile.EARLY_YEARS_MINIMAL, "domestic-abuse.recorded"): NAMED | {"2001-01-01"},
    (Profile.MISSING_ALERT, "missing.reported"): NAMED
    | {"c1description", "2003-03-03", "c1lastplace", "c1ifseen"},
    (Profile.MISSING_FOUND, "missing.found"): NAMED,
    (Profile.REFERRER_OUTCOME, "referral.decided"): CONTACT
    | {"2004-04-04", "rationaleshareable", "actiontext", "2005-05-05"},
}
"""Written from the table of profiles, not from the models."""


def marks_of(data: Any) -> set[str]:
    """Every distinctive text of an event; dates as days."""
    marks: set[str] = set()
    stack: list[Any] = [data]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
        elif isinstance(item, str) and len(item) >= 5:
            marks.add(item[:10] if item[:1] in "12" else item)
    return marks - {str(EARLIER), "exact", "assessment", "spoken-to", "verified"}


def told(profile: Profile, addressed: EventAddressed, **options: Any) -> set[str]:
    text = json.dumps(render(profile, addressed, **options).as_json())
    return {mark for mark in marks_of(addressed.data) if mark in text}


def test_the_marked_events_have_the_shape_of_real_ones() -> None:
    for event_type, data in MARKED.items():
        assert len(marks_of(data)) > 10
        known = {f"/{name}" for name in EVENT_TYPES[event_type].known[1]}
        assert {f"/{name}" for name in data} - known <= {
            "/somethingElse", "/adults", "/narrative", "/statements",
        }  # fmt: skip


@pytest.mark.parametrize(("profile", "event_type"), MAY_TELL)
def test_a_profile_tells_exactly_what_it_may(profile: Profile, event_type: str) -> None:
    addressed = address(event_type, MARKED[event_type], child_index=1)
    assert told(profile, addressed) == MAY_TELL[profile, event_type]


@pytest.mark.parametrize("profile", OF_ABUSE)
def test_a_derived_child_is_told_of_without_a_word_about_the_listed_ones(profile: Profile) -> None:
    identity = ChildIdentity(
        given_name="Robin",
        family_name="Example",
        date_of_birth=date(2015, 1, 2),
        nhs_number="9990000042",
        nhs_verified=True,
    )
    event_type = "domestic-abuse.recorded"
    addressed = address(
        event_type, MARKED[event_type], child_index=2, derived=True, identity=identity
    )
    content = render(profile, addressed).as_json()
    assert content["derived"] is True
    assert content["child"]["name"] == {"given": "Robin", "family": "Example"}
    common = {"policeref", "2001-01-01", "2002-02-02"} | CONTACT
    assert told(profile, addressed) == MAY_TELL[profile, event_type] & common


def test_an_order_is_told_to_a_school_by_name_and_to_the_mash_in_full() -> None:
    order = OrderInForce(
        person=PersonName(given="ordergiven", family="orderfamily"),
        kind="orderkind",
        starts_on=date(2024, 1, 2),
    )
    event_type = "domestic-abuse.recorded"
    addressed = address(event_type, MARKED[event_type], orders=(order,))
    name = {"given": "ordergiven", "family": "orderfamily"}
    school = render(Profile.SCHOOL_FULL, addressed).as_json()
    assert school["mustNotCollect"] == [name]
    assert "orderkind" not in json.dumps(school)
    mash = render(Profile.MASH_INCIDENT, addressed).as_json()
    assert mash["orders"] == [{"person": name, "kind": "orderkind", "startsOn": "2024-01-02"}]
    for profile in (Profile.HEALTH_MINIMAL, Profile.EARLY_YEARS_MINIMAL):
        assert "order" not in json.dumps(render(profile, addressed).as_json())


@pytest.mark.parametrize("event_type", MARKED)
def test_the_mash_is_told_everything_that_was_sent(event_type: str) -> None:
    content = render(Profile.MASH_INCIDENT, address(event_type, MARKED[event_type])).as_json()
    assert content["data"] == MARKED[event_type]
    assert content["sender"] == "Example Police"


@pytest.mark.parametrize("event_type", MARKED)
def test_a_hand_off_tells_everything_but_withheld_addresses(event_type: str) -> None:
    addressed = address(event_type, MARKED[event_type])
    hidden = {"placeline", *(f"c{i}{what}" for i in (0, 1) for what in ("line", "postcode", "placement"))}  # fmt: skip  # noqa: E501
    marks = marks_of(addressed.data)
    assert told(Profile.HAND_OFF, addressed) == marks - hidden
    listed = render(Profile.HAND_OFF, addressed).as_json()["withheldFields"]
    expected = [] if event_type == "referral.decided" else [
        "/children/0/child/address", "/children/0/child/inCare/placementAddress",
        "/children/1/child/address", "/children/1/child/inCare/placementAddress",
    ]  # fmt: skip
    assert [pointer for pointer in listed if pointer != "/place"] == expected
    assert addressed.data == MARKED[event_type]


@pytest.mark.parametrize("profile", [Profile.ALERT, Profile.WITHDRAWAL, Profile.RECEIPT])
@pytest.mark.parametrize("event_type", MARKED)
def test_an_alert_a_withdrawal_and_a_public_receipt_tell_nothing(
    profile: Profile, event_type: str
) -> None:
    addressed = address(event_type, MARKED[event_type], supersedes=EARLIER)
    assert told(profile, addressed) == set()
    text = json.dumps(render(profile, addressed).as_json()).casefold()
    assert not any(word in text for word in ("abuse", "missing", "referral", "safeguarding"))
    assert not any(word in text for word in (event_type, "police", "child"))


def test_a_withdrawal_names_what_it_withdraws() -> None:
    addressed = address("event.retracted", {}, supersedes=EARLIER)
    assert render(Profile.WITHDRAWAL, addressed).as_json()["withdraws"] == str(EARLIER)


def address_digest() -> EventAddressed:
    """An assignment in which every text is a mark, with a digest of one event."""
    line = DigestLine(
        receipt=EARLIER, event_type="domestic-abuse.recorded", occurred_at=NOW,
        told=(RecipientRole.SCHOOL,), unconfirmed=(RecipientRole.SCHOOL,), follows=True,
    )  # fmt: skip
    data = {
        "child": marked_child("c1"),
        "reason": "reallocated",
        "worker": {"role": "social-worker", "organisation": "workerunit"},
        "previous": {"role": "social-worker", "organisation": "previousunit"},
        "assignedAt": "2006-06-06T06:06:06Z",
        "contact": MARKED["referral.decided"]["contact"],
    }
    identity = ChildIdentity(
        given_name="c1given", family_name="c1family", date_of_birth=date(2013, 3, 4)
    )
    digest = Digest(since=NOW, takes_over=("previousunit",), mash=True, lines=(line,))
    return address("worker.assigned", data, identity=identity, digest=digest)


def test_a_digest_tells_references_classes_and_codes_of_one_child() -> None:
    addressed = address_digest()
    assert told(Profile.WORKER_DIGEST, addressed) == NAMED | CONTACT | {"2006-06-06"}
    content = render(Profile.WORKER_DIGEST, addressed).as_json()
    assert content["events"] == [
        {"receipt": str(EARLIER), "eventType": "domestic-abuse.recorded",
         "occurredAt": "2026-11-23T12:00:00Z", "told": ["school"], "follows": True,
         "unconfirmed": ["school"]},
    ]  # fmt: skip
    assert "previousunit" not in json.dumps(content)


@pytest.mark.parametrize("profile", Profile)
def test_every_profile_carries_the_words_about_parents(profile: Profile) -> None:
    event_type = next(
        (event_type for told_by, event_type in MAY_TELL if told_by is profile), "missing.reported"
    )
    if profile is Profile.WORKER_DIGEST:
        addressed = address_digest()
    else:
        addressed = address(event_type, MARKED[event_type])
    content = render(profile, addressed).as_json()
    assert content["handling"] == HANDLING == "Do not discuss with parents or carers."
    assert content["profile"] == profile
    assert content["receipt"] == str(RECEIPT)


def test_the_register_says_who_the_child_is_and_an_old_name_is_not_told() -> None:
    identity = ChildIdentity(
        given_name="New", family_name="Name", date_of_birth=date(2013, 3, 5),
        nhs_number="9990000034", nhs_verified=False,
    )  # fmt: skip
    for profile in OF_ABUSE:
        addressed = address(
            "domestic-abuse.recorded", MARKED["domestic-abuse.recorded"], identity=identity
        )
        child = render(profile, addressed).as_json()["child"]
        assert child["name"] == {"given": "New", "family": "Name"}
        assert child["dateOfBirth"]["value"] == "2013-03-05"
        assert not told(profile, addressed) & {"c0given", "c0family", "9990000018", "2014-03-04"}
        if profile is Profile.HEALTH_MINIMAL:
            assert child["nhsNumber"] == {"value": "9990000034", "status": "unverified"}


def test_a_number_that_the_register_does_not_know_is_unverified() -> None:
    identity = ChildIdentity(given_name="Robin", family_name="Example")
    addressed = address(
        "domestic-abuse.recorded", MARKED["domestic-abuse.recorded"], identity=identity
    )
    child = render(Profile.HEALTH_MINIMAL, addressed).as_json()["child"]
    assert child["nhsNumber"] == {"value": "9990000018", "status": "unverified"}


def test_a_number_whose_check_digit_fails_is_not_told() -> None:
    data = load("domestic-abuse.recorded")["data"]
    data["children"][0]["child"]["nhsNumber"] = {"value": "9990000019", "status": "verified"}
    content = render(Profile.HEALTH_MINIMAL, address("domestic-abuse.recorded", data)).as_json()
    assert "nhsNumber" not in content["child"]


def test_only_a_health_system_gets_the_number_of_a_missing_child() -> None:
    addressed = address("missing.reported", MARKED["missing.reported"])
    assert "9990000018" not in told(Profile.MISSING_ALERT, addressed)
    assert "9990000018" in told(Profile.MISSING_ALERT, addressed, for_health=True)


def test_social_care_informed_is_said_only_once_it_is_so() -> None:
    addressed = address("domestic-abuse.recorded", MARKED["domestic-abuse.recorded"])
    for profile in OF_ABUSE:
        assert "socialCareInformed" not in render(profile, addressed).as_json()
        content = render(profile, addressed, social_care_informed=True).as_json()
        minimal = profile in (Profile.HEALTH_MINIMAL, Profile.EARLY_YEARS_MINIMAL)
        assert content.get("socialCareInformed") is (True if minimal else None)


def test_the_mash_is_told_by_when_it_must_decide() -> None:
    addressed = address("referral.submitted", load("referral.submitted")["data"])
    content = render(Profile.MASH_INCIDENT, addressed, decision_due_at=NOW).as_json()
    assert content["decisionDueAt"] == "2026-11-23T12:00:00Z"


def test_a_held_text_is_omitted_and_its_field_is_named() -> None:
    held = ("/children/0/circumstances", "/children/0/voice")
    addressed = address("domestic-abuse.recorded", MARKED["domestic-abuse.recorded"], held=held)
    content = render(Profile.SCHOOL_FULL, addressed).as_json()
    assert content["heldFields"] == [
        "voice.reason", "voice.words", "voice.observations", "circumstances",
    ]  # fmt: skip
    assert "circumstances" not in content
    assert content["voice"] == {"captured": "spoken-to"}
    assert content["present"] is True
    assert render(Profile.HEALTH_MINIMAL, addressed).as_json()["heldFields"] == []


def test_released_text_comes_in_a_part_of_its_own() -> None:
    addressed = address("domestic-abuse.recorded", MARKED["domestic-abuse.recorded"], part="text")
    content = render(Profile.SCHOOL_FULL, addressed).as_json()
    assert (content["part"], content["circumstances"]) == ("text", "c0circumstances")


def test_without_words_on_what_to_do_a_missing_alert_says_to_call_999() -> None:
    addressed = address(
        "missing.reported", MARKED["missing.reported"], held=("/children/0/ifSeen",)
    )
    content = render(Profile.MISSING_ALERT, addressed).as_json()
    assert "999" in content["ifSeen"]
    assert content["heldFields"] == ["ifSeen"]


def test_a_restatement_names_what_it_corrects() -> None:
    addressed = address(
        "domestic-abuse.recorded", MARKED["domestic-abuse.recorded"], supersedes=EARLIER
    )
    for profile in OF_ABUSE:
        assert render(profile, addressed).as_json()["corrects"] == str(EARLIER)


def test_a_profile_without_content_for_a_type_says_so() -> None:
    for profile in MODELS:
        if profile not in OF_ANY_TYPE:
            with pytest.raises(NothingToRender):
                render(profile, address("organisation.changed", {}))


def test_every_profile_has_a_model() -> None:
    assert MODELS.keys() == set(Profile)


def test_every_text_that_is_told_can_be_held() -> None:
    for (profile, event_type), marks in MAY_TELL.items():
        free = {text for _, text in told_texts(event_type, MARKED[event_type], 1)}
        not_free = NAMED | CONTACT | {"policeref", "9990000026"}
        written = {mark for mark in marks - not_free if not mark[:4].isdigit()}
        assert written <= free, profile
        addressed = address(
            event_type, MARKED[event_type], child_index=1,
            held=tuple(pointer for pointer, _ in told_texts(event_type, MARKED[event_type], 1)),
        )  # fmt: skip
        assert not told(profile, addressed) & written


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_the_least_that_is_accepted_can_be_rendered(event_type: str) -> None:
    contact = {"name": "A", "role": "B", "agency": "C", "phone": "1"}
    nobody = {"nhsNumber": {"value": "nonsense"}}
    least: dict[str, dict[str, Any]] = {
        "domestic-abuse.recorded": {
            "policeReference": "X", "attendedAt": "2026-01-01T00:00:00Z",
            "recordedAt": "2026-01-01T00:00:00Z", "children": [{"child": nobody}],
        },
        "missing.reported": {
            "reportedAt": "2026-01-01T00:00:00Z", "grade": "low", "children": [{"child": nobody}],
        },
        "missing.found": {"foundAt": "2026-01-01T00:00:00Z", "children": [{"child": nobody}]},
        "referral.decided": {
            "referral": str(EARLIER), "outcome": "other", "decidedAt": "2026-01-01T00:00:00Z",
            "rationaleShareable": "x",
        },
    }  # fmt: skip
    data = {**least.get(event_type, load(event_type)["data"]), "contact": contact}
    validate_data(event_type, 1, data, now=NOW)
    for profile in Profile:
        if profile in OF_ANY_TYPE or (profile, event_type) in MAY_TELL:
            content = render(profile, address(event_type, data))
            assert json.loads(content.as_bytes()) == content.as_json()
