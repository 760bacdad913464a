"""A referral and its answer; a missing child and everyone who looks for it; who is not told."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from standardwebhooks import Webhook

from chassis.clock import now
from deploy.laptop.partnership import (
    DEMO_SCHOOL,
    DEMO_SECONDARY,
    FHIR_HOSPITAL,
    OWN_MASH,
    OWN_NURSING,
)
from tests.support.postgres import Cluster
from tests.support.pupils import Pupil, event, incident
from tests.support.waiting import eventually
from tests.support.whole import Whole, running_whole

CHILD = Pupil(21, "Ferdinandine", "Exampleweir", DEMO_SCHOOL)
OTHER = Pupil(22, "Bartholomeus", "Mockingdale", DEMO_SECONDARY, years=13)
OTHER_HOSPITAL = "ods-zza02"
"""The area's second emergency department, which reads a mailbox."""

REASON = "Synthetic reason: frightened of going home."
INTERNAL = "Synthetic internal rationale."
WHERE = "At the boating lake."
WITH_WHOM = "With a person called Specimen."


_CLOCKS = text("select receipt, due_at, stopped_at from notifier.clock order by started_at")


@pytest.fixture
async def whole(cluster: Cluster, database_name: str, tmp_path: Path) -> AsyncIterator[Whole]:
    async with running_whole(cluster, database_name, tmp_path, (CHILD, OTHER)) as started:
        yield started


def _referral() -> dict[str, Any]:
    return event(
        "school",
        "referral.submitted",
        {
            "referralSource": "2A",
            "reason": REASON,
            "children": [{"child": CHILD.sent(), "circumstances": "Withdrawn in class."}],
            "urgency": "urgent",
            "basis": {"lawfulBasis": "public-task", "familyInformed": True},
        },
    )


def _triage(referral: str) -> dict[str, Any]:
    data = {"referral": referral, "grade": "amber", "triagedAt": now().isoformat()}
    return event("social-care", "referral.triaged", data)


def _decision(agency: str, referral: str) -> dict[str, Any]:
    return event(
        agency,
        "referral.decided",
        {
            "referral": referral,
            "outcome": "assessment",
            "decidedAt": now().isoformat(),
            "rationaleShareable": "An assessment will look at what support is needed.",
            "rationaleInternal": INTERNAL,
            "actions": [
                {"description": "Meet at school.", "dueOn": f"{now().date() + timedelta(days=7)}"}
            ],
        },
    )


async def test_a_referral_reaches_the_mash_and_its_decision_the_school_without_asking(
    whole: Whole,
) -> None:
    referral = await whole.accept("school", _referral())
    (receipt,) = await whole.wait_for_notices("school", 1, referral)
    assert set(receipt["content"]) == {"profile", "receipt", "handling", "message"}
    (at_mash,) = await whole.wait_for_notices("social-care", 1, referral)
    content = at_mash["content"]
    assert content["profile"] == "mash-incident"
    assert content["data"]["reason"] == REASON
    due_at = datetime.fromisoformat(content["decisionDueAt"])
    assert timedelta(0) < due_at - now() < timedelta(days=7), "a working day, around holidays"
    async with whole.database.reading() as session:
        clocks = (await session.execute(_CLOCKS)).all()
    assert {str(row.receipt) for row in clocks} == {referral}
    assert due_at in [row.due_at for row in clocks]

    refused = await whole.post("police", _decision("police", referral))
    assert refused.status_code == 403
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["errors"][0]["pointer"] == "/type"

    triage = await whole.accept("social-care", _triage(referral))
    (told,) = await whole.wait_for_notices("school", 1, triage)
    assert (told["content"]["stage"], "outcome" in told["content"]) == ("triaged", False)

    decision = await whole.accept("social-care", _decision("social-care", referral))
    (answer,) = await whole.wait_for_notices("school", 1, decision)
    content = answer["content"]
    assert content["profile"] == "referrer-outcome"
    assert (content["referral"], content["outcome"]) == (referral, "assessment")
    assert content["rationale"] == "An assessment will look at what support is needed."
    assert [one["description"] for one in content["actions"]] == ["Meet at school."]
    assert INTERNAL not in json.dumps(answer)
    await whole.settle()
    assert set(await whole.told("social-care", decision)) == {
        (DEMO_SCHOOL, "referrer-outcome", "whole")
    }
    async with whole.database.reading() as session:
        stopped = [row.stopped_at is not None for row in await session.execute(_CLOCKS)]
    assert stopped == [True, True]
    three = [receipt["id"], told["id"], answer["id"]]
    mailbox = [one["id"] for one in await whole.notices("school")]
    # What is to be confirmed by a time comes first; a receipt asks for nothing.
    assert sorted(mailbox) == sorted(three), "three, and none was asked for"
    assert mailbox[-1] == receipt["id"]
    webhooks = [json.loads(one.body)["data"]["notice"] for one in whole.receiver.received]
    assert webhooks == three, "as they came"
    for one in whole.receiver.received:
        Webhook(whole.webhook_secret).verify(one.body, dict(one.headers))


