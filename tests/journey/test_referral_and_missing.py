"""A referral and its answer; a missing child and everyone who looks for it; who is not told."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from chassis.clock import now
from deploy.laptop.partnership import (
    DEMO_SCHOOL,
    FHIR_HOSPITAL,
    OWN_MASH,
    OWN_NURSING,
)
from tests.support.postgres import Cluster
from tests.support.pupils import Pupil, event, incident
from tests.support.waiting import eventually
from tests.support.whole import Whole, running_whole

CHILD = Pupil(21, "Ferdinandine", "Exampleweir", DEMO_SCHOOL)
OTHER_HOSPITAL = "ods-zza02"
"""The area's second emergency department, which reads a mailbox."""

REASON = "Synthetic reason: frightened of going home."
INTERNAL = "Synthetic internal rationale."
WHERE = "At the boating lake."
WITH_WHOM = "With a person called Specimen."


_CLOCKS = text("select receipt, due_at, stopped_at from notifier.clock order by started_at")


@pytest.fixture
async def whole(cluster: Cluster, database_name: str, tmp_path: Path) -> AsyncIterator[Whole]:
    async with running_whole(cluster, database_name, tmp_path, (CHILD,)) as started:
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
    (at_mash,) = await whole.wait_for_notices("social-care", 1, referral)
    content = at_mash["content"]
    assert content["profile"] == "mash-incident"
    assert content["data"]["reason"] == REASON
    due_at = datetime.fromisoformat(content["decisionDueAt"])
    assert timedelta(0) < due_at - now() < timedelta(days=7), "a working day, around holidays"
    async with whole.database.reading() as session:
        clocks = (await session.execute(_CLOCKS)).all()
    assert [(str(row.receipt), row.due_at) for row in clocks] == [(referral, due_at)]

    refused = await whole.post("police", _decision("police", referral))
    assert refused.status_code == 403
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["errors"][0]["pointer"] == "/type"

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
        assert [row.stopped_at is not None for row in await session.execute(_CLOCKS)] == [True]


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
