"""The demonstration's events are accepted as they are, for every type that agencies send."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path
from uuid import NAMESPACE_URL, UUID, uuid5

import pytest

from deploy.laptop.agencies import AGENCIES
from deploy.laptop.events import make_events
from deploy.laptop.partnership import make_partnership, write_partnership
from schemas.catalogue import EVENT_TYPES, judge_event
from schemas.disclosure import find_third_parties
from schemas.permissions import Operation, may

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def _receipt(source: str, sent_id: str) -> UUID:
    return uuid5(NAMESPACE_URL, f"{source}|{sent_id}")


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, object]]:
    folder: Path = tmp_path_factory.mktemp("demo")
    partnership = make_partnership(NOW.date(), children=6)
    _, children = write_partnership(partnership, folder)
    with children.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return make_events(rows, partnership.organisations[-1], NOW, _receipt)


def test_every_type_that_agencies_send_has_one(events: dict[str, dict[str, object]]) -> None:
    assert set(events) == set(EVENT_TYPES)


@pytest.mark.parametrize("event_type", sorted(EVENT_TYPES))
def test_it_is_accepted_without_a_flag(
    events: dict[str, dict[str, object]], event_type: str
) -> None:
    body = events[event_type]["body"]
    assert isinstance(body, dict)
    received = judge_event(body, now=NOW)
    assert received.judged.flags == ()
    assert find_third_parties(body["data"], 0, event_type=event_type) == ()


@pytest.mark.parametrize("event_type", sorted(EVENT_TYPES))
def test_its_sender_may_send_it(events: dict[str, dict[str, object]], event_type: str) -> None:
    sent = events[event_type]
    agency = AGENCIES[str(sent["as"])]
    assert may(agency.kind, Operation.SEND, event_type)
    assert isinstance(sent["body"], dict)
    assert sent["body"]["source"] == agency.source


def test_a_decision_names_the_receipt_of_the_referral(
    events: dict[str, dict[str, object]],
) -> None:
    referral, decision = events["referral.submitted"]["body"], events["referral.decided"]["body"]
    assert isinstance(referral, dict)
    assert isinstance(decision, dict)
    assert decision["data"]["referral"] == str(_receipt(referral["source"], referral["id"]))