async def test_a_member_of_the_public_gets_a_receipt_and_nothing_else(whole: Whole) -> None:
    public = _referral()
    public["data"]["referrerIsPublic"] = True
    referral = await whole.accept("school", public)
    await whole.wait_for_notices("social-care", 1, referral)
    await whole.accept("social-care", _triage(referral))
    await whole.accept("social-care", _decision("social-care", referral))
    await whole.settle()
    (receipt,) = await whole.wait_for_notices("school", 1)
    assert receipt["content"]["profile"] == "receipt"
    assert len(whole.receiver.received) == 1
    everything = json.dumps(receipt) + json.dumps(await whole.progress("school", referral))
    for never in ("assessment", "Worker", "amber", INTERNAL, "rationale"):
        assert never not in everything


async def test_a_missing_child_is_told_to_those_who_look_and_found_to_the_same(
    whole: Whole,
) -> None:
    report = await whole.accept("police", event("police", "missing.reported", _missing()))
    await whole.settle()
    alerted = {
        (DEMO_SCHOOL, "missing-alert", "whole"),
        (OWN_NURSING, "missing-alert", "whole"),
        (OWN_MASH, "mash-incident", "whole"),
        (FHIR_HOSPITAL, "missing-alert", "whole"),
        (OTHER_HOSPITAL, "missing-alert", "whole"),
    }
    assert set(await whole.told("police", report)) == alerted
    for agency in ("school", "school-nursing"):
        (notice,) = await whole.wait_for_notices(agency, 1, report)
        assert notice["content"]["description"] == "Grey school jumper."
        assert "boyfriend" not in json.dumps(notice), "circumstances are for the MASH alone"
    peer = whole.peers[FHIR_HOSPITAL]
    (alert,) = peer.received
    assert CHILD.nhs_number.encode() in alert.body
    assert b"boyfriend" not in alert.body

    found = {
        "report": report,
        "foundAt": now().isoformat(),
        "children": [
            {
                "child": CHILD.sent(),
                "whereFound": WHERE,
                "withWhom": WITH_WHOM,
                "condition": "Well.",
            }
        ],
    }
    receipt = await whole.accept("police", event("police", "missing.found", found))
    await whole.settle()
    assert set(await whole.told("police", receipt)) == {
        (organisation, "missing-found", "whole") for organisation, _, _ in alerted
    }
    for agency in ("school", "school-nursing", "social-care"):
        (notice,) = await whole.wait_for_notices(agency, 1, receipt)
        assert notice["content"]["report"] == report
        _says_nothing_of_where(json.dumps(notice))
    await eventually(lambda: len(peer.received) == 2, 10.0, "the hospital stops looking")
    _says_nothing_of_where(peer.received[1].body.decode())


def _missing() -> dict[str, Any]:
    return {
        "reportedAt": (now() - timedelta(minutes=30)).isoformat(),
        "grade": "high",
        "children": [
            {
                "child": CHILD.sent(),
                "description": "Grey school jumper.",
                "lastSeenAt": (now() - timedelta(hours=4)).isoformat(),
                "lastSeenPlace": "The bus station.",
                "circumstances": "Argued about a boyfriend.",
                "exploitationMarkers": ["An older boyfriend."],
            }
        ],
        "basis": {"lawfulBasis": "vital-interests", "familyInformed": True},
    }


def _says_nothing_of_where(text: str) -> None:
    for never in (WHERE, WITH_WHOM, "boating", "Specimen.", "Well."):
        assert never not in text


async def test_regraded_downwards_everybody_who_looks_is_told_and_nobody_keeps_the_older_state(
    whole: Whole,
) -> None:
    report = await whole.accept("police", event("police", "missing.reported", _missing()))
    await whole.settle()
    alerted = {organisation for organisation, _, _ in await whole.told("police", report)}
    restated = {**_missing(), "grade": "low", "report": report, "updatedAt": now().isoformat()}
    del restated["reportedAt"]
    update = await whole.accept("police", event("police", "missing.updated", restated))
    await whole.settle()
    assert {one for one, _, _ in await whole.told("police", update)} == alerted
    (at_school,) = await whole.wait_for_notices("school", 1, update)
    assert (at_school["content"]["grade"], at_school["content"]["updates"]) == ("low", report)
    assert len(whole.peers[FHIR_HOSPITAL].received) == 2
    older = await whole.told("police", report)
    assert older[DEMO_SCHOOL, "missing-alert", "whole"]["state"] in ("delivered", "opened")
    async with whole.database.reading() as session:
        watched = await session.execute(
            text("select 1 from notifier.obligation where receipt = :it and watch = 'watching'"),
            {"it": report},
        )
        assert watched.first() is None, "only the newer one is waited for"


async def test_a_mistaken_report_is_taken_back_from_everybody(whole: Whole) -> None:
    sent = event("police", "missing.reported", _missing())
    report = await whole.accept("police", sent)
    await whole.settle()
    told = await _recipients(whole, report)
    taken_back = {"reason": "sent-in-error"}
    retraction = await whole.accept(
        "police", event("police", "event.retracted", taken_back, supersedes=sent["id"])
    )
    await whole.settle()
    withdrawn = await _recipients(whole, retraction)
    assert sorted(one["role"] for one in withdrawn) == sorted(one["role"] for one in told)
    assert {one["profile"] for one in withdrawn} == {"withdrawal"}
    assert {one["state"] for one in await _recipients(whole, report)} == {"withdrawn"}


async def _recipients(whole: Whole, receipt: str) -> list[dict[str, Any]]:
    progress = await whole.progress("police", receipt)
    return [one for child in progress["children"] for one in child["recipients"]]


async def test_a_correction_never_reaches_who_is_no_longer_entitled(whole: Whole) -> None:
    """The first report names the wrong child: its school gets a withdrawal, and nothing new."""
    wrong = {**_missing()}
    wrong["children"] = [{**wrong["children"][0], "child": OTHER.sent()}]
    sent = event("police", "missing.reported", wrong)
    first = await whole.accept("police", sent)
    (notice,) = await whole.wait_for_notices("second-school", 1, first)
    corrected = {**_missing(), "narrative": "Synthetic new narrative."}
    corrected["children"][0]["description"] = "A mustard raincoat."
    second = await whole.accept(
        "police", event("police", "missing.reported", corrected, supersedes=sent["id"])
    )
    await whole.settle()
    client, received = whole.clients["second-school"], b""
    for state in ("unopened", "unacknowledged"):
        listed = await client.get(f"/v1/notices?state={state}")
        received += listed.content
        for one in listed.json()["notices"]:
            received += (await client.get(f"/v1/notices/{one['id']}")).content
    old = await client.get(f"/v1/notices/{notice['id']}")
    assert old.status_code == 410
    received += old.content
    assert b'"withdrawal"' in received
    never = [CHILD.given, CHILD.family, CHILD.nhs_number, CHILD.born.isoformat(), "mustard"]
    for value in (*never, "Synthetic new", "boating", "Grey school jumper"):
        assert value.encode() not in received, value
    (at_school,) = await whole.wait_for_notices("school", 1, second)
    assert at_school["content"]["description"] == "A mustard raincoat."


async def test_a_low_grade_is_told_to_no_hospital(whole: Whole) -> None:
    receipt = await whole.accept(
        "police", event("police", "missing.reported", {**_missing(), "grade": "low"})
    )
    await whole.settle()
    assert {key[0] for key in await whole.told("police", receipt)} == {
        *(DEMO_SCHOOL, OWN_NURSING, OWN_MASH)
    }


async def test_domestic_abuse_is_told_to_no_hospital(whole: Whole) -> None:
    receipt = await whole.accept(
        "police",
        event("police", "domestic-abuse.recorded", incident({"child": CHILD.sent()})),
    )
    await whole.wait_for_notices("school", 1, receipt)
    await whole.settle()
    assert {key[0] for key in await whole.told("police", receipt)} == {
        *(DEMO_SCHOOL, OWN_NURSING, OWN_MASH)
    }
    assert [peer.received for peer in whole.peers.values()] == [[], []]
    assert await whole.notices("hospital") == []
